/*-------------------------------------------------------------------------
 *
 * heap.h
 *	  Pairing heap over the entries of the pool, linked by index.
 *
 * As lib/pairingheap.h, in shared memory: insertion is O(1), removal of any
 * element O(log n) amortised, nothing is allocated.  An empty heap is CQ_NONE.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_HEAP_H
#define CQ_QUEUE_DISPATCH_HEAP_H


typedef enum CqHeapOrder
{
	CQ_BY_NUMBER,
	CQ_BY_DUE,
	CQ_BY_UNTIL,
	CQ_BY_EXPIRY				/* uses the links of that name */
} CqHeapOrder;

extern void cq_heap_add(uint32 *root, uint32 i, CqHeapOrder order);
extern void cq_heap_remove(uint32 *root, uint32 i, CqHeapOrder order);

/*
 * Pre-order walk, of all orders but the last; starts at the root, ends with
 * CQ_NONE.  O(n) in all.
 */
extern uint32 cq_heap_next(uint32 i);

#endif							/* CQ_QUEUE_DISPATCH_HEAP_H */
