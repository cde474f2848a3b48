/*-------------------------------------------------------------------------
 *
 * entries.c
 *	  The life of an entry.
 *
 *							send
 *							 |
 *			rollback	   OPEN -----------> PARKED
 *		 free <-----------  /	\  (overflow,	 |
 *						   /	 \	scanning)	 |  scan ends
 *				   due    v		  v				 v
 *		   DELAYED ---> READY <------------------+----> free (unloaded)
 *			  ^			 ^ | claim
 *			  |	 expiry, | v		   ack, nack, take, expiry
 *			  |	rollback LEASED  ----------------+
 *			  |			   ^					 v
 *			  |			   +------ rollback --- SETTLING
 *			  |									 |	commit
 *			  +------------- nack --------------+---> free, or SETTLED
 *													  while a scan runs
 *
 * Ready entries are handed out in the order of their numbers.  They nearly
 * always come in that order and go to the end of a list; one that comes late,
 * after a rollback say, goes to a heap beside it, and the lower of the two
 * heads is next.  Both ways cost the same however many are waiting.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/dbworker.h"
#include "core/faults.h"
#include "queue/entries.h"
#include "queue/heap.h"
#include "utils/timestamp.h"

/* the worker looks at delayed messages at least this often: clocks are set */
#define DUE_PLAN_MS_MAX 60000

/* more consumers than this are woken all at once */
#define SIGNALS_MAX 32

uint32
cq_row_room(const CqQueueRow *row, bool sending)
{
	uint32		entries = cq_row_entries(row);
	uint32		share = sending ? cq_queues->window / 2 : cq_queues->window;
	uint32		nfree = *(volatile uint32 *) &cq_queues->pool_nfree;
	uint32		room = 0;

	if (nfree > cq_queues->pool_reserve && entries < share)
		room = Min(share - entries, nfree - cq_queues->pool_reserve);
	if (entries < CQ_ENTRIES_MIN)
		room = Max(room, Min(CQ_ENTRIES_MIN - entries, nfree));
	return room;
}

static uint32
pool_take(void)
{
	uint32		i = CQ_NONE;

	SpinLockAcquire(&cq_queues->pool_lock);
	if (cq_queues->pool_free != CQ_NONE)
	{
		i = cq_queues->pool_free;
		cq_queues->pool_free = CQ_MSG(i)->next;
	}
	else if (cq_queues->pool_fresh < cq_queues->pool_size)
		i = cq_queues->pool_fresh++;
	if (i != CQ_NONE)
		cq_queues->pool_nfree--;
	SpinLockRelease(&cq_queues->pool_lock);
	return i;
}

static void
pool_give(uint32 i)
{
	SpinLockAcquire(&cq_queues->pool_lock);
	CQ_MSG(i)->next = cq_queues->pool_free;
	cq_queues->pool_free = i;
	cq_queues->pool_nfree++;
	SpinLockRelease(&cq_queues->pool_lock);
}

uint32
cq_entry_take(CqQueueRow *row, bool sending)
{
	uint32		i;

	if (cq_row_room(row, sending) == 0)
		return CQ_NONE;
	i = pool_take();
	if (i != CQ_NONE)
	{
		memset(CQ_MSG(i), 0, sizeof(CqMsg));
		CQ_MSG(i)->row = CQ_ROW_INDEX(row);
	}
	return i;
}

static void
list_push(uint32 *head, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);

	msg->prev = CQ_NONE;
	msg->next = *head;
	if (*head != CQ_NONE)
		CQ_MSG(*head)->prev = i;
	*head = i;
}

static void
list_remove(uint32 *head, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);

	if (msg->prev != CQ_NONE)
		CQ_MSG(msg->prev)->next = msg->next;
	else
		*head = msg->next;
	if (msg->next != CQ_NONE)
		CQ_MSG(msg->next)->prev = msg->prev;
}

static void
ready_push(CqQueueRow *row, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);
	uint32		tail = row->ready_tail;

	if (tail != CQ_NONE && msg->msg_id < CQ_MSG(tail)->msg_id)
	{
		msg->flags |= CQ_MSG_LATE;
		cq_heap_add(&row->late, i, CQ_BY_NUMBER);
		return;
	}
	msg->prev = tail;
	msg->next = CQ_NONE;
	if (tail != CQ_NONE)
		CQ_MSG(tail)->next = i;
	else
		row->list[CQ_MSG_READY] = i;
	row->ready_tail = i;
}

