/*-------------------------------------------------------------------------
 *
 * lifecycle.c
 *	  The life of an entry.
 *
 *							send
 *							 |
 *			rollback	   OPEN -----------> PARKED
 *		 free <-----------	/  \  (overflow,	|
 *						   /	\	scanning)	|  scan ends
 *				   due	  v		 v				v
 *		   DELAYED ---> READY <-----------------+----> free (unloaded)
 *			  ^			 ^ | claim
 *			  |	 expiry, | v		  ack, nack, take, expiry
 *			  |	rollback LEASED ----------------+
 *			  |			   ^					v
 *			  |			   +----- rollback --- SETTLING
 *			  |									|  commit
 *			  +------------- nack --------------+---> free, or SETTLED
 *													 while a scan runs
 *
 * READY stands for READY or HELD (ready.c).  What is to be deleted, or is out of
 * attempts, becomes DOOMED, which the worker makes SETTLING.  All that is
 * committed and unclaimed goes through cq_entry_offer().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/faults.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/groups.h"
#include "queue/dispatch/heap.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/rate.h"
#include "utils/timestamp.h"

/* what is due later than that stays in the tables */
#define DUE_AHEAD_US (INT64CONST(600) * 1000000)

uint32
cq_entry_take(CqQueueRow *row, bool sending, uint64 group_hash)
{
	uint32		group = CQ_NONE;
	uint32		i;

	if (cq_row_room(row, sending) == 0)
		return CQ_NONE;
	i = cq_pool_take();
	if (i == CQ_NONE)
		return CQ_NONE;
	if (group_hash !=0)
	{
		group = cq_group_enter(row, group_hash);
		if (group == CQ_NONE)
		{
			cq_pool_give(i);
			return CQ_NONE;
		}
	}
	memset(CQ_MSG(i), 0, sizeof(CqMsg));
	CQ_MSG(i)->row = CQ_ROW_INDEX(row);
	CQ_MSG(i)->group = group;
	return i;
}

/* The entry has left its state for good: others may have gained by it. */
static void
make_way(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	if (CQ_MSG(i)->group != CQ_NONE)
		cq_group_advance(row, CQ_MSG(i)->group, effects);
	cq_backlog_stir(row);
	if (row->options.concurrency > 0 && row->count[CQ_MSG_READY] > 0)
		effects->ready++;
	else if (unlikely(cq_backlog_has_ready(row)) && row->count[CQ_MSG_READY] == 0)
		effects->ready++;		/* there may be room to load some now */
	effects->space |= (row->space_waiters > 0);
}

static void
leave_group(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	if (CQ_MSG(i)->group != CQ_NONE)
		cq_group_remove(row, CQ_MSG(i)->group, effects);
	CQ_MSG(i)->group = CQ_NONE;
}

void
cq_entry_free(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	cq_entry_clear_by_xid(row, i);
	if (CQ_MSG(i)->state != CQ_MSG_FREE)
		cq_entry_unlink(row, i);
	make_way(row, i, effects);
	leave_group(row, i, effects);
	cq_pool_give(i);
}

/* An entry of segment k is gone: see whether it was the last one. */
static void
note_gone(CqQueueRow *row, int k, CqEffects *effects)
{
	if (cq_segment_is_finished(row, k))
		cq_row_want(row, CQ_WANT_TRUNCATE, row->truncate_ms, effects);
}

void
cq_entry_settled(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	int			k = CQ_MSG(i)->segment;

	if (row->backlog.scanning)
	{
		cq_entry_clear_by_xid(row, i);
		cq_entry_move(row, i, CQ_MSG_SETTLED);
		make_way(row, i, effects);
		leave_group(row, i, effects);
	}
	else
		cq_entry_free(row, i, effects);
	note_gone(row, k, effects);
}

void
cq_entry_unsent(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	int			k = CQ_MSG(i)->segment;

	cq_entry_free(row, i, effects);
	note_gone(row, k, effects);
}

void
cq_entries_free_all(CqQueueRow *row)
{
	CqEffects	effects = {0};

	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		uint32		i;

		while ((i = cq_entries_first(row, state)) != CQ_NONE)
		{
			/* no other of its group shall change places meanwhile */
			cq_entry_clear_by_xid(row, i);
			cq_entry_unlink(row, i);
			leave_group(row, i, &effects);
			cq_pool_give(i);
		}
		Assert(row->count[state] == 0);
	}
	cq_groups_free_all(row);
}

void
cq_entry_unload(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	const CqMsg *msg = CQ_MSG(i);
	CqUnloaded	u;

	u.segment = msg->segment;
	u.block = msg->block;
	u.due = msg->due;
	u.expires = msg->expires;
	u.priorities = CQ_PRIORITY_BIT(msg->priority);
	u.amount.n = 1;
	u.amount.bytes = msg->bytes;
	cq_backlog_add(row, &u, effects);
	cq_entry_free(row, i, effects);
}

