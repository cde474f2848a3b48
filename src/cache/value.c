/*-------------------------------------------------------------------------
 *
 * value.c
 *	  Cached values and their types.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/value.h"
#include "core/compat.h"
#include "utils/builtins.h"

const char *
cq_value_type_name(uint8 type)
{
	switch ((CqValueType) type)
	{
		case CQ_VALUE_TEXT:
			return "text";
		case CQ_VALUE_BYTEA:
			return "bytea";
		case CQ_VALUE_JSONB:
			return "jsonb";
		case CQ_VALUE_COUNTER:
			return "counter";
		case CQ_VALUE_ROWS:
			return "rows";
		case CQ_VALUE_NOTHING:
			break;
	}
	return "nothing";
}

/* Name of the SQL function that reads a value of this type, for a hint. */
static const char *
value_reader(uint8 type)
{
	switch ((CqValueType) type)
	{
		case CQ_VALUE_BYTEA:
			return "cq.cache_get_bytea";
		case CQ_VALUE_JSONB:
			return "cq.cache_get_jsonb";
		default:
			return "cq.cache_get";
	}
}

bool
cq_value_reads_as(const CqValue *value, CqValueType wanted)
{
	return value->type == wanted ||
		(value->type == CQ_VALUE_COUNTER && wanted == CQ_VALUE_TEXT);
}

Datum
cq_value_datum(const CqValue *value, CqValueType wanted)
{
	struct varlena *result;

	if (value->type == CQ_VALUE_COUNTER && wanted == CQ_VALUE_TEXT)
	{
		int64		n;

		memcpy(&n, value->data, sizeof(n));
		return CStringGetTextDatum(psprintf(INT64_FORMAT, n));
	}
	if (value->type != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("the cached value is of type %s, not %s",
						cq_value_type_name(value->type),
						cq_value_type_name(wanted)),
				 errhint("Read it with %s.", value_reader(value->type))));

	result = palloc(value->len + VARHDRSZ);
	SET_VARSIZE(result, value->len + VARHDRSZ);
	memcpy(VARDATA(result), value->data, value->len);
	return PointerGetDatum(result);
}
