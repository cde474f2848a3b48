/*-------------------------------------------------------------------------
 *
 * limits.h
 *	  What the options of a queue allow: length, rate, concurrency.
 *
 * Everything here is called with the row's lock held (exclusively, if the row is
 * not const), never raises and allocates nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_LIMITS_H
#define CQ_QUEUE_DISPATCH_LIMITS_H

#include "queue/dispatch/memory.h"

/* Unsettled messages, those of open transactions included. */
extern CqAmount cq_row_length(const CqQueueRow *row);

/* Drop the oldest until what is committed is not more than the limits allow. */
extern void cq_row_trim(CqQueueRow *row, CqEffects *effects);

/* Make room for messages of that priority: unload some of lower ones. */
extern void cq_row_make_room(CqQueueRow *row, int priority, CqEffects *effects);

/*
 * How many may be delivered at the moment, by pause, concurrency and rate.  If
 * none, and time will change that, *until is lowered to when.
 */
extern int	cq_row_allowance(CqQueueRow *row, int64 *until);

/* Take over options, unless newer ones are known. */
extern void cq_row_set_options(CqQueueRow *row, const CqQueueOptions *options,
							   CqEffects *effects);

#endif							/* CQ_QUEUE_DISPATCH_LIMITS_H */
