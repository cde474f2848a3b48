/*-------------------------------------------------------------------------
 *
 * claim.h
 *	  Claiming messages, for a lease or for the transaction, and reading them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_CLAIM_H
#define CQ_QUEUE_CLAIM_H

#include "queue/segment.h"

typedef struct CqClaim
{
	int64		msg_id;
	uint32		entry;
	uint32		nonce;
	ItemPointerData tid;
	uint8		segment;
	bool		durable;		/* the lease is in the tables too */
	int32		attempts;		/* this delivery included */
	TimestampTz lease_until;	/* of a leased one: not later than its end */
} CqClaim;

/*
 * Claim up to max messages; returns how many.	With lease_ms > 0 they are
 * leased for that long; with 0 they are taken: settled when the transaction
 * commits.  When it rolls back they come back at once, in either case.
 */
extern int	cq_queue_claim(CqQueueDef *def, int max, int64 lease_ms, CqClaim *claims);

/*
 * Take up to max messages of all that are ready, those that wait for their group
 * included, whatever the limits of the queue, and paused or not.
 */
extern int	cq_queue_claim_freely(CqQueueDef *def, int max, CqClaim *claims);

typedef void (*CqClaimReader) (const CqClaim *claim, TupleTableSlot *slot, void *arg);

/*
 * Read claimed messages, calling reader for each with its row.	 One that isn't
 * there any more is given up, and the queue marked for a scan.
 */
extern void cq_claims_read(CqQueueDef *def, CqClaim *claims, int n,
						   CqClaimReader reader, void *arg);

/* Append events of that kind, one for all of a segment with as many attempts. */
extern void cq_claims_event(CqQueueDef *def, const CqClaim *claims, int n, CqEventKind kind,
							TimestampTz due, const char *text);

/*
 * Give up taken messages: they are as they were before, but for the number of
 * deliveries.
 */
extern void cq_claims_return(CqQueueDef *def, const CqClaim *claims, int n);

/*
 * Make taken messages settled: appends the event and locks the rows.  Those
 * that another transaction has locked are given back and left out; returns the new
 * number of claims.
 */
extern int	cq_claims_settle(CqQueueDef *def, CqClaim *claims, int n);

#endif							/* CQ_QUEUE_CLAIM_H */
