/*-------------------------------------------------------------------------
 *
 * backlog.c
 *	  Messages without entries: what is known of them, and when to load some.
 *
 * A committed message has no entry when there was no room for one, or when it is
 * due far ahead.  Then it is unloaded: it stands in a block not below its
 * segment's from[], and a scan (queue/scan.c) finds it there.  While ready
 * messages are unloaded, a commit is pushed only if it can overtake none of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/ready.h"
#include "utils/timestamp.h"

/* delayed messages are loaded so long before they are due */
#define LOAD_AHEAD_US (INT64CONST(60) * 1000000)

/* when there is no room for them, that is looked at again after so long */
#define NO_ROOM_MS 100

static void
subtract(CqAmount *from, const CqAmount *amount)
{
	from->n = Max(from->n - amount->n, 0);
	from->bytes = Max(from->bytes - amount->bytes, 0);
}

static void
lower(CqBacklog *backlog, int k, BlockNumber block)
{
	backlog->from[k] = cq_lower_block(backlog->from[k], block);
}

void
cq_backlog_init(CqQueueState *queue)
{
	CqBacklog  *backlog = &queue->backlog;

	memset(backlog, 0, sizeof(*backlog));
	backlog->dirty = true;
	cq_backlog_add_ready(queue, PG_UINT32_MAX);
}

void
cq_backlog_clear_segment(CqQueueState *queue, int k)
{
	queue->backlog.from[k] = InvalidBlockNumber;
	queue->backlog.known[k] = 0;
}

void
cq_backlog_note_block(CqQueueState *queue, int k, BlockNumber block)
{
	queue->backlog.known[k] = Max(queue->backlog.known[k], block + 1);
}

void
cq_backlog_add(CqQueueState *queue, const CqUnloaded *u, CqEffects *effects)
{
	CqBacklog  *backlog = &queue->backlog;

	backlog->amount.n += u->amount.n;
	backlog->amount.bytes += u->amount.bytes;
	lower(backlog, u->segment, u->block);
	if (u->expires != 0)
	{
		backlog->expires = cq_earlier(backlog->expires, u->expires);
		cq_dispatch_plan(queue, Max(cq_due_ms(u->expires), queue->expire_ms), effects);
	}
	if (u->due == 0 || u->due <= GetCurrentTimestamp())
	{
		cq_backlog_add_ready(queue, u->priorities);
		effects->ready += Min(u->amount.n, CQ_SIGNALS_MAX + 1);
	}
	else
	{
		backlog->delayed += u->amount.n;
		if (backlog->due == 0 || u->due < backlog->due)
		{
			backlog->due = u->due;
			cq_dispatch_plan(queue, cq_due_ms(cq_backlog_load_at(queue)), effects);
		}
	}
}

void
cq_backlog_add_ready(CqQueueState *queue, uint32 priorities)
{
	queue->backlog.ready = CQ_UNLOADED_SOME;
	queue->backlog.priorities |= priorities;
	queue->backlog.priorities_new |= priorities;
}

void
cq_backlog_add_unknown(CqQueueState *queue, int k, BlockNumber block)
{
	lower(&queue->backlog, k, block);
	cq_backlog_add_ready(queue, PG_UINT32_MAX);
}

void
cq_backlog_add_everything(CqQueueState *queue)
{
	for (int k = 0; k < queue->nsegments; k++)
		cq_backlog_add_unknown(queue, k, 0);
	cq_backlog_add_pending(queue);
}

void
cq_backlog_add_prepared(CqQueueState *queue, const CqUnloaded *u)
{
	lower(&queue->backlog, u->segment, u->block);
	cq_backlog_add_ready(queue, u->priorities);
	cq_backlog_add_pending(queue);
}

void
cq_backlog_not_moved(CqQueueState *queue, int k, const CqUnloaded *u)
{
	lower(&queue->backlog, k, 0);
	if (u->due == 0)
		cq_backlog_add_ready(queue, u->priorities);
	else
		queue->backlog.due = cq_earlier(queue->backlog.due, u->due);
}

void
cq_backlog_add_pending(CqQueueState *queue)
{
	queue->backlog.dirty = true;
}

void
cq_backlog_remove(CqQueueState *queue, const CqAmount *amount, int64 delayed)
{
	subtract(&queue->backlog.amount, amount);
	queue->backlog.delayed = Max(queue->backlog.delayed - delayed, 0);
}

void
cq_backlog_open(CqQueueState *queue, const CqAmount *amount)
{
	queue->backlog.open.n += amount->n;
	queue->backlog.open.bytes += amount->bytes;
}

void
cq_backlog_close(CqQueueState *queue, const CqAmount *amount)
{
	subtract(&queue->backlog.open, amount);
}

TimestampTz
cq_backlog_load_at(const CqQueueState *queue)
{
	/* ahead of time, if there is room by then */
	if (queue->backlog.due == 0 || queue->count[CQ_MSG_DELAYED] > cq_dispatch_waiting_max() / 2)
		return queue->backlog.due;
	return queue->backlog.due - LOAD_AHEAD_US;
}

