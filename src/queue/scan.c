/*-------------------------------------------------------------------------
 *
 * scan.c
 *	  Reading the tables into memory: after a start of the server, when the
 *	  loaded messages run dry, and when the tables know more than the memory.
 *
 * One scan per queue at a time:
 *
 *	1. Row locked: set scanning; copy the numbers in memory; take over each
 *	   segment's scan_from, leaving "nothing unloaded" in its place.
 *	2. Unlocked: collect the messages that are unsettled and not in the copy.
 *	3. Row locked: leave out those that have come into memory since, in
 *	   whatever state, and push the rest as far as there is room; what is left
 *	   lowers scan_from again.	Clear scanning.
 *
 * While scanning is set
 *	- an entry that is settled stays as a tombstone (SETTLED), so that step 3
 *	  does not take a message for new that came, was delivered and acknowledged
 *	  since step 1;
 *	- a commit on an overflowing queue is neither pushed, it could overtake what
 *	  the scan brings, nor dropped, the scan may already be past it, but PARKED.
 *	  If the scan has read everything they are pushed in step 3 and the overflow
 *	  is over, else they become unloaded.
 *
 * So a message that has been settled can never come back, and none is missed:
 * each that is committed and unsettled has an entry, or stands in a block not
 * below its segment's scan_from.
 *
 * A "dirty" scan also takes note of transactions in progress: the first one of
 * a row, for what was prepared before the restart, and when a prepared
 * transaction or a purge could not put everything into entries.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/clock.h"
#include "core/faults.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "queue/collect.h"
#include "queue/entries.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "queue/xact.h"
#include "storage/bufmgr.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "access/table.h"

/* What an error must restore; row is NULL when no scan runs in this backend. */
static struct
{
	CqQueueRow *row;
	uint32		generation;
	bool		dirty;
	TimestampTz unloaded_due;
	BlockNumber from[CQ_SEGMENTS_MAX];
} running;

static void
lower(BlockNumber *block, BlockNumber to)
{
	if (*block == InvalidBlockNumber || (to != InvalidBlockNumber && to < *block))
		*block = to;
}

bool
cq_scan_due(const CqQueueRow *row)
{
	if (row->overflow)
		return row->count[CQ_MSG_READY] == 0 && cq_row_room(row, false) > 0;
	return row->unloaded_due != 0 && row->unloaded_due <= GetCurrentTimestamp() &&
		cq_row_room(row, false) > 0;
}

