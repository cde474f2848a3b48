/*-------------------------------------------------------------------------
 *
 * target.h
 *	  What exchanges hand messages to: queues and topics.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_EXCHANGE_TARGET_H
#define CQ_EXCHANGE_TARGET_H

#include "exchange/definition.h"
#include "utils/timestamp.h"

/* A message on its way. */
typedef struct CqExchangeMessage
{
	TimestampTz now;
	Datum		body;			/* jsonb */
	Datum		headers;		/* jsonb, an object */
	text	   *key;			/* group or partition; NULL: none */
} CqExchangeMessage;

/*
 * The number of a queue or topic by that name.  Raises 42704 when there is
 * none; with to_send 42501 unless the current user may send or publish there.
 */
extern int32 cq_target_find(CqTargetKind kind, const char *name, bool to_send);

/* Whether the current user owns it.  Raises 42704. */
extern bool cq_target_owned(CqTargetKind kind, const char *name);

/*
 * Send it there, in the present transaction.  False when the target has been
 * dropped and another one has its name; raises 42704 when it has only been
 * dropped.
 */
extern bool cq_target_send(const CqTarget *target, const CqExchangeMessage *message);

#endif							/* CQ_EXCHANGE_TARGET_H */
