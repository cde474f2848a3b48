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

#include "access/table.h"
#include "access/xact.h"
#include "core/clock.h"
#include "core/faults.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "queue/collect.h"
#include "queue/dispatch/check.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/heap.h"
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

/* What an error must restore. */
typedef struct RunningScan
{
	CqQueueRow *row;			/* NULL: no scan runs in this backend */
	uint32		generation;
	bool		dirty;
	TimestampTz unloaded_due;
	TimestampTz unloaded_expires;
	uint32		priorities;
	BlockNumber from[CQ_SEGMENTS_MAX];
} RunningScan;

static RunningScan running;

static inline void
lower(BlockNumber *block, BlockNumber to)
{
	if (*block == InvalidBlockNumber || (to != InvalidBlockNumber && to < *block))
		*block = to;
}

bool
cq_scan_due(const CqQueueRow *row)
{
	if (row->overflow && !row->idle && cq_ready_outranked(row) &&
		cq_row_room(row, false) > 0)
		return true;
	return !row->overflow && row->unloaded_due != 0 && cq_row_room(row, false) > 0 &&
		cq_row_load_at(row) <= GetCurrentTimestamp();
}

bool
cq_scan_wants_room(const CqQueueRow *row)
{
	return row->overflow && !row->idle && row->count[CQ_MSG_READY] > 0 &&
		cq_ready_outranked(row) && cq_row_room(row, false) == 0;
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
	running.row = row;
	running.generation = row->generation;
	running.dirty = scan->dirty = row->dirty;
	running.unloaded_due = row->unloaded_due;
	running.unloaded_expires = row->unloaded_expires;
	running.priorities = row->priorities;

	scan->loaded = row->loaded;
	scan->priorities = row->priorities;
	scan->mixed = (row->priorities & (row->priorities - 1)) != 0;
	scan->everything = !row->loaded || row->dirty;
	scan->unloaded = row->unloaded;
	scan->unloaded_delayed = row->unloaded_delayed;
	scan->ready.limit = Max(cq_row_room(row, false), 1);
	scan->delayed.limit = Max(cq_queues->window / 2, 1);

	row->scanning = true;
	row->dirty = false;
	row->want_scan = false;
	row->unloaded_due = row->unloaded_expires = 0;
	row->priorities_new = 0;
	for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
	{
		bool		ours = k < scan->def->nsegments && k < row->nsegments;

		running.from[k] = InvalidBlockNumber;
		if (ours)
		{
			running.from[k] = row->segment[k].scan_from;
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

void
cq_scan_mark_in_memory(CqScan *scan, CqQueueRow *row)
{
	CqCandidates *lists[] = {&scan->ready, &scan->delayed, &scan->pending, &scan->busy};

	if (scan->ready.n + scan->delayed.n + scan->pending.n + scan->busy.n == 0)
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
	uint32		i = cq_entry_take(row, false, c->group);

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

/* Row locked: a lease of before the start of the server goes on. */
static void
resume_lease(CqQueueRow *row, uint32 i, const CqCandidate *c, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	msg->nonce = c->nonce;
	msg->until = cq_clock_ms_after((c->lease_until - GetCurrentTimestamp() + 999) / 1000);
	msg->flags |= CQ_MSG_DURABLE;
	row->durable_loaded++;
	cq_entry_link(row, i, CQ_MSG_LEASED);
	cq_row_plan(row, msg->until, effects);
}

/*
 * Row locked: push candidates that are committed and not settled, adding up
 * what became of them.  Once there is no room left, *full, none is pushed any
 * more: it could overtake one of its group.
 */
static void
push_list(CqScan *scan, CqQueueRow *row, const CqCandidates *list, bool *full,
		  CqAmount *pushed, CqEffects *effects)
{
	for (int64 j = 0; j < list->n; j++)
	{
		const CqCandidate *c = &list->items[j];
		uint32		i = CQ_NONE;

		if (c->in_memory)
			continue;
		if (!*full)
			i = new_entry(row, c);
		if (i == CQ_NONE)
		{
			*full = true;
			cq_candidate_leave(scan, c);
			continue;
		}
		if (c->lease_until != 0)
			resume_lease(row, i, c, effects);
		else
			cq_entry_offer(row, i, effects);
		pushed->n++;
		pushed->bytes += c->bytes;
	}
}

/*
 * Row locked: entries for what transactions in progress have sent or settled;
 * the latter counted as unloaded, and are added up.
 */
static void
push_pending(CqScan *scan, CqQueueRow *row, CqAmount *settling, CqEffects *effects)
{

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
			scan->left_priorities |= CQ_PRIORITY_BIT(c->priority);
			scan->nleft.n += (c->settle != 0);
			scan->nleft.bytes += (c->settle != 0) ? c->bytes : 0;
			row->dirty = true;
			continue;
		}
		if (c->settle != 0)
		{
			CQ_MSG(i)->settle = c->settle;
			CQ_MSG(i)->flags |= CQ_MSG_TAKEN;
			cq_entry_link(row, i, CQ_MSG_SETTLING);
			settling->n++;
			settling->bytes += c->bytes;
		}
		else
			cq_entry_link(row, i, CQ_MSG_OPEN);
		cq_entry_set_by_xid(row, i, c->xid);
		cq_row_plan(row, cq_clock_ms() + 1000, effects);
	}
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
		segment->inserted = Max(segment->inserted, scan->seen[k]);
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

void
cq_scan_end_locked(CqQueueRow *row, bool complete, CqEffects *effects)
{
	uint32		parked = CQ_NONE;
	uint32		i;

	while ((i = cq_entries_first(row, CQ_MSG_SETTLED)) != CQ_NONE)
		cq_entry_free(row, i, effects);
	row->scanning = false;
	effects->scan_ended = true;

	/* in the order of their numbers */
	while ((i = cq_entries_first(row, CQ_MSG_PARKED)) != CQ_NONE)
	{
		cq_entry_unlink(row, i);
		cq_heap_add(&parked, i, CQ_BY_NUMBER);
	}
	while ((i = parked) != CQ_NONE)
	{
		cq_heap_remove(&parked, i, CQ_BY_NUMBER);
		if (complete)
			cq_entry_offer(row, i, effects);
		else
			cq_entry_unload(row, i, effects);
	}
	running.row = NULL;
}

/* Step 3, with the row locked. */
static void
finish_locked(CqScan *scan, CqQueueRow *row, CqEffects *effects)
{
	CqAmount	gone = {0};
	CqAmount	delayed = {0};
	bool		full = false;

	/* others have made messages unloaded since we began */
	bool		news = row->priorities_new != 0;

	cq_scan_mark_in_memory(scan, row);
	if (!row->loaded)
		note_segments(scan, row);
	push_pending(scan, row, &gone, effects);
	push_list(scan, row, &scan->busy, &full, &gone, effects);
	push_list(scan, row, &scan->ready, &full, &gone, effects);
	push_list(scan, row, &scan->delayed, &full, &delayed, effects);
	gone.n += delayed.n;
	gone.bytes += delayed.bytes;
	if (scan->everything)
	{
		/* we know it now, but for what came meanwhile */
		gone.n = scan->unloaded.n - scan->nleft.n;
		gone.bytes = scan->unloaded.bytes - scan->nleft.bytes;
		row->unloaded_delayed -= scan->unloaded_delayed - scan->nleft_delayed;
	}
	else
		row->unloaded_delayed -= delayed.n;
	row->unloaded.n = Max(row->unloaded.n - gone.n, 0);
	row->unloaded.bytes = Max(row->unloaded.bytes - gone.bytes, 0);
	row->unloaded_delayed = Min(Max(row->unloaded_delayed, 0), row->unloaded.n);

	for (int k = 0; k < scan->def->nsegments; k++)
	{
		CqSegment  *segment = &row->segment[k];

		lower(&segment->scan_from, scan->left[k]);
		segment->known_blocks = Max(segment->known_blocks, scan->nblocks[k]);
	}
	row->unloaded_due = cq_earlier(row->unloaded_due, scan->left_due);
	row->unloaded_expires = cq_earlier(row->unloaded_expires, scan->left_expires);
	if (!scan->complete)
		row->unloaded_expires = cq_earlier(row->unloaded_expires, running.unloaded_expires);
	if (row->unloaded_due != 0)
		cq_row_plan(row, cq_due_ms(cq_row_load_at(row)), effects);

	row->loaded = true;
	/* left out, or unloaded while we were at it */
	row->overflow = scan->left_ready || row->priorities_new != 0;
	row->priorities = row->overflow ? scan->left_priorities | row->priorities_new : 0;
	if (!row->overflow && row->unloaded_due == 0)
	{
		memset(&row->unloaded, 0, sizeof(row->unloaded));
		row->unloaded_delayed = 0;
	}
	cq_scan_end_locked(row, !row->overflow, effects);
	row->idle = row->count[CQ_MSG_READY] == 0 && !news;
	cq_row_trim(row, effects);
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
	scan = cq_scan_begin(def, false);
	if (scan == NULL)
		return;
	cq_collect(scan);

	row = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
	if (row != NULL)
	{
		finish_locked(scan, row, &effects);
		cq_row_unlock(row, &effects);
	}
	running.row = NULL;

	MemoryContextDelete(scan->context);
}

void
cq_scan_first(CqQueueDef *def)
{
	CqQueueRow *row = cq_queue_lock(def, LW_SHARED);
	bool		loaded = row->loaded;

	LWLockRelease(&row->lock);
	if (!loaded)
		cq_scan_refill(def);
}

void
cq_scan_abandon(void)
{
	CqQueueRow *row = running.row;
	CqEffects	effects = {0};

	if (row == NULL)
		return;
	running.row = NULL;

	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	if (row->generation == running.generation)
	{
		row->overflow = true;
		row->idle = false;
		row->priorities |= running.priorities;
		row->dirty |= running.dirty;

		row->unloaded_due = cq_earlier(row->unloaded_due, running.unloaded_due);
		row->unloaded_expires = cq_earlier(row->unloaded_expires, running.unloaded_expires);

		for (int k = 0; k < row->nsegments; k++)
			lower(&row->segment[k].scan_from, running.from[k]);
		cq_scan_end_locked(row, false, &effects);
	}
	cq_row_unlock(row, &effects);
}

void
cq_scan_give_back(CqScan *scan, CqQueueRow *row, int except, CqEffects *effects)
{
	row->unloaded_due = cq_earlier(row->unloaded_due, running.unloaded_due);
	row->unloaded_expires = cq_earlier(row->unloaded_expires, running.unloaded_expires);
	for (int k = 0; k < scan->def->nsegments; k++)
	{
		if (k != except)
			lower(&row->segment[k].scan_from, scan->from[k]);
	}
	row->dirty |= running.dirty;

	cq_scan_end_locked(row, !row->overflow, effects);
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
			row->idle = false;
			row->priorities = row->priorities_new = PG_UINT32_MAX;
			grown = true;
		}
	}
	LWLockRelease(&row->lock);
	return grown;
}
