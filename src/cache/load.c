/*-------------------------------------------------------------------------
 *
 * load.c
 *	  Load leases: of many sessions that miss one key, one computes the value.
 *
 * A backend loads one key at a time, so one load for each possible backend is
 * enough: the table is never full and nothing is allocated.  While a backend
 * loads, its entry is in the chain of the key's bucket:
 *
 *	buckets   | 3 |   |   |   | 0 |   |		lock, first load
 *				|				|
 *	loads	  [3: hash, round] -> [7: hash, round]	   [0: hash, round]
 *
 * Keys are identified by their 64-bit hash alone.  Two keys with the same hash
 * only wait for each other.
 *
 * Each use of an entry is a round.  A waiter sleeps on its condition variable
 * until the entry says how that round, or a later one, has ended.  For this it
 * needs no lock, whatever the entry is used for afterwards.
 *
 * Leases are advisory: a session that has waited long enough computes the value
 * without one, and the consistency rules alone decide whether it is stored.  So
 * an error here cannot make a value wrong.
 *
 * Deadlocks: the holder's query may wait for a lock that a waiter has.  PostgreSQL
 * cannot see that, since a wait for a load is not one for a lock.  So a waiter looks
 * itself, as often as deadlock_timeout says: from the holder it follows the locks
 * that processes wait for (pg_blocking_pids) and the loads that they wait for
 * (waits_for).  If it comes to itself, it waits no longer: it computes the value
 * under the locks it has, and nobody gets an error.
 *
 *	waiter --load--> holder --lock--> x --load--> y --lock--> waiter
 *
 * Waiting is of no use where the value cannot be kept, because it is too large, say,
 * or changed all the time.  Such keys are remembered for a while, in a table of one
 * place for each bucket where a newer one replaces an older one:
 *
 *	 63                  24 23                    0
 *	+----------------------+-----------------------+
 *	| until, cq_clock_ms() | upper bits of the hash |
 *	+----------------------+-----------------------+
 *
 * The holder ends its lease when it has stored the value, or in its error
 * handler; a terminated backend ends it while it exits.  After a crash the shared
 * memory starts anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/load.h"
#include "core/clock.h"
#include "core/faults.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/spin.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"

#define CQ_LOAD_BUCKETS 1024
#define NO_LOAD PG_UINT32_MAX

/* processes that the search for a deadlock visits at most */
#define CQ_DEADLOCK_VISITS_MAX 64

#define USELESS_HASH_BITS 24

typedef struct CqLoadBucket
{
	slock_t		lock;			/* guards first, and the loads in the chain */
	uint32		first;			/* NO_LOAD: the chain is empty */
} CqLoadBucket;

typedef struct CqLoad
{
	uint64		key_hash;		/* guarded by the bucket's lock */
	uint64		round;			/* the same; only the owner writes it */
	uint32		next;			/* the same; NO_LOAD: last in the chain */

	/* the last round that has ended: round * 4 + outcome */
	pg_atomic_uint64 ended;
	ConditionVariable done;		/* broadcast when ended has been set */

	/* the load that the owner waits for; NO_LOAD: none */
	pg_atomic_uint32 waits_for;
} CqLoad;

typedef struct CqLoads
{
	CqLoadBucket buckets[CQ_LOAD_BUCKETS];
	pg_atomic_uint64 useless[CQ_LOAD_BUCKETS];	/* see above */
	CqLoad		by_process[FLEXIBLE_ARRAY_MEMBER];	/* MaxBackends, by process */
} CqLoads;

static CqLoads *loads = NULL;
static CqLoad *held = NULL;		/* own load while it is in a chain */
static bool waiting = false;	/* own waits_for may be set */

Size
cq_load_size(void)
{
	return add_size(offsetof(CqLoads, by_process),
					mul_size(MaxBackends, sizeof(CqLoad)));
}

