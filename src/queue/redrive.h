/*-------------------------------------------------------------------------
 *
 * redrive.h
 *	  Redrive: sending dead letters back to their queues.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_REDRIVE_H
#define CQ_QUEUE_REDRIVE_H

#include "queue/definition.h"
#include "utils/jsonb.h"

/* What to redrive, and how. */
typedef struct CqRedrive
{
	int64		max;			/* messages */
	Jsonb	   *filter;			/* NULL: all */
	double		rate;			/* a second; 0: all at once */
	const char *target;			/* NULL: the queue they came from */
} CqRedrive;

/*
 * Take the messages that are ready in the queue, and send those that match to
 * where they came from, in this transaction.  The others are left.  Returns how
 * many were sent.  Raises 42704 and 42501 of their queues.
 */
extern int64 cq_queue_redrive_messages(CqQueueDef *def, const CqRedrive *redrive);

#endif							/* CQ_QUEUE_REDRIVE_H */
