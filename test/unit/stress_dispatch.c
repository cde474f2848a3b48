/*-------------------------------------------------------------------------
 *
 * stress_dispatch.c
 *	  Several processes on one queue in shared memory.
 *
 * They send, claim, settle, commit and roll back at once, while one of them does
 * the worker's part; memory is so small that most messages are read from the
 * table.  Each message must be acknowledged exactly once, none may be delivered
 * that was not committed, nor to two at a time, and no limit may be exceeded.
 * With short leases two may have the same message, but only one of them can
 * acknowledge it.
 *
 * A process that fails an assertion, or hangs for a minute, fails its test.
 *
 *	stress_dispatch [SEED]
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>
#include <sys/wait.h>

#include "dispatch_driver.h"
#include "port/atomics.h"
#include "random.h"

#define WORKERS 4
#define MESSAGES 6000			/* sent by each */
#define HANG_SECONDS 60
#define CLAIM_MAX 8

/* How a test goes. */
typedef struct Phase
{
	CqQueueOptions options;
	uint32		entries;
	uint32		window;			/* 0: as usual */
	int			groups;			/* 0: none */
	int			priorities;
	int			lease_ms;
} Phase;

typedef struct Shared
{
	pg_atomic_uint32 sent[DRIVER_ROWS_MAX]; /* committed, by number */
	pg_atomic_uint32 acknowledged[DRIVER_ROWS_MAX];
	pg_atomic_uint32 holders[DRIVER_ROWS_MAX];
	pg_atomic_uint32 in_group[DRIVER_GROUPS_MAX];
	pg_atomic_uint32 in_flight;
	pg_atomic_uint32 nsent;
	pg_atomic_uint32 nacknowledged;
	pg_atomic_uint32 nsenders;	/* that have more to send */

	/* what went wrong, how often */
	pg_atomic_uint32 uncommitted;	/* was delivered */
	pg_atomic_uint32 held_twice;
	pg_atomic_uint32 twice;		/* acknowledged */
	pg_atomic_uint32 over_group;
	pg_atomic_uint32 over_limit;
} Shared;

typedef struct Worker
{
	const Phase *phase;
	Driver	   *driver;
	Session    *session;
	uint64		random;
	int			unsent;
} Worker;

static Shared *shared;
static uint64 first_seed = 1;

static uint32
worker_random(Worker *worker, uint32 below)
{
	return (next_random(&worker->random) >> 32) % below;
}

static int
group_of(Worker *worker, int64 id)
{
	int			group;

	LWLockAcquire(&worker->driver->lock, LW_SHARED);
	group = driver_find(worker->driver, id)->group;
	LWLockRelease(&worker->driver->lock);
	return group;
}

/* Send some, and commit or roll back. */
static void
send_some(Worker *worker)
{
	const Phase *phase = worker->phase;
	int64		ids[16];
	int			n = 1 + worker_random(worker, lengthof(ids));
	bool		commit = worker_random(worker, 5) > 0;

	for (int j = 0; j < n; j++)
	{
		DriverRow	r = {0};

		r.bytes = 10;
		if (phase->groups > 0)
			r.group = 1 + worker_random(worker, phase->groups);
		r.priority = worker_random(worker, phase->priorities);
		ids[j] = driver_send(worker->driver, worker->session, &r);
		if (commit)
			pg_atomic_write_u32(&shared->sent[ids[j]], 1);
	}
	if (commit)
	{
		pg_atomic_fetch_add_u32(&shared->nsent, n);
		driver_commit(worker->driver, worker->session);
	}
	else
		driver_abort(worker->driver, worker->session, 0);
	worker->unsent -= n;
	if (worker->unsent <= 0)
		pg_atomic_fetch_add_u32(&shared->nsenders, -1);
}