int64
cq_backlog_look_ms(const CqQueueState *queue)
{
	int64		at;

	if (cq_backlog_has_ready(queue) || queue->backlog.due == 0)
		return PG_INT64_MAX;
	at = cq_due_ms(cq_backlog_load_at(queue));
	if (cq_dispatch_room(queue, false) == 0)
		at = Max(at, cq_clock_ms() + NO_ROOM_MS);
	return at;
}

bool
cq_backlog_delayed_due(const CqQueueState *queue)
{
	return !cq_backlog_has_ready(queue) && queue->backlog.due != 0 &&
		cq_dispatch_room(queue, false) > 0 &&
		cq_backlog_load_at(queue) <= GetCurrentTimestamp();
}

bool
cq_backlog_scan_due(const CqQueueState *queue)
{
	if (queue->backlog.ready == CQ_UNLOADED_SOME && cq_ready_outranked(queue) &&
		cq_dispatch_room(queue, false) > 0)
		return true;
	return cq_backlog_delayed_due(queue);
}

bool
cq_backlog_wants_room(const CqQueueState *queue)
{
	return queue->backlog.ready == CQ_UNLOADED_SOME && queue->count[CQ_MSG_READY] > 0 &&
		cq_ready_outranked(queue) && cq_dispatch_room(queue, false) == 0;
}

void
cq_backlog_take(CqQueueState *queue, int nsegments, CqBacklogTaken *taken)
{
	CqBacklog  *backlog = &queue->backlog;

	Assert(!backlog->scanning);
	taken->dirty = backlog->dirty;
	taken->priorities = backlog->priorities;
	taken->due = backlog->due;
	taken->expires = backlog->expires;
	taken->amount = backlog->amount;
	taken->delayed = backlog->delayed;
	backlog->scanning = true;
	backlog->dirty = false;
	backlog->due = backlog->expires = 0;
	backlog->priorities_new = 0;
	for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
	{
		taken->from[k] = InvalidBlockNumber;
		if (k < nsegments && k < queue->nsegments)
		{
			taken->from[k] = backlog->from[k];
			backlog->from[k] = InvalidBlockNumber;
		}
	}
}

void
cq_backlog_give_back(CqQueueState *queue, const CqBacklogTaken *taken, int except)
{
	CqBacklog  *backlog = &queue->backlog;

	backlog->dirty |= taken->dirty;
	backlog->due = cq_earlier(backlog->due, taken->due);
	backlog->expires = cq_earlier(backlog->expires, taken->expires);
	for (int k = 0; k < queue->nsegments; k++)
	{
		if (k != except)
			lower(backlog, k, taken->from[k]);
	}
}

void
cq_backlog_set_expires(CqQueueState *queue, TimestampTz expires)
{
	queue->backlog.expires = expires;
}

void
cq_backlog_put_left(CqQueueState *queue, const CqBacklogTaken *taken,
					const CqBacklogLeft *left, CqEffects *effects)
{
	CqBacklog  *backlog = &queue->backlog;
	CqAmount	gone = left->loaded;
	int64		delayed = left->loaded_delayed;

	if (left->everything)
	{
		/* known exactly, but for what came meanwhile */
		gone.n = taken->amount.n - left->amount.n;
		gone.bytes = taken->amount.bytes - left->amount.bytes;
		delayed = taken->delayed - left->delayed;
	}
	subtract(&backlog->amount, &gone);
	backlog->delayed = Min(Max(backlog->delayed - delayed, 0), backlog->amount.n);

	for (int k = 0; k < queue->nsegments; k++)
	{
		lower(backlog, k, left->from[k]);
		backlog->known[k] = Max(backlog->known[k], left->nblocks[k]);
	}
	backlog->due = cq_earlier(backlog->due, left->due);
	backlog->expires = cq_earlier(backlog->expires, left->expires);
	if (!left->complete)
		backlog->expires = cq_earlier(backlog->expires, taken->expires);
	if (backlog->due != 0)
		cq_dispatch_plan(queue, cq_due_ms(cq_backlog_load_at(queue)), effects);

	backlog->loaded = true;
	/* left out, or unloaded while the scan ran */
	if (left->ready || backlog->priorities_new != 0)
	{
		backlog->ready = CQ_UNLOADED_SOME;
		backlog->priorities = left->priorities | backlog->priorities_new;
	}
	else
	{
		backlog->ready = CQ_UNLOADED_NONE;
		backlog->priorities = 0;
	}
	if (cq_backlog_is_empty(queue))
	{
		memset(&backlog->amount, 0, sizeof(backlog->amount));
		backlog->delayed = 0;
	}
}

void
cq_backlog_scan_ended(CqQueueState *queue)
{
	queue->backlog.scanning = false;
}

void
cq_backlog_set_stuck(CqQueueState *queue)
{
	if (cq_backlog_has_ready(queue))
		queue->backlog.ready = CQ_UNLOADED_STUCK;
}
