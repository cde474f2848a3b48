/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Reading the tables into memory: after a start of the server, when the
 *	  loaded messages run dry, and when the tables know more than the memory.
 *
 * One scan per queue at a time:
 *
 *	1. Queue locked: set scanning; copy the numbers in memory; take over each
 *	   segment's from[], leaving "nothing unloaded" in its place.
 *	2. Unlocked: collect the messages that are unsettled and not in the copy.
 *	3. Queue locked: leave out those that have come into memory since, in
 *	   whatever state, and push the rest as far as there is room; what is left
 *	   lowers from[] again.  Clear scanning.
 *
 * While scanning is set
 *	- an entry that is settled stays as a tombstone (SETTLED).  Step 3 would
 *	  otherwise take a message for new that was sent, delivered and
 *	  acknowledged since step 1;
 *	- a commit on a queue with unloaded messages is PARKED.  If it were pushed
 *	  it could overtake what the scan brings; if its entry were given up it
 *	  could be missed, since the scan may be past its block.  Step 3 pushes
 *	  what is parked if the scan has read everything, else it becomes
 *	  unloaded.
 *
 * So a message that has been settled can never come back, and none is missed:
 * each that is committed and unsettled has an entry, or stands in a block not
 * below its segment's from[].
 *
 * A "dirty" scan also takes note of transactions in progress: the first one of
 * a queue, for what was prepared before the restart, and when a prepared
 * transaction or a purge could not put everything into entries.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "core/clock.h"
#include "core/faults.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "queue/collect.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/check.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/dispatch/ready.h"
#include "queue/open.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "queue/wake.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* how often prepared transactions are looked at, as in maintain.c */
#define XID_POLL_MS 1000

/* What an error must restore. */
typedef struct RunningScan
{
	CqQueueState *queue;		/* NULL: no scan runs in this backend */
	uint32		generation;
	CqBacklogTaken taken;
} RunningScan;

static RunningScan running;

/* Sleep until no scan of the queue is running. */
static void
wait_for_scan(CqQueueDef *def)
{
	CqQueueState *queue;

	ConditionVariablePrepareToSleep(&def->state->scan_cv);
	while ((queue = cq_queue_lock_if_same(def, LW_SHARED)) != NULL)
	{
		bool		scanning = queue->backlog.scanning;

		LWLockRelease(&queue->lock);
		if (!scanning)
			break;
		ConditionVariableSleep(&def->state->scan_cv, PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
}

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* Step 1, with the queue locked; known has room for all entries. */
static void
begin_locked(CqScan *scan, CqQueueState *queue)
{
	const CqBacklogTaken *taken = &running.taken;

	Assert(running.queue == NULL);
	scan->loaded = queue->backlog.loaded;
	scan->ready.limit = Max(cq_dispatch_room(queue, false), 1);
	scan->delayed.limit = Max(cq_queues->window / 2, 1);
	queue->wants &= ~CQ_WANT_SCAN;

	running.queue = queue;
	running.generation = queue->key.generation;
	cq_backlog_take(queue, scan->def->nsegments, &running.taken);
	scan->dirty = taken->dirty;
	scan->priorities = taken->priorities;
	scan->mixed = (taken->priorities & (taken->priorities - 1)) != 0;
	scan->left.everything = !scan->loaded || taken->dirty;
	memcpy(scan->from, taken->from, sizeof(scan->from));
	for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
	{
		scan->left.from[k] = InvalidBlockNumber;
		scan->first_id[k] = queue->segment[k].first_id;
	}
	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		for (uint32 i = cq_entries_first(queue, state); i != CQ_NONE;
			 i = cq_entries_next(queue, i))
			scan->known[scan->nknown++] = CQ_MSG(i)->msg_id;
	}
}

CqScan *
cq_scan_begin(CqQueueDef *def, bool insist)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cachequeue scan",
												  ALLOCSET_DEFAULT_SIZES);
	CqScan	   *scan = MemoryContextAllocZero(context, sizeof(CqScan));
	uint32		capacity = 0;

	scan->def = def;
	scan->context = context;
	for (;;)
	{
		CqQueueState *queue = cq_queue_lock(def, LW_EXCLUSIVE);
		uint32		entries = cq_dispatch_entries(queue);
		bool		scanning = queue->backlog.scanning;

		if (!scanning && entries <= capacity)
		{
			begin_locked(scan, queue);
			LWLockRelease(&queue->lock);
			break;
		}
		LWLockRelease(&queue->lock);
		if (scanning)
		{
			wait_for_scan(def);
			if (!insist)
			{
				MemoryContextDelete(context);
				return NULL;
			}
			continue;
		}
		if (scan->known != NULL)
			pfree(scan->known);
		capacity = entries + entries / 4 + 256;
		scan->known = MemoryContextAllocHuge(context, capacity * sizeof(int64));
	}
	qsort(scan->known, scan->nknown, sizeof(int64), compare_ids);
	return scan;
}

