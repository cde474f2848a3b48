/*-------------------------------------------------------------------------
 *
 * limits.c
 *	  What the options of a queue allow: length, rate, concurrency.
 *
 * All limits are kept in the row, and looked at under its lock by whoever is
 * about to use something up, so they are exact whatever the number of sessions.
 * What they count is what is in the row anyway: entries by state, and messages
 * without entries.
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
cq_row_length(const CqQueueRow *row)
{
	CqAmount	length;

	length.n = row->backlog.amount.n + row->backlog.open.n;
	for (int state = CQ_MSG_OPEN; state < CQ_MSG_DOOMED; state++)
		length.n += row->count[state];
	length.n -= row->gone;
	length.bytes = row->backlog.amount.bytes + row->backlog.open.bytes + row->bytes;
	return length;
}

/*
 * The one to drop: the oldest of the lowest priority that is ready, else of those
 * that wait for their group; or CQ_NONE.
 */
static uint32
oldest(const CqQueueRow *row)
{
	return (row->ready_bits == 0) ? cq_entries_first(row, CQ_MSG_HELD) :
		cq_ready_oldest(row);
}

/* Bytes that open transactions have sent, of those with entries. */
static int64
open_bytes(const CqQueueRow *row)
{
	int64		bytes = 0;

	for (uint32 i = row->list[CQ_MSG_OPEN]; i != CQ_NONE; i = CQ_MSG(i)->link.next)
		bytes += CQ_MSG(i)->bytes;
	return bytes;
}

void
cq_row_trim(CqQueueRow *row, CqEffects *effects)
{
	const CqQueueOptions *options = &row->options;

	row->wants &= ~CQ_WANT_TRIM;
	if (options->overflow != CQ_OVERFLOW_DROP_OLDEST)
		return;
	for (;;)
	{
		CqAmount	length = cq_row_length(row);
		uint32		i;

		length.n -= row->backlog.open.n + row->count[CQ_MSG_OPEN];
		length.bytes -= row->backlog.open.bytes;
		if (options->max_bytes > 0 && length.bytes > options->max_bytes)
			length.bytes -= open_bytes(row);
		if ((options->max_length == 0 || length.n <= options->max_length) &&
			(options->max_bytes == 0 || length.bytes <= options->max_bytes))
			return;
		i = oldest(row);
		if (i == CQ_NONE)
		{
			if (cq_backlog_has_ready(row))
				cq_row_want(row, CQ_WANT_TRIM, 0, effects);
			return;
		}
		cq_entry_doom(row, i, CQ_OUTCOME_DROPPED, effects);
	}
}

void
cq_row_make_room(CqQueueRow *row, int priority, CqEffects *effects)
{
	uint32		i;

	for (uint32 n = 0; n < cq_queues->window / 8 &&
		 (i = cq_ready_last_below(row, priority)) != CQ_NONE; n++)
		cq_entry_unload(row, i, effects);
}

int
cq_row_allowance(CqQueueRow *row, int64 *until)
{
	int			n = INT_MAX;

	if (row->options.paused)
		return 0;
	if (row->options.concurrency > 0)
		n = Max(row->options.concurrency - (int) cq_row_in_flight(row), 0);
	if (n > 0 && row->options.rate.per_second > 0)
	{
		int64		now = cq_clock_ms();

		n = Min(n, cq_tokens_left(&row->bucket, &row->options.rate, now));
		if (n <= 0)
			*until = Min(*until, cq_tokens_time(&row->bucket, &row->options.rate, 1, now));
	}
	return Max(n, 0);
}

void
cq_row_set_options(CqQueueRow *row, const CqQueueOptions *options, CqEffects *effects)
{
	if (options->version <= row->options.version)
		return;
	row->options = *options;
	cq_groups_advance_all(row, effects);
	cq_row_trim(row, effects);
	cq_row_want(row, CQ_WANT_TRUNCATE, row->truncate_ms, effects);
	effects->ready += row->count[CQ_MSG_READY];
	effects->space = true;
}
