/*-------------------------------------------------------------------------
 *
 * lifecycle.c
 *	  The life of an entry.
 *
 *							send
 *							 |
 *			rollback	   OPEN -----------> PARKED
 *		 free <-----------	/  \  (scanning)	|
 *						   /	\				|  scan ends
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
 * READY stands for READY or HELD (groups.c).  What is to be deleted, or is out of
 * attempts, becomes DOOMED, which the worker makes SETTLING.  All that is
 * committed and unclaimed goes through cq_entry_offer().
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
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
cq_entry_take(CqQueueState *queue, bool sending, uint64 group_hash)
{
	uint32		group = CQ_NONE;
	uint32		i;

	if (cq_dispatch_room(queue, sending) == 0)
		return CQ_NONE;
	i = cq_pool_take();
	if (i == CQ_NONE)
		return CQ_NONE;
	if (group_hash !=0)
	{
		group = cq_group_enter(queue, group_hash);
		if (group == CQ_NONE)
		{
			cq_pool_give(i);
			return CQ_NONE;
		}
	}
	memset(CQ_MSG(i), 0, sizeof(CqMsg));
	CQ_MSG(i)->queue = CQ_QUEUE_INDEX(queue);
	CQ_MSG(i)->group = group;
	return i;
}

/* The entry has left its state for good: others may have gained by it. */
static void
make_way(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	if (CQ_MSG(i)->group != CQ_NONE)
		cq_group_advance(queue, CQ_MSG(i)->group, effects);
	cq_backlog_stir(queue);
	if (queue->options.concurrency > 0 && queue->count[CQ_MSG_READY] > 0)
		effects->ready++;
	else if (unlikely(cq_backlog_has_ready(queue)) && queue->count[CQ_MSG_READY] == 0)
		effects->ready++;		/* there may be room to load some now */
	effects->space |= (queue->space_waiters > 0);
}

static void
leave_group(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	if (CQ_MSG(i)->group != CQ_NONE)
		cq_group_remove(queue, CQ_MSG(i)->group, effects);
	CQ_MSG(i)->group = CQ_NONE;
}

void
cq_entry_free(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	cq_entry_clear_by_xid(queue, i);
	if (CQ_MSG(i)->state != CQ_MSG_FREE)
		cq_entry_unlink(queue, i);
	make_way(queue, i, effects);
	leave_group(queue, i, effects);
	cq_pool_give(i);
}

/* An entry of segment k is gone: see whether it was the last one. */
static void
note_gone(CqQueueState *queue, int k, CqEffects *effects)
{
	if (cq_segment_is_finished(queue, k))
		cq_dispatch_want(queue, CQ_WANT_TRUNCATE, queue->truncate_ms, effects);
}

void
cq_entry_settled(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	int			k = CQ_MSG(i)->segment;

	if (queue->backlog.scanning)
	{
		cq_entry_clear_by_xid(queue, i);
		cq_entry_move(queue, i, CQ_MSG_SETTLED);
		make_way(queue, i, effects);
		leave_group(queue, i, effects);
	}
	else
		cq_entry_free(queue, i, effects);
	note_gone(queue, k, effects);
}

void
cq_entry_unsent(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	int			k = CQ_MSG(i)->segment;

	cq_entry_free(queue, i, effects);
	note_gone(queue, k, effects);
}

void
cq_entries_free_all(CqQueueState *queue)
{
	CqEffects	effects = {0};

	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		uint32		i;

		while ((i = cq_entries_first(queue, state)) != CQ_NONE)
		{
			/* no other of its group shall change places meanwhile */
			cq_entry_clear_by_xid(queue, i);
			cq_entry_unlink(queue, i);
			leave_group(queue, i, &effects);
			cq_pool_give(i);
		}
		Assert(queue->count[state] == 0);
	}
	cq_groups_free_all(queue);
}

void
cq_entry_unload(CqQueueState *queue, uint32 i, CqEffects *effects)
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
	cq_backlog_add(queue, &u, effects);
	cq_entry_free(queue, i, effects);
}

void
cq_entry_doom(CqQueueState *queue, uint32 i, CqOutcome outcome, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	if (msg->state != CQ_MSG_FREE)
		cq_entry_unlink(queue, i);
	msg->outcome = outcome;
	msg->until = 0;
	cq_entry_link(queue, i, CQ_MSG_DOOMED);
	make_way(queue, i, effects);
	cq_dispatch_plan(queue, 0, effects);
}

/* A delayed one; gives the entry up when it need not be in memory. */
static void
offer_delayed(CqQueueState *queue, uint32 i, TimestampTz now, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	if (msg->group != CQ_NONE && msg->attempts > 0 &&
		queue->options.group_concurrency == 1)
		msg->flags |= CQ_MSG_BLOCKS;
	else if (msg->due > now + DUE_AHEAD_US ||
			 queue->count[CQ_MSG_DELAYED] >= cq_dispatch_waiting_max())
	{
		cq_entry_unload(queue, i, effects);
		return;
	}
	cq_entry_link(queue, i, CQ_MSG_DELAYED);
	cq_dispatch_plan(queue, cq_due_ms(msg->due), effects);
	make_way(queue, i, effects);
}