static void
ready_remove(CqQueueRow *row, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);

	if (msg->flags & CQ_MSG_LATE)
	{
		msg->flags &= ~CQ_MSG_LATE;
		cq_heap_remove(&row->late, i, CQ_BY_NUMBER);
		return;
	}
	if (row->ready_tail == i)
		row->ready_tail = msg->prev;
	list_remove(&row->list[CQ_MSG_READY], i);
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

	switch (state)
	{
		case CQ_MSG_READY:
			ready_push(row, i);
			break;
		case CQ_MSG_DELAYED:
			cq_heap_add(&row->list[state], i, CQ_BY_DUE);
			break;
		case CQ_MSG_LEASED:
			cq_heap_add(&row->list[state], i, CQ_BY_LEASE);
			break;
		default:
			list_push(&row->list[state], i);
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
			ready_remove(row, i);
			break;
		case CQ_MSG_DELAYED:
			cq_heap_remove(&row->list[state], i, CQ_BY_DUE);
			break;
		case CQ_MSG_LEASED:
			cq_heap_remove(&row->list[state], i, CQ_BY_LEASE);
			break;
		default:
			list_remove(&row->list[state], i);
	}
	if (state != CQ_MSG_SETTLED)
		row->segment[msg->segment].loaded--;
	row->count[state]--;
	msg->state = CQ_MSG_FREE;
}

void
cq_entry_move(CqQueueRow *row, uint32 i, CqMsgState state)
{
	cq_entry_unlink(row, i);
	cq_entry_link(row, i, state);
}

void
cq_entry_free(CqQueueRow *row, uint32 i)
{
	cq_entry_clear_by_xid(row, i);
	if (CQ_MSG(i)->state != CQ_MSG_FREE)
		cq_entry_unlink(row, i);
	pool_give(i);
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
	}
	else
		cq_entry_free(row, i);
	note_gone(row, k, effects);
}

void
cq_entry_unsent(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	int			k = CQ_MSG(i)->segment;

	cq_entry_free(row, i);
	note_gone(row, k, effects);
}

void
cq_entries_free_all(CqQueueRow *row)
{
	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		uint32		i;

		while ((i = cq_entries_first(row, state)) != CQ_NONE)
			cq_entry_free(row, i);
		Assert(row->count[state] == 0);
	}
}

uint32
cq_entry_first_ready(const CqQueueRow *row)
{
	uint32		head = row->list[CQ_MSG_READY];

	if (row->late == CQ_NONE)
		return head;
	if (head == CQ_NONE || CQ_MSG(row->late)->msg_id < CQ_MSG(head)->msg_id)
		return row->late;
	return head;
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

void
cq_message_unload(CqQueueRow *row, int segment, BlockNumber block,
				  TimestampTz due, CqEffects *effects)
{
	CqSegment  *s = &row->segment[segment];

	row->unloaded++;
	if (s->scan_from == InvalidBlockNumber || block < s->scan_from)
		s->scan_from = block;
	if (due == 0 || due <= GetCurrentTimestamp())
	{
		row->overflow = true;
		effects->ready++;
	}
	else if (row->unloaded_due == 0 || due < row->unloaded_due)
	{
		row->unloaded_due = due;
		cq_row_plan(row, cq_due_ms(due), effects);
	}
}

void
cq_entry_offer(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	if (msg->state != CQ_MSG_FREE)
		cq_entry_unlink(row, i);
	cq_entry_clear_by_xid(row, i);
	msg->flags &= ~CQ_MSG_TAKEN;

	if (row->max_attempts > 0 && msg->attempts >= row->max_attempts)
	{
		/* as an expired lease it is the worker's business */
		msg->until = 0;
		msg->nonce = ++row->nonce;
		cq_entry_link(row, i, CQ_MSG_LEASED);
		cq_row_plan(row, 0, effects);
	}
	else if (msg->due != 0 && msg->due > GetCurrentTimestamp())
	{
		if (row->count[CQ_MSG_DELAYED] >=
			Max(cq_queues->window / 2, CQ_ENTRIES_MIN / 2))
		{
			cq_message_unload(row, msg->segment, msg->block, msg->due, effects);
			cq_entry_free(row, i);
			return;
		}
		cq_entry_link(row, i, CQ_MSG_DELAYED);
		cq_row_plan(row, cq_due_ms(msg->due), effects);
	}
	else
	{
		cq_entry_link(row, i, CQ_MSG_READY);
		effects->ready++;
	}
}

void
cq_entry_sent(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);
	CqSegment  *segment = &row->segment[msg->segment];

	Assert(msg->state == CQ_MSG_OPEN);
	cq_entry_clear_by_xid(row, i);
	row->sent++;
	if (segment->known_blocks <= msg->block)
		segment->known_blocks = msg->block + 1;

	if (!row->overflow || CQ_FAULT("queue-overtake"))
		cq_entry_offer(row, i, effects);
	else if (row->scanning)
		cq_entry_move(row, i, CQ_MSG_PARKED);
	else
	{
		cq_message_unload(row, msg->segment, msg->block, msg->due, effects);
		cq_entry_free(row, i);
	}
}

