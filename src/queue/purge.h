/*-------------------------------------------------------------------------
 *
 * purge.h
 *	  Acknowledging everything that is committed and not in flight.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_PURGE_H
#define CQ_QUEUE_PURGE_H

#include "queue/definition.h"

/* In this transaction; returns the number of messages. */
extern int64 cq_queue_purge_all(CqQueueDef *def);

/* In this transaction: what is not in memory and has expired. */
extern void cq_queue_purge_expired(CqQueueDef *def);

#endif							/* CQ_QUEUE_PURGE_H */
