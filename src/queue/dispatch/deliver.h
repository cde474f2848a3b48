/*-------------------------------------------------------------------------
 *
 * deliver.h
 *	  Delivering messages: which one is next, within all limits.
 *
 * Everything here is called with the queue's lock held exclusively, never raises
 * and allocates nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_DELIVER_H
#define CQ_QUEUE_DISPATCH_DELIVER_H

#include "queue/dispatch/memory.h"

/* How messages are claimed. */
typedef struct CqTerms
{
	bool		take;			/* settled at commit, instead of leased */
	bool		freely;			/* of groups' limits, and out of turn */
	bool		durable;		/* the lease goes into the tables too */
	uint32		nonce;			/* of durable leases */
	uint32		holder;			/* process that receives */
	int64		until;			/* end of the lease, cq_clock_ms() */
} CqTerms;

/*
 * Claim the next message that may be delivered: its entry, LEASED or SETTLING, or
 * CQ_NONE.  The queue's own limits are the caller's: see cq_dispatch_allowance().
 */
extern uint32 cq_deliver_next(CqQueueState *queue, const CqTerms *terms, CqEffects *effects);

/* After claims under the same lock, n of them: count them, plan their end. */
extern void cq_deliver_done(CqQueueState *queue, uint32 n, const CqTerms *terms,
							CqEffects *effects);

#endif							/* CQ_QUEUE_DISPATCH_DELIVER_H */