/* Sleep until no scan of the row is running. */
static void
wait_for_scan(CqQueueDef *def)
{
	CqQueueRow *row;

	ConditionVariablePrepareToSleep(&def->row->scan_cv);
	while ((row = cq_queue_lock_if_same(def, LW_SHARED)) != NULL)
	{
		bool		scanning = row->scanning;

		LWLockRelease(&row->lock);
		if (!scanning)
			break;
		ConditionVariableSleep(&def->row->scan_cv, PG_WAIT_EXTENSION);
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

/* Step 1, with the row locked; known has room for all entries. */
static void
begin_locked(CqScan *scan, CqQueueRow *row)
{
	Assert(running.row == NULL && !row->scanning);
	running.	row = row;
	running.	generation = row->generation;
	running.	dirty = scan->dirty = row->dirty;
	running.	unloaded_due = row->unloaded_due;

	scan->everything = !row->loaded || row->dirty;
	scan->unloaded = row->unloaded;
	scan->ready.limit = Max(cq_row_room(row, false), 1);
	scan->delayed.limit = Max(cq_queues->window / 2, 1);

	row->scanning = true;
	row->dirty = false;
	row->unloaded_due = 0;
	for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
	{
		bool		ours = k < scan->def->nsegments && k < row->nsegments;

		running.	from[k] = InvalidBlockNumber;

		if (ours)
		{
			running.	from[k] = row->segment[k].scan_from;

			row->segment[k].scan_from = InvalidBlockNumber;
		}
		scan->from[k] = running.from[k];

		scan->left[k] = InvalidBlockNumber;
		scan->first_id[k] = row->segment[k].first_id;
	}
	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		for (uint32 i = cq_entries_first(row, state); i != CQ_NONE;
			 i = cq_entries_next(row, i))
			scan->known[scan->nknown++] = CQ_MSG(i)->msg_id;
	}
}

/*
 * Start a scan.  Returns NULL, after it has ended, when somebody else's was
 * running, unless insist is set.
 */
static CqScan *
begin(CqQueueDef *def, bool insist)
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
		CqQueueRow *row = cq_queue_lock(def, LW_EXCLUSIVE);
		uint32		entries = cq_row_entries(row);
		bool		scanning = row->scanning;

		if (!scanning && entries <= capacity)
		{
			begin_locked(scan, row);
			LWLockRelease(&row->lock);
			break;
		}
		LWLockRelease(&row->lock);
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

/* Row locked: mark the candidates that are in memory by now. */
static void
mark_in_memory(CqScan *scan, CqQueueRow *row)
{
	CqCandidates *lists[] = {&scan->ready, &scan->delayed, &scan->pending};

	if (scan->ready.n + scan->delayed.n + scan->pending.n == 0)
		return;
	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		if (state == CQ_MSG_SETTLED && CQ_FAULT("queue-no-tombstones"))
			continue;
		for (uint32 i = cq_entries_first(row, state); i != CQ_NONE;
			 i = cq_entries_next(row, i))
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

/* Row locked: an entry for the candidate, or CQ_NONE when there is no room. */
static uint32
new_entry(CqQueueRow *row, const CqCandidate *c)
{
	uint32		i = cq_entry_take(row, false);

	if (i != CQ_NONE)
	{
		CqMsg	   *msg = CQ_MSG(i);

		msg->msg_id = c->msg_id;
		msg->segment = c->segment;
		msg->block = ItemPointerGetBlockNumber(&c->tid);
		msg->offset = ItemPointerGetOffsetNumber(&c->tid);
		msg->attempts = c->attempts;
		msg->due = c->due;
	}
	return i;
}

/* Row locked: push ready or delayed candidates; returns how many. */
static int64
push_list(CqScan *scan, CqQueueRow *row, const CqCandidates *list, CqEffects *effects)
{
	int64		pushed = 0;
	bool		full = false;

	for (int64 j = 0; j < list->n; j++)
	{
		const CqCandidate *c = &list->items[j];
		uint32		i = CQ_NONE;

		if (c->in_memory)
			continue;
		if (!full)
			i = new_entry(row, c);
		if (i != CQ_NONE)
		{
			cq_entry_offer(row, i, effects);
			pushed++;
			continue;
		}
		full = true;
		lower(&scan->left[c->segment], ItemPointerGetBlockNumber(&c->tid));
		scan->nleft++;
		if (c->due == 0)
			scan->left_ready = true;
		else if (scan->left_due == 0 || c->due < scan->left_due)
			scan->left_due = c->due;
	}
	return pushed;
}

/*
 * Row locked: entries for what transactions in progress have sent or settled.
 * Returns how many of the latter, which counted as unloaded.
 */
static int64
push_pending(CqScan *scan, CqQueueRow *row, CqEffects *effects)
{
	int64		settling = 0;

	for (int64 j = 0; j < scan->pending.n; j++)
	{
		const CqCandidate *c = &scan->pending.items[j];
		uint32		i;

		if (c->in_memory || CQ_FAULT("queue-no-pending"))
			continue;
		i = new_entry(row, c);
		if (i == CQ_NONE)
		{
			/* the next scan will meet it again */
			lower(&scan->left[c->segment], ItemPointerGetBlockNumber(&c->tid));
			scan->left_ready = true;
			scan->nleft += (c->settle != 0);
			row->dirty = true;
			continue;
		}
		if (c->settle != 0)
		{
			CQ_MSG(i)->settle = c->settle;
			CQ_MSG(i)->flags |= CQ_MSG_TAKEN;
			cq_entry_link(row, i, CQ_MSG_SETTLING);
			settling++;
		}
		else
			cq_entry_link(row, i, CQ_MSG_OPEN);
		cq_entry_set_by_xid(row, i, c->xid);
		cq_row_plan(row, cq_clock_ms() + 1000, effects);
	}
	return settling;
}

/* Row locked: what the first scan tells about the segments. */
static void
note_segments(CqScan *scan, CqQueueRow *row)
{
	int64		highest = 0;

	for (int k = 0; k < scan->def->nsegments; k++)
	{
		CqSegment  *segment = &row->segment[k];

		if (scan->highest[k] > highest)
		{
			highest = scan->highest[k];
			row->current = k;
		}
		segment->inserted += scan->seen[k];
		if (scan->lowest[k] != 0)
			segment->first_id = scan->lowest[k];
	}
	for (int k = 0; k < scan->def->nsegments; k++)
	{
		CqSegment  *segment = &row->segment[k];

		segment->empty = k != row->current && scan->nblocks[k] == 0 &&
			segment->inserted == 0;
	}
}

/* Row locked: segments that may have become finished. */
static void
note_finished(CqQueueRow *row, CqEffects *effects)
{
	for (int k = 0; k < row->nsegments; k++)
	{
		CqSegment  *segment = &row->segment[k];

		if (k != row->current && !segment->empty && segment->loaded == 0 &&
			segment->scan_from == InvalidBlockNumber)
		{
			row->want_truncate = true;
			cq_row_plan(row, row->truncate_ms, effects);
		}
	}
}

/* Row locked: the scan is over; all is true that was not while it ran. */
static void
end_locked(CqQueueRow *row, bool complete, CqEffects *effects)
{
	uint32		i;

	while ((i = cq_entries_first(row, CQ_MSG_SETTLED)) != CQ_NONE)
		cq_entry_free(row, i);
	row->scanning = false;
	effects->scan_ended = true;
	while ((i = cq_entries_first(row, CQ_MSG_PARKED)) != CQ_NONE)
	{
		if (complete)
			cq_entry_offer(row, i, effects);
		else
		{
			cq_message_unload(row, CQ_MSG(i)->segment, CQ_MSG(i)->block,
							  CQ_MSG(i)->due, effects);
			cq_entry_free(row, i);
		}
	}
	running.	row = NULL;
}

/* Step 3, with the row locked. */
static void
finish_locked(CqScan *scan, CqQueueRow *row, CqEffects *effects)
{
	int64		pushed;
	bool		missed = false;

	mark_in_memory(scan, row);
	if (!row->loaded)
		note_segments(scan, row);
	pushed = push_pending(scan, row, effects);
	pushed += push_list(scan, row, &scan->ready, effects);
	pushed += push_list(scan, row, &scan->delayed, effects);
	/* having read everything we know it, but for what came meanwhile */
	row->unloaded -= scan->everything ? scan->unloaded - scan->nleft : pushed;
	row->unloaded = Max(row->unloaded, 0);

	for (int k = 0; k < scan->def->nsegments; k++)
	{
		CqSegment  *segment = &row->segment[k];

		/* a commit that found no room while we were reading */
		missed |= (segment->scan_from != InvalidBlockNumber);
		lower(&segment->scan_from, scan->left[k]);
		segment->known_blocks = Max(segment->known_blocks, scan->nblocks[k]);
	}
	if (scan->left_due != 0 &&
		(row->unloaded_due == 0 || scan->left_due < row->unloaded_due))
		row->unloaded_due = scan->left_due;
	if (row->unloaded_due != 0)
		cq_row_plan(row, cq_due_ms(row->unloaded_due), effects);

	row->loaded = true;
	row->overflow = missed || scan->left_ready;
	if (!row->overflow && row->unloaded_due == 0)
		row->unloaded = 0;
	end_locked(row, !row->overflow, effects);
	note_finished(row, effects);
	cq_row_check(row);
}

void
cq_scan_refill(CqQueueDef *def)
{
	CqScan	   *scan;
	CqQueueRow *row;
	CqEffects	effects = {0};

	/* a segment that was added since we looked */
	if (def->nsegments < ((volatile CqQueueRow *) def->row)->nsegments)
		cq_queue_refresh(def);
	scan = begin(def, false);
	if (scan == NULL)
		return;
	cq_collect(scan);
	cq_candidates_sort(&scan->ready);
	cq_candidates_sort(&scan->delayed);
	cq_candidates_sort(&scan->pending);

	row = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
	if (row != NULL)
	{
		finish_locked(scan, row, &effects);
		cq_row_unlock(row, &effects);
	}
	running.	row = NULL;

	MemoryContextDelete(scan->context);
}

void
cq_scan_abandon(void)
{
	CqQueueRow *row = running.row;
	CqEffects	effects = {0};

	if (row == NULL)
		return;
	running.	row = NULL;

	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	if (row->generation == running.generation)
	{
		row->overflow = true;
		row->dirty |= running.dirty;

		if (running.unloaded_due != 0 &&
			(row->unloaded_due == 0 || running.unloaded_due < row->unloaded_due))
			row->unloaded_due = running.unloaded_due;

		for (int k = 0; k < row->nsegments; k++)
			lower(&row->segment[k].scan_from, running.from[k]);
		end_locked(row, false, &effects);
	}
	cq_row_unlock(row, &effects);
}

bool
cq_scan_check_growth(CqQueueDef *def)
{
	BlockNumber nblocks[CQ_SEGMENTS_MAX];
	CqQueueRow *row;
	bool		grown = false;

	for (int k = 0; k < def->nsegments; k++)
	{
		Relation	rel = cq_segment_open(def, def->messages[k], AccessShareLock);

		nblocks[k] = RelationGetNumberOfBlocks(rel);
		table_close(rel, AccessShareLock);
	}
	row = cq_queue_lock(def, LW_EXCLUSIVE);
	for (int k = 0; k < Min(def->nsegments, row->nsegments); k++)
	{
		CqSegment  *segment = &row->segment[k];

		if (nblocks[k] > segment->known_blocks)
		{
			lower(&segment->scan_from, segment->known_blocks);
			segment->known_blocks = nblocks[k];
			segment->empty = false;
			row->overflow = true;
			grown = true;
		}
	}
	LWLockRelease(&row->lock);
	return grown;
}

/* Row locked: all that is ready or delayed in memory is settled by us. */
static int64
purge_entries(CqQueueDef *def, CqQueueRow *row, int64 *ids, uint8 *segments, int64 max)
{
	static const CqMsgState states[] = {CQ_MSG_READY, CQ_MSG_DELAYED};
	int64		n = 0;

	for (int s = 0; s < lengthof(states); s++)
	{
		uint32		i;

		while (n < max && (i = cq_entries_first(row, states[s])) != CQ_NONE)
		{
			CQ_MSG(i)->settle = 'p';
			CQ_MSG(i)->flags |= CQ_MSG_TAKEN;
			CQ_MSG(i)->nonce = ++row->nonce;
			ids[n] = CQ_MSG(i)->msg_id;
			segments[n] = CQ_MSG(i)->segment;
			cq_entry_move(row, i, CQ_MSG_SETTLING);
			cq_item_add_entry(CQ_ITEM_SETTLE, def, i);
			n++;
		}
	}
	return n;
}

/* Append 'a' events for messages, segment by segment. */
static void
settle_many(CqQueueDef *def, const int64 *ids, const uint8 *segments, int64 n)
{
	int64	   *some = MemoryContextAllocHuge(CurrentMemoryContext,
											  Max(n, 1) * sizeof(int64));

	for (int k = 0; k < def->nsegments; k++)
	{
		int			m = 0;

		for (int64 j = 0; j < n; j++)
		{
			if (segments[j] == k)
				some[m++] = ids[j];
			if (m == CQ_RECEIVE_MAX || (m > 0 && j == n - 1))
			{
				cq_segment_event(def, k, 'a', some, m, 0, 0, NULL);
				m = 0;
			}
		}
	}
	pfree(some);
}

/* Purge what is in memory. */
static int64
purge_loaded(CqQueueDef *def)
{
	int64		total = 0;
	int64	   *ids = palloc(CQ_RECEIVE_MAX * sizeof(int64));
	uint8	   *segments = palloc(CQ_RECEIVE_MAX);
	int64		n;

	do
	{
		CqQueueRow *row;

		cq_items_reserve(CQ_RECEIVE_MAX);
		row = cq_queue_lock(def, LW_EXCLUSIVE);
		n = purge_entries(def, row, ids, segments, CQ_RECEIVE_MAX);
		LWLockRelease(&row->lock);
		settle_many(def, ids, segments, n);
		total += n;
	} while (n == CQ_RECEIVE_MAX);
	return total;
}

/* Purge what is not in memory. */
static int64
purge_unloaded(CqQueueDef *def)
{
	CqScan	   *scan = begin(def, true);
	CqQueueRow *row;
	CqEffects	effects = {0};
	CqCandidates *lists[] = {&scan->ready, &scan->delayed};
	int64		n = 0;
	int64	   *ids;
	uint8	   *segments;

	scan->everything = true;
	scan->ready.limit = scan->delayed.limit = 0;
	cq_collect(scan);
	cq_candidates_sort(&scan->ready);
	cq_candidates_sort(&scan->delayed);
	ids = MemoryContextAllocHuge(scan->context, sizeof(int64) *
								 (scan->ready.n + scan->delayed.n + 1));
	segments = MemoryContextAllocHuge(scan->context,
									  scan->ready.n + scan->delayed.n + 1);

	row = cq_queue_lock(def, LW_EXCLUSIVE);
	mark_in_memory(scan, row);
	LWLockRelease(&row->lock);
	for (int j = 0; j < lengthof(lists); j++)
	{
		for (int64 i = 0; i < lists[j]->n; i++)
		{
			if (lists[j]->items[i].in_memory)
				continue;
			segments[n] = lists[j]->items[i].segment;
			ids[n++] = lists[j]->items[i].msg_id;
		}
	}
	settle_many(def, ids, segments, n);

	/* others' scans have to look at our events until we have ended */
	cq_items_reserve(1);
	row = cq_queue_lock(def, LW_EXCLUSIVE);
	cq_item_add(CQ_ITEM_PURGED, def)->count = n;
	row->dirty = true;
	row->overflow = true;
	if (running.unloaded_due != 0)
		row->unloaded_due = running.unloaded_due;

	for (int k = 0; k < def->nsegments; k++)
		lower(&row->segment[k].scan_from, scan->from[k]);
	end_locked(row, false, &effects);
	cq_row_unlock(row, &effects);
	running.	row = NULL;

	MemoryContextDelete(scan->context);
	return n;
}

int64
cq_queue_purge_all(CqQueueDef *def)
{
	int64		n = purge_loaded(def);
	CqQueueRow *row = cq_queue_lock(def, LW_SHARED);
	bool		more = row->overflow || row->unloaded_due != 0;

	LWLockRelease(&row->lock);
	if (more)
		n += purge_unloaded(def);
	return n;
}
