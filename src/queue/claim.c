/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Claiming messages.
 *
 * A claim is made in shared memory, under the queue's lock, and read afterwards:
 * the message was committed before its entry became ready, so a session that
 * claims it sees it whatever the snapshot of its transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "common/pg_prng.h"
#include "core/clock.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "queue/claim.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/deliver.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/open.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "queue/wait.h"
#include "queue/wake.h"
#include "queue/xact.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* a taken message whose row another transaction has locked is put off for so long */
#define LOCKED_RETRY_MS 1000

/* ---- leases that end with their session ------------------------------- */

#define RELEASE_BATCH 64

/* Give back what this process holds of the queue. */
static void
release_leases_of(CqQueueState *queue)
{
	uint32		found[RELEASE_BATCH];
	int			n;

	do
	{
		CqEffects	effects = {0};

		n = 0;
		LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
		if (queue->key.database == MyDatabaseId && queue->options.release_on_disconnect)
		{
			for (uint32 i = cq_entries_first(queue, CQ_MSG_LEASED);
				 i != CQ_NONE && n < RELEASE_BATCH; i = cq_entries_next(queue, i))
			{
				if (CQ_MSG(i)->holder == MyProcPid)
					found[n++] = i;
			}
			for (int j = 0; j < n; j++)
				cq_entry_give_back(queue, found[j], &effects);
		}
		cq_queue_unlock(queue, &effects);
	} while (n == RELEASE_BATCH);
}

/* on_shmem_exit callback: the transaction has ended by then */
static void
release_leases(int code, Datum arg)
{
	for (int i = 0; i < cq_queues->nqueues; i++)
	{
		if (cq_queue_states[i].key.database == MyDatabaseId)
			release_leases_of(&cq_queue_states[i]);
	}
}

static void
release_at_exit(void)
{
	static bool registered = false;

	if (!registered)
		on_shmem_exit(release_leases, (Datum) 0);
	registered = true;
}

/* ---- claiming --------------------------------------------------------- */

/* Queue locked: claim what is ready, as far as the queue's limits allow. */
static int
claim_ready(CqQueueDef *def, CqQueueState *queue, int max, const CqTerms *terms,
			TimestampTz lease_until, CqClaim *claims, CqEffects *effects)
{
	int			n;

	for (n = 0; n < max; n++)
	{
		CqClaim    *claim = &claims[n];
		const CqMsg *msg;
		uint32		i;

		/* the rest is of a lower priority than some that are unloaded */
		if (n > 0 && unlikely(cq_backlog_has_ready(queue)) && cq_backlog_scan_due(queue))
			break;
		i = cq_deliver_next(queue, terms, effects);
		if (i == CQ_NONE)
			break;
		cq_queue_item_add_entry(terms->take ? CQ_QUEUE_ITEM_SETTLE : CQ_QUEUE_ITEM_CLAIM, def, i);
		msg = CQ_MSG(i);
		claim->msg_id = msg->msg_id;
		claim->entry = i;
		claim->nonce = msg->nonce;
		claim->segment = msg->segment;
		claim->attempts = msg->attempts;
		claim->durable = terms->durable;
		claim->lease_until = lease_until;
		ItemPointerSet(&claim->tid, msg->block, msg->offset);
	}
	cq_deliver_done(queue, n, terms, effects);
	return n;
}

/*
 * Queue locked: whether a scan is due before anything is claimed, making room for
 * it.
 */
static bool
wants_scan(CqQueueState *queue, CqEffects *effects)
{
	if (cq_backlog_wants_room(queue))
		cq_dispatch_make_room(queue, pg_leftmost_one_pos32(queue->backlog.priorities) + CQ_PRIORITY_MIN,
							  effects);
	return cq_backlog_scan_due(queue);
}

/* The terms of a call; returns the system time at which its leases end. */
static TimestampTz
set_terms(CqTerms *terms, const CqQueueDef *def, int64 lease_ms, bool freely)
{
	memset(terms, 0, sizeof(*terms));
	terms->freely = freely;
	terms->take = (lease_ms == 0);
	terms->holder = MyProcPid;
	if (terms->take)
		return 0;
	terms->until = cq_clock_ms_after(lease_ms);
	terms->durable = def->options.durable_leases;
	if (terms->durable)
		terms->nonce = pg_prng_uint32(&pg_global_prng_state);
	if (def->options.release_on_disconnect)
		release_at_exit();
	return GetCurrentTimestamp() + lease_ms * 1000;
}

