/*-------------------------------------------------------------------------
 *
 * stress_engine.c
 *	  Several processes on one cache, at full speed.
 *
 * Each value follows from its key and a seed within it, so readers notice a torn or
 * misplaced value.  Each phase runs the workers on a new cache, waits for them,
 * and checks what they left.
 *
 * If a worker dies, it may have held a lock for which others wait.  Then the test
 * has failed: it kills the others, and does not use the cache any more.
 *
 * With --kill-readers, reading processes are killed at random instructions.  This
 * must neither stop nor disturb the others, as readers hold no locks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "port/atomics.h"

#define WORKERS 4
#define TYPE_VALUE 1
#define TYPE_COUNTER 7
#define COUNTERS 5
#define VALUE_MAX (100 * 1024)
#define END_OF_TIME (PG_INT64_MAX - 1)
#define HELD 4					/* records that a worker has prepared */

/* of the workers, those that are killed; the others write */
#define READERS 2
#define KILLS 500
#define HANG_SECONDS 60

/* Shared by all workers; what is theirs alone is indexed by worker. */
typedef struct Shared
{
	CqEngine   *engine;
	int			steps;
	int			nkeys;
	pthread_barrier_t barrier;
	pg_atomic_uint64 arrivals;	/* of the two that meet by spinning */
	pg_atomic_uint64 stop;		/* not 0: writers are to end */
	uint64		bad[WORKERS];	/* values that were not as they should be */
	uint64		hits[WORKERS];
	int64		sums[WORKERS][COUNTERS];	/* added */
	uint64		swaps[WORKERS]; /* successes of compare-and-set */
} Shared;

/* One worker's own. */
typedef struct Worker
{
	Shared	   *shared;
	void		(*work) (struct Worker *);
	int			number;
	uint64		random;
	char	   *buffer;
} Worker;

typedef struct KeyName
{
	char		bytes[200];
	CqEngineKey key;
} KeyName;

static Shared *shared;

static uint32
worker_random(Worker *worker, uint32 below)
{
	return (next_random(&worker->random) >> 32) % below;
}

/* Keys of many lengths, some long ones. */
static void
name_key(KeyName *name, char kind, int i)
{
	int			len = snprintf(name->bytes, sizeof(name->bytes), "%c%0*d",
							   kind, i % 150 + 1, i);

	name->key = key_of(name->bytes, len);
}

/* What a worker stores: the seed, then bytes made of it and of the key. */
static CqEngineHandle
prepare_value(Worker *worker, const KeyName *name, uint32 len, int64 expires_ms)
{
	uint64		seed = next_random(&worker->random);
	CqEngineMeta meta;
	CqStamp		stamps[3];

	memset(&meta, 0, sizeof(meta));
	meta.expires_ms = expires_ms;
	meta.value_len = len + sizeof(seed);
	meta.type = TYPE_VALUE;
	meta.nstamps = seed % 4;
	meta.flags = meta.nstamps > 0 ? CQ_ENTRY_DEPENDENT : 0;
	fill_stamps(stamps, lengthof(stamps), seed);
	memcpy(worker->buffer, &seed, sizeof(seed));
	fill_bytes(worker->buffer + sizeof(seed), len, seed ^ name->key.hash);
	return cq_engine_prepare(shared->engine, &name->key, &meta, stamps,
							 worker->buffer, 1);
}

static void
check_value(Worker *worker, const KeyName *name, const CqEngineMeta *meta)
{
	const char *value = worker->buffer + meta->nstamps * sizeof(CqStamp);
	uint64		seed;
	bool		good;

	memcpy(&seed, value, sizeof(seed));
	good = meta->type == TYPE_VALUE && meta->nstamps == seed % 4 &&
		stamps_are(worker->buffer, meta->nstamps, seed) &&
		bytes_are(value + sizeof(seed), meta->value_len - sizeof(seed),
				  seed ^ name->key.hash);
	shared->bad[worker->number] += !good;
	shared->hits[worker->number]++;
}

static void
get_and_check(Worker *worker, const KeyName *name)
{
	CqEngineMeta meta;
	CqEngineResult result;

	result = cq_engine_get(shared->engine, &name->key, 1, worker->buffer,
						   VALUE_MAX * 2, &meta);
	if (result == CQ_ENGINE_OK)
		check_value(worker, name, &meta);
	else if (result != CQ_ENGINE_ABSENT)
		shared->bad[worker->number]++;
}