/* Whether it would be ready at once, but for a lack of tokens. */
static bool
is_next(const CqQueueState *queue, const CqMsg *msg)
{
	const CqGroup *group = CQ_GROUP(msg->group);

	return group->held == CQ_NONE &&
		group->in_flight + group->offered < queue->options.group_concurrency;
}

void
cq_entry_offer(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);
	int			max_attempts = cq_dispatch_max_attempts(queue);
	TimestampTz now = 0;

	if (msg->state != CQ_MSG_FREE)
		cq_entry_unlink(queue, i);
	cq_entry_clear_by_xid(queue, i);
	msg->flags &= ~(CQ_MSG_TAKEN | CQ_MSG_DURABLE);
	if (msg->due != 0 || msg->expires != 0)
		now = GetCurrentTimestamp();
	if (msg->expires != 0)
		cq_dispatch_plan(queue, cq_due_ms(msg->expires), effects);

	if (max_attempts > 0 && msg->attempts >= max_attempts)
		cq_entry_doom(queue, i, CQ_OUTCOME_REJECTED, effects);
	else if (msg->expires != 0 && msg->expires <= now)
		cq_entry_doom(queue, i, CQ_OUTCOME_TIMED_OUT, effects);
	else if (msg->due > now)
		offer_delayed(queue, i, now, effects);
	else if (msg->group != CQ_NONE)
	{
		if (queue->count[CQ_MSG_HELD] >= cq_dispatch_waiting_max() && cq_entry_is_last(msg) &&
			!is_next(queue, msg))
		{
			msg->due = 0;
			cq_entry_unload(queue, i, effects);
			return;
		}
		cq_entry_link(queue, i, CQ_MSG_HELD);
		make_way(queue, i, effects);
	}
	else
	{
		cq_entry_link(queue, i, CQ_MSG_READY);
		effects->ready++;
	}
}

/*
 * Whether one of its priority is ready that has a higher number: that one may
 * overtake what is unloaded in any case.
 */
static bool
comes_before_ready(const CqQueueState *queue, const CqMsg *msg)
{
	uint32		tail = queue->ready_tail[CQ_PRIORITY_INDEX(msg->priority)];

	return tail != CQ_NONE && msg->msg_id < CQ_MSG(tail)->msg_id;
}

void
cq_entry_sent(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	Assert(msg->state == CQ_MSG_OPEN);
	cq_entry_clear_by_xid(queue, i);
	queue->sent++;
	cq_rate_count(&queue->rate[CQ_RATE_SENT], 1);
	cq_backlog_note_block(queue, msg->segment, msg->block);

	/* with messages unloaded, only what cannot overtake one of them */
	if (!cq_backlog_has_ready(queue) || CQ_FAULT("queue-overtake") ||
		(msg->group != CQ_NONE ? !cq_entry_is_last(msg) :
		 CQ_PRIORITY_BIT(msg->priority) > queue->backlog.priorities ||
		 comes_before_ready(queue, msg)))
		cq_entry_offer(queue, i, effects);
	else if (queue->backlog.scanning)
		cq_entry_move(queue, i, CQ_MSG_PARKED);
	else
		cq_entry_unload(queue, i, effects);
}

void
cq_entry_settle(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	Assert(msg->state == CQ_MSG_SETTLING);
	switch ((CqOutcome) msg->outcome)
	{
		case CQ_OUTCOME_ACKNOWLEDGED:
			queue->acknowledged++;
			cq_rate_count(&queue->rate[CQ_RATE_ACKNOWLEDGED], 1);
			cq_entry_settled(queue, i, effects);
			break;
		case CQ_OUTCOME_FAILED_LAST:
			queue->failed++;
			queue->dead_lettered++;
			cq_entry_settled(queue, i, effects);
			break;
		case CQ_OUTCOME_EXPIRED_LAST:
			queue->expired++;
			queue->dead_lettered++;
			cq_entry_settled(queue, i, effects);
			break;
		case CQ_OUTCOME_REJECTED:
			queue->dead_lettered++;
			cq_entry_settled(queue, i, effects);
			break;
		case CQ_OUTCOME_TIMED_OUT:
			queue->timed_out++;
			cq_entry_settled(queue, i, effects);
			break;
		case CQ_OUTCOME_DROPPED:
			queue->dropped++;
			cq_entry_settled(queue, i, effects);
			break;
		case CQ_OUTCOME_PURGED:
			cq_entry_settled(queue, i, effects);
			break;
		case CQ_OUTCOME_EXPIRED:
			queue->expired++;
			cq_entry_offer(queue, i, effects);
			break;
		case CQ_OUTCOME_FAILED:
			queue->failed++;
			cq_entry_offer(queue, i, effects);
			break;
		case CQ_OUTCOME_MOVED:
			cq_entry_offer(queue, i, effects);
			break;
		case CQ_OUTCOME_NONE:
			Assert(false);
	}
}

