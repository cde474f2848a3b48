/*-------------------------------------------------------------------------
 *
 * ready.h
 *	  What is delivered next: priorities.
 *
 * Everything here is called with the row's lock held, exclusively where the row
 * is not const, never raises and allocates nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_READY_H
#define CQ_QUEUE_DISPATCH_READY_H

#include "queue/dispatch/memory.h"

/* Put a READY entry where it belongs, and take it out. */
extern void cq_ready_add(CqQueueRow *row, uint32 i);
extern void cq_ready_remove(CqQueueRow *row, uint32 i);

/* The one that is next, or CQ_NONE.  A shared lock will do. */
extern uint32 cq_ready_first(const CqQueueRow *row);

/* The lowest number of the lowest priority that has any, or CQ_NONE. */
extern uint32 cq_ready_oldest(const CqQueueRow *row);

/* The latest of the lowest priority below this one, or CQ_NONE. */
extern uint32 cq_ready_last_below(const CqQueueRow *row, int priority);

/* First and next of all READY ones, in no order. */
extern uint32 cq_ready_walk(const CqQueueRow *row);
extern uint32 cq_ready_walk_on(const CqQueueRow *row, uint32 i);

/* Whether an unloaded message may be of a higher priority than all ready ones. */
extern bool cq_ready_outranked(const CqQueueRow *row);

#endif							/* CQ_QUEUE_DISPATCH_READY_H */