static int
claim(CqQueueDef *def, int max, int64 lease_ms, bool freely, CqClaim *claims)
{
	CqTerms		terms;
	TimestampTz lease_until = 0;
	int			n = 0;

	PreventCommandDuringRecovery("queue_receive()");
	PreventCommandIfParallelMode("queue_receive()");

	for (int attempt = 0;; attempt++)
	{
		CqQueueState *queue;
		CqEffects	effects = {0};
		int64		ignored = PG_INT64_MAX;
		bool		refill;
		int			allowance;
		int			got = 0;

		/*
		 * a scan that is due while messages are ready puts delayed ones, and
		 * priorities, in order
		 */
		if (n == 0)
			lease_until = set_terms(&terms, def, lease_ms, freely);
		cq_queue_items_reserve(max);
		queue = cq_queue_lock(def, LW_EXCLUSIVE);
		cq_entries_release_due(queue, &effects);
		allowance = freely ? max - n : Min(max - n, cq_dispatch_allowance(queue, &ignored));
		refill = allowance > 0 && attempt < 2 && wants_scan(queue, &effects);
		if (!refill)
			got = claim_ready(def, queue, allowance, &terms, lease_until, claims + n,
							  &effects);
		n += got;
		if (got > 0 && got < allowance && cq_backlog_scan_due(queue))
		{
			refill = true;
			attempt = 0;
		}
		cq_queue_unlock(queue, &effects);
		if (refill)
			cq_scan_refill(def);
		else if (n > 0 || allowance == 0 || attempt >= 2 || !cq_scan_check_growth(def))
		{
			cq_wait_claimed(queue);
			break;
		}
	}
	if (n > 0 && terms.durable)
		cq_claims_event(def, claims, n, CQ_EVENT_LEASED, lease_until,
						psprintf("%u", terms.nonce));
	return n;
}

int
cq_queue_claim(CqQueueDef *def, int max, int64 lease_ms, CqClaim *claims)
{
	return claim(def, max, lease_ms, false, claims);
}

int
cq_queue_claim_freely(CqQueueDef *def, int max, CqClaim *claims)
{
	return claim(def, max, 0, true, claims);
}

static int
by_segment_and_attempts(const void *a, const void *b)
{
	const CqClaim *x = a;
	const CqClaim *y = b;

	if (x->segment != y->segment)
		return (int) x->segment - (int) y->segment;
	return (x->attempts > y->attempts) - (x->attempts < y->attempts);
}

void
cq_claims_event(CqQueueDef *def, const CqClaim *claims, int n, CqEventKind kind,
				TimestampTz due, const char *text)
{
	CqClaim    *sorted = palloc(Max(n, 1) * sizeof(CqClaim));
	int64	   *ids = palloc(Max(n, 1) * sizeof(int64));
	CqEvent		event = {.kind = kind,.ids = ids,.due = due};
	int			next;

	event.error = text;

	memcpy(sorted, claims, n * sizeof(CqClaim));
	qsort(sorted, n, sizeof(CqClaim), by_segment_and_attempts);
	for (int j = 0; j < n; j = next)
	{
		event.n = 0;
		event.attempt = sorted[j].attempts;
		for (next = j; next < n &&
			 by_segment_and_attempts(&sorted[j], &sorted[next]) == 0; next++)
			ids[event.n++] = sorted[next].msg_id;
		if (sorted[j].segment >= def->nsegments)
			cq_queue_refresh(def);
		cq_segment_event(def, sorted[j].segment, &event);
	}
	pfree(ids);
	pfree(sorted);
}

/* The message isn't where its entry says: forget the entry, look again. */
static void
give_up(CqQueueDef *def, const CqClaim *claim)
{
	CqQueueState *queue = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
	CqEffects	effects = {0};
	CqMsg	   *msg = CQ_MSG(claim->entry);

	if (queue == NULL)
		return;
	if (msg->queue == CQ_QUEUE_INDEX(queue) && msg->msg_id == claim->msg_id &&
		msg->nonce == claim->nonce &&
		(msg->state == CQ_MSG_LEASED || msg->state == CQ_MSG_SETTLING))
	{
		cq_entry_free(queue, claim->entry, &effects);
		cq_backlog_add_unknown(queue, claim->segment, 0);
	}
	cq_queue_unlock(queue, &effects);
}

