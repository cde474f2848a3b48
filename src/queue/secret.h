/*-------------------------------------------------------------------------
 *
 * secret.h
 *	  The secret of a queue: the key of the receipts of durable leases.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_SECRET_H
#define CQ_QUEUE_SECRET_H

#include "queue/definition.h"

/* The secret of the queue; gives it one when it has none.  No lock held. */
extern uint64 cq_queue_secret(CqQueueDef *def);

/* The same, but false when it has none. */
extern bool cq_queue_secret_find(CqQueueDef *def, uint64 *secret);

/* Forget the secret of a queue that is dropped. */
extern void cq_queue_secret_drop(int32 queue_id);

#endif							/* CQ_QUEUE_SECRET_H */
