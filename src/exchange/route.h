/*-------------------------------------------------------------------------
 *
 * route.h
 *	  Where a message goes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_EXCHANGE_ROUTE_H
#define CQ_EXCHANGE_ROUTE_H

#include "exchange/definition.h"

/*
 * The queues and topics that a message gets to through the exchange, each once,
 * queues first, then by number.  Returns how many, and the array, made in the
 * present memory context.  headers: NULL for none.
 */
extern int	cq_exchange_match(CqExchange *exchange, const text *routing_key,
							  Jsonb *headers, CqTarget ***targets);

#endif							/* CQ_EXCHANGE_ROUTE_H */