void
cq_entry_doom(CqQueueRow *row, uint32 i, CqOutcome outcome, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	if (msg->state != CQ_MSG_FREE)
		cq_entry_unlink(row, i);
	msg->outcome = outcome;
	msg->until = 0;
	cq_entry_link(row, i, CQ_MSG_DOOMED);
	make_way(row, i, effects);
	cq_row_plan(row, 0, effects);
}

/* A delayed one; gives the entry up when it need not be in memory. */
static void
offer_delayed(CqQueueRow *row, uint32 i, TimestampTz now, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	if (msg->group != CQ_NONE && msg->attempts > 0 &&
		row->options.group_concurrency == 1)
		msg->flags |= CQ_MSG_BLOCKS;
	else if (msg->due > now + DUE_AHEAD_US ||
			 row->count[CQ_MSG_DELAYED] >= cq_row_waiting_max())
	{
		cq_entry_unload(row, i, effects);
		return;
	}
	cq_entry_link(row, i, CQ_MSG_DELAYED);
	cq_row_plan(row, cq_due_ms(msg->due), effects);
	make_way(row, i, effects);
}

/* Whether it would be ready at once, but for a lack of tokens. */
static bool
is_next(const CqQueueRow *row, const CqMsg *msg)
{
	const CqGroup *group = CQ_GROUP(msg->group);

	return group->held == CQ_NONE &&
		group->in_flight + group->offered < row->options.group_concurrency;
}

void
cq_entry_offer(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);
	int			max_attempts = cq_row_max_attempts(row);
	TimestampTz now = 0;

	if (msg->state != CQ_MSG_FREE)
		cq_entry_unlink(row, i);
	cq_entry_clear_by_xid(row, i);
	msg->flags &= ~(CQ_MSG_TAKEN | CQ_MSG_DURABLE);
	if (msg->due != 0 || msg->expires != 0)
		now = GetCurrentTimestamp();
	if (msg->expires != 0)
		cq_row_plan(row, cq_due_ms(msg->expires), effects);

	if (max_attempts > 0 && msg->attempts >= max_attempts)
		cq_entry_doom(row, i, CQ_OUTCOME_REJECTED, effects);
	else if (msg->expires != 0 && msg->expires <= now)
		cq_entry_doom(row, i, CQ_OUTCOME_TIMED_OUT, effects);
	else if (msg->due > now)
		offer_delayed(row, i, now, effects);
	else if (msg->group != CQ_NONE)
	{
		if (row->count[CQ_MSG_HELD] >= cq_row_waiting_max() && cq_entry_is_last(msg) &&
			!is_next(row, msg))
		{
			msg->due = 0;
			cq_entry_unload(row, i, effects);
			return;
		}
		cq_entry_link(row, i, CQ_MSG_HELD);
		make_way(row, i, effects);
	}
	else
	{
		cq_entry_link(row, i, CQ_MSG_READY);
		effects->ready++;
	}
}

/*
 * Whether one of its priority is ready that has a higher number: that one may
 * overtake what is unloaded in any case.
 */
static bool
comes_before_ready(const CqQueueRow *row, const CqMsg *msg)
{
	uint32		tail = row->ready_tail[CQ_PRIORITY_INDEX(msg->priority)];

	return tail != CQ_NONE && msg->msg_id < CQ_MSG(tail)->msg_id;
}

void
cq_entry_sent(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	Assert(msg->state == CQ_MSG_OPEN);
	cq_entry_clear_by_xid(row, i);
	row->sent++;
	cq_rate_count(&row->rate[CQ_RATE_SENT], 1);
	cq_backlog_note_block(row, msg->segment, msg->block);

	/* with messages unloaded, only what cannot overtake one of them */
	if (!cq_backlog_has_ready(row) || CQ_FAULT("queue-overtake") ||
		(msg->group != CQ_NONE ? !cq_entry_is_last(msg) :
		 CQ_PRIORITY_BIT(msg->priority) > row->backlog.priorities ||
		 comes_before_ready(row, msg)))
		cq_entry_offer(row, i, effects);
	else if (row->backlog.scanning)
		cq_entry_move(row, i, CQ_MSG_PARKED);
	else
		cq_entry_unload(row, i, effects);
}

