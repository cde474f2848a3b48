/*-------------------------------------------------------------------------
 *
 * entry.c
 *	  Where an entry is: the lists and heaps of its queue, and the counters that
 *	  follow.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "queue/dispatch/entry.h"
#include "queue/dispatch/heap.h"
#include "queue/dispatch/ready.h"

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

void
cq_entry_link(CqQueueState *queue, uint32 i, CqMsgState state)
{
	CqMsg	   *msg = CQ_MSG(i);

	Assert(LWLockHeldByMeInMode(&queue->lock, LW_EXCLUSIVE));
	Assert(msg->state == CQ_MSG_FREE && msg->queue == CQ_QUEUE_INDEX(queue));
	msg->state = state;
	queue->count[state]++;
	if (state != CQ_MSG_SETTLED)
		queue->segment[msg->segment].loaded++;
	if (cq_entry_has_weight(msg))
		queue->bytes += msg->bytes;
	queue->gone += (msg->flags & CQ_MSG_GONE) != 0;

	switch (state)
	{
		case CQ_MSG_READY:
			cq_ready_add(queue, i);
			break;
		case CQ_MSG_HELD:
			cq_heap_add(&CQ_GROUP(msg->group)->held, i, CQ_BY_NUMBER);
			break;
		case CQ_MSG_DELAYED:
			cq_heap_add(&queue->list[state], i, CQ_BY_DUE);
			break;
		case CQ_MSG_LEASED:
			cq_heap_add(&queue->list[state], i, CQ_BY_UNTIL);
			break;
		default:
			list_push(&queue->list[state], i);
	}
	if (msg->group != CQ_NONE)
	{
		CqGroup    *group = CQ_GROUP(msg->group);

		group->offered += (state == CQ_MSG_READY);
		group->in_flight += cq_entry_in_flight(msg);
		if (state >= CQ_MSG_READY && state <= CQ_MSG_LEASED && cq_entry_is_last(msg))
		{
			group->last = (uint32) msg->msg_id;
			group->has_last = true;
		}
	}
	if (unlikely(msg->expires != 0) && cq_entry_waits(state))
	{
		msg->flags |= CQ_MSG_TIMED;
		cq_heap_add(&queue->expiry, i, CQ_BY_EXPIRY);
	}
}

void
cq_entry_unlink(CqQueueState *queue, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);
	CqMsgState	state = msg->state;

	Assert(LWLockHeldByMeInMode(&queue->lock, LW_EXCLUSIVE));
	Assert(state != CQ_MSG_FREE && msg->queue == CQ_QUEUE_INDEX(queue));
	switch (state)
	{
		case CQ_MSG_READY:
			cq_ready_remove(queue, i);
			break;
		case CQ_MSG_HELD:
			cq_heap_remove(&CQ_GROUP(msg->group)->held, i, CQ_BY_NUMBER);
			break;
		case CQ_MSG_DELAYED:
			cq_heap_remove(&queue->list[state], i, CQ_BY_DUE);
			break;
		case CQ_MSG_LEASED:
			cq_heap_remove(&queue->list[state], i, CQ_BY_UNTIL);
			break;
		default:
			list_remove(&queue->list[state], i);
	}
	if (msg->group != CQ_NONE)
	{
		CQ_GROUP(msg->group)->offered -= (state == CQ_MSG_READY);
		CQ_GROUP(msg->group)->in_flight -= cq_entry_in_flight(msg);
	}
	if (unlikely(msg->flags & CQ_MSG_TIMED))
		cq_heap_remove(&queue->expiry, i, CQ_BY_EXPIRY);
	if (state != CQ_MSG_SETTLED)
		queue->segment[msg->segment].loaded--;
	if (cq_entry_has_weight(msg))
		queue->bytes -= msg->bytes;
	queue->gone -= (msg->flags & CQ_MSG_GONE) != 0;
	msg->flags &= ~(CQ_MSG_TIMED | CQ_MSG_BLOCKS | CQ_MSG_GONE);
	queue->count[state]--;
	msg->state = CQ_MSG_FREE;
}

void
cq_entry_move(CqQueueState *queue, uint32 i, CqMsgState state)
{
	cq_entry_unlink(queue, i);
	cq_entry_link(queue, i, state);
}

void
cq_entry_set_by_xid(CqQueueState *queue, uint32 i, uint32 xid)
{
	CqMsg	   *msg = CQ_MSG(i);

	if ((msg->flags & CQ_MSG_BY_XID) == 0)
	{
		msg->flags |= CQ_MSG_BY_XID;
		queue->by_xid++;
		pg_atomic_fetch_add_u32(&cq_queues->by_xid, 1);
	}
	msg->xid = xid;
}

void
cq_entry_clear_by_xid(CqQueueState *queue, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);

	if (msg->flags & CQ_MSG_BY_XID)
	{
		msg->flags &= ~CQ_MSG_BY_XID;
		msg->xid = 0;
		queue->by_xid--;
		pg_atomic_fetch_sub_u32(&cq_queues->by_xid, 1);
	}
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
cq_entries_first(const CqQueueState *queue, CqMsgState state)
{
	if (state == CQ_MSG_READY)
		return cq_ready_walk(queue);
	if (state == CQ_MSG_HELD)
		return first_held(queue->groups);
	return queue->list[state];
}

uint32
cq_entries_next(const CqQueueState *queue, uint32 i)
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
			return cq_ready_walk_on(queue, i);
		default:
			return msg->link.next;
	}
}
