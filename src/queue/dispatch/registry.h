/*-------------------------------------------------------------------------
 *
 * registry.h
 *	  Which state in shared memory belongs to which queue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_REGISTRY_H
#define CQ_QUEUE_DISPATCH_REGISTRY_H

#include "queue/dispatch/memory.h"

/*
 * A state for this queue; takes one when there is none.  nblocks are the lengths
 * of its segments.  Raises 53400 when the table is full, XX000 without random
 * numbers.  No lock held.
 */
extern CqQueueState *cq_queue_state_get(int32 queue_id, Oid sequence, int nsegments,
										const BlockNumber *nblocks);

/*
 * The state of this queue or NULL; no lock held, it may go at any time.  One
 * of an earlier queue with the same number that was never freed is freed.
 */
extern CqQueueState *cq_queue_state_find(int32 queue_id, Oid sequence);

/*
 * Free the queue's state and all its entries, and wake waiting sessions.  Never raises;
 * fit for callbacks.  No lock held.
 */
extern void cq_queue_state_forget(Oid database, int32 queue_id);

#endif							/* CQ_QUEUE_DISPATCH_REGISTRY_H */