void
cq_scan_mark_in_memory(CqScan *scan, CqQueueState *queue)
{
	CqCandidates *lists[] = {&scan->ready, &scan->delayed, &scan->pending, &scan->busy};

	if (scan->ready.n + scan->delayed.n + scan->pending.n + scan->busy.n == 0)
		return;
	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		if (state == CQ_MSG_SETTLED && CQ_FAULT("queue-no-tombstones"))
			continue;
		for (uint32 i = cq_entries_first(queue, state); i != CQ_NONE;
			 i = cq_entries_next(queue, i))
		{
			for (int j = 0; j < lengthof(lists); j++)
			{
				CqCandidate *c = cq_candidates_find(lists[j], CQ_MSG(i)->msg_id);

				if (c != NULL)
					c->in_memory = true;
			}
		}
	}
}

/* Queue locked: an entry for the candidate, or CQ_NONE when there is no room. */
static uint32
new_entry(CqQueueState *queue, const CqCandidate *c)
{
	uint32		i = cq_entry_take(queue, false, c->group);

	if (i != CQ_NONE)
	{
		CqMsg	   *msg = CQ_MSG(i);

		msg->msg_id = c->msg_id;
		msg->segment = c->segment;
		msg->block = ItemPointerGetBlockNumber(&c->tid);
		msg->offset = ItemPointerGetOffsetNumber(&c->tid);
		msg->attempts = c->attempts;
		msg->due = c->due;
		msg->expires = c->expires;
		msg->bytes = c->bytes;
		msg->priority = c->priority;
	}
	return i;
}

/*
 * Queue locked: push candidates that are committed and not settled; the backlog has
 * so much less.  Once there is no room left, *full, none is pushed any more: it
 * could overtake one of its group.
 */
static void
push_list(CqScan *scan, CqQueueState *queue, const CqCandidates *list, bool *full,
		  CqEffects *effects)
{
	CqBacklogLeft *left = &scan->left;

	for (int64 j = 0; j < list->n; j++)
	{
		const CqCandidate *c = &list->items[j];
		uint32		i = CQ_NONE;

		if (c->in_memory)
			continue;
		if (!*full)
			i = new_entry(queue, c);
		if (i == CQ_NONE)
		{
			*full = true;
			cq_candidate_leave(scan, c);
			continue;
		}
		if (c->lease_until != 0)
			cq_entry_resume_lease(queue, i, c->nonce,
								  cq_clock_ms_after((c->lease_until - GetCurrentTimestamp() + 999) / 1000),
								  effects);
		else
			cq_entry_offer(queue, i, effects);
		left->loaded.n++;
		left->loaded.bytes += c->bytes;
		left->loaded_delayed += (list == &scan->delayed);
	}
}

/* No room for a candidate in progress: the next scan will meet it again. */
static void
leave_pending(CqScan *scan, CqQueueState *queue, const CqCandidate *c)
{
	CqBacklogLeft *left = &scan->left;

	left->from[c->segment] = cq_lower_block(left->from[c->segment],
											ItemPointerGetBlockNumber(&c->tid));
	left->ready = true;
	left->priorities |= CQ_PRIORITY_BIT(c->priority);
	if (c->pending_kind != 0)
	{
		left->amount.n++;
		left->amount.bytes += c->bytes;
	}
	cq_backlog_add_pending(queue);
}

/*
 * Queue locked: entries for what transactions in progress have sent or settled;
 * the latter were counted as unloaded.
 */
static void
push_pending(CqScan *scan, CqQueueState *queue, CqEffects *effects)
{
	for (int64 j = 0; j < scan->pending.n; j++)
	{
		const CqCandidate *c = &scan->pending.items[j];
		uint32		i;

		if (c->in_memory || CQ_FAULT("queue-no-pending"))
			continue;
		i = new_entry(queue, c);
		if (i == CQ_NONE)
		{
			leave_pending(scan, queue, c);
			continue;
		}
		if (c->pending_kind != 0)
		{
			CQ_MSG(i)->outcome = (c->pending_kind == CQ_EVENT_FAILED) ?
				CQ_OUTCOME_FAILED : CQ_OUTCOME_ACKNOWLEDGED;
			CQ_MSG(i)->flags |= CQ_MSG_TAKEN;
			cq_entry_link(queue, i, CQ_MSG_SETTLING);
			scan->left.loaded.n++;
			scan->left.loaded.bytes += c->bytes;
		}
		else
			cq_entry_link(queue, i, CQ_MSG_OPEN);
		cq_entry_set_by_xid(queue, i, c->xid);
		cq_dispatch_plan(queue, cq_clock_ms() + XID_POLL_MS, effects);
	}
}

