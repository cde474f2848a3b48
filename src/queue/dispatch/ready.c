/*-------------------------------------------------------------------------
 *
 * ready.c
 *	  What is delivered next: priorities.
 *
 * Ready messages stand in a list for each priority, in the order of their
 * numbers.  They nearly always come in that order and go to the end; one that
 * comes late, after a rollback say, goes to a heap beside the list.  The lower of
 * the list's head and the heap's root, of the highest priority that has any, is
 * next, so a delivery costs the same however many are waiting.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bitutils.h"
#include "queue/dispatch/heap.h"
#include "queue/dispatch/ready.h"

void
cq_ready_add(CqQueueState *queue, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);
	int			p = CQ_PRIORITY_INDEX(msg->priority);
	uint32		tail = queue->ready_tail[p];

	queue->ready_bits |= CQ_PRIORITY_BIT(msg->priority);
	if (msg->group != CQ_NONE ||
		(tail != CQ_NONE && msg->msg_id < CQ_MSG(tail)->msg_id))
	{
		msg->flags |= CQ_MSG_LATE;
		cq_heap_add(&queue->late[p], i, CQ_BY_NUMBER);
		return;
	}
	msg->link.prev = tail;
	msg->link.next = CQ_NONE;
	if (tail != CQ_NONE)
		CQ_MSG(tail)->link.next = i;
	else
		queue->ready_head[p] = i;
	queue->ready_tail[p] = i;
}

void
cq_ready_remove(CqQueueState *queue, uint32 i)
{
	CqMsg	   *msg = CQ_MSG(i);
	int			p = CQ_PRIORITY_INDEX(msg->priority);

	if (msg->flags & CQ_MSG_LATE)
	{
		msg->flags &= ~CQ_MSG_LATE;
		cq_heap_remove(&queue->late[p], i, CQ_BY_NUMBER);
	}
	else
	{
		if (msg->link.prev != CQ_NONE)
			CQ_MSG(msg->link.prev)->link.next = msg->link.next;
		else
			queue->ready_head[p] = msg->link.next;
		if (msg->link.next != CQ_NONE)
			CQ_MSG(msg->link.next)->link.prev = msg->link.prev;
		else
			queue->ready_tail[p] = msg->link.prev;
	}
	if (queue->ready_head[p] == CQ_NONE && queue->late[p] == CQ_NONE)
		queue->ready_bits &= ~CQ_PRIORITY_BIT(msg->priority);
}

/* The lowest number of that priority. */
static uint32
lowest(const CqQueueState *queue, int p)
{
	uint32		head = queue->ready_head[p];
	uint32		late = queue->late[p];

	if (head == CQ_NONE ||
		(late != CQ_NONE && CQ_MSG(late)->msg_id < CQ_MSG(head)->msg_id))
		return late;
	return head;
}

uint32
cq_ready_first(const CqQueueState *queue)
{
	return (queue->ready_bits == 0) ? CQ_NONE :
		lowest(queue, pg_leftmost_one_pos32(queue->ready_bits));
}

uint32
cq_ready_oldest(const CqQueueState *queue)
{
	return (queue->ready_bits == 0) ? CQ_NONE :
		lowest(queue, pg_rightmost_one_pos32(queue->ready_bits));
}

uint32
cq_ready_last_below(const CqQueueState *queue, int priority)
{
	for (int p = 0; p < CQ_PRIORITY_INDEX(priority); p++)
	{
		if (queue->ready_tail[p] != CQ_NONE)
			return queue->ready_tail[p];
	}
	return CQ_NONE;
}

/* The first one of a priority below p: of its list, else of its heap. */
static uint32
walk_below(const CqQueueState *queue, int p)
{
	uint32		bits = queue->ready_bits & ((UINT64CONST(1) << p) - 1);

	if (bits == 0)
		return CQ_NONE;
	p = pg_leftmost_one_pos32(bits);
	return (queue->ready_head[p] != CQ_NONE) ? queue->ready_head[p] : queue->late[p];
}

uint32
cq_ready_walk(const CqQueueState *queue)
{
	return walk_below(queue, CQ_PRIORITIES);
}

uint32
cq_ready_walk_on(const CqQueueState *queue, uint32 i)
{
	const CqMsg *msg = CQ_MSG(i);
	int			p = CQ_PRIORITY_INDEX(msg->priority);
	uint32		next = (msg->flags & CQ_MSG_LATE) ? cq_heap_next(i) :
	(msg->link.next != CQ_NONE) ? msg->link.next : queue->late[p];

	return (next != CQ_NONE) ? next : walk_below(queue, p);
}

bool
cq_ready_outranked(const CqQueueState *queue)
{
	return queue->ready_bits == 0 ||
		queue->backlog.priorities >> 1 >= UINT32_C(1) << pg_leftmost_one_pos32(queue->ready_bits);
}