/* Deliveries are in our hands. */
static void
note_held(Worker *worker, const Delivery *deliveries, int n)
{
	const CqQueueOptions *options = &worker->phase->options;

	for (int j = 0; j < n; j++)
	{
		int			group = group_of(worker, deliveries[j].msg_id);

		if (pg_atomic_read_u32(&shared->sent[deliveries[j].msg_id]) == 0)
			pg_atomic_fetch_add_u32(&shared->uncommitted, 1);
		if (worker->phase->lease_ms < 1000)
			continue;
		if (pg_atomic_fetch_add_u32(&shared->holders[deliveries[j].msg_id], 1) != 0)
			pg_atomic_fetch_add_u32(&shared->held_twice, 1);
		if (group != 0 &&
			pg_atomic_fetch_add_u32(&shared->in_group[group], 1) >= options->group_concurrency)
			pg_atomic_fetch_add_u32(&shared->over_group, 1);
		if (pg_atomic_fetch_add_u32(&shared->in_flight, 1) >= options->concurrency &&
			options->concurrency > 0)
			pg_atomic_fetch_add_u32(&shared->over_limit, 1);
	}
}

/* They are about to leave them. */
static void
note_left(Worker *worker, const Delivery *deliveries, int n)
{
	for (int j = 0; j < n && worker->phase->lease_ms >= 1000; j++)
	{
		pg_atomic_fetch_add_u32(&shared->holders[deliveries[j].msg_id], -1);
		pg_atomic_fetch_add_u32(&shared->in_group[group_of(worker, deliveries[j].msg_id)], -1);
		pg_atomic_fetch_add_u32(&shared->in_flight, -1);
	}
}

static void
note_acknowledged(const Delivery *delivery)
{
	if (pg_atomic_fetch_add_u32(&shared->acknowledged[delivery->msg_id], 1) != 0)
		pg_atomic_fetch_add_u32(&shared->twice, 1);
	pg_atomic_fetch_add_u32(&shared->nacknowledged, 1);
}

/* Claim some, settle them in another transaction, commit or roll back. */
static void
receive_some(Worker *worker)
{
	Driver	   *d = worker->driver;
	Session    *s = worker->session;
	Delivery	deliveries[CLAIM_MAX];
	bool		live[CLAIM_MAX];
	int			n = driver_claim(d, s, 1 + worker_random(worker, CLAIM_MAX),
								 worker->phase->lease_ms, deliveries);
	CqOutcome	outcome = worker_random(worker, 8) == 0 ? CQ_OUTCOME_FAILED :
	CQ_OUTCOME_ACKNOWLEDGED;
	bool		commit = worker_random(worker, 6) > 0;

	note_held(worker, deliveries, n);
	if (worker_random(worker, 10) == 0)
	{
		note_left(worker, deliveries, n);
		driver_abort(d, s, 0);
		return;
	}
	driver_commit(d, s);
	for (int j = 0; j < n; j++)
		live[j] = driver_settle(d, s, &deliveries[j], outcome, 0);
	if (worker->phase->lease_ms >= 1000 && !commit)
	{
		/* back under the lease: end that */
		driver_abort(d, s, 0);
		for (int j = 0; j < n; j++)
			live[j] = driver_settle(d, s, &deliveries[j], outcome, 0);
		commit = true;
	}
	note_left(worker, deliveries, n);
	for (int j = 0; j < n && commit; j++)
	{
		if (live[j] && outcome == CQ_OUTCOME_ACKNOWLEDGED)
			note_acknowledged(&deliveries[j]);
	}
	if (commit)
		driver_commit(d, s);
	else
		driver_abort(d, s, 0);
}

/* Take some with the transaction. */
static void
take_some(Worker *worker)
{
	Delivery	deliveries[CLAIM_MAX];
	int			n = driver_claim(worker->driver, worker->session, CLAIM_MAX, 0, deliveries);

	note_held(worker, deliveries, n);
	note_left(worker, deliveries, n);
	if (worker_random(worker, 4) == 0)
	{
		driver_abort(worker->driver, worker->session, 0);
		return;
	}
	for (int j = 0; j < n; j++)
		note_acknowledged(&deliveries[j]);
	driver_commit(worker->driver, worker->session);
}

static bool
is_finished(void)
{
	return pg_atomic_read_u32(&shared->nsenders) == 0 &&
		pg_atomic_read_u32(&shared->nacknowledged) >= pg_atomic_read_u32(&shared->nsent);
}

