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
#include "storage/spin.h"

#define CQ_LOAD_BUCKETS 1024
#define NO_LOAD PG_UINT32_MAX

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

	/* the last round that has ended: round * 2 + (outcome is DONE) */
	pg_atomic_uint64 ended;
	ConditionVariable done;		/* broadcast when ended has been set */
} CqLoad;

typedef struct CqLoads
{
	CqLoadBucket buckets[CQ_LOAD_BUCKETS];
	CqLoad		by_process[FLEXIBLE_ARRAY_MEMBER];	/* MaxBackends, by process */
} CqLoads;

static CqLoads *loads = NULL;
static CqLoad *held = NULL;		/* own load while it is in a chain */

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
	}
	for (int i = 0; i < MaxBackends; i++)
	{
		CqLoad	   *load = &loads->by_process[i];

		load->key_hash = 0;
		load->round = 0;
		load->next = NO_LOAD;
		pg_atomic_init_u64(&load->ended, 0);
		ConditionVariableInit(&load->done);
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

static void
end_at_exit(int code, Datum arg)
{
	cq_load_end(CQ_LOAD_FAILED);
}

bool
cq_load_begin(uint64 key_hash, CqLoadTicket *ticket)
{
	static bool registered = false;
	CqLoadBucket *bucket = bucket_of(key_hash);
	uint32		own = MyProc - ProcGlobal->allProcs;
	CqLoad	   *load = &loads->by_process[own];
	bool		taken;

	Assert(held == NULL && own < (uint32) MaxBackends);
	if (CQ_FAULT("no-load-lease"))
		return true;
	if (!registered)
	{
		before_shmem_exit(end_at_exit, (Datum) 0);
		registered = true;
	}

	SpinLockAcquire(&bucket->lock);
	taken = find_in_chain(bucket, key_hash, ticket);
	if (!taken)
	{
		load->key_hash = key_hash;
		load->round++;
		load->next = bucket->first;
		bucket->first = own;
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

	pg_atomic_write_u64(&load->ended,
						load->round * 2 + (outcome == CQ_LOAD_DONE ? 1 : 0));
	ConditionVariableBroadcast(&load->done);
}

CqLoadOutcome
cq_load_wait(const CqLoadTicket *ticket, int64 deadline_ms)
{
	CqLoad	   *load = &loads->by_process[ticket->load];
	CqLoadOutcome outcome = CQ_LOAD_TIMEOUT;
	int64		left_ms;

	Assert(held == NULL);
	ConditionVariablePrepareToSleep(&load->done);
	while ((left_ms = deadline_ms - cq_clock_ms()) > 0)
	{
		uint64		ended = pg_atomic_read_u64(&load->ended);

		if (ended / 2 >= ticket->round)
		{
			/* if it has been used again since, the outcome is unknown */
			outcome = ended == ticket->round * 2 + 1 ?
				CQ_LOAD_DONE : CQ_LOAD_FAILED;
			break;
		}
		(void) ConditionVariableTimedSleep(&load->done, left_ms,
										   PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return outcome;
}
