/*-------------------------------------------------------------------------
 *
 * wake.h
 *	  Waking whom a change of a queue's row concerns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_WAKE_H
#define CQ_QUEUE_WAKE_H

#include "queue/dispatch/memory.h"

/*
 * Release the row's lock, held exclusively, and wake whom the effects concern.
 * Never raises.
 */
extern void cq_row_unlock(CqQueueRow *row, CqEffects *effects);

#endif							/* CQ_QUEUE_WAKE_H */
