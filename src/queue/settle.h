/*-------------------------------------------------------------------------
 *
 * settle.h
 *	  Settling deliveries by receipt, and what follows a failed attempt.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_SETTLE_H
#define CQ_QUEUE_SETTLE_H

#include "queue/claim.h"
#include "queue/receipt.h"
#include "queue/xact.h"

/*
 * All of these concern live deliveries only: leased under this very receipt,
 * and the lease has not passed.  Of the others they return 0 or false.
 */

/* Acknowledge; returns how many. */
extern int64 cq_queue_acknowledge(CqQueueDef *def, const CqReceipt *receipts, int n);

/*
 * The attempt failed: deliver again after delay_ms (< 0: the default backoff),
 * or, when it was the last one, move to the dead letters.
 */
extern bool cq_queue_fail(CqQueueDef *def, const CqReceipt *receipt,
						  int64 delay_ms, const char *error);

/* Move to the dead letters; raises 55000 when the queue has none. */
extern bool cq_queue_refuse(CqQueueDef *def, const CqReceipt *receipt,
							const char *error);

/* The lease ends lease_ms from now; immediate. */
extern bool cq_queue_prolong(CqQueueDef *def, const CqReceipt *receipt,
							 int64 lease_ms);

/*
 * Queue locked, one item reserved: a leased or doomed entry is being settled by this
 * transaction, with that outcome.  Fills in the claim, returns the item.
 */
extern CqQueueItem *cq_claim_settling(CqQueueDef *def, CqQueueState *queue, uint32 i,
									  CqOutcome outcome, CqClaim *claim);

/*
 * Copy claimed messages into the dead-letter queue, with their origin in the
 * headers, and append the event SETTLED.  The entries are SETTLING.
 */
extern void cq_dead_letter(CqQueueDef *def, CqClaim *claims, int n, const char *error);

/* Append one event SETTLED per segment for claims that are SETTLING. */
extern void cq_claims_settled(CqQueueDef *def, const CqClaim *claims, int n);

#endif							/* CQ_QUEUE_SETTLE_H */
