/*-------------------------------------------------------------------------
 *
 * cache_functions.c
 *	  cq.cache_get, cache_set and their like: unpack, call, pack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "cache/key.h"
#include "cache/lease.h"
#include "cache/lookup.h"
#include "cache/namespace.h"
#include "cache/outcome.h"
#include "cache/request.h"
#include "cache/store.h"
#include "cache/update.h"
#include "cache/value.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/shmem.h"
#include "funcapi.h"
#include "sql/cache_args.h"
#include "tables/access.h"
#include "tables/write_behind_log.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(cq_cache_get_text);
PG_FUNCTION_INFO_V1(cq_cache_get_bytea);
PG_FUNCTION_INFO_V1(cq_cache_get_jsonb);
PG_FUNCTION_INFO_V1(cq_cache_get_or_lease);
PG_FUNCTION_INFO_V1(cq_cache_set_text);
PG_FUNCTION_INFO_V1(cq_cache_set_bytea);
PG_FUNCTION_INFO_V1(cq_cache_set_jsonb);
PG_FUNCTION_INFO_V1(cq_cache_delete_key);
PG_FUNCTION_INFO_V1(cq_cache_touch);
PG_FUNCTION_INFO_V1(cq_cache_ttl);
PG_FUNCTION_INFO_V1(cq_cache_version);
PG_FUNCTION_INFO_V1(cq_cache_incr);
PG_FUNCTION_INFO_V1(cq_cache_invalidate);
PG_FUNCTION_INFO_V1(cq_cache_clear_namespace);

static Datum
get(FunctionCallInfo fcinfo, CqValueType wanted)
{
	CqKey		key;
	CqValue		value;

	cq_arg_key(fcinfo, 0, 1, CQ_NAMESPACE_READ, &key);
	if (cq_access_find(&key, cq_statement_snapshot(), &value) != CQ_BEHIND_VALUE)
		PG_RETURN_NULL();
	return cq_value_datum(&value, wanted);
}

Datum
cq_cache_get_text(PG_FUNCTION_ARGS)
{
	return get(fcinfo, CQ_VALUE_TEXT);
}

Datum
cq_cache_get_bytea(PG_FUNCTION_ARGS)
{
	return get(fcinfo, CQ_VALUE_BYTEA);
}

Datum
cq_cache_get_jsonb(PG_FUNCTION_ARGS)
{
	return get(fcinfo, CQ_VALUE_JSONB);
}

Datum
cq_cache_get_or_lease(PG_FUNCTION_ARGS)
{
	CqKey		key;
	CqValue		value;
	CqBehindFound found;
	Snapshot	snapshot = cq_statement_snapshot();
	TupleDesc	tupdesc;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	cq_arg_key(fcinfo, 0, 1, CQ_NAMESPACE_READ, &key);
	found = cq_access_find(&key, snapshot, &value);
	values[1] = BoolGetDatum(found != CQ_BEHIND_NOTHING);
	if (found == CQ_BEHIND_VALUE)
		values[0] = cq_value_datum(&value, CQ_VALUE_TEXT);
	else
		nulls[0] = true;
	if (found == CQ_BEHIND_NOTHING)
		values[2] = Int64GetDatum(cq_lease_issue(snapshot));
	else
		nulls[2] = true;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  values, nulls)));
}

/* Condition of a set, from arguments 5 (condition) and 6 (version). */
static CqEngineCondition
arg_condition(FunctionCallInfo fcinfo, uint64 *version)
{
	char	   *condition;

	*version = 0;
	if (!PG_ARGISNULL(6))
	{
		if (!PG_ARGISNULL(5))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("condition and version exclude each other")));
		*version = (uint64) PG_GETARG_INT64(6);
		return CQ_PUT_IF_VERSION;
	}
	if (PG_ARGISNULL(5))
		return CQ_PUT_ALWAYS;
	condition = text_to_cstring(PG_GETARG_TEXT_PP(5));
	if (strcmp(condition, "absent") == 0)
		return CQ_PUT_IF_ABSENT;
	if (strcmp(condition, "present") == 0)
		return CQ_PUT_IF_PRESENT;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown condition \"%s\"", condition),
			 errhint("Use 'absent' or 'present'.")));
}

