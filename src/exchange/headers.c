/*-------------------------------------------------------------------------
 *
 * headers.c
 *	  Whether a message's headers are those that a binding asks for.
 *
 * A header matches when the message has one of that name with an equal value,
 * as jsonb compares them; a binding's null stands for any value.  A binding asks
 * for all its headers or for any of them: so one without headers that asks for
 * all matches every message, and one that asks for any matches none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "exchange/headers.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

void
cq_headers_prepare(CqHeadersWanted *wanted, Jsonb *headers, bool any)
{
	JsonbIterator *it = JsonbIteratorInit(&headers->root);
	JsonbIteratorToken token;
	JsonbValue	value;
	int			n = JB_ROOT_COUNT(headers);

	wanted->headers = headers;
	wanted->any = any;
	wanted->n = 0;
	wanted->names = palloc(Max(n, 1) * sizeof(JsonbValue));
	wanted->values = palloc(Max(n, 1) * sizeof(JsonbValue));
	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			wanted->names[wanted->n] = value;
		else if (token == WJB_VALUE)
			wanted->values[wanted->n++] = value;
	}
}

static bool
same_value(const JsonbValue *a, const JsonbValue *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type)
	{
		case jbvNull:
			return true;
		case jbvString:
			return a->val.string.len == b->val.string.len &&
				memcmp(a->val.string.val, b->val.string.val, a->val.string.len) == 0;
		case jbvNumeric:
			return DatumGetBool(DirectFunctionCall2(numeric_eq,
													NumericGetDatum(a->val.numeric),
													NumericGetDatum(b->val.numeric)));
		case jbvBool:
			return a->val.boolean == b->val.boolean;
		case jbvBinary:
			return compareJsonbContainers(a->val.binary.data, b->val.binary.data) == 0;
		default:
			elog(ERROR, "unexpected jsonb value of type %d", (int) a->type);
	}
	return false;
}

bool
cq_headers_match(const CqHeadersWanted *wanted, Jsonb *headers)
{
	for (int i = 0; i < wanted->n; i++)
	{
		const JsonbValue *name = &wanted->names[i];
		JsonbValue	storage;
		JsonbValue *value = NULL;
		bool		matches;

		if (headers != NULL)
			value = getKeyJsonValueFromContainer(&headers->root, name->val.string.val,
												 name->val.string.len, &storage);
		matches = value != NULL &&
			(wanted->values[i].type == jbvNull || same_value(&wanted->values[i], value));
		if (matches == wanted->any)
			return wanted->any;
	}
	return !wanted->any;
}
