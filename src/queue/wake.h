/*-------------------------------------------------------------------------
 *
 * wake.h
 *	  Waking the sessions that a change of a queue's state concerns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_WAKE_H
#define CQ_QUEUE_WAKE_H

#include "queue/dispatch/memory.h"

/*
 * Release the queue's lock, held exclusively, and wake the sessions that the effects name.
 * Never raises.
 */
extern void cq_queue_unlock(CqQueueState *queue, CqEffects *effects);

#endif							/* CQ_QUEUE_WAKE_H */
