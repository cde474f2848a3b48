/*-------------------------------------------------------------------------
 *
 * cache_many.c
 *	  cq.cache_get_many and cq.cache_set_many: several keys in one call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/key.h"
#include "cache/lease.h"
#include "cache/namespace.h"
#include "cache/request.h"
#include "cache/state.h"
#include "cache/value.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "sql/cache_args.h"
#include "tables/access.h"
#include "utils/array.h"
#include "utils/tuplestore.h"

#define BATCH_KEYS 16

PG_FUNCTION_INFO_V1(cq_cache_get_many);
PG_FUNCTION_INFO_V1(cq_cache_set_many);

/* A text[] argument as its elements.  Raises 22004 for NULL, 2202E for a matrix. */
static void
text_elements(FunctionCallInfo fcinfo, int n, const char *name,
			  Datum **elements, bool **nulls, int *count)
{
	ArrayType  *array;

	cq_arg_not_null(fcinfo, n, name);
	array = PG_GETARG_ARRAYTYPE_P(n);
	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%s must be one-dimensional", name)));
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT,
					  elements, nulls, count);
}

/* Of get_many, from row to row. */
typedef struct CqGetMany
{
	ReturnSetInfo *rsinfo;
	Snapshot	snapshot;
	bool		leased;
	int64		lease;			/* one for all */
} CqGetMany;

/*
 * Look a key up and return its row.  A key with a value of another type gets neither
 * value nor lease: the other keys are returned, and the caller must not overwrite it.
 */
static void
get_one(CqGetMany *many, Datum key_text, const CqKey *key)
{
	CqValue		value;
	CqBehindFound found = cq_access_find(key, many->snapshot, &value);
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	values[0] = key_text;
	if (found == CQ_BEHIND_VALUE && cq_value_reads_as(&value, CQ_VALUE_TEXT))
		values[1] = cq_value_datum(&value, CQ_VALUE_TEXT);
	else
		nulls[1] = true;
	if (found == CQ_BEHIND_NOTHING && !many->leased)
	{
		many->lease = cq_lease_issue(many->snapshot);
		many->leased = true;
	}
	nulls[2] = found != CQ_BEHIND_NOTHING;
	values[2] = Int64GetDatum(many->lease);
	tuplestore_putvalues(many->rsinfo->setResult, many->rsinfo->setDesc,
						 values, nulls);
}

/*
 * Arguments: keys, namespace; rows of key, value, lease, in the keys' order.
 * The memory that the look-ups of a batch begin with is fetched side by side.
 */
Datum
cq_cache_get_many(PG_FUNCTION_ARGS)
{
	CqGetMany	many = {(ReturnSetInfo *) fcinfo->resultinfo};
	CqKey	   *batch = palloc(BATCH_KEYS * sizeof(CqKey));
	Datum	   *keys;
	bool	   *key_nulls;
	int			nkeys;
	const CqNamespace *name_space;
	uint32		namespace_id;
	char		behind;

	many.snapshot = cq_statement_snapshot();
	name_space = cq_arg_namespace(fcinfo, 1, CQ_NAMESPACE_READ);
	namespace_id = name_space->id;
	behind = name_space->behind;
	text_elements(fcinfo, 0, "keys", &keys, &key_nulls, &nkeys);
	InitMaterializedSRF(fcinfo, 0);

	for (int from = 0; from < nkeys; from += BATCH_KEYS)
	{
		int			count = Min(nkeys - from, BATCH_KEYS);

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < count; i++)
		{
			cq_key_of_text(key_nulls[from + i] ? NULL
						   : DatumGetTextPP(keys[from + i]),
						   namespace_id, &batch[i]);
			batch[i].behind = behind;
			cq_engine_prefetch(cq_cache_engine(), &batch[i].engine);
		}
		for (int i = 0; i < count; i++)
			get_one(&many, keys[from + i], &batch[i]);
	}
	return (Datum) 0;
}

/* Arguments: keys, values, ttl, tags, namespace, lease; number stored. */
Datum
cq_cache_set_many(PG_FUNCTION_ARGS)
{
	Datum	   *keys;
	Datum	   *values;
	bool	   *key_nulls;
	bool	   *value_nulls;
	int			nkeys;
	int			nvalues;
	const CqNamespace *name_space;
	uint32		namespace_id;
	char		behind;
	int64		expires_ms;
	CqSetLease	lease;
	ArrayType  *tags;
	int64		stored = 0;

	name_space = cq_arg_namespace(fcinfo, 4, CQ_NAMESPACE_WRITE);
	namespace_id = name_space->id;
	behind = name_space->behind;
	text_elements(fcinfo, 0, "keys", &keys, &key_nulls, &nkeys);
	text_elements(fcinfo, 1, "values", &values, &value_nulls, &nvalues);
	if (nkeys != nvalues)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are %d keys, but %d values", nkeys, nvalues)));
	expires_ms = cq_arg_expiry(fcinfo, 2, name_space);
	tags = PG_ARGISNULL(3) ? NULL : PG_GETARG_ARRAYTYPE_P(3);
	lease.given = !PG_ARGISNULL(5);
	lease.number = lease.given ? PG_GETARG_INT64(5) : 0;

	for (int i = 0; i < nkeys; i++)
	{
		CqKey		key;
		CqSetRequest request = {0};

		CHECK_FOR_INTERRUPTS();
		cq_key_of_text(key_nulls[i] ? NULL : DatumGetTextPP(keys[i]),
					   namespace_id, &key);
		key.behind = behind;
		request.key = &key;
		request.type = CQ_VALUE_TEXT;
		request.expires_ms = expires_ms;
		cq_request_value(&request, value_nulls[i] ? NULL :
						 (struct varlena *) DatumGetTextPP(values[i]));
		if (cq_access_set(&request, tags, &lease, CQ_PUT_ALWAYS, 0))
			stored++;
	}
	PG_RETURN_INT64(stored);
}