static uint32
value_len(Worker *worker)
{
	switch (worker_random(worker, 50))
	{
		case 0:
			return worker_random(worker, VALUE_MAX);
		case 1:
		case 2:
		case 3:
			return worker_random(worker, 8000);
		default:
			return worker_random(worker, 400);
	}
}

/* Everything at once, in too little memory. */
static void
work_with_evictions(Worker *worker)
{
	for (int step = 0; step < shared->steps; step++)
	{
		int			action = worker_random(worker, 100);
		KeyName		name;
		CqEngineHandle handle;
		int64		result;

		name_key(&name, 'k', worker_random(worker, shared->nkeys));
		if (action < 50)
			get_and_check(worker, &name);
		else if (action < 75)
		{
			handle = prepare_value(worker, &name, value_len(worker), 0);
			if (handle == 0)
				continue;
			if (action < 70)
				cq_engine_publish(shared->engine, handle);
			else if (action < 73)
				cq_engine_publish_if(shared->engine, handle, CQ_PUT_IF_ABSENT,
									 0, 1, NULL);
			else
				cq_engine_discard(shared->engine, handle);
		}
		else if (action < 85)
			cq_engine_remove(shared->engine, &name.key, 0, action < 80, 1);
		else if (action < 90)
			cq_engine_touch(shared->engine, &name.key,
							worker_random(worker, 2) * END_OF_TIME, 1);
		else if (action < 99 || step % 20 != 0)
		{
			/* no value is a counter */
			CqEngineResult done;

			done = cq_engine_incr(shared->engine, &name.key, TYPE_COUNTER, 1,
								  -1, 1, &result);
			shared->bad[worker->number] += done != CQ_ENGINE_WRONG_TYPE &&
				done != CQ_ENGINE_ABSENT;
		}
		else
			cq_engine_expire(shared->engine, 1);
	}
}

/*
 * Nearly all pages hold one prepared record each.  Eviction skips these again and
 * again while other workers end them.
 */
static void
work_passing_by(Worker *worker)
{
	CqEngineHandle held[HELD] = {0};
	KeyName		name;

	for (int step = 0; step < shared->steps + HELD; step++)
	{
		CqEngineHandle *handle = &held[step % HELD];

		if (*handle != 0 && worker_random(worker, 8) == 0)
			cq_engine_publish(shared->engine, *handle);
		else if (*handle != 0)
			cq_engine_discard(shared->engine, *handle);
		shared->sums[worker->number][0] += *handle != 0;
		*handle = 0;
		if (step >= shared->steps)
			continue;
		name_key(&name, 'k', worker_random(worker, shared->nkeys));
		*handle = prepare_value(worker, &name, 3900, 0);
	}
}

/*
 * Values with pages of their own, replaced, removed and evicted.  There is always
 * room, since few of them are being prepared.
 */
static void
work_with_large_values(Worker *worker)
{
	for (int step = 0; step < shared->steps; step++)
	{
		KeyName		name;
		CqEngineHandle handle;

		name_key(&name, 'k', worker_random(worker, shared->nkeys));
		if (step % 2 == 0)
		{
			cq_engine_remove(shared->engine, &name.key, 0, false, 1);
			continue;
		}
		handle = prepare_value(worker, &name,
							   33000 + worker_random(worker, 8000), 0);
		if (handle != 0)
			cq_engine_publish(shared->engine, handle);
		else
			shared->bad[worker->number]++;
	}
}

/* Add to a counter; the first one makes it. */
static void
add(Worker *worker, int i)
{
	int64		by = (int64) worker_random(worker, 2001) - 1000;
	int64		zero = 0;
	int64		result;
	KeyName		name;
	CqEngineMeta meta;

	name_key(&name, 'c', i);
	memset(&meta, 0, sizeof(meta));
	meta.type = TYPE_COUNTER;
	meta.value_len = sizeof(zero);
	while (cq_engine_incr(shared->engine, &name.key, TYPE_COUNTER, by, -1, 1,
						  &result) != CQ_ENGINE_OK)
		cq_engine_publish_if(shared->engine,
							 cq_engine_prepare(shared->engine, &name.key,
											   &meta, NULL, (char *) &zero, 1),
							 CQ_PUT_IF_ABSENT, 0, 1, NULL);
	shared->sums[worker->number][i] += by;
}

