/*-------------------------------------------------------------------------
 *
 * publish.c
 *	  Publishing a message to an exchange.
 *
 * A role that may publish to the exchange needs no privilege on its targets: the role
 * that bound them had it.  All publishers serve targets in the same order, so that
 * two of them that wait for something there do not wait for each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "exchange/publish.h"
#include "exchange/route.h"
#include "exchange/target.h"
#include "message/headers.h"
#include "utils/timestamp.h"

/* The publisher's headers, and where the message comes from. */
static Datum
add_headers(const CqExchange *exchange, const text *routing_key, Jsonb *original)
{
	CqMessageHeaders headers;

	cq_message_headers_begin(&headers, original);
	cq_message_headers_add_text(&headers, CQ_HEADER_EXCHANGE, exchange->name,
								strlen(exchange->name));
	cq_message_headers_add_text(&headers, CQ_HEADER_ROUTING_KEY, VARDATA_ANY(routing_key),
								VARSIZE_ANY_EXHDR(routing_key));
	return cq_message_headers_end(&headers);
}

int
cq_exchange_publish_message(CqExchange *exchange, text *routing_key, Datum body,
							Jsonb *headers, text *key)
{
	CqExchangeMessage message;
	CqTarget  **targets;
	int			n = cq_exchange_match(exchange, routing_key, headers, &targets);
	int			received = 0;

	if (n > 0)
	{
		message.now = GetCurrentTimestamp();
		message.body = body;
		message.headers = add_headers(exchange, routing_key, headers);
		message.key = key;
	}
	for (int i = 0; i < n; i++)
	{
		if (cq_target_send(targets[i], &message))
			received++;
	}
	return received;
}