/* Queue locked: what the first scan tells about the segments. */
static void
note_segments(CqScan *scan, CqQueueState *queue)
{
	int64		highest = 0;

	for (int k = 0; k < scan->def->nsegments; k++)
	{
		CqSegment  *segment = &queue->segment[k];

		if (scan->highest[k] > highest)
		{
			highest = scan->highest[k];
			queue->current = k;
		}
		segment->inserted = Max(segment->inserted, scan->seen[k]);
		if (scan->lowest[k] != 0)
			segment->first_id = scan->lowest[k];
	}
	for (int k = 0; k < scan->def->nsegments; k++)
	{
		CqSegment  *segment = &queue->segment[k];

		segment->empty = k != queue->current && scan->left.nblocks[k] == 0 &&
			segment->inserted == 0;
	}
}

/* Queue locked: segments that may have become finished. */
static void
note_finished(CqQueueState *queue, CqEffects *effects)
{
	for (int k = 0; k < queue->nsegments; k++)
	{
		if (cq_segment_is_finished(queue, k))
			cq_dispatch_want(queue, CQ_WANT_TRUNCATE, queue->truncate_ms, effects);
	}
}

/* Step 3, with the queue locked. */
static void
finish_locked(CqScan *scan, CqQueueState *queue, CqEffects *effects)
{
	bool		full = false;

	/* others have made messages unloaded since we began */
	bool		news = queue->backlog.priorities_new != 0;

	cq_scan_mark_in_memory(scan, queue);
	if (!queue->backlog.loaded)
		note_segments(scan, queue);
	push_pending(scan, queue, effects);
	push_list(scan, queue, &scan->busy, &full, effects);
	push_list(scan, queue, &scan->ready, &full, effects);
	push_list(scan, queue, &scan->delayed, &full, effects);
	cq_backlog_put_left(queue, &running.taken, &scan->left, effects);
	cq_entries_end_scan(queue, !cq_backlog_has_ready(queue), effects);
	if (queue->count[CQ_MSG_READY] == 0 && !news)
		cq_backlog_set_stuck(queue);
	running.queue = NULL;
	cq_dispatch_trim(queue, effects);
	note_finished(queue, effects);
	cq_dispatch_check(queue);
}

void
cq_scan_refill(CqQueueDef *def)
{
	CqScan	   *scan;
	CqQueueState *queue;
	CqEffects	effects = {0};

	/* a segment that was added since we looked */
	if (def->nsegments < ((volatile CqQueueState *) def->state)->nsegments)
		cq_queue_refresh(def);
	scan = cq_scan_begin(def, false);
	if (scan == NULL)
		return;
	cq_collect(scan);

	queue = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
	if (queue != NULL)
	{
		finish_locked(scan, queue, &effects);
		cq_queue_unlock(queue, &effects);
	}
	running.queue = NULL;

	MemoryContextDelete(scan->context);
}

void
cq_scan_first(CqQueueDef *def)
{
	CqQueueState *queue = cq_queue_lock(def, LW_SHARED);
	bool		loaded = queue->backlog.loaded;

	LWLockRelease(&queue->lock);
	if (!loaded)
		cq_scan_refill(def);
}

void
cq_scan_abandon(void)
{
	CqQueueState *queue = running.queue;
	CqEffects	effects = {0};

	if (queue == NULL)
		return;
	running.queue = NULL;

	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	if (queue->key.generation == running.generation)
	{
		cq_backlog_add_ready(queue, running.taken.priorities);
		cq_backlog_give_back(queue, &running.taken, -1);
		cq_entries_end_scan(queue, false, &effects);
	}
	cq_queue_unlock(queue, &effects);
}

void
cq_scan_give_back(CqQueueState *queue, int except, CqEffects *effects)
{
	cq_backlog_give_back(queue, &running.taken, except);
	cq_entries_end_scan(queue, !cq_backlog_has_ready(queue), effects);
	running.queue = NULL;
}

bool
cq_scan_check_growth(CqQueueDef *def)
{
	BlockNumber nblocks[CQ_SEGMENTS_MAX];
	CqQueueState *queue;
	bool		grown = false;

	for (int k = 0; k < def->nsegments; k++)
	{
		Relation	rel = cq_segment_open(def, def->messages[k], AccessShareLock);

		nblocks[k] = RelationGetNumberOfBlocks(rel);
		table_close(rel, AccessShareLock);
	}
	queue = cq_queue_lock(def, LW_EXCLUSIVE);
	for (int k = 0; k < Min(def->nsegments, queue->nsegments); k++)
	{
		if (nblocks[k] > queue->backlog.known[k])
		{
			cq_backlog_add_unknown(queue, k, queue->backlog.known[k]);
			cq_backlog_note_block(queue, k, nblocks[k] - 1);
			queue->segment[k].empty = false;
			grown = true;
		}
	}
	LWLockRelease(&queue->lock);
	return grown;
}