/* Replace a number by the next one, unless another worker has done so. */
static void
swap(Worker *worker)
{
	KeyName		name;
	CqEngineMeta meta;
	CqEngineCondition condition = CQ_PUT_IF_VERSION;
	uint64		n = 0;

	name_key(&name, 's', 0);
	if (cq_engine_get(shared->engine, &name.key, 1, (char *) &n, sizeof(n),
					  &meta) != CQ_ENGINE_OK)
	{
		memset(&meta, 0, sizeof(meta));
		condition = CQ_PUT_IF_ABSENT;
		meta.value_len = sizeof(n);
	}
	n++;
	if (cq_engine_publish_if(shared->engine,
							 cq_engine_prepare(shared->engine, &name.key,
											   &meta, NULL, (char *) &n, 1),
							 condition, meta.version, 1, NULL) == CQ_ENGINE_OK)
		shared->swaps[worker->number]++;
}

/* Counters among values that come and go, with room for all. */
static void
work_counting(Worker *worker)
{
	for (int step = 0; step < shared->steps; step++)
	{
		KeyName		name;
		CqEngineHandle handle;

		add(worker, worker_random(worker, COUNTERS));
		swap(worker);
		name_key(&name, 'k', worker_random(worker, shared->nkeys));
		get_and_check(worker, &name);
		if (step % 2 == 0)
			cq_engine_remove(shared->engine, &name.key, 0, false, 1);
		else
		{
			handle = prepare_value(worker, &name, worker_random(worker, 500), 0);
			cq_engine_publish(shared->engine, handle);
		}
	}
}

static void
note_earliest(const char *key, uint32 key_len, const CqEngineMeta *meta,
			  void *arg)
{
	int64	   *earliest = arg;

	(void) key;
	(void) key_len;
	if (meta->expires_ms != 0 && meta->expires_ms < *earliest)
		*earliest = meta->expires_ms;
}

/*
 * Rounds of putting, touching and sweeping by all; after each, the bound must
 * be below every expiry that is left, and nothing expired be left by a sweep.
 */
static void
work_expiring(Worker *worker)
{
	for (int round = 0; round < shared->steps; round++)
	{
		int64		now_ms = 1000 + round * 10;
		int64		earliest = END_OF_TIME;
		int64		bound;

		for (int i = 0; i < 20; i++)
		{
			KeyName		name;
			CqEngineHandle handle;
			int64		expires_ms = now_ms + 1 + worker_random(worker, 40);

			name_key(&name, 'k', worker_random(worker, shared->nkeys));
			handle = prepare_value(worker, &name, 20,
								   worker_random(worker, 3) ? expires_ms : 0);
			cq_engine_publish(shared->engine, handle);
			name_key(&name, 'k', worker_random(worker, shared->nkeys));
			cq_engine_touch(shared->engine, &name.key, expires_ms, now_ms);
			if (worker_random(worker, WORKERS * 3) == 0)
				cq_engine_expire(shared->engine, now_ms);
		}
		pthread_barrier_wait(&shared->barrier);
		bound = cq_engine_next_expiry(shared->engine);
		cq_engine_walk(shared->engine, now_ms, note_earliest, &earliest);
		if (earliest != END_OF_TIME && (bound == 0 || bound > earliest))
			shared->bad[worker->number]++;
		pthread_barrier_wait(&shared->barrier);
	}
}

/* Wait for the other one of two, without sleeping, so as to go on together. */
static void
meet(int meeting)
{
	pg_atomic_fetch_add_u64(&shared->arrivals, 1);
	for (int i = 0; pg_atomic_fetch_add_u64(&shared->arrivals, 0) <
		 (uint64) meeting * 2; i++)
		if (i % 100 == 99)
			sched_yield();
}

/*
 * One sweeps; another puts an entry behind or ahead of it that expires before
 * all others, and in every other round makes a short sweep of its own.  The
 * entry must be in the bound.
 */