void
cq_entry_settle(CqQueueRow *row, uint32 i, CqEffects *effects)
{
	CqMsg	   *msg = CQ_MSG(i);

	Assert(msg->state == CQ_MSG_SETTLING);
	switch (msg->settle)
	{
		case 'a':				/* acknowledged or taken */
			row->acknowledged++;
			cq_entry_settled(row, i, effects);
			break;
		case 'd':				/* to the dead letters */
			row->dead_lettered++;
			cq_entry_settled(row, i, effects);
			break;
		case 'p':				/* purged */
			cq_entry_settled(row, i, effects);
			break;
		case 'x':				/* lease expired */
			row->expired++;
			cq_entry_offer(row, i, effects);
			break;
		default:				/* 'n' */
			row->failed++;
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
		/* a purged one keeps its due time, a taken one has none */
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
	TimestampTz now;
	uint32		i;

	if (row->list[CQ_MSG_DELAYED] == CQ_NONE)
		return;
	now = GetCurrentTimestamp();
	while ((i = row->list[CQ_MSG_DELAYED]) != CQ_NONE && CQ_MSG(i)->due <= now)
	{
		CQ_MSG(i)->due = 0;
		cq_entry_move(row, i, CQ_MSG_READY);
		effects->ready++;
	}
}

void
cq_row_unlock(CqQueueRow *row, const CqEffects *effects)
{
	Oid			database = row->database;

	LWLockRelease(&row->lock);
	if (effects == NULL)
		return;
	if (effects->ready > SIGNALS_MAX)
		ConditionVariableBroadcast(&row->ready_cv);
	else
	{
		for (uint32 i = 0; i < effects->ready; i++)
			ConditionVariableSignal(&row->ready_cv);
	}
	if (effects->scan_ended)
		ConditionVariableBroadcast(&row->scan_cv);
	if (effects->worker)
		cq_dbworker_wake(database);
}

uint32
cq_entries_first(const CqQueueRow *row, CqMsgState state)
{
	if (state == CQ_MSG_READY && row->list[state] == CQ_NONE)
		return row->late;
	return row->list[state];
}

uint32
cq_entries_next(const CqQueueRow *row, uint32 i)
{
	const CqMsg *msg = CQ_MSG(i);

	switch (msg->state)
	{
		case CQ_MSG_DELAYED:
		case CQ_MSG_LEASED:
			return cq_heap_next(i);
		case CQ_MSG_READY:
			if (msg->flags & CQ_MSG_LATE)
				return cq_heap_next(i);
			return (msg->next != CQ_NONE) ? msg->next : row->late;
		default:
			return msg->next;
	}
}

#ifdef USE_ASSERT_CHECKING
void
cq_row_check(CqQueueRow *row)
{
	uint32		loaded[CQ_SEGMENTS_MAX] = {0};
	uint32		by_xid = 0;

	Assert(LWLockHeldByMe(&row->lock));
	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		uint32		n = 0;
		int64		previous = 0;

		for (uint32 i = cq_entries_first(row, state); i != CQ_NONE;
			 i = cq_entries_next(row, i))
		{
			CqMsg	   *msg = CQ_MSG(i);

			n++;
			Assert(msg->state == state && msg->row == CQ_ROW_INDEX(row));
			Assert(msg->segment < row->nsegments);
			if (state != CQ_MSG_SETTLED)
				loaded[msg->segment]++;
			if (msg->flags & CQ_MSG_BY_XID)
			{
				Assert(state == CQ_MSG_OPEN || state == CQ_MSG_SETTLING);
				by_xid++;
			}
			if (state == CQ_MSG_READY && (msg->flags & CQ_MSG_LATE) == 0)
			{
				Assert(msg->msg_id > previous);
				previous = msg->msg_id;
			}
		}
		Assert(n == row->count[state]);
	}
	for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
		Assert(loaded[k] == row->segment[k].loaded);
	Assert(by_xid == row->by_xid);
	Assert(row->count[CQ_MSG_SETTLED] == 0 || row->scanning);
}
#endif
