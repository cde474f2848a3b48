/*-------------------------------------------------------------------------
 *
 * counters.c
 *	  Counters of the cache, for the server and by namespace.
 *
 * Each process has a block of counters that no other process writes to.  So
 * counting is a plain load and store: no atomic addition, and no cache line that
 * moves between processors.  Reading the statistics adds all blocks up.
 *
 *	block of a process			the counters of state 3 are the sum of
 *	+-------------------+
 *	| server			|		  the blocks' entries for state 3 whose serial
 *	+-------------------+		  number is the state's current one
 *	| state 3, serial 9 |		+ carried[3]
 *	| state 0, serial 1 |		- baseline[3], the sum at the last reset
 *	| ... 8 of these	|
 *	+-------------------+
 *
 * A block stays when its process ends, and the next process with that number
 * continues to count in it.  A block has entries for the first CQ_COUNTED_NAMESPACES
 * namespaces that a process uses; it counts others in carried, which all
 * processes share.
 *
 * When a state is taken for another namespace, it gets a new serial number.
 * Entries with an old number count for state 0, and are reused when their process
 * needs room.
 *
 * Locking: a counter is written by its process without a lock.  The lock guards
 * which state an entry counts for, the serial numbers and the baselines: taken
 * exclusively to change them, shared to read the statistics.  It comes after the
 * lock of namespace_states.c.  carried is atomic.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/counters.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "storage/proc.h"
#include "utils/timestamp.h"

#define CQ_COUNTED_NAMESPACES 8

typedef struct CqNamespaceCounts
{
	uint32		state;			/* guarded by lock */
	uint32		serial;			/* guarded by lock */
	pg_atomic_uint64 counts[CQ_NAMESPACE_COUNTERS];
} CqNamespaceCounts;

typedef struct CqProcessCounts
{
	pg_atomic_uint64 counts[CQ_NCOUNTERS];
	CqNamespaceCounts namespaces[CQ_COUNTED_NAMESPACES];
	char		padding[PG_CACHE_LINE_SIZE];	/* from the next process */
} CqProcessCounts;

typedef struct CqCounters
{
	LWLock		lock;
	uint32		nprocesses;		/* constant */
	uint32		last_serial;	/* lock guards this and the following */
	TimestampTz reset_at;
	uint32		serials[CQ_NAMESPACE_STATES];
	uint64		baseline[CQ_NCOUNTERS];
	uint64		namespace_baseline[CQ_NAMESPACE_STATES][CQ_NAMESPACE_COUNTERS];
	pg_atomic_uint64 carried[CQ_NAMESPACE_STATES][CQ_NAMESPACE_COUNTERS];
	CqProcessCounts processes[FLEXIBLE_ARRAY_MEMBER];
} CqCounters;

pg_atomic_uint64 *cq_own_counts = NULL;
pg_atomic_uint64 *cq_own_namespace_counts[CQ_NAMESPACE_STATES];

static CqCounters *shared = NULL;

/* Number of processes that can run at the same time. */
static uint32
processes_max(void)
{
	return MaxBackends + NUM_AUXILIARY_PROCS;
}

Size
cq_counters_size(void)
{
	return add_size(offsetof(CqCounters, processes),
					mul_size(processes_max(), sizeof(CqProcessCounts)));
}

static void
init_counts(pg_atomic_uint64 *counts, int n)
{
	for (int i = 0; i < n; i++)
		pg_atomic_init_u64(&counts[i], 0);
}

/* In the postmaster, once. */
void
cq_counters_init(void *mem, int tranche)
{
	shared = mem;
	memset(mem, 0, cq_counters_size());
	LWLockInitialize(&shared->lock, tranche);
	shared->nprocesses = processes_max();
	for (int state = 0; state < CQ_NAMESPACE_STATES; state++)
		init_counts(shared->carried[state], CQ_NAMESPACE_COUNTERS);
	for (uint32 i = 0; i < shared->nprocesses; i++)
	{
		CqProcessCounts *process = &shared->processes[i];

		init_counts(process->counts, CQ_NCOUNTERS);
		for (int j = 0; j < CQ_COUNTED_NAMESPACES; j++)
			init_counts(process->namespaces[j].counts, CQ_NAMESPACE_COUNTERS);
	}
	shared->serials[0] = shared->last_serial = 1;
}

static CqProcessCounts *
own_process(void)
{
	uint32		own = MyProc - ProcGlobal->allProcs;

	Assert(own < shared->nprocesses);
	return &shared->processes[own];
}

void
cq_count_first(CqCounter counter, uint64 n)
{
	cq_own_counts = own_process()->counts;
	cq_count(counter, n);
}

void
cq_count_shared(uint16 state, CqCounter counter, uint64 n)
{
	pg_atomic_fetch_add_u64(&shared->carried[state][counter], n);
}