static void
work_sweeping(Worker *worker)
{
	KeyName		name;
	int			meeting = 0;

	if (worker->number > 1)
		return;
	for (int round = 0; round < shared->steps; round++)
	{
		int64		now_ms = 1000 + round * 10;
		volatile uint32 spin = 0;

		for (int i = 0; i < 40 && worker->number == 0; i++)
		{
			name_key(&name, 'k', worker_random(worker, shared->nkeys));
			cq_engine_publish(shared->engine,
							  prepare_value(worker, &name, 0,
											i > 0 ? now_ms : now_ms + 1000));
		}
		name_key(&name, 'k', worker_random(worker, shared->nkeys));
		meet(++meeting);
		if (worker->number == 0)
			cq_engine_expire(shared->engine, now_ms);
		else
		{
			spin = worker_random(worker, 1 << worker_random(worker, 15));
			while (spin > 0)
				spin--;
			cq_engine_publish(shared->engine,
							  prepare_value(worker, &name, 0, now_ms + 1));
			if (round % 2 == 0)
				cq_engine_expire(shared->engine, 0);
		}
		meet(++meeting);
		if (cq_engine_next_expiry(shared->engine) == 0 ||
			cq_engine_next_expiry(shared->engine) > now_ms + 1)
			shared->bad[worker->number]++;
		meet(++meeting);
	}
}

static void *
run_worker(void *arg)
{
	Worker	   *worker = arg;

	worker->random = worker->number * 7919 + 1;
	worker->buffer = malloc(VALUE_MAX * 2);
	worker->work(worker);
	free(worker->buffer);
	return NULL;
}

static pid_t
fork_or_abort(void)
{
	pid_t		pid = fork();

	if (pid < 0)
		abort();				/* -1 must not reach kill() */
	return pid;
}

/* Wait until one of the workers ends; its place in pids is 0 then. */
static void
wait_for_any(pid_t *pids, int *status)
{
	pid_t		pid = wait(status);

	CHECK(pid > 0);
	for (int i = 0; i < WORKERS; i++)
		if (pids[i] == pid)
			pids[i] = 0;
}

static void
kill_all(const pid_t *pids)
{
	for (int i = 0; i < WORKERS; i++)
		if (pids[i] != 0)
			kill(pids[i], SIGKILL);
}

/* False if a worker failed; then no lock of the cache may be taken. */
static bool
run_workers(void (*work) (Worker *))
{
	Worker		workers[WORKERS];
	pid_t		pids[WORKERS];
	bool		good = true;

	for (int i = 0; i < WORKERS; i++)
	{
		workers[i].shared = shared;
		workers[i].work = work;
		workers[i].number = i;
		if ((pids[i] = fork_or_abort()) == 0)
		{
			alarm(HANG_SECONDS);	/* a hang is a failure */
			run_worker(&workers[i]);
			exit(0);
		}
	}
	for (int i = 0; i < WORKERS; i++)
	{
		int			status = 0;

		wait_for_any(pids, &status);
		if (!good || status == 0)
			continue;
		good = false;
		check_failed(__FILE__, __LINE__,
					 WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM
					 ? "a worker hung" : "a worker died");
		kill_all(pids);
	}
	return good;
}

static void *
map_shared(Size size)
{
	void	   *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
						   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		abort();
	return mem;
}

static int64
count_bad(void)
{
	int64		bad = 0;

	for (int i = 0; i < WORKERS; i++)
		bad += shared->bad[i];
	return bad;
}

/* A fresh cache, in shared->engine; what run_phase and others must end with. */
typedef struct Phase
{
	void	   *mem;
	Size		size;
	uint64		room;
} Phase;

static Phase
begin_phase(Size arena_bytes, int nkeys, int steps)
{
	Phase		phase;
	pthread_barrierattr_t attr;

	phase.size = cq_engine_size(arena_bytes);
	phase.mem = map_shared(phase.size);
	memset(shared, 0, sizeof(*shared));
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&shared->barrier, &attr, WORKERS);
	shared->engine = cq_engine_init(phase.mem, arena_bytes, 0);
	shared->nkeys = nkeys;
	shared->steps = steps;
	phase.room = whole_room(shared->engine);
	return phase;
}

/* No value was bad; nothing is left when all entries are removed. */
static void
end_phase(Phase *phase)
{
	CqEngineStats stats;
	KeyName		name;

	alarm(HANG_SECONDS);		/* in lists that are not in order */
	CHECK(count_bad() == 0);
	check_engine(shared->engine);
	for (int i = 0; i < shared->nkeys; i++)
	{
		name_key(&name, 'k', i);
		cq_engine_remove(shared->engine, &name.key, 0, false, 0);
		name_key(&name, 'c', i);
		cq_engine_remove(shared->engine, &name.key, 0, false, 0);
		name_key(&name, 's', i);
		cq_engine_remove(shared->engine, &name.key, 0, false, 0);
	}
	cq_engine_stats(shared->engine, &stats);
	CHECK(stats.entries == 0 && stats.used_bytes == 0);
	CHECK(whole_room(shared->engine) == phase->room);
	alarm(0);
	pthread_barrier_destroy(&shared->barrier);
	munmap(phase->mem, phase->size);
}

