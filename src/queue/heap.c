/*-------------------------------------------------------------------------
 *
 * heap.c
 *	  Pairing heap over the entries of the pool.
 *
 * An element's children form a list by next and prev; the first child's prev
 * is the parent.  The root has neither.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "queue/heap.h"

static inline bool
before(const CqMsg *a, const CqMsg *b, CqHeapOrder order)
{
	switch (order)
	{
		case CQ_BY_NUMBER:
			break;
		case CQ_BY_DUE:
			if (a->due != b->due)
				return a->due < b->due;
			break;
		case CQ_BY_LEASE:
			if (a->until != b->until)
				return a->until < b->until;
			break;
	}
	return a->msg_id < b->msg_id;
}

/* Join two trees whose roots have no siblings. */
static uint32
merge(uint32 a, uint32 b, CqHeapOrder order)
{
	if (a == CQ_NONE)
		return b;
	if (b == CQ_NONE)
		return a;
	if (before(CQ_MSG(b), CQ_MSG(a), order))
	{
		uint32		swap = a;

		a = b;
		b = swap;
	}
	CQ_MSG(b)->prev = a;
	CQ_MSG(b)->next = CQ_MSG(a)->child;
	if (CQ_MSG(a)->child != CQ_NONE)
		CQ_MSG(CQ_MSG(a)->child)->prev = b;
	CQ_MSG(a)->child = b;
	return a;
}

static inline uint32
detached(uint32 i)
{
	CQ_MSG(i)->next = CQ_MSG(i)->prev = CQ_NONE;
	return i;
}

/* Join a list of siblings: in pairs from left to right, then back. */
static uint32
merge_children(uint32 first, CqHeapOrder order)
{
	uint32		pairs = CQ_NONE;	/* stack, linked by next */
	uint32		root = CQ_NONE;

	while (first != CQ_NONE)
	{
		uint32		a = first;
		uint32		b = CQ_MSG(a)->next;

		first = (b == CQ_NONE) ? CQ_NONE : CQ_MSG(b)->next;
		detached(a);
		if (b != CQ_NONE)
			a = merge(a, detached(b), order);
		CQ_MSG(a)->next = pairs;
		pairs = a;
	}
	while (pairs != CQ_NONE)
	{
		uint32		a = pairs;

		pairs = CQ_MSG(a)->next;
		root = merge(root, detached(a), order);
	}
	return root;
}

void
cq_heap_add(uint32 *root, uint32 i, CqHeapOrder order)
{
	CQ_MSG(i)->child = CQ_NONE;
	*root = merge(*root, detached(i), order);
}

void
cq_heap_remove(uint32 *root, uint32 i, CqHeapOrder order)
{
	CqMsg	   *msg = CQ_MSG(i);
	uint32		below = merge_children(msg->child, order);

	msg->child = CQ_NONE;
	if (*root == i)
	{
		*root = below;
		return;
	}

	/* cut it out of its siblings */
	if (CQ_MSG(msg->prev)->child == i)
		CQ_MSG(msg->prev)->child = msg->next;
	else
		CQ_MSG(msg->prev)->next = msg->next;
	if (msg->next != CQ_NONE)
		CQ_MSG(msg->next)->prev = msg->prev;
	*root = merge(*root, below, order);
}

uint32
cq_heap_next(uint32 i)
{
	if (CQ_MSG(i)->child != CQ_NONE)
		return CQ_MSG(i)->child;
	while (CQ_MSG(i)->next == CQ_NONE)
	{
		/* last of its siblings: go back to the first, whose prev is above */
		for (;;)
		{
			uint32		prev = CQ_MSG(i)->prev;

			if (prev == CQ_NONE)
				return CQ_NONE; /* the root */
			if (CQ_MSG(prev)->child == i)
			{
				i = prev;
				break;
			}
			i = prev;
		}
	}
	return CQ_MSG(i)->next;
}