/* Arguments: key, value, ttl, tags, namespace, condition, version, lease. */
static Datum
set(FunctionCallInfo fcinfo, CqValueType type)
{
	CqKey		key;
	CqSetRequest request = {0};
	const CqNamespace *name_space;
	CqSetLease	lease;
	uint64		version;
	CqEngineCondition condition;

	name_space = cq_arg_key(fcinfo, 0, 4, CQ_NAMESPACE_WRITE, &key);
	request.key = &key;
	request.type = type;
	request.expires_ms = cq_arg_expiry(fcinfo, 2, name_space);
	cq_request_value(&request,
					 PG_ARGISNULL(1) ? NULL : PG_GETARG_VARLENA_PP(1));
	condition = arg_condition(fcinfo, &version);
	lease.given = !PG_ARGISNULL(7);
	lease.number = lease.given ? PG_GETARG_INT64(7) : 0;
	PG_RETURN_BOOL(cq_access_set(&request,
								 PG_ARGISNULL(3) ? NULL : PG_GETARG_ARRAYTYPE_P(3),
								 &lease, condition, version));
}

Datum
cq_cache_set_text(PG_FUNCTION_ARGS)
{
	return set(fcinfo, CQ_VALUE_TEXT);
}

Datum
cq_cache_set_bytea(PG_FUNCTION_ARGS)
{
	return set(fcinfo, CQ_VALUE_BYTEA);
}

Datum
cq_cache_set_jsonb(PG_FUNCTION_ARGS)
{
	return set(fcinfo, CQ_VALUE_JSONB);
}

Datum
cq_cache_delete_key(PG_FUNCTION_ARGS)
{
	CqKey		key;

	cq_arg_key(fcinfo, 0, 1, CQ_NAMESPACE_WRITE | CQ_NAMESPACE_INVALIDATE, &key);
	/* where a table follows, it deletes the row */
	if (key.behind != 0)
		cq_arg_key(fcinfo, 0, 1, CQ_NAMESPACE_WRITE, &key);
	PG_RETURN_BOOL(cq_access_delete(&key));
}

/* cq.cache_touch(key, ttl, namespace) → boolean */
Datum
cq_cache_touch(PG_FUNCTION_ARGS)
{
	CqKey		key;
	const CqNamespace *name_space = cq_arg_key(fcinfo, 0, 2, CQ_NAMESPACE_WRITE, &key);

	PG_RETURN_BOOL(cq_cache_set_expiry(&key, cq_arg_expiry(fcinfo, 1, name_space)));
}

Datum
cq_cache_ttl(PG_FUNCTION_ARGS)
{
	CqKey		key;
	CqValue		value;
	Interval   *ttl;

	cq_arg_key(fcinfo, 0, 1, CQ_NAMESPACE_READ, &key);
	if (cq_cache_peek(&key, cq_statement_snapshot(), &value) != CQ_LOOKUP_HIT ||
		value.expires_ms == 0)
		PG_RETURN_NULL();
	ttl = palloc0(sizeof(Interval));
	ttl->time = Max(value.expires_ms - cq_clock_ms(), 0) * 1000;
	PG_RETURN_POINTER(ttl);
}

Datum
cq_cache_version(PG_FUNCTION_ARGS)
{
	CqKey		key;
	CqValue		value;

	cq_arg_key(fcinfo, 0, 1, CQ_NAMESPACE_READ, &key);
	if (cq_cache_peek(&key, cq_statement_snapshot(), &value) != CQ_LOOKUP_HIT ||
		value.version == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) value.version);
}

/* cq.cache_incr(key, by, ttl, namespace) → bigint */
Datum
cq_cache_incr(PG_FUNCTION_ARGS)
{
	CqKey		key;
	const CqNamespace *name_space = cq_arg_key(fcinfo, 0, 3, CQ_NAMESPACE_WRITE, &key);

	cq_behind_refuse(&key, "cq.cache_incr()");
	cq_arg_not_null(fcinfo, 1, "by");
	PG_RETURN_INT64(cq_cache_add(&key, PG_GETARG_INT64(1),
								 cq_arg_expiry(fcinfo, 2, name_space),
								 !PG_ARGISNULL(2)));
}

Datum
cq_cache_invalidate(PG_FUNCTION_ARGS)
{
	ArrayType  *tags;
	Datum	   *elements;
	bool	   *nulls;
	int			ntags;

	cq_require_shared();
	cq_namespace_check_invalidate();
	cq_arg_not_null(fcinfo, 0, "tags");
	tags = PG_GETARG_ARRAYTYPE_P(0);
	deconstruct_array(tags, TEXTOID, -1, false, TYPALIGN_INT,
					  &elements, &nulls, &ntags);
	for (int i = 0; i < ntags; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a tag must not be null")));
		cq_cache_mark(cq_tag_slot(DatumGetTextPP(elements[i])));
	}
	PG_RETURN_VOID();
}

Datum
cq_cache_clear_namespace(PG_FUNCTION_ARGS)
{
	cq_require_shared();
	PG_RETURN_INT64((int64) cq_cache_clear(cq_arg_namespace(fcinfo, 0,
															CQ_NAMESPACE_CLEAR)->id));
}
