/*-------------------------------------------------------------------------
 *
 * check.h
 *	  Whether a queue's state is in order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_CHECK_H
#define CQ_QUEUE_DISPATCH_CHECK_H

#include "queue/dispatch/memory.h"

#ifdef USE_ASSERT_CHECKING
/* Queue locked: abort unless its lists, heaps and counters agree. */
extern void cq_dispatch_check(CqQueueState *queue);
#else
#define cq_dispatch_check(queue) ((void) 0)
#endif

#endif							/* CQ_QUEUE_DISPATCH_CHECK_H */