/* In the postmaster, once. */
void
cq_load_init(void *mem)
{
	loads = mem;
	for (int i = 0; i < CQ_LOAD_BUCKETS; i++)
	{
		SpinLockInit(&loads->buckets[i].lock);
		loads->buckets[i].first = NO_LOAD;
		pg_atomic_init_u64(&loads->useless[i], 0);
	}
	for (int i = 0; i < MaxBackends; i++)
	{
		CqLoad	   *load = &loads->by_process[i];

		load->key_hash = 0;
		load->round = 0;
		load->next = NO_LOAD;
		pg_atomic_init_u64(&load->ended, 0);
		ConditionVariableInit(&load->done);
		pg_atomic_init_u32(&load->waits_for, NO_LOAD);
	}
}

static CqLoadBucket *
bucket_of(uint64 key_hash)
{
	return &loads->buckets[key_hash % CQ_LOAD_BUCKETS];
}

/*
 * Is the key in the chain?  If so, fills *ticket.  The caller holds the bucket's
 * lock.
 */
static bool
find_in_chain(const CqLoadBucket *bucket, uint64 key_hash,
			  CqLoadTicket *ticket)
{
	for (uint32 i = bucket->first; i != NO_LOAD; i = loads->by_process[i].next)
	{
		if (loads->by_process[i].key_hash == key_hash)
		{
			ticket->load = i;
			ticket->round = loads->by_process[i].round;
			return true;
		}
	}
	return false;
}

bool
cq_load_find(uint64 key_hash, CqLoadTicket *ticket)
{
	CqLoadBucket *bucket = bucket_of(key_hash);
	bool		found;

	SpinLockAcquire(&bucket->lock);
	found = find_in_chain(bucket, key_hash, ticket);
	SpinLockRelease(&bucket->lock);
	return found;
}

static CqLoad *
own_load(void)
{
	uint32		own = MyProc - ProcGlobal->allProcs;

	Assert(own < (uint32) MaxBackends);
	return &loads->by_process[own];
}

static void
end_at_exit(int code, Datum arg)
{
	cq_load_end(CQ_LOAD_FAILED);
}

static void
register_exit(void)
{
	static bool registered = false;

	if (!registered)
		before_shmem_exit(end_at_exit, (Datum) 0);
	registered = true;
}

bool
cq_load_begin(uint64 key_hash, CqLoadTicket *ticket)
{
	CqLoadBucket *bucket = bucket_of(key_hash);
	CqLoad	   *load = own_load();
	bool		taken;

	Assert(held == NULL);
	if (CQ_FAULT("no-load-lease"))
		return true;
	register_exit();

	SpinLockAcquire(&bucket->lock);
	taken = find_in_chain(bucket, key_hash, ticket);
	if (!taken)
	{
		load->key_hash = key_hash;
		load->round++;
		load->next = bucket->first;
		bucket->first = load - loads->by_process;
	}
	SpinLockRelease(&bucket->lock);
	if (!taken)
		held = load;
	return !taken;
}

void
cq_load_end(CqLoadOutcome outcome)
{
	CqLoad	   *load = held;
	CqLoadBucket *bucket;
	uint32	   *link;

	if (waiting)
		pg_atomic_write_u32(&own_load()->waits_for, NO_LOAD);
	waiting = false;
	if (load == NULL)
		return;
	held = NULL;
	bucket = bucket_of(load->key_hash);
	SpinLockAcquire(&bucket->lock);
	link = &bucket->first;
	while (*link != (uint32) (load - loads->by_process))
		link = &loads->by_process[*link].next;
	*link = load->next;
	SpinLockRelease(&bucket->lock);

	Assert(outcome <= CQ_LOAD_USELESS);
	pg_atomic_write_u64(&load->ended, load->round * 4 + outcome);
	ConditionVariableBroadcast(&load->done);
}

/* Add a process to those to visit, once.  False: that is this process. */
static bool
visit(int pid, int *pids, int *npids)
{
	if (pid == MyProcPid)
		return false;
	for (int i = 0; i < *npids; i++)
	{
		if (pids[i] == pid)
			return true;
	}
	if (pid != 0 && *npids < CQ_DEADLOCK_VISITS_MAX)
		pids[(*npids)++] = pid;
	return true;
}

/* The process whose load that process waits for; 0: none. */
static int
loader_awaited_by(int pid)
{
	PGPROC	   *proc = BackendPidGetProc(pid);
	uint32		load;

	if (proc == NULL)
		return 0;
	load = pg_atomic_read_u32(&loads->by_process[proc - ProcGlobal->allProcs].waits_for);
	return load == NO_LOAD ? 0 : ProcGlobal->allProcs[load].pid;
}

