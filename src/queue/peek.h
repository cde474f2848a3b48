/*-------------------------------------------------------------------------
 *
 * peek.h
 *	  Looking at messages without any effect.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_PEEK_H
#define CQ_QUEUE_PEEK_H

#include "queue/claim.h"

typedef enum CqPeekState
{
	CQ_PEEK_UNSETTLED,			/* all but ARCHIVED */
	CQ_PEEK_READY,
	CQ_PEEK_DELAYED,
	CQ_PEEK_IN_FLIGHT,
	CQ_PEEK_ARCHIVED			/* settled, and still stored */
} CqPeekState;

/*
 * Read up to max messages of that state, by number.  The claims that the reader
 * gets are none: attempts, and lease_until of those that are leased, is all that
 * they say.
 */
extern void cq_queue_peek_messages(CqQueueDef *def, CqPeekState state, int max,
								   CqClaimReader reader, void *arg);

#endif							/* CQ_QUEUE_PEEK_H */
