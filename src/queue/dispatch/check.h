/*-------------------------------------------------------------------------
 *
 * check.h
 *	  Whether a row is in order.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_CHECK_H
#define CQ_QUEUE_DISPATCH_CHECK_H

#include "queue/dispatch/memory.h"

#ifdef USE_ASSERT_CHECKING
/* Row locked: abort unless its lists, heaps and counters agree. */
extern void cq_row_check(CqQueueRow *row);
#else
#define cq_row_check(row) ((void) 0)
#endif

#endif							/* CQ_QUEUE_DISPATCH_CHECK_H */
