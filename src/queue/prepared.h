/*-------------------------------------------------------------------------
 *
 * prepared.h
 *	  Prepared transactions that queues wait for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_PREPARED_H
#define CQ_QUEUE_PREPARED_H

#include "queue/dispatch/memory.h"

/*
 * Find out which of the prepared transactions that entries of this database's
 * queue wait for have ended, and apply or undo what they did.  No lock held.
 */
extern void cq_queue_settle_prepared(CqQueueState *queue, int32 queue_id);

#endif							/* CQ_QUEUE_PREPARED_H */
