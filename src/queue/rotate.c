/*-------------------------------------------------------------------------
 *
 * rotate.c
 *	  The ring of segments.
 *
 * Sends go to the current segment.	 When it has cachequeue.segment_rows
 * messages the next send goes on to an empty one (send.c), and asks for a new
 * one when there is none.	A segment that is not current and has neither
 * entries nor unloaded messages is probably finished.	To be sure, the worker
 * locks both its tables exclusively, which no open or prepared transaction that
 * has written to them allows, and then compares messages and events.  Locks are
 * only tried for, never waited for: a waiting AccessExclusiveLock would stop
 * every session behind it for as long as pg_dump, say, keeps its own.
 *
 * An older snapshot may still see messages as unsettled, or where they were
 * before they were moved.	So the segment is left alone as long as there is one
 * (core/horizon.c).  What is in memory, the mark from when the segment was found
 * finished, says when a look is worth it; the events, whose transactions are
 * compared with the horizon under the lock, decide.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/faults.h"
#include "core/horizon.h"
#include "core/owner.h"
#include "core/step.h"
#include "message/message.h"
#include "miscadmin.h"
#include "queue/dispatch/backlog.h"
#include "queue/open.h"
#include "queue/rotate.h"
#include "queue/segment.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* a table that could not be locked is tried again after that */
#define LOCKED_RETRY_MS 1000

/* one that an older snapshot needs for the first time after that, later less often */
#define HELD_RETRY_MS_MIN 50
#define HELD_RETRY_MS_MAX 1000

/* Start a transaction and open the queue; NULL when it is no more. */
static CqQueueDef *
start(int32 queue_id)
{
	CqQueueDef *def;

	cq_step_start();
	def = cq_queue_by_id(queue_id);
	return (def == NULL) ? NULL : cq_queue_open(def->name, CQ_QUEUE_NONE);
}

void
cq_rotate_add_segment(int32 queue_id)
{
	CqQueueDef *def = start(queue_id);
	CqQueueState *queue;
	int			k;

	if (def == NULL)
	{
		cq_step_commit();
		return;
	}
	k = def->state->nsegments;
	if (k < CQ_SEGMENTS_MAX)
	{
		if (!OidIsValid(cq_relation_if_exists("q%d_s%d", queue_id, k)))
		{
			cq_segment_create(queue_id, def->sequence, k);
			cq_definitions_changed(CQ_OBJECT_QUEUE);
		}
	}
	cq_step_commit();

	queue = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
	if (queue == NULL)
		return;
	if (k < CQ_SEGMENTS_MAX && queue->nsegments == k)
	{
		memset(&queue->segment[k], 0, sizeof(CqSegment));
		queue->segment[k].empty = true;
		cq_backlog_clear_segment(queue, k);
		queue->nsegments = k + 1;
	}
	queue->wants &= ~CQ_WANT_SEGMENT;
	LWLockRelease(&queue->lock);
}

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

/* Whether every snapshot sees what the transaction that wrote the row has done. */
static bool
is_seen_by_all(TupleTableSlot *slot, FullTransactionId horizon)
{
	HeapTuple	tuple = ExecFetchSlotHeapTuple(slot, false, NULL);

	return TransactionIdPrecedes(HeapTupleHeaderGetXmin(tuple->t_data),
								 XidFromFullTransactionId(horizon));
}

/*
 * The numbers of all settled messages, sorted, in *ids; *seen: to every snapshot
 * they are.
 */
static int64
read_settled(Relation rel, FullTransactionId horizon, int64 **ids, bool *seen)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TableScanDesc scan = table_beginscan_strat(rel, SnapshotSelf, 0, NULL, true, false);
	int64		capacity = 1024;
	int64		n = 0;

	*seen = true;
	*ids = palloc(capacity * sizeof(int64));
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		ArrayType  *array;
		char		kind;
		int			m;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		kind = DatumGetChar(slot->tts_values[CQ_EVENT_KIND - 1]);
		if (kind != CQ_EVENT_SETTLED && kind != CQ_EVENT_MOVED)
			continue;
		*seen = *seen && is_seen_by_all(slot, horizon);
		array = DatumGetArrayTypeP(slot->tts_values[CQ_EVENT_IDS - 1]);
		m = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
		while (n + m > capacity)
		{
			capacity *= 2;
			*ids = repalloc_huge(*ids, capacity * sizeof(int64));
		}
		memcpy(*ids + n, ARR_DATA_PTR(array), m * sizeof(int64));
		n += m;
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	qsort(*ids, n, sizeof(int64), compare_ids);
	return n;
}

