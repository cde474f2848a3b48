/*-------------------------------------------------------------------------
 *
 * keys.h
 *	  Keys of a queue that are remembered for a time: of deduplicated sends, and
 *	  of consumers that have processed a message.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_KEYS_H
#define CQ_QUEUE_KEYS_H

#include "queue/definition.h"

/*
 * The number of the message that was sent with this key within the queue's
 * window, by a committed transaction or by this one; else 0, and the key now
 * stands for 'number', if this transaction commits.  Waits for an open
 * transaction that has claimed the key.
 */
extern int64 cq_key_claim_dedup(CqQueueDef *def, const text *key, int64 number);

/*
 * Whether this is the first claim of that message by that consumer, as long as
 * the message is not settled.  Waits in the same way.
 */
extern bool cq_key_claim_once(CqQueueDef *def, const text *consumer, int64 msg_id);

/*
 * In a pass of maintenance, between its transactions (step.h): empty the table
 * that was left, and go on to it.
 */
extern void cq_keys_rotate(int32 queue_id);

#endif							/* CQ_QUEUE_KEYS_H */