void
cq_counters_state_begin(uint16 state)
{
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	shared->serials[state] = ++shared->last_serial;
	LWLockRelease(&shared->lock);
}

void
cq_counters_state_end(uint16 state)
{
	Assert(state != 0);
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	shared->serials[state] = 0;
	for (int i = 0; i < CQ_NAMESPACE_COUNTERS; i++)
	{
		pg_atomic_fetch_add_u64(&shared->carried[0][i],
								pg_atomic_exchange_u64(&shared->carried[state][i], 0));
		shared->namespace_baseline[0][i] += shared->namespace_baseline[state][i];
		shared->namespace_baseline[state][i] = 0;
	}
	LWLockRelease(&shared->lock);
}

/* Does the entry count for a namespace that still exists?  Lock held. */
static bool
is_current(const CqNamespaceCounts *entry)
{
	return entry->serial != 0 && entry->serial == shared->serials[entry->state];
}

/*
 * Let an entry of this process that is not current count for another namespace.
 * Lock held exclusively.
 */
static void
take_entry(CqNamespaceCounts *entry, uint16 state)
{
	if (cq_own_namespace_counts[entry->state] == entry->counts)
		cq_own_namespace_counts[entry->state] = NULL;
	for (int i = 0; i < CQ_NAMESPACE_COUNTERS; i++)
		pg_atomic_fetch_add_u64(&shared->carried[0][i],
								pg_atomic_exchange_u64(&entry->counts[i], 0));
	entry->state = state;
	entry->serial = shared->serials[state];
}

void
cq_counters_attach(uint16 state)
{
	CqProcessCounts *own = own_process();
	CqNamespaceCounts *mine = NULL;

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	for (int i = 0; i < CQ_COUNTED_NAMESPACES; i++)
	{
		CqNamespaceCounts *entry = &own->namespaces[i];

		if (!is_current(entry))
			mine = mine == NULL ? entry : mine;
		else if (entry->state == state)
		{
			mine = entry;
			break;
		}
	}
	if (mine != NULL && (mine->state != state || !is_current(mine)))
		take_entry(mine, state);
	LWLockRelease(&shared->lock);
	cq_own_namespace_counts[state] = mine == NULL ? NULL : mine->counts;
}

/* Sums since the server start.  Lock held. */
static void
add_up(CqCounts *counts, uint64 evictions, uint64 expirations)
{
	memset(counts, 0, sizeof(*counts));
	for (int state = 0; state < CQ_NAMESPACE_STATES; state++)
		for (int i = 0; i < CQ_NAMESPACE_COUNTERS; i++)
			counts->namespaces[state][i] = pg_atomic_read_u64(&shared->carried[state][i]);

	for (uint32 p = 0; p < shared->nprocesses; p++)
	{
		CqProcessCounts *process = &shared->processes[p];

		for (int i = CQ_NAMESPACE_COUNTERS; i < CQ_NCOUNTERS; i++)
			counts->totals[i] += pg_atomic_read_u64(&process->counts[i]);
		for (int j = 0; j < CQ_COUNTED_NAMESPACES; j++)
		{
			CqNamespaceCounts *entry = &process->namespaces[j];
			uint32		state = is_current(entry) ? entry->state : 0;

			for (int i = 0; i < CQ_NAMESPACE_COUNTERS; i++)
				counts->namespaces[state][i] += pg_atomic_read_u64(&entry->counts[i]);
		}
	}
	counts->totals[CQ_COUNT_EVICTIONS] = evictions;
	counts->totals[CQ_COUNT_EXPIRATIONS] = expirations;
}

void
cq_counters_read(CqCounts *counts, uint64 evictions, uint64 expirations)
{
	LWLockAcquire(&shared->lock, LW_SHARED);
	add_up(counts, evictions, expirations);
	for (int i = 0; i < CQ_NCOUNTERS; i++)
		counts->totals[i] -= shared->baseline[i];
	for (int state = 0; state < CQ_NAMESPACE_STATES; state++)
		for (int i = 0; i < CQ_NAMESPACE_COUNTERS; i++)
		{
			counts->namespaces[state][i] -= shared->namespace_baseline[state][i];
			counts->totals[i] += counts->namespaces[state][i];
		}
	counts->reset_at = shared->reset_at;
	LWLockRelease(&shared->lock);
}

/* The sums are too large for the stack, and no memory is allocated under a lock. */
void
cq_counters_reset(uint64 evictions, uint64 expirations)
{
	CqCounts   *counts = palloc(sizeof(CqCounts));
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	add_up(counts, evictions, expirations);
	memcpy(shared->baseline, counts->totals, sizeof(shared->baseline));
	memcpy(shared->namespace_baseline, counts->namespaces, sizeof(shared->namespace_baseline));
	shared->reset_at = now;
	LWLockRelease(&shared->lock);
	pfree(counts);
}