void
cq_entry_unsettle(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	Assert(msg->state == CQ_MSG_SETTLING);
	if (msg->flags & CQ_MSG_TAKEN)
	{
		/* one that was not delivered keeps its due time, a taken one has none */
		cq_entry_offer(queue, i, effects);
		return;
	}
	cq_entry_clear_by_xid(queue, i);
	msg->due = 0;
	cq_entry_move(queue, i, CQ_MSG_LEASED);
	cq_dispatch_plan(queue, msg->until, effects);
}

void
cq_entry_give_back(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	Assert(CQ_MSG(i)->state == CQ_MSG_LEASED);
	CQ_MSG(i)->due = 0;
	cq_entry_offer(queue, i, effects);
}

void
cq_entries_release_due(CqQueueState *queue, CqEffects *effects)
{
	cq_groups_release(queue, effects);
	if (queue->list[CQ_MSG_DELAYED] != CQ_NONE || queue->expiry != CQ_NONE)
	{
		TimestampTz now = GetCurrentTimestamp();
		uint32		i;

		while ((i = queue->expiry) != CQ_NONE && CQ_MSG(i)->expires <= now)
			cq_entry_doom(queue, i, CQ_OUTCOME_TIMED_OUT, effects);
		while ((i = queue->list[CQ_MSG_DELAYED]) != CQ_NONE && CQ_MSG(i)->due <= now)
		{
			CQ_MSG(i)->due = 0;
			cq_entry_offer(queue, i, effects);
		}
	}
}

void
cq_entry_settling(CqQueueState *queue, uint32 i, CqOutcome outcome)
{
	CqMsg	   *msg = CQ_MSG(i);
	bool		doomed = (msg->state == CQ_MSG_DOOMED);

	cq_entry_unlink(queue, i);
	msg->outcome = outcome;
	if (doomed)
		msg->flags |= CQ_MSG_GONE;
	cq_entry_link(queue, i, CQ_MSG_SETTLING);
}

void
cq_entry_resume_lease(CqQueueState *queue, uint32 i, uint32 nonce, int64 until,
					  CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	msg->nonce = nonce;
	msg->until = until;
	msg->flags |= CQ_MSG_DURABLE;
	queue->durable_loaded++;
	cq_entry_link(queue, i, CQ_MSG_LEASED);
	cq_dispatch_plan(queue, until, effects);
}

void
cq_entry_extend_lease(CqQueueState *queue, uint32 i, int64 until, CqEffects *effects)
{
	/* its place in the heap follows from until */
	cq_entry_unlink(queue, i);
	CQ_MSG(i)->until = until;
	cq_entry_link(queue, i, CQ_MSG_LEASED);
	cq_dispatch_plan(queue, until, effects);
}

void
cq_entries_end_scan(CqQueueState *queue, bool complete, CqEffects *effects)
{
	uint32		parked = CQ_NONE;
	uint32		i;

	while ((i = cq_entries_first(queue, CQ_MSG_SETTLED)) != CQ_NONE)
		cq_entry_free(queue, i, effects);
	cq_backlog_scan_ended(queue);
	effects->scan_ended = true;

	/* in the order of their numbers */
	while ((i = cq_entries_first(queue, CQ_MSG_PARKED)) != CQ_NONE)
	{
		cq_entry_unlink(queue, i);
		cq_heap_add(&parked, i, CQ_BY_NUMBER);
	}
	while ((i = parked) != CQ_NONE)
	{
		cq_heap_remove(&parked, i, CQ_BY_NUMBER);
		if (complete)
			cq_entry_offer(queue, i, effects);
		else
			cq_entry_unload(queue, i, effects);
	}
}

void
cq_dispatch_plan_notify(CqQueueState *queue, CqEffects *effects)
{
	if (effects->ready > 0 && queue->options.notify[0] != '\0' &&
		(queue->wants & CQ_WANT_NOTIFY) == 0)
		cq_dispatch_want(queue, CQ_WANT_NOTIFY, queue->notify_ms, effects);
}

/* ---- the worker ------------------------------------------------------ */

int64
cq_dispatch_look_ms(const CqQueueState *queue)
{
	int64		at = cq_backlog_look_ms(queue);
	uint32		first;

	if ((first = queue->list[CQ_MSG_DELAYED]) != CQ_NONE)
		at = Min(at, cq_due_ms(CQ_MSG(first)->due));
	if ((first = queue->expiry) != CQ_NONE)
		at = Min(at, cq_due_ms(CQ_MSG(first)->expires));
	if ((first = queue->group_times) != CQ_NONE)
		at = Min(at, CQ_GROUP(first)->until);
	if ((first = queue->list[CQ_MSG_LEASED]) != CQ_NONE)
		at = Min(at, CQ_MSG(first)->until);
	if ((queue->wants & CQ_WANT_SCAN) != 0 || queue->list[CQ_MSG_DOOMED] != CQ_NONE ||
		((queue->wants & CQ_WANT_TRIM) != 0 && queue->backlog.ready != CQ_UNLOADED_STUCK))
		at = Min(at, cq_clock_ms());
	return at;
}
