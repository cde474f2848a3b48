/*-------------------------------------------------------------------------
 *
 * peek.c
 *	  Looking at messages without any effect.
 *
 * What is in memory is copied under the queue's lock; unless that is all, the
 * tables are read as for a scan, but nothing is taken over from its state and
 * nothing given to it.  A message that changes sides meanwhile may be missed, or
 * found in both places and shown once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "core/clock.h"
#include "miscadmin.h"
#include "queue/collect.h"
#include "queue/dispatch/entry.h"
#include "queue/open.h"
#include "queue/peek.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

typedef struct Found
{
	CqClaim    *claims;
	int64		n;
	int64		capacity;
} Found;

static bool
is_wanted(CqMsgState state, CqPeekState wanted)
{
	switch (state)
	{
		case CQ_MSG_PARKED:
		case CQ_MSG_READY:
		case CQ_MSG_HELD:
			return wanted == CQ_PEEK_UNSETTLED || wanted == CQ_PEEK_READY;
		case CQ_MSG_DELAYED:
			return wanted == CQ_PEEK_UNSETTLED || wanted == CQ_PEEK_DELAYED;
		case CQ_MSG_LEASED:
		case CQ_MSG_SETTLING:
			return wanted == CQ_PEEK_UNSETTLED || wanted == CQ_PEEK_IN_FLIGHT;
		default:
			return false;
	}
}

/* Queue locked. */
static void
copy_entry(Found *found, uint32 i, int64 now_ms, TimestampTz now)
{
	const CqMsg *msg = CQ_MSG(i);
	CqClaim    *claim = &found->claims[found->n++];

	memset(claim, 0, sizeof(*claim));
	claim->msg_id = msg->msg_id;
	claim->segment = msg->segment;
	claim->attempts = msg->attempts;
	ItemPointerSet(&claim->tid, msg->block, msg->offset);
	if (msg->state == CQ_MSG_LEASED ||
		(msg->state == CQ_MSG_SETTLING && (msg->flags & CQ_MSG_TAKEN) == 0))
		claim->lease_until = now + (msg->until - now_ms) * 1000;
}

/* Copy what is in memory; returns whether that may not be all. */
static bool
copy_entries(CqQueueDef *def, CqPeekState wanted, Found *found, CqScan *scan)
{
	for (;;)
	{
		CqQueueState *queue = cq_queue_lock(def, LW_SHARED);
		uint32		entries = cq_dispatch_entries(queue);
		int64		now_ms = cq_clock_ms();
		TimestampTz now = GetCurrentTimestamp();
		bool		more = false;

		if (entries <= found->capacity)
		{
			for (int state = CQ_MSG_OPEN; state < CQ_MSG_SETTLED; state++)
			{
				if (!is_wanted(state, wanted))
					continue;
				for (uint32 i = cq_entries_first(queue, state); i != CQ_NONE;
					 i = cq_entries_next(queue, i))
				{
					if ((CQ_MSG(i)->flags & CQ_MSG_GONE) == 0)
						copy_entry(found, i, now_ms, now);
				}
			}
			for (int state = CQ_MSG_OPEN; state < CQ_MSG_SETTLED; state++)
			{
				for (uint32 i = cq_entries_first(queue, state); i != CQ_NONE;
					 i = cq_entries_next(queue, i))
					scan->known[scan->nknown++] = CQ_MSG(i)->msg_id;
			}
			for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
			{
				bool		ours = k < def->nsegments && k < queue->nsegments;

				scan->from[k] = ours ? queue->backlog.from[k] : InvalidBlockNumber;
				scan->first_id[k] = queue->segment[k].first_id;
				more |= scan->from[k] != InvalidBlockNumber;
			}
		}
		LWLockRelease(&queue->lock);
		if (entries <= found->capacity)
			return more && wanted != CQ_PEEK_IN_FLIGHT;
		found->capacity = entries + entries / 4 + 64;
		found->claims = MemoryContextAllocHuge(scan->context,
											   found->capacity * sizeof(CqClaim));
		scan->known = MemoryContextAllocHuge(scan->context,
											 found->capacity * sizeof(int64));
	}
}

