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

#include "core/clock.h"
#include "core/dbworker.h"
#include "core/faults.h"
#include "queue/dispatch/heap.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/dispatch/ready.h"
#include "utils/timestamp.h"

/* the worker looks at delayed messages at least this often: clocks are set */
#define DUE_PLAN_MS_MAX 60000

/* what is due later than that stays in the tables, and is loaded so long before */
#define DUE_AHEAD_US (INT64CONST(600) * 1000000)
#define DUE_LOAD_US (INT64CONST(60) * 1000000)

/* more consumers than this are woken all at once */
#define SIGNALS_MAX 32

uint32
cq_row_room(const CqQueueRow *row, bool sending)
{
	uint32		entries = cq_row_entries(row) + row->ngroups;
	uint32		share = sending ? cq_queues->window / 2 : cq_queues->window;
	uint32		nfree = *(volatile uint32 *) &cq_queues->pool_nfree;
	uint32		room = 0;

	if (nfree > cq_queues->pool_reserve && entries < share)
		room = Min(share - entries, nfree - cq_queues->pool_reserve);
	if (entries < CQ_ENTRIES_MIN)
		room = Max(room, Min(CQ_ENTRIES_MIN - entries, nfree));
	return room;
}

uint32
cq_pool_take(void)
{
	uint32		i = CQ_NONE;

	SpinLockAcquire(&cq_queues->pool_lock);
	if (cq_queues->pool_free != CQ_NONE)
	{
		i = cq_queues->pool_free;
		cq_queues->pool_free = CQ_MSG(i)->link.next;
	}
	else if (cq_queues->pool_fresh < cq_queues->pool_size)
		i = cq_queues->pool_fresh++;
	if (i != CQ_NONE)
		cq_queues->pool_nfree--;
	SpinLockRelease(&cq_queues->pool_lock);
	return i;
}

void
cq_pool_give(uint32 i)
{
	SpinLockAcquire(&cq_queues->pool_lock);
	CQ_MSG(i)->link.next = cq_queues->pool_free;
	cq_queues->pool_free = i;
	cq_queues->pool_nfree++;
	SpinLockRelease(&cq_queues->pool_lock);
}

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

static void
list_push(uint32 *head, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);

	msg->link.prev = CQ_NONE;
	msg->link.next = *head;
	if (*head != CQ_NONE)
		CQ_MSG(*head)->link.prev = i;
	*head = i;
}

static void
list_remove(uint32 *head, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);

	if (msg->link.prev != CQ_NONE)
		CQ_MSG(msg->link.prev)->link.next = msg->link.next;
	else
		*head = msg->link.next;
	if (msg->link.next != CQ_NONE)
		CQ_MSG(msg->link.next)->link.prev = msg->link.prev;
}

/* Whether messages of its group have to wait for it. */
static inline bool
is_in_flight(const CqMsg *msg)
{
	return msg->state == CQ_MSG_LEASED ||
		(msg->state == CQ_MSG_SETTLING && (msg->flags & CQ_MSG_GONE) == 0) ||
		(msg->flags & CQ_MSG_BLOCKS) != 0;
}

/* Whether it takes room in the queue. */
static inline bool
has_weight(const CqMsg *msg)
{
	return msg->state < CQ_MSG_DOOMED && (msg->flags & CQ_MSG_GONE) == 0;
}

/* Whether it waits, and so may run out of patience. */
static inline bool
is_waiting(CqMsgState state)
{
	return state == CQ_MSG_READY || state == CQ_MSG_HELD || state == CQ_MSG_DELAYED;
}

/*
 * Whether its number is above all that its group has in memory.  Unloaded ones of
 * the group have higher numbers: one that comes late, with a lower number, must
 * not become unloaded, or others would overtake it.
 */
static inline bool
is_last(const CqMsg *msg)
{
	const CqGroup *group = CQ_GROUP(msg->group);

	return !group->has_last || (int32) ((uint32) msg->msg_id - group->last) > 0;
}