static void
work(int number, const Phase *phase, Driver *driver)
{
	Worker		worker = {phase, driver, session_start(number + 1),
	first_seed * 1000 + number, MESSAGES};
	Session    *maintenance = session_start(WORKERS + 1);

	alarm(HANG_SECONDS);
	for (int step = 0; !is_finished(); step++)
	{
		uint32		way = worker_random(&worker, 20);

		if (way < 14 && worker.unsent > 0)
			send_some(&worker);
		else if (way < 19)
			receive_some(&worker);
		else
			take_some(&worker);
		if (number == 0 && step % 16 == 0)
			driver_maintain(driver, maintenance, NULL);
	}
	exit(0);
}

/* Whether all ended well; kills what is left when one did not. */
static bool
run_workers(const Phase *phase, Driver *driver)
{
	pid_t		pids[WORKERS];
	bool		good = true;

	fflush(stdout);
	for (int i = 0; i < WORKERS; i++)
	{
		pids[i] = fork();
		if (pids[i] < 0)
			abort();
		if (pids[i] == 0)
			work(i, phase, driver);
	}
	for (int left = WORKERS; left > 0; left--)
	{
		int			status = 0;
		pid_t		pid = wait(&status);

		if (status != 0 && good)
		{
			good = false;
			for (int i = 0; i < WORKERS; i++)
			{
				if (pids[i] != pid)
					kill(pids[i], SIGKILL);
			}
		}
	}
	return good;
}

static void
run_phase(const Phase *phase)
{
	Driver	   *driver = driver_start(phase->entries, phase->window, &phase->options);
	uint32		lost = 0;

	memset(shared, 0, sizeof(*shared));
	pg_atomic_write_u32(&shared->nsenders, WORKERS);
	if (!run_workers(phase, driver))
	{
		CHECK(false);
		return;
	}
	alarm(HANG_SECONDS);
	for (int id = 0; id < DRIVER_ROWS_MAX; id++)
		lost += pg_atomic_read_u32(&shared->sent[id]) >
			pg_atomic_read_u32(&shared->acknowledged[id]);
	CHECK(lost == 0);
	CHECK(phase->window == 0 || driver->nscans > 20);
	CHECK(pg_atomic_read_u32(&shared->uncommitted) == 0);
	CHECK(pg_atomic_read_u32(&shared->held_twice) == 0);
	CHECK(pg_atomic_read_u32(&shared->twice) == 0);
	CHECK(pg_atomic_read_u32(&shared->over_group) == 0);
	CHECK(pg_atomic_read_u32(&shared->over_limit) == 0);
	driver_scan(driver);
	driver_check(driver);
	CHECK(cq_dispatch_entries(driver->queue) == 0 && driver->queue->ngroups == 0);
	CHECK(cq_queues->pool_nfree == cq_queues->pool_size);
	printf("# %u messages, %d scans\n", pg_atomic_read_u32(&shared->nacknowledged),
		   driver->nscans);
	alarm(0);
	driver_stop(driver);
}

static void
test_in_memory(void)
{
	Phase		phase = {.entries = 60000,.priorities = 4,.lease_ms = 100000};

	phase.options.group_concurrency = 1;
	run_phase(&phase);
}

static void
test_spilled(void)
{
	Phase		phase = {.entries = 512,.window = 400,.priorities = 1,.lease_ms = 100000};

	phase.options.group_concurrency = 1;
	run_phase(&phase);
}

static void
test_groups(void)
{
	Phase		phase = {.entries = 60000,.groups = 20,.priorities = 1,.lease_ms = 100000};

	phase.options.group_concurrency = 2;
	phase.options.concurrency = 12;
	run_phase(&phase);
}

static void
test_spilled_groups(void)
{
	Phase		phase = {.entries = 1024,.window = 800,.groups = 20,.priorities = 1,
	.lease_ms = 100000};

	phase.options.group_concurrency = 1;
	run_phase(&phase);
}

static void
test_short_leases(void)
{
	Phase		phase = {.entries = 1024,.window = 800,.priorities = 3,.lease_ms = 1};

	phase.options.group_concurrency = 1;
	run_phase(&phase);
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		first_seed = strtoull(argv[1], NULL, 10);
	shared = driver_map(sizeof(Shared));
	run_test("processes: priorities", test_in_memory);
	run_test("processes: more messages than memory", test_spilled);
	run_test("processes: limits of groups and of the queue", test_groups);
	run_test("processes: groups, more messages than memory", test_spilled_groups);
	run_test("processes: leases that end while a consumer works", test_short_leases);
	return failed_tests > 0;
}
