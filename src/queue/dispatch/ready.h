/*-------------------------------------------------------------------------
 *
 * ready.h
 *	  What is delivered next: priorities.
 *
 * Everything here is called with the queue's lock held, exclusively where the queue
 * is not const, never raises and allocates nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_READY_H
#define CQ_QUEUE_DISPATCH_READY_H

#include "queue/dispatch/memory.h"

/* Put a READY entry where it belongs, and take it out. */
extern void cq_ready_add(CqQueueState *queue, uint32 i);
extern void cq_ready_remove(CqQueueState *queue, uint32 i);

/* The one that is next, or CQ_NONE.  A shared lock will do. */
extern uint32 cq_ready_first(const CqQueueState *queue);

/* The lowest number of the lowest priority that has any, or CQ_NONE. */
extern uint32 cq_ready_oldest(const CqQueueState *queue);

/* The latest of the lowest priority below this one, or CQ_NONE. */
extern uint32 cq_ready_last_below(const CqQueueState *queue, int priority);

/* First and next of all READY ones, in no order. */
extern uint32 cq_ready_walk(const CqQueueState *queue);
extern uint32 cq_ready_walk_on(const CqQueueState *queue, uint32 i);

/* Whether an unloaded message may be of a higher priority than all ready ones. */
extern bool cq_ready_outranked(const CqQueueState *queue);

#endif							/* CQ_QUEUE_DISPATCH_READY_H */