void
cq_entry_link(CqQueueRow *row, uint32 i, CqMsgState state)
{
	CqMsg	   *msg = CQ_MSG(i);

	Assert(LWLockHeldByMeInMode(&row->lock, LW_EXCLUSIVE));
	Assert(msg->state == CQ_MSG_FREE && msg->row == CQ_ROW_INDEX(row));
	msg->state = state;
	row->count[state]++;
	if (state != CQ_MSG_SETTLED)
		row->segment[msg->segment].loaded++;
	if (has_weight(msg))
		row->bytes += msg->bytes;
	row->gone += (msg->flags & CQ_MSG_GONE) != 0;

	switch (state)
	{
		case CQ_MSG_READY:
			cq_ready_add(row, i);
			break;
		case CQ_MSG_HELD:
			cq_heap_add(&CQ_GROUP(msg->group)->held, i, CQ_BY_NUMBER);
			break;
		case CQ_MSG_DELAYED:
			cq_heap_add(&row->list[state], i, CQ_BY_DUE);
			break;
		case CQ_MSG_LEASED:
			cq_heap_add(&row->list[state], i, CQ_BY_UNTIL);
			break;
		default:
			list_push(&row->list[state], i);
	}
	if (msg->group != CQ_NONE)
	{
		CqGroup    *group = CQ_GROUP(msg->group);

		group->offered += (state == CQ_MSG_READY);
		group->in_flight += is_in_flight(msg);
		if (state >= CQ_MSG_READY && state <= CQ_MSG_LEASED && is_last(msg))
		{
			group->last = (uint32) msg->msg_id;
			group->has_last = true;
		}
	}
	if (unlikely(msg->expires != 0) && is_waiting(state))
	{
		msg->flags |= CQ_MSG_TIMED;
		cq_heap_add(&row->expiry, i, CQ_BY_EXPIRY);
	}
}

void
cq_entry_unlink(CqQueueRow *row, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);
	CqMsgState	state = msg->state;

	Assert(LWLockHeldByMeInMode(&row->lock, LW_EXCLUSIVE));
	Assert(state != CQ_MSG_FREE && msg->row == CQ_ROW_INDEX(row));
	switch (state)
	{
		case CQ_MSG_READY:
			cq_ready_remove(row, i);
			break;
		case CQ_MSG_HELD:
			cq_heap_remove(&CQ_GROUP(msg->group)->held, i, CQ_BY_NUMBER);
			break;
		case CQ_MSG_DELAYED:
			cq_heap_remove(&row->list[state], i, CQ_BY_DUE);
			break;
		case CQ_MSG_LEASED:
			cq_heap_remove(&row->list[state], i, CQ_BY_UNTIL);
			break;
		default:
			list_remove(&row->list[state], i);
	}
	if (msg->group != CQ_NONE)
	{
		CQ_GROUP(msg->group)->offered -= (state == CQ_MSG_READY);
		CQ_GROUP(msg->group)->in_flight -= is_in_flight(msg);
	}
	if (unlikely(msg->flags & CQ_MSG_TIMED))
		cq_heap_remove(&row->expiry, i, CQ_BY_EXPIRY);
	if (state != CQ_MSG_SETTLED)
		row->segment[msg->segment].loaded--;
	if (has_weight(msg))
		row->bytes -= msg->bytes;
	row->gone -= (msg->flags & CQ_MSG_GONE) != 0;
	msg->flags &= ~(CQ_MSG_TIMED | CQ_MSG_BLOCKS | CQ_MSG_GONE);
	row->count[state]--;
	msg->state = CQ_MSG_FREE;
}

void
cq_entry_move(CqQueueRow *row, uint32 i, CqMsgState state)
{
	cq_entry_unlink(row, i);
	cq_entry_link(row, i, state);
}

/* The entry has left its state for good: others may have gained by it. */
static void
make_way(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	if (CQ_MSG(i)->group != CQ_NONE)
		cq_group_advance(row, CQ_MSG(i)->group, effects);
	row->idle = false;
	if (row->options.concurrency > 0 && row->count[CQ_MSG_READY] > 0)
		effects->ready++;
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
	const CqSegment *segment = &row->segment[k];

	if (segment->loaded == 0 && k != row->current && !segment->empty &&
		segment->scan_from == InvalidBlockNumber)
	{
		row->want_truncate = true;
		cq_row_plan(row, row->truncate_ms, effects);
	}
}

