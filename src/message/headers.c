/*-------------------------------------------------------------------------
 *
 * headers.c
 *	  Adding headers to those of a message.
 *
 * Of two members of a jsonb object with the same name the later one stays, so what
 * is added comes last.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "message/headers.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

void
cq_message_headers_begin(CqMessageHeaders *headers, Jsonb *original)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	value;

	memset(headers, 0, sizeof(*headers));
	cq_jsonb_push(&headers->state, WJB_BEGIN_OBJECT, NULL);
	if (original == NULL)
		return;
	it = JsonbIteratorInit(&original->root);
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY || token == WJB_VALUE)
			cq_jsonb_push(&headers->state, token, &value);
	}
}

static void
push_string(CqMessageHeaders *headers, JsonbIteratorToken token, const char *string, int bytes)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = unconstify(char *, string);
	value.val.string.len = bytes;
	cq_jsonb_push(&headers->state, token, &value);
}

void
cq_message_headers_add_text(CqMessageHeaders *headers, const char *name, const char *value,
							int bytes)
{
	push_string(headers, WJB_KEY, name, strlen(name));
	push_string(headers, WJB_VALUE, value, bytes);
}

void
cq_message_headers_add_number(CqMessageHeaders *headers, const char *name, int64 value)
{
	JsonbValue	number = {.type = jbvNumeric};

	push_string(headers, WJB_KEY, name, strlen(name));
	number.val.numeric = int64_to_numeric(value);
	cq_jsonb_push(&headers->state, WJB_VALUE, &number);
}

Datum
cq_message_headers_end(CqMessageHeaders *headers)
{
	cq_jsonb_push(&headers->state, WJB_END_OBJECT, NULL);
	return JsonbPGetDatum(JsonbValueToJsonb(headers->state.result));
}
