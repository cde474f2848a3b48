/*-------------------------------------------------------------------------
 *
 * purge.c
 *	  Acknowledging everything that is committed and not in flight.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/entry.h"
#include "queue/open.h"
#include "queue/purge.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "queue/wake.h"
#include "queue/xact.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* the tables are read for expired messages at most so often */
#define EXPIRE_MS 1000

/* Queue locked: all that is committed and unclaimed in memory is settled by us. */
static int64
purge_entries(CqQueueDef *def, CqQueueState *queue, int64 *ids, uint8 *segments, int64 max)
{
	static const CqMsgState states[] = {
		CQ_MSG_PARKED, CQ_MSG_READY, CQ_MSG_HELD, CQ_MSG_DELAYED
	};
	int64		n = 0;

	for (int s = 0; s < lengthof(states); s++)
	{
		uint32		i;

		while (n < max && (i = cq_entries_first(queue, states[s])) != CQ_NONE)
		{
			CQ_MSG(i)->outcome = CQ_OUTCOME_PURGED;
			CQ_MSG(i)->flags |= CQ_MSG_TAKEN;
			CQ_MSG(i)->nonce = ++queue->nonce;
			ids[n] = CQ_MSG(i)->msg_id;
			segments[n] = CQ_MSG(i)->segment;
			cq_entry_move(queue, i, CQ_MSG_SETTLING);
			cq_queue_item_add_entry(CQ_QUEUE_ITEM_SETTLE, def, i);
			n++;
		}
	}
	return n;
}

/* Append events SETTLED for messages, segment by segment. */
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
				cq_segment_event_plain(def, k, CQ_EVENT_SETTLED, some, m);
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
		CqQueueState *queue;

		cq_queue_items_reserve(CQ_RECEIVE_MAX);
		queue = cq_queue_lock(def, LW_EXCLUSIVE);
		n = purge_entries(def, queue, ids, segments, CQ_RECEIVE_MAX);
		LWLockRelease(&queue->lock);
		settle_many(def, ids, segments, n);
		total += n;
	} while (n == CQ_RECEIVE_MAX);
	return total;
}

/* Read all that is not in memory, while no other session scans. */
static CqScan *
read_unloaded(CqQueueDef *def)
{
	CqScan	   *scan = cq_scan_begin(def, true);

	scan->left.everything = true;
	scan->ready.limit = scan->delayed.limit = 0;
	cq_collect(scan);
	return scan;
}

/*
 * Settle what was read and has not come into memory, or of that only what has
 * expired; and end the scan.
 */
static int64
settle_unloaded(CqQueueDef *def, CqScan *scan, bool only_expired)
{
	CqCandidates *lists[] = {&scan->ready, &scan->delayed, &scan->busy};
	int64		most = scan->ready.n + scan->delayed.n + scan->busy.n + 1;
	int64	   *ids = MemoryContextAllocHuge(scan->context, sizeof(int64) * most);
	uint8	   *segments = MemoryContextAllocHuge(scan->context, most);
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = 0;
	CqAmount	amount = {0};
	CqEffects	effects = {0};
	CqQueueState *queue;
	CqQueueItem *item;

	queue = cq_queue_lock(def, LW_EXCLUSIVE);
	cq_scan_mark_in_memory(scan, queue);
	LWLockRelease(&queue->lock);
	for (int j = 0; j < lengthof(lists); j++)
	{
		for (int64 i = 0; i < lists[j]->n; i++)
		{
			const CqCandidate *c = &lists[j]->items[i];

			if (c->in_memory)
				continue;
			if (only_expired && (c->expires == 0 || c->expires > now))
			{
				next = cq_earlier(next, c->expires);
				continue;
			}
			segments[amount.n] = c->segment;
			ids[amount.n++] = c->msg_id;
			amount.bytes += c->bytes;
		}
	}
	settle_many(def, ids, segments, amount.n);

	/* others' scans have to look at our events until we have ended */
	cq_queue_items_reserve(1);
	queue = cq_queue_lock(def, LW_EXCLUSIVE);
	item = cq_queue_item_add(CQ_QUEUE_ITEM_PURGED, def);
	item->unloaded.amount = amount;
	item->timed_out = only_expired;
	cq_backlog_add_pending(queue);
	cq_backlog_stir(queue);
	if (amount.n > 0)
		cq_backlog_add_ready(queue, 0);
	cq_scan_give_back(queue, -1, &effects);
	if (only_expired)
	{
		cq_backlog_set_expires(queue, next);
		queue->expire_ms = cq_clock_ms() + EXPIRE_MS;
	}
	cq_queue_unlock(queue, &effects);
	MemoryContextDelete(scan->context);
	return amount.n;
}

int64
cq_queue_purge_all(CqQueueDef *def)
{
	int64		n = purge_loaded(def);
	CqQueueState *queue = cq_queue_lock(def, LW_SHARED);
	bool		more = !cq_backlog_is_empty(queue);

	LWLockRelease(&queue->lock);
	if (more)
	{
		CqScan	   *scan = read_unloaded(def);

		/* what another scan has brought in since */
		n += purge_loaded(def);
		n += settle_unloaded(def, scan, false);
	}
	return n;
}

void
cq_queue_purge_expired(CqQueueDef *def)
{
	(void) settle_unloaded(def, read_unloaded(def), true);
}
