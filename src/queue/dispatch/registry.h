/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  Which row of shared memory belongs to which queue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_REGISTRY_H
#define CQ_QUEUE_DISPATCH_REGISTRY_H

#include "queue/dispatch/memory.h"

/*
 * A row for this queue; takes one when there is none.  nblocks are the lengths
 * of its segments.  Raises 53400 when the table is full, XX000 without random
 * numbers.  No lock held.
 */
extern CqQueueRow *cq_queue_row_get(int32 queue_id, Oid sequence, int nsegments,
									const BlockNumber *nblocks);

/*
 * The row of this queue or NULL; no lock held, the row may go at any time.	 One
 * of an earlier queue with the same number, that nobody freed, is freed.
 */
extern CqQueueRow *cq_queue_row_find(int32 queue_id, Oid sequence);

/*
 * Free the queue's row and all its entries, waking who waits.  Never raises;
 * fit for callbacks.  No lock held.
 */
extern void cq_queue_row_forget(Oid database, int32 queue_id);

#endif							/* CQ_QUEUE_DISPATCH_REGISTRY_H */