static int
compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

static int
by_number(const void *a, const void *b)
{
	return compare_ids(&((const CqClaim *) a)->msg_id, &((const CqClaim *) b)->msg_id);
}

static void
add_candidates(Found *found, const CqCandidates *list, MemoryContext context)
{
	int64		needed = found->n + list->n;

	if (needed > found->capacity)
	{
		found->claims = (found->claims == NULL) ?
			MemoryContextAllocHuge(context, needed * sizeof(CqClaim)) :
			repalloc_huge(found->claims, needed * sizeof(CqClaim));
		found->capacity = needed;
	}
	for (int64 j = 0; j < list->n; j++)
	{
		CqClaim    *claim = &found->claims[found->n++];

		memset(claim, 0, sizeof(*claim));
		claim->msg_id = list->items[j].msg_id;
		claim->segment = list->items[j].segment;
		claim->attempts = list->items[j].attempts;
		claim->tid = list->items[j].tid;
	}
}

/* Those that are not in memory. */
static void
find_unloaded(CqScan *scan, CqPeekState wanted, Found *found)
{
	qsort(scan->known, scan->nknown, sizeof(int64), compare_ids);
	scan->left.everything = true;
	scan->loaded = true;
	scan->ready.limit = scan->delayed.limit = 0;
	for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
		scan->left.from[k] = InvalidBlockNumber;
	cq_collect(scan);
	if (wanted != CQ_PEEK_DELAYED)
		add_candidates(found, &scan->ready, scan->context);
	if (wanted != CQ_PEEK_READY)
	{
		add_candidates(found, &scan->delayed, scan->context);
		add_candidates(found, &scan->busy, scan->context);
	}
}

void
cq_queue_peek_messages(CqQueueDef *def, CqPeekState state, int max,
					   CqClaimReader reader, void *arg)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cachequeue peek",
												  ALLOCSET_DEFAULT_SIZES);
	CqScan	   *scan = MemoryContextAllocZero(context, sizeof(CqScan));
	Found		found = {0};
	int64		kept = 0;

	scan->def = def;
	scan->context = context;
	if (state == CQ_PEEK_ARCHIVED)
	{
		scan->archived = true;
		for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
		{
			scan->from[k] = (k < def->nsegments) ? 0 : InvalidBlockNumber;
			scan->first_id[k] = ((volatile CqQueueState *) def->state)->segment[k].first_id;
		}
		find_unloaded(scan, CQ_PEEK_READY, &found);
	}
	else
	{
		/* before it, leases of before the start are not known as such */
		cq_scan_first(def);
		if (copy_entries(def, state, &found, scan))
			find_unloaded(scan, state, &found);
	}

	qsort(found.claims, found.n, sizeof(CqClaim), by_number);
	for (int64 j = 0; j < found.n && kept < max; j++)
	{
		if (kept == 0 || found.claims[j].msg_id != found.claims[kept - 1].msg_id)
			found.claims[kept++] = found.claims[j];
	}
	for (int64 j = 0; j < kept; j++)
	{
		CqClaim    *claim = &found.claims[j];
		Relation	rel;
		TupleTableSlot *slot;

		CHECK_FOR_INTERRUPTS();
		if (claim->segment >= def->nsegments)
			continue;
		rel = cq_segment_open(def, def->messages[claim->segment], AccessShareLock);
		slot = table_slot_create(rel, NULL);
		if (cq_segment_fetch(rel, &claim->tid, claim->msg_id, slot))
			reader(claim, slot, arg);
		ExecDropSingleTupleTableSlot(slot);
		table_close(rel, AccessShareLock);
	}
	MemoryContextDelete(context);
}