/* Whether each message of the segment has one of these numbers. */
static bool
all_settled(Relation messages, const int64 *ids, int64 n)
{
	TupleTableSlot *slot = table_slot_create(messages, NULL);
	TableScanDesc scan = table_beginscan_strat(messages, SnapshotSelf, 0, NULL,
											   true, false);
	bool		result = true;

	while (result && table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		int64		id = DatumGetInt64(slot_getattr(slot, CQ_MESSAGE_ID, &isnull));

		CHECK_FOR_INTERRUPTS();
		result = bsearch(&id, ids, n, sizeof(int64), compare_ids) != NULL;
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	return result || CQ_FAULT("queue-truncate-unsettled");
}

typedef enum TruncateResult
{
	TRUNCATED,
	TABLE_LOCKED,
	UNSETTLED,
	NEEDED						/* by an older snapshot */
} TruncateResult;

/* What may be done with the segment, whose tables are locked and not empty. */
static TruncateResult
check_segment(Relation messages, Relation events)
{
	FullTransactionId horizon = cq_horizon(RelationGetRelid(messages));
	TruncateResult result = TRUNCATED;
	int64	   *ids;
	bool		seen;
	int64		n = read_settled(events, horizon, &ids, &seen);

	if (!seen && !CQ_FAULT("queue-truncate-needed"))
		result = NEEDED;
	else if (!all_settled(messages, ids, n))
		result = UNSETTLED;
	pfree(ids);
	return result;
}

static TruncateResult
truncate_segment(CqQueueDef *def, int k)
{
	Relation	messages;
	Relation	events;
	TruncateResult result = TRUNCATED;
	bool		used;

	if (!ConditionalLockRelationOid(def->messages[k], AccessExclusiveLock) ||
		!ConditionalLockRelationOid(def->events[k], AccessExclusiveLock))
		return TABLE_LOCKED;

	messages = cq_segment_open(def, def->messages[k], NoLock);
	events = cq_segment_open(def, def->events[k], NoLock);
	used = RelationGetNumberOfBlocks(messages) > 0 ||
		RelationGetNumberOfBlocks(events) > 0;
	if (used)
		result = check_segment(messages, events);
	table_close(events, NoLock);
	table_close(messages, NoLock);

	if (used && result == TRUNCATED)
		(void) cq_execute_as_owner(psprintf("TRUNCATE cq.q%d_s%d, cq.q%d_e%d",
											def->queue_id, k, def->queue_id, k),
								   0, NULL, NULL, NULL);
	return result;
}

/*
 * Queue locked: when the finished segment may be truncated, or is to be looked at
 * again, cq_clock_ms(): its messages are retained, or an older snapshot needs
 * them.
 */
static int64
truncate_at(const CqQueueState *queue, const CqSegment *segment, FullTransactionId horizon)
{
	int64		at = segment->finished_ms + queue->options.retain_ms;
	int64		held_ms = cq_clock_ms() - segment->finished_ms;

	if (!cq_horizon_passed(horizon, FullTransactionIdFromU64(segment->finished)) &&
		!CQ_FAULT("queue-truncate-needed"))
		at = Max(at, cq_clock_ms() + Min(Max(held_ms, HELD_RETRY_MS_MIN), HELD_RETRY_MS_MAX));
	return at;
}

/* Queue locked: the first segment not below k that may be truncated, or -1. */
static int
find_finished(CqQueueState *queue, int k, FullTransactionId horizon)
{
	int64		now = cq_clock_ms();

	for (; k < queue->nsegments; k++)
	{
		CqSegment  *segment = &queue->segment[k];
		int64		at;

		if (!cq_segment_is_finished(queue, k))
		{
			segment->finished_ms = 0;
			segment->finished = 0;
			continue;
		}
		if (segment->finished_ms == 0)
		{
			segment->finished_ms = now;
			segment->finished = U64FromFullTransactionId(cq_horizon_mark());
		}
		at = truncate_at(queue, segment, horizon);
		if (at <= now)
			return k;
		queue->truncate_ms = (queue->wants & CQ_WANT_TRUNCATE) ? Min(queue->truncate_ms, at) : at;
		queue->wants |= CQ_WANT_TRUNCATE;
	}
	return -1;
}

/* After the transaction: what became of segment k. */
static void
note_result(CqQueueDef *def, int k, TruncateResult result)
{
	CqQueueState *queue = cq_queue_lock_if_same(def, LW_EXCLUSIVE);

	if (queue == NULL)
		return;
	switch (result)
	{
		case TRUNCATED:
			memset(&queue->segment[k], 0, sizeof(CqSegment));
			queue->segment[k].empty = true;
			cq_backlog_clear_segment(queue, k);
			break;
		case TABLE_LOCKED:
			queue->wants |= CQ_WANT_TRUNCATE;
			queue->truncate_ms = cq_clock_ms() + LOCKED_RETRY_MS;
			break;
		case UNSETTLED:
			/* the tables know better */
			cq_backlog_add_unknown(queue, k, 0);
			cq_backlog_add_pending(queue);
			break;
		case NEEDED:
			/* so was this one taken too early */
			queue->segment[k].finished = U64FromFullTransactionId(cq_horizon_mark());
			queue->wants |= CQ_WANT_TRUNCATE;
			queue->truncate_ms = cq_clock_ms() + HELD_RETRY_MS_MIN;
			break;
	}
	LWLockRelease(&queue->lock);
}

void
cq_rotate_truncate(int32 queue_id)
{
	int			k = 0;

	for (;;)
	{
		CqQueueDef *def = start(queue_id);
		CqQueueState *queue;
		FullTransactionId horizon;
		TruncateResult result = TABLE_LOCKED;

		if (def == NULL)
		{
			cq_step_commit();
			return;
		}
		horizon = cq_horizon(cq_relation("queue"));
		queue = cq_queue_lock(def, LW_EXCLUSIVE);
		if (k == 0)
			queue->wants &= ~CQ_WANT_TRUNCATE;
		k = find_finished(queue, k, horizon);
		LWLockRelease(&queue->lock);
		if (k < 0)
		{
			cq_step_commit();
			return;
		}
		if (k < def->nsegments)
			result = truncate_segment(def, k);
		cq_step_commit();
		note_result(def, k, result);
		k++;
	}
}
