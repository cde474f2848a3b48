/*-------------------------------------------------------------------------
 *
 * wait.h
 *	  Waiting until a queue has something to deliver.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_WAIT_H
#define CQ_QUEUE_WAIT_H

#include "queue/dispatch/memory.h"

/*
 * Returns whether the queue has something ready, at the latest after
 * timeout_ms (< 0: never).	 Called in a procedure outside a transaction block:
 * ends the transaction, so that no snapshot is held while it sleeps.
 */
extern bool cq_queue_wait_until_ready(const char *name, int64 timeout_ms);

/* This session has claimed messages of the queue, if there were any. */
extern void cq_wait_claimed(const CqQueueState *queue);

/*
 * If this session was woken and has claimed nothing since, wake another.  For
 * transactions that fail; never raises.
 */
extern void cq_wait_pass_on(void);

#endif							/* CQ_QUEUE_WAIT_H */