void
cq_entry_settle(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	Assert(msg->state == CQ_MSG_SETTLING);
	switch ((CqOutcome) msg->outcome)
	{
		case CQ_OUTCOME_ACKNOWLEDGED:
			row->acknowledged++;
			cq_rate_count(&row->rate[CQ_RATE_ACKNOWLEDGED], 1);
			cq_entry_settled(row, i, effects);
			break;
		case CQ_OUTCOME_FAILED_LAST:
			row->failed++;
			row->dead_lettered++;
			cq_entry_settled(row, i, effects);
			break;
		case CQ_OUTCOME_EXPIRED_LAST:
			row->expired++;
			row->dead_lettered++;
			cq_entry_settled(row, i, effects);
			break;
		case CQ_OUTCOME_REJECTED:
			row->dead_lettered++;
			cq_entry_settled(row, i, effects);
			break;
		case CQ_OUTCOME_TIMED_OUT:
			row->timed_out++;
			cq_entry_settled(row, i, effects);
			break;
		case CQ_OUTCOME_DROPPED:
			row->dropped++;
			cq_entry_settled(row, i, effects);
			break;
		case CQ_OUTCOME_PURGED:
			cq_entry_settled(row, i, effects);
			break;
		case CQ_OUTCOME_EXPIRED:
			row->expired++;
			cq_entry_offer(row, i, effects);
			break;
		case CQ_OUTCOME_FAILED:
			row->failed++;
			cq_entry_offer(row, i, effects);
			break;
		case CQ_OUTCOME_MOVED:
			cq_entry_offer(row, i, effects);
			break;
		case CQ_OUTCOME_NONE:
			Assert(false);
	}
}

void
cq_entry_unsettle(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	Assert(msg->state == CQ_MSG_SETTLING);
	if (msg->flags & CQ_MSG_TAKEN)
	{
		/* one that was not delivered keeps its due time, a taken one has none */
		cq_entry_offer(row, i, effects);
		return;
	}
	cq_entry_clear_by_xid(row, i);
	msg->due = 0;
	cq_entry_move(row, i, CQ_MSG_LEASED);
	cq_row_plan(row, msg->until, effects);
}

void
cq_entry_give_back(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	Assert(CQ_MSG(i)->state == CQ_MSG_LEASED);
	CQ_MSG(i)->due = 0;
	cq_entry_offer(row, i, effects);
}

void
cq_entries_release_due(CqQueueRow *row, CqEffects *effects)
{
	cq_groups_release(row, effects);
	if (row->list[CQ_MSG_DELAYED] != CQ_NONE || row->expiry != CQ_NONE)
	{
		TimestampTz now = GetCurrentTimestamp();
		uint32		i;

		while ((i = row->expiry) != CQ_NONE && CQ_MSG(i)->expires <= now)
			cq_entry_doom(row, i, CQ_OUTCOME_TIMED_OUT, effects);
		while ((i = row->list[CQ_MSG_DELAYED]) != CQ_NONE && CQ_MSG(i)->due <= now)
		{
			CQ_MSG(i)->due = 0;
			cq_entry_offer(row, i, effects);
		}
	}
}

void
cq_entry_settling(CqQueueRow *row, uint32 i, CqOutcome outcome)
{
	CqMsg	   *msg = CQ_MSG(i);
	bool		doomed = (msg->state == CQ_MSG_DOOMED);

	cq_entry_unlink(row, i);
	msg->outcome = outcome;
	if (doomed)
		msg->flags |= CQ_MSG_GONE;
	cq_entry_link(row, i, CQ_MSG_SETTLING);
}

void
cq_entry_resume_lease(CqQueueRow *row, uint32 i, uint32 nonce, int64 until,
					  CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	msg->nonce = nonce;
	msg->until = until;
	msg->flags |= CQ_MSG_DURABLE;
	row->durable_loaded++;
	cq_entry_link(row, i, CQ_MSG_LEASED);
	cq_row_plan(row, until, effects);
}

void
cq_entry_extend_lease(CqQueueRow *row, uint32 i, int64 until, CqEffects *effects)
{
	/* its place in the heap follows from until */
	cq_entry_unlink(row, i);
	CQ_MSG(i)->until = until;
	cq_entry_link(row, i, CQ_MSG_LEASED);
	cq_row_plan(row, until, effects);
}

void
cq_entries_end_scan(CqQueueRow *row, bool complete, CqEffects *effects)
{
	uint32		parked = CQ_NONE;
	uint32		i;

	while ((i = cq_entries_first(row, CQ_MSG_SETTLED)) != CQ_NONE)
		cq_entry_free(row, i, effects);
	cq_backlog_scan_ended(row);
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
}

void
cq_row_plan_notify(CqQueueRow *row, CqEffects *effects)
{
	if (effects->ready > 0 && row->options.notify[0] != '\0' &&
		(row->wants & CQ_WANT_NOTIFY) == 0)
		cq_row_want(row, CQ_WANT_NOTIFY, row->notify_ms, effects);
}