void
cq_entry_settled(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	int			k = CQ_MSG(i)->segment;

	if (row->scanning)
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

int64
cq_due_ms(TimestampTz due)
{
	int64		wait_ms = (due - GetCurrentTimestamp() + 999) / 1000;

	return cq_clock_ms() + Min(Max(wait_ms, 0), DUE_PLAN_MS_MAX);
}

void
cq_row_plan(CqQueueRow *row, int64 at_ms, CqEffects *effects)
{
	if (at_ms < row->plan_ms)
	{
		row->plan_ms = at_ms;
		effects->worker = true;
	}
}

/* Messages that a row may have in memory though they cannot be delivered. */
static uint32
waiting_share(void)
{
	return Max(cq_queues->window / 2, CQ_ENTRIES_MIN / 2);
}

TimestampTz
cq_row_load_at(const CqQueueRow *row)
{
	/* ahead of time, if there is room by then */
	if (row->unloaded_due == 0 || row->count[CQ_MSG_DELAYED] > waiting_share() / 2)
		return row->unloaded_due;
	return row->unloaded_due - DUE_LOAD_US;
}

void
cq_messages_unload(CqQueueRow *row, const CqUnloaded *u, CqEffects *effects)
{
	CqSegment  *s = &row->segment[u->segment];

	row->unloaded.n += u->amount.n;
	row->unloaded.bytes += u->amount.bytes;
	if (s->scan_from == InvalidBlockNumber || u->block < s->scan_from)
		s->scan_from = u->block;
	if (u->expires != 0)
	{
		row->unloaded_expires = cq_earlier(row->unloaded_expires, u->expires);
		cq_row_plan(row, Max(cq_due_ms(u->expires), row->expire_ms), effects);
	}
	if (u->due == 0 || u->due <= GetCurrentTimestamp())
	{
		row->overflow = true;
		row->idle = false;
		row->priorities |= u->priorities;
		row->priorities_new |= u->priorities;
		effects->ready += Min(u->amount.n, SIGNALS_MAX + 1);
	}
	else
	{
		row->unloaded_delayed += u->amount.n;
		if (row->unloaded_due == 0 || u->due < row->unloaded_due)
		{
			row->unloaded_due = u->due;
			cq_row_plan(row, cq_due_ms(cq_row_load_at(row)), effects);
		}
	}
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
	cq_messages_unload(row, &u, effects);
	cq_entry_free(row, i, effects);
}

void
cq_entry_doom(CqQueueRow *row, uint32 i, char settle, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	if (msg->state != CQ_MSG_FREE)
		cq_entry_unlink(row, i);
	msg->settle = settle;
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
			 row->count[CQ_MSG_DELAYED] >= waiting_share())
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
		cq_entry_doom(row, i, 'd', effects);
	else if (msg->expires != 0 && msg->expires <= now)
		cq_entry_doom(row, i, 't', effects);
	else if (msg->due > now)
		offer_delayed(row, i, now, effects);
	else if (msg->group != CQ_NONE)
	{
		if (row->count[CQ_MSG_HELD] >= waiting_share() && is_last(msg) &&
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
	CqSegment  *segment = &row->segment[msg->segment];

	Assert(msg->state == CQ_MSG_OPEN);
	cq_entry_clear_by_xid(row, i);
	row->sent++;
	cq_rate_count(row, CQ_RATE_SENT, 1);
	if (segment->known_blocks <= msg->block)
		segment->known_blocks = msg->block + 1;

	/* with messages unloaded, only what cannot overtake one of them */
	if (!row->overflow || CQ_FAULT("queue-overtake") ||
		(msg->group != CQ_NONE ? !is_last(msg) :
		 CQ_PRIORITY_BIT(msg->priority) > row->priorities ||
		 comes_before_ready(row, msg)))
		cq_entry_offer(row, i, effects);
	else if (row->scanning)
		cq_entry_move(row, i, CQ_MSG_PARKED);
	else
		cq_entry_unload(row, i, effects);
}

void
cq_entry_settle(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	Assert(msg->state == CQ_MSG_SETTLING);
	switch (msg->settle)
	{
		case 'a':
			row->acknowledged++;
			cq_rate_count(row, CQ_RATE_ACKNOWLEDGED, 1);
			cq_entry_settled(row, i, effects);
			break;
		case 'f':
			row->failed++;
			row->dead_lettered++;
			cq_entry_settled(row, i, effects);
			break;
		case 'e':
			row->expired++;
			row->dead_lettered++;
			cq_entry_settled(row, i, effects);
			break;
		case 'd':
			row->dead_lettered++;
			cq_entry_settled(row, i, effects);
			break;
		case 't':
			row->timed_out++;
			cq_entry_settled(row, i, effects);
			break;
		case 'o':
			row->dropped++;
			cq_entry_settled(row, i, effects);
			break;
		case 'p':
			cq_entry_settled(row, i, effects);
			break;
		case 'x':
			row->expired++;
			cq_entry_offer(row, i, effects);
			break;
		case 'n':
			row->failed++;
			cq_entry_offer(row, i, effects);
			break;
		default:				/* 'm' */
			cq_entry_offer(row, i, effects);
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
cq_entry_set_by_xid(CqQueueRow *row, uint32 i, TransactionId xid)
{
	CqMsg	   *msg = CQ_MSG(i);

	if ((msg->flags & CQ_MSG_BY_XID) == 0)
	{
		msg->flags |= CQ_MSG_BY_XID;
		row->by_xid++;
		pg_atomic_fetch_add_u32(&cq_queues->by_xid, 1);
	}
	msg->xid = xid;
}

void
cq_entry_clear_by_xid(CqQueueRow *row, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);

	if (msg->flags & CQ_MSG_BY_XID)
	{
		msg->flags &= ~CQ_MSG_BY_XID;
		msg->xid = InvalidTransactionId;
		row->by_xid--;
		pg_atomic_fetch_sub_u32(&cq_queues->by_xid, 1);
	}
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
			cq_entry_doom(row, i, 't', effects);
		while ((i = row->list[CQ_MSG_DELAYED]) != CQ_NONE && CQ_MSG(i)->due <= now)
		{
			CQ_MSG(i)->due = 0;
			cq_entry_offer(row, i, effects);
		}
	}
}

void
cq_row_unlock(CqQueueRow *row, const CqEffects *effects)
{
	Oid			database = row->database;
	bool		worker = effects->worker;

	if (effects->ready > 0 && row->options.notify[0] != '\0' && !row->want_notify)
	{
		row->want_notify = true;
		if (row->notify_ms < row->plan_ms)
		{
			row->plan_ms = row->notify_ms;
			worker = true;
		}
	}
	LWLockRelease(&row->lock);
	if (effects->ready > SIGNALS_MAX)
		ConditionVariableBroadcast(&row->ready_cv);
	else
	{
		for (uint32 i = 0; i < effects->ready; i++)
			ConditionVariableSignal(&row->ready_cv);
	}
	if (effects->scan_ended)
		ConditionVariableBroadcast(&row->scan_cv);
	if (effects->space)
		ConditionVariableBroadcast(&row->space_cv);
	if (worker)
		cq_dbworker_wake(database);
}

/* The first group from here on that has messages waiting: the first of them. */
static uint32
first_held(uint32 group)
{
	while (group != CQ_NONE && CQ_GROUP(group)->held == CQ_NONE)
		group = CQ_GROUP(group)->all.next;
	return (group == CQ_NONE) ? CQ_NONE : CQ_GROUP(group)->held;
}

uint32
cq_entries_first(const CqQueueRow *row, CqMsgState state)
{
	if (state == CQ_MSG_READY)
		return cq_ready_walk(row);
	if (state == CQ_MSG_HELD)
		return first_held(row->groups);
	return row->list[state];
}

uint32
cq_entries_next(const CqQueueRow *row, uint32 i)
{
	const CqMsg *msg = CQ_MSG(i);
	uint32		next;

	switch (msg->state)
	{
		case CQ_MSG_DELAYED:
		case CQ_MSG_LEASED:
			return cq_heap_next(i);
		case CQ_MSG_HELD:
			next = cq_heap_next(i);
			return (next != CQ_NONE) ? next :
				first_held(CQ_GROUP(msg->group)->all.next);
		case CQ_MSG_READY:
			return cq_ready_walk_on(row, i);
		default:
			return msg->link.next;
	}
}

#ifdef USE_ASSERT_CHECKING
/* Row locked: what its members say about each group. */
static void
check_groups(CqQueueRow *row)
{
	uint32		n = 0;

	for (uint32 g = row->groups; g != CQ_NONE; g = CQ_GROUP(g)->all.next)
	{
		const CqGroup *group = CQ_GROUP(g);

		n++;
		Assert(group->state == CQ_MSG_GROUP && group->row == CQ_ROW_INDEX(row));
		Assert(group->members > 0 || group->until != 0);
		Assert(group->held == CQ_NONE || group->until != 0 ||
			   group->in_flight + group->offered >= row->options.group_concurrency);
		Assert(group->held == CQ_NONE || group->offered == 0 ||
			   row->options.group_concurrency > 1 ||
			   CQ_MSG(group->head)->msg_id < CQ_MSG(group->held)->msg_id);
	}
	Assert(n == row->ngroups);
}

void
cq_row_check(CqQueueRow *row)
{
	uint32		loaded[CQ_SEGMENTS_MAX] = {0};
	uint32		by_xid = 0;
	uint32		gone = 0;
	int64		bytes = 0;
	uint32		members = 0;
	uint32		in_flight = 0;
	uint32		offered = 0;

	Assert(LWLockHeldByMe(&row->lock));
	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		uint32		n = 0;

		for (uint32 i = cq_entries_first(row, state); i != CQ_NONE;
			 i = cq_entries_next(row, i))
		{
			CqMsg	   *msg = CQ_MSG(i);

			n++;
			Assert(msg->state == state && msg->row == CQ_ROW_INDEX(row));
			Assert(msg->segment < row->nsegments);
			if (state != CQ_MSG_SETTLED)
				loaded[msg->segment]++;
			if (has_weight(msg))
				bytes += msg->bytes;
			Assert((msg->flags & CQ_MSG_GONE) == 0 || state == CQ_MSG_SETTLING);
			gone += (msg->flags & CQ_MSG_GONE) != 0;
			if (msg->flags & CQ_MSG_BY_XID)
			{
				Assert(state == CQ_MSG_OPEN || state == CQ_MSG_SETTLING);
				by_xid++;
			}
			if (state == CQ_MSG_READY && (msg->flags & CQ_MSG_LATE) == 0 &&
				msg->link.next != CQ_NONE)
				Assert(CQ_MSG(msg->link.next)->msg_id > msg->msg_id);
			if (msg->group != CQ_NONE)
			{
				members++;
				in_flight += is_in_flight(msg);
				offered += (state == CQ_MSG_READY);
			}
			Assert(((msg->flags & CQ_MSG_TIMED) != 0) ==
				   (msg->expires != 0 && is_waiting(state)));
		}
		Assert(n == row->count[state]);
	}
	for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
		Assert(loaded[k] == row->segment[k].loaded);
	for (uint32 g = row->groups; g != CQ_NONE; g = CQ_GROUP(g)->all.next)
	{
		members -= CQ_GROUP(g)->members;
		in_flight -= CQ_GROUP(g)->in_flight;
		offered -= CQ_GROUP(g)->offered;
	}
	Assert(members == 0 && in_flight == 0 && offered == 0);
	Assert(by_xid == row->by_xid);
	Assert(bytes == row->bytes && gone == row->gone);
	Assert(row->count[CQ_MSG_SETTLED] == 0 || row->scanning);
	check_groups(row);
}
#endif