void
cq_claims_read(CqQueueDef *def, CqClaim *claims, int n,
			   CqClaimReader reader, void *arg)
{
	Relation	rel = NULL;
	TupleTableSlot *slot = NULL;
	int			segment = -1;

	for (int j = 0; j < n; j++)
	{
		CqClaim    *claim = &claims[j];

		if (segment != claim->segment)
		{
			if (rel != NULL)
			{
				ExecDropSingleTupleTableSlot(slot);
				table_close(rel, AccessShareLock);
			}
			segment = claim->segment;
			if (segment >= def->nsegments)
				cq_queue_refresh(def);
			rel = cq_segment_open(def, def->messages[segment], AccessShareLock);
			slot = table_slot_create(rel, NULL);
		}
		if (cq_segment_fetch(rel, &claim->tid, claim->msg_id, slot))
			reader(claim, slot, arg);
		else
			give_up(def, claim);
		ExecClearTuple(slot);
	}
	if (rel != NULL)
	{
		ExecDropSingleTupleTableSlot(slot);
		table_close(rel, AccessShareLock);
	}
}

/*
 * Lock the row of a taken message.	 Returns false when a foreign transaction
 * has it locked.
 */
static bool
lock_row(Relation rel, CqClaim *claim, TupleTableSlot *slot)
{
	TM_FailureData failure;
	TM_Result	result;

	result = table_tuple_lock(rel, &claim->tid, SnapshotSelf, slot,
							  GetCurrentCommandId(false), LockTupleExclusive,
							  LockWaitSkip, 0, &failure);
	ExecClearTuple(slot);
	return result == TM_Ok;
}

/* Queue locked: a taken message is not taken after all, until due at least. */
static void
give_back(CqQueueState *queue, const CqClaim *claim, TimestampTz due, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(claim->entry);

	if (msg->queue == CQ_QUEUE_INDEX(queue) && msg->nonce == claim->nonce &&
		msg->state == CQ_MSG_SETTLING)
	{
		msg->attempts--;
		msg->due = due;
		queue->delivered--;
		cq_entry_offer(queue, claim->entry, effects);
	}
}

/* A taken message that another transaction holds: leave it alone for a moment. */
static void
put_off(CqQueueDef *def, const CqClaim *claim)
{
	CqQueueState *queue = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
	CqEffects	effects = {0};

	if (queue == NULL)
		return;
	give_back(queue, claim, GetCurrentTimestamp() + LOCKED_RETRY_MS * INT64CONST(1000),
			  &effects);
	cq_queue_unlock(queue, &effects);
}

void
cq_claims_return(CqQueueDef *def, const CqClaim *claims, int n)
{
	CqQueueState *queue = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
	CqEffects	effects = {0};

	if (queue == NULL)
		return;
	for (int j = 0; j < n; j++)
		give_back(queue, &claims[j], 0, &effects);
	cq_queue_unlock(queue, &effects);
}

int
cq_claims_settle(CqQueueDef *def, CqClaim *claims, int n)
{
	int64	   *ids = palloc(Max(n, 1) * sizeof(int64));
	int			kept = 0;
	int			next;

	for (int j = 0; j < n; j = next)
	{
		int			segment = claims[j].segment;
		int			nids = 0;
		Relation	rel;
		TupleTableSlot *slot;

		if (segment >= def->nsegments)
			cq_queue_refresh(def);
		rel = cq_segment_open(def, def->messages[segment], RowShareLock);
		slot = table_slot_create(rel, NULL);
		for (next = j; next < n && claims[next].segment == segment; next++)
		{
			if (lock_row(rel, &claims[next], slot))
			{
				claims[kept++] = claims[next];
				ids[nids++] = claims[next].msg_id;
			}
			else
				put_off(def, &claims[next]);
		}
		ExecDropSingleTupleTableSlot(slot);
		table_close(rel, NoLock);
		if (nids > 0)
			cq_segment_event_plain(def, segment, CQ_EVENT_SETTLED, ids, nids);
	}
	pfree(ids);
	return kept;
}
