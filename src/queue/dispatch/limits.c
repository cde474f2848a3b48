/*-------------------------------------------------------------------------
 *
 * limits.c
 *	  What the options of a queue allow: length, rate, concurrency.
 *
 * A caller that is about to use something up checks the limits under the queue's lock,
 * so they are exact whatever the number of sessions.  What they count is there anyway:
 * entries by state, and messages without entries.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "core/clock.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/groups.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/dispatch/rate.h"
#include "queue/dispatch/ready.h"

CqAmount
cq_dispatch_length(const CqQueueState *queue)
{
	CqAmount	length;

	length.n = queue->backlog.amount.n + queue->backlog.open.n;
	for (int state = CQ_MSG_OPEN; state < CQ_MSG_DOOMED; state++)
		length.n += queue->count[state];
	length.n -= queue->gone;
	length.bytes = queue->backlog.amount.bytes + queue->backlog.open.bytes + queue->bytes;
	return length;
}

/*
 * The one to drop: the oldest of the lowest priority that is ready, else of those
 * that wait for their group; or CQ_NONE.
 */
static uint32
oldest(const CqQueueState *queue)
{
	return (queue->ready_bits == 0) ? cq_entries_first(queue, CQ_MSG_HELD) :
		cq_ready_oldest(queue);
}

/* Bytes that open transactions have sent, of those with entries. */
static int64
open_bytes(const CqQueueState *queue)
{
	int64		bytes = 0;

	for (uint32 i = queue->list[CQ_MSG_OPEN]; i != CQ_NONE; i = CQ_MSG(i)->link.next)
		bytes += CQ_MSG(i)->bytes;
	return bytes;
}

void
cq_dispatch_trim(CqQueueState *queue, CqEffects *effects)
{
	const CqQueueOptions *options = &queue->options;

	/* also when the options have changed since it was wanted */
	queue->wants &= ~CQ_WANT_TRIM;
	if (options->overflow != CQ_OVERFLOW_DROP_OLDEST)
		return;
	for (;;)
	{
		CqAmount	length = cq_dispatch_length(queue);
		uint32		i;

		length.n -= queue->backlog.open.n + queue->count[CQ_MSG_OPEN];
		length.bytes -= queue->backlog.open.bytes;
		if (options->max_bytes > 0 && length.bytes > options->max_bytes)
			length.bytes -= open_bytes(queue);
		if ((options->max_length == 0 || length.n <= options->max_length) &&
			(options->max_bytes == 0 || length.bytes <= options->max_bytes))
			return;
		i = oldest(queue);
		if (i == CQ_NONE)
		{
			if (cq_backlog_has_ready(queue))
				cq_dispatch_want(queue, CQ_WANT_TRIM, 0, effects);
			return;
		}
		cq_entry_doom(queue, i, CQ_OUTCOME_DROPPED, effects);
	}
}

void
cq_dispatch_make_room(CqQueueState *queue, int priority, CqEffects *effects)
{
	uint32		i;

	for (uint32 n = 0; n < cq_queues->window / 8 &&
		 (i = cq_ready_last_below(queue, priority)) != CQ_NONE; n++)
		cq_entry_unload(queue, i, effects);
}

int
cq_dispatch_allowance(CqQueueState *queue, int64 *until)
{
	int			n = INT_MAX;

	if (queue->options.paused)
		return 0;
	if (queue->options.concurrency > 0)
		n = Max(queue->options.concurrency - (int) cq_dispatch_in_flight(queue), 0);
	if (n > 0 && queue->options.rate.per_second > 0)
	{
		int64		now = cq_clock_ms();

		n = Min(n, cq_tokens_left(&queue->bucket, &queue->options.rate, now));
		if (n <= 0)
			*until = Min(*until, cq_tokens_time(&queue->bucket, &queue->options.rate, 1, now));
	}
	return Max(n, 0);
}

void
cq_dispatch_set_options(CqQueueState *queue, const CqQueueOptions *options, CqEffects *effects)
{
	if (options->version <= queue->options.version)
		return;
	queue->options = *options;
	cq_groups_advance_all(queue, effects);
	cq_dispatch_trim(queue, effects);
	cq_dispatch_want(queue, CQ_WANT_TRUNCATE, queue->truncate_ms, effects);
	effects->ready += queue->count[CQ_MSG_READY];
	if (cq_backlog_has_ready(queue))
		effects->ready += CQ_SIGNALS_MAX + 1;
	effects->space = true;
}