/* Does the holder of a load wait for this process, directly or not? */
static bool
waits_for_us(uint32 load)
{
	int			pids[CQ_DEADLOCK_VISITS_MAX];
	int			npids = 0;

	if (CQ_FAULT("no-load-deadlock"))
		return false;
	(void) visit(ProcGlobal->allProcs[load].pid, pids, &npids);
	for (int i = 0; i < npids; i++)
	{
		ArrayType  *blockers = DatumGetArrayTypeP(DirectFunctionCall1(pg_blocking_pids,
																	  Int32GetDatum(pids[i])));
		int			n = ArrayGetNItems(ARR_NDIM(blockers), ARR_DIMS(blockers));

		for (int k = 0; k < n; k++)
		{
			if (!visit(((int32 *) ARR_DATA_PTR(blockers))[k], pids, &npids))
				return true;
		}
		if (!visit(loader_awaited_by(pids[i]), pids, &npids))
			return true;
	}
	return false;
}

/* Has the ticket's round ended?  Then sets *outcome. */
static bool
has_ended(const CqLoadTicket *ticket, CqLoadOutcome *outcome)
{
	uint64		ended = pg_atomic_read_u64(&loads->by_process[ticket->load].ended);

	if (ended / 4 < ticket->round)
		return false;
	/* if it has been used again since, the outcome is unknown */
	*outcome = ended / 4 == ticket->round ? (CqLoadOutcome) (ended % 4) : CQ_LOAD_FAILED;
	return true;
}

CqLoadOutcome
cq_load_wait(const CqLoadTicket *ticket, int64 limit_ms)
{
	CqLoad	   *load = &loads->by_process[ticket->load];
	CqLoad	   *own = own_load();
	int64		start_ms = cq_clock_ms();
	int64		look_ms = start_ms + DeadlockTimeout;
	CqLoadOutcome outcome;

	Assert(held == NULL);
	register_exit();
	waiting = true;
	pg_atomic_write_u32(&own->waits_for, ticket->load);
	ConditionVariablePrepareToSleep(&load->done);
	while (!has_ended(ticket, &outcome))
	{
		int64		now_ms = cq_clock_ms();
		int64		wake_ms = look_ms;

		if (limit_ms != CQ_LOAD_WAIT_FOREVER)
			wake_ms = Min(wake_ms, start_ms + limit_ms);
		if (now_ms < wake_ms)
		{
			(void) ConditionVariableTimedSleep(&load->done, wake_ms - now_ms,
											   PG_WAIT_EXTENSION);
			continue;
		}
		outcome = now_ms < look_ms ? CQ_LOAD_TIMEOUT : CQ_LOAD_DEADLOCK;
		if (outcome == CQ_LOAD_TIMEOUT || waits_for_us(ticket->load))
			break;
		look_ms = cq_clock_ms() + DeadlockTimeout;
	}
	ConditionVariableCancelSleep();
	pg_atomic_write_u32(&own->waits_for, NO_LOAD);
	waiting = false;
	return outcome;
}

void
cq_load_note(uint64 key_hash, bool useful, int64 for_ms)
{
	pg_atomic_uint64 *place = &loads->useless[key_hash % CQ_LOAD_BUCKETS];

	if (!useful)
		pg_atomic_write_u64(place, ((uint64) (cq_clock_ms() + for_ms) << USELESS_HASH_BITS) |
							(key_hash >> (64 - USELESS_HASH_BITS)));
	else if (cq_load_useless(key_hash))
		pg_atomic_write_u64(place, 0);
}

bool
cq_load_useless(uint64 key_hash)
{
	uint64		noted = pg_atomic_read_u64(&loads->useless[key_hash % CQ_LOAD_BUCKETS]);

	return noted != 0 &&
		(noted & ((UINT64CONST(1) << USELESS_HASH_BITS) - 1)) ==
		key_hash >> (64 - USELESS_HASH_BITS) &&
		cq_clock_ms() < (int64) (noted >> USELESS_HASH_BITS);
}
