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

#include "queue/dispatch/heap.h"
#include "queue/dispatch/memory.h"

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
		case CQ_BY_UNTIL:
			if (a->until != b->until)
				return a->until < b->until;
			break;
		case CQ_BY_EXPIRY:
			if (a->expires != b->expires)
				return a->expires < b->expires;
			break;
	}
	return a->msg_id < b->msg_id;
}

static inline CqLinks *
links(uint32 i, CqHeapOrder order)
{
	return (order == CQ_BY_EXPIRY) ? &CQ_MSG(i)->expiry : &CQ_MSG(i)->link;
}

/* Join two trees whose roots have no siblings. */
static uint32
merge(uint32 a, uint32 b, CqHeapOrder order)
{
	CqLinks    *above;
	CqLinks    *below;

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
	above = links(a, order);
	below = links(b, order);
	below->prev = a;
	below->next = above->child;
	if (above->child != CQ_NONE)
		links(above->child, order)->prev = b;
	above->child = b;
	return a;
}

static inline uint32
detached(uint32 i, CqHeapOrder order)
{
	CqLinks    *link = links(i, order);

	link->next = link->prev = CQ_NONE;
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
		uint32		b = links(a, order)->next;

		first = (b == CQ_NONE) ? CQ_NONE : links(b, order)->next;
		detached(a, order);
		if (b != CQ_NONE)
			a = merge(a, detached(b, order), order);
		links(a, order)->next = pairs;
		pairs = a;
	}
	while (pairs != CQ_NONE)
	{
		uint32		a = pairs;

		pairs = links(a, order)->next;
		root = merge(root, detached(a, order), order);
	}
	return root;
}

void
cq_heap_add(uint32 *root, uint32 i, CqHeapOrder order)
{
	links(i, order)->child = CQ_NONE;
	*root = merge(*root, detached(i, order), order);
}

void
cq_heap_remove(uint32 *root, uint32 i, CqHeapOrder order)
{
	CqLinks    *link = links(i, order);
	CqLinks    *prev;
	uint32		below = merge_children(link->child, order);

	link->child = CQ_NONE;
	if (*root == i)
	{
		*root = below;
		return;
	}

	/* cut it out of its siblings */
	prev = links(link->prev, order);
	if (prev->child == i)
		prev->child = link->next;
	else
		prev->next = link->next;
	if (link->next != CQ_NONE)
		links(link->next, order)->prev = link->prev;
	*root = merge(*root, below, order);
}

uint32
cq_heap_next(uint32 i)
{
	if (CQ_MSG(i)->link.child != CQ_NONE)
		return CQ_MSG(i)->link.child;
	while (CQ_MSG(i)->link.next == CQ_NONE)
	{
		/* last of its siblings: go back to the first, whose prev is above */
		for (;;)
		{
			uint32		prev = CQ_MSG(i)->link.prev;

			if (prev == CQ_NONE)
				return CQ_NONE; /* the root */
			if (CQ_MSG(prev)->link.child == i)
			{
				i = prev;
				break;
			}
			i = prev;
		}
	}
	return CQ_MSG(i)->link.next;
}
