/*-------------------------------------------------------------------------
 *
 * publish.h
 *	  Publishing a message to an exchange.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_EXCHANGE_PUBLISH_H
#define CQ_EXCHANGE_PUBLISH_H

#include "exchange/definition.h"

/* headers that tell a consumer where a message came from */
#define CQ_HEADER_EXCHANGE "cq_exchange"
#define CQ_HEADER_ROUTING_KEY "cq_routing_key"

/*
 * Send to each queue and topic that the exchange leads to, in the present
 * transaction.  Returns how many received it.  headers: NULL for none; key: that
 * of the group or partition, NULL for none.
 */
extern int	cq_exchange_publish_message(CqExchange *exchange, text *routing_key,
										Datum body, Jsonb *headers, text *key);

#endif							/* CQ_EXCHANGE_PUBLISH_H */