/*
 * Run work on a fresh cache, call look at the end, then empty it.  False if that
 * ended before.
 */
static bool
run_phase(Size arena_bytes, int nkeys, int steps, void (*work) (Worker *),
		  void (*look) (void))
{
	Phase		phase = begin_phase(arena_bytes, nkeys, steps);
	CqEngineStats stats;

	if (!run_workers(work))
	{
		munmap(phase.mem, phase.size);
		return false;
	}
	alarm(HANG_SECONDS);
	cq_engine_stats(shared->engine, &stats);
	CHECK(stats.used_bytes <= stats.arena_bytes);
	look();
	end_phase(&phase);
	return true;
}

static void
look_at_evictions(void)
{
	CqEngineStats stats;
	uint64		hits = 0;

	for (int i = 0; i < WORKERS; i++)
		hits += shared->hits[i];
	cq_engine_stats(shared->engine, &stats);
	printf("# %d steps each of %d workers: %llu hits, %llu evictions\n",
		   shared->steps, WORKERS, (unsigned long long) hits,
		   (unsigned long long) stats.evictions);
	CHECK(stats.evictions > 100);
	CHECK(hits > 1000);
}

static void
test_evictions(void)
{
	run_phase(1024 * 1024, 2000, 40000,
			  work_with_evictions, look_at_evictions);
}

/* So small that hardly any entry stays. */
static void
test_contended_evictions(void)
{
	run_phase(192 * 1024, 60, 20000, work_with_evictions,
			  look_at_evictions);
}

static void
look_at_passing_by(void)
{
	int64		made = 0;

	for (int i = 0; i < WORKERS; i++)
		made += shared->sums[i][0];
	printf("# made %lld of %d\n", (long long) made, shared->steps * WORKERS);
	CHECK(made > shared->steps);
}

/*
 * Whether the last byte of a page goes when it is looked at, or just before, or
 * just after: it is freed once.
 */
static void
test_emptied_pages(void)
{
	run_phase(192 * 1024, 60, 30000, work_passing_by, look_at_passing_by);
}

static void
look_at_large_values(void)
{
	CqEngineStats stats;

	cq_engine_stats(shared->engine, &stats);
	CHECK(stats.evictions > 100);
}

/* A set must not fail because a value that is going is still there. */
static void
test_large_values(void)
{
	run_phase(1024 * 1024, 60, 5000, work_with_large_values,
			  look_at_large_values);
}

static int64 torn = 0;

static void
look_for_torn_values(void)
{
	torn += count_bad();
	memset(shared->bad, 0, sizeof(shared->bad));
}

/* The tests above would notice if readers believed all that they copy. */
static void
test_believing_readers(void)
{
	bool		good = true;

	cq_fault = "no-sequence-check";
	for (int i = 0; i < 50 && torn == 0 && good; i++)
		good = run_phase(192 * 1024, 60, 20000,
						 work_with_evictions, look_for_torn_values);
	CHECK(torn > 0);
	cq_fault = NULL;
}

static void
look_at_counters(void)
{
	CqEngineMeta meta;
	CqEngineStats stats;
	KeyName		name;
	uint64		swaps = 0;
	uint64		swapped = 0;

	for (int i = 0; i < COUNTERS; i++)
	{
		int64		sum = 0;
		int64		counter = 0;

		for (int w = 0; w < WORKERS; w++)
			sum += shared->sums[w][i];
		name_key(&name, 'c', i);
		CHECK(cq_engine_get(shared->engine, &name.key, 1, (char *) &counter,
							sizeof(counter), &meta) == CQ_ENGINE_OK);
		CHECK(counter == sum);
	}
	for (int w = 0; w < WORKERS; w++)
		swaps += shared->swaps[w];
	name_key(&name, 's', 0);
	CHECK(cq_engine_get(shared->engine, &name.key, 1, (char *) &swapped,
						sizeof(swapped), &meta) == CQ_ENGINE_OK);
	CHECK(swapped == swaps);
	cq_engine_stats(shared->engine, &stats);
	CHECK(stats.evictions == 0);
}

static void
test_counters(void)
{
	run_phase(4 * 1024 * 1024, 1000, 20000,
			  work_counting, look_at_counters);
}

