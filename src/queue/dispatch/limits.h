/*-------------------------------------------------------------------------
 *
 * limits.h
 *	  What the options of a queue allow: length, rate, concurrency.
 *
 * Everything here is called with the queue's lock held (exclusively, if the queue is
 * not const), never raises and allocates nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_LIMITS_H
#define CQ_QUEUE_DISPATCH_LIMITS_H

#include "queue/dispatch/memory.h"

/* Unsettled messages, those of open transactions included. */
extern CqAmount cq_dispatch_length(const CqQueueState *queue);

/* Drop the oldest until what is committed is not more than the limits allow. */
extern void cq_dispatch_trim(CqQueueState *queue, CqEffects *effects);

/* Make room for messages of that priority: unload some of lower ones. */
extern void cq_dispatch_make_room(CqQueueState *queue, int priority, CqEffects *effects);

/*
 * How many may be delivered at the moment, by pause, concurrency and rate.  If
 * none, and time will change that, *until is lowered to when.
 */
extern int	cq_dispatch_allowance(CqQueueState *queue, int64 *until);

/* Take over options, unless newer ones are known. */
extern void cq_dispatch_set_options(CqQueueState *queue, const CqQueueOptions *options,
									CqEffects *effects);

#endif							/* CQ_QUEUE_DISPATCH_LIMITS_H */
