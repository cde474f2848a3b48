/*-------------------------------------------------------------------------
 *
 * publish.c
 *	  Publishing a message to an exchange.
 *
 * Who may publish to the exchange needs no privilege on its targets: whoever
 * bound them had it.  Targets are served in the same order by everybody, so that
 * two publishers that wait for something there do not wait for each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/compat.h"
#include "exchange/publish.h"
#include "exchange/route.h"
#include "exchange/target.h"
#include "miscadmin.h"
#include "utils/builtins.h"

static void
push_string(CqJsonbState *state, JsonbIteratorToken token, const char *string, int bytes)
{
	JsonbValue	value;

	value.type = jbvString;
	value.val.string.val = unconstify(char *, string);
	value.val.string.len = bytes;
	cq_jsonb_push(state, token, &value);
}

/* The publisher's headers, with ours; these come last and so replace his. */
static Datum
add_headers(const CqExchange *exchange, const text *routing_key, Jsonb *headers)
{
	CqJsonbState state = {0};

	cq_jsonb_push(&state, WJB_BEGIN_OBJECT, NULL);
	if (headers != NULL)
	{
		JsonbIterator *it = JsonbIteratorInit(&headers->root);
		JsonbIteratorToken token;
		JsonbValue	value;

		while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
		{
			if (token == WJB_KEY || token == WJB_VALUE)
				cq_jsonb_push(&state, token, &value);
		}
	}
	push_string(&state, WJB_KEY, CQ_HEADER_EXCHANGE, strlen(CQ_HEADER_EXCHANGE));
	push_string(&state, WJB_VALUE, exchange->name, strlen(exchange->name));
	push_string(&state, WJB_KEY, CQ_HEADER_ROUTING_KEY, strlen(CQ_HEADER_ROUTING_KEY));
	push_string(&state, WJB_VALUE, VARDATA_ANY(routing_key), VARSIZE_ANY_EXHDR(routing_key));
	cq_jsonb_push(&state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(state.result));
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