static void
look_at_expiry(void)
{
	CqEngineStats stats;

	cq_engine_expire(shared->engine, 1000 + shared->steps * 10);
	cq_engine_stats(shared->engine, &stats);
	CHECK(stats.expirations > 1000);
	CHECK(cq_engine_expire(shared->engine, END_OF_TIME) == 0);
}

static void
test_expiry(void)
{
	run_phase(1024 * 1024, 1000, 1000, work_expiring,
			  look_at_expiry);
}

static void
test_sweeps(void)
{
	run_phase(16 * 1024 * 1024, 5000, 7000,
			  work_sweeping, look_at_expiry);
}

static void
work_reading(Worker *worker)
{
	for (;;)
	{
		KeyName		name;

		name_key(&name, 'k', worker_random(worker, shared->nkeys));
		get_and_check(worker, &name);
	}
}

static void
work_writing(Worker *worker)
{
	while (pg_atomic_read_u64(&shared->stop) == 0)
	{
		KeyName		name;
		CqEngineHandle handle;

		alarm(HANG_SECONDS);	/* again, as long as there is progress */
		name_key(&name, 'k', worker_random(worker, shared->nkeys));
		if (worker_random(worker, 10) == 0)
			cq_engine_remove(shared->engine, &name.key, 0, false, 1);
		else if ((handle = prepare_value(worker, &name, value_len(worker),
										 0)) != 0)
			cq_engine_publish(shared->engine, handle);
		shared->sums[worker->number][0]++;
	}
}

static pid_t
start_process(int number, uint64 seed)
{
	Worker		worker = {.shared = shared,.number = number};
	pid_t		pid = fork_or_abort();

	if (pid != 0)
		return pid;
	worker.random = seed;
	worker.buffer = malloc(VALUE_MAX * 2);
	alarm(HANG_SECONDS);
	(number < READERS ? work_reading : work_writing) (&worker);
	exit(0);
}

/*
 * Kill readers at random moments and start others in their place.  Then the
 * writers must still be writing, and all memory be there.
 */
static void
test_killed_readers(void)
{
	Phase		phase = begin_phase(256 * 1024, 300, 0);
	pid_t		pids[WORKERS];
	uint64		random = 1;
	bool		hung = false;
	uint64		hits = 0;

	for (int i = 0; i < WORKERS; i++)
		pids[i] = start_process(i, i + 1);
	for (int kill_number = 0; kill_number < KILLS; kill_number++)
	{
		int			i = kill_number % READERS;
		volatile uint32 spin = (next_random(&random) >> 32) % (1 << 21);
		int			status = 0;

		while (spin > 0)
			spin--;
		kill(pids[i], SIGKILL);
		CHECK(waitpid(pids[i], &status, 0) == pids[i]);
		hung |= !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
		pids[i] = start_process(i, next_random(&random));
	}
	pg_atomic_write_u64(&shared->stop, 1);
	for (int i = 0; i < WORKERS; i++)
	{
		int			status = 0;

		if (i < READERS)
			kill(pids[i], SIGKILL);
		CHECK(waitpid(pids[i], &status, 0) == pids[i]);
		hung |= i >= READERS && status != 0;
		hits += shared->hits[i];
	}
	printf("# %d readers killed: %llu hits, %lld puts and removals\n", KILLS,
		   (unsigned long long) hits, (long long) (shared->sums[READERS][0] +
												   shared->sums[READERS + 1][0]));
	CHECK(!hung);
	CHECK(hits > KILLS);
	/* cleaning up would hang as well */
	if (!hung)
		end_phase(&phase);
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	shared = map_shared(sizeof(Shared));
	if (strcmp(mode, "--kill-readers") == 0)
	{
		run_test("processes: killed readers leave nothing behind",
				 test_killed_readers);
		return failed_tests > 0;
	}
	run_test("processes: no torn value, no lost page", test_evictions);
	run_test("processes: the same on a handful of entries",
			 test_contended_evictions);
	run_test("processes: a page that empties while room is made is freed once",
			 test_emptied_pages);
	run_test("processes: there is room for large values while others are removed",
			 test_large_values);
	run_test("processes: torn values without the second look at the sequence",
			 test_believing_readers);
	run_test("processes: no lost increment, no lost swap", test_counters);
	run_test("processes: the expiry bound holds", test_expiry);
	run_test("processes: the expiry bound survives sweeps", test_sweeps);
	return failed_tests > 0;
}
