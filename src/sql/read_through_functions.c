/*-------------------------------------------------------------------------
 *
 * read_through_functions.c
 *	  cq.cache_fetch and cq.cache_query: unpack, call, pack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/namespace.h"
#include "cache/request.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "query/declared.h"
#include "query/fetch.h"
#include "query/rows.h"
#include "sql/cache_args.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(cq_cache_fetch);
PG_FUNCTION_INFO_V1(cq_cache_query);
PG_FUNCTION_INFO_V1(cq_cache_function_declare);
PG_FUNCTION_INFO_V1(cq_cache_function_undeclare);

/*
 * Arguments query, args, ttl, tags, namespace, which follow each other from n.  Raises
 * 22004, 22023, 42704, 42501, 55000.
 */
static void
read_through_args(FunctionCallInfo fcinfo, int n, CqReadThrough *call)
{
	CqResultQuery *query = &call->query;
	const CqNamespace *name_space;

	cq_require_shared();
	call->terms.query = query;
	cq_arg_not_null(fcinfo, n, "query");
	cq_arg_not_null(fcinfo, n + 1, "args");
	name_space = cq_arg_namespace(fcinfo, n + 4,
								  CQ_NAMESPACE_READ | CQ_NAMESPACE_WRITE);
	query->name_space = name_space->id;
	call->namespace_name = PG_GETARG_TEXT_PP(n + 4);
	call->terms.ttl_ms = name_space->default_ttl_ms;
	query->query = text_to_cstring(PG_GETARG_TEXT_PP(n));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(n + 1), TEXTOID, -1, false,
					  TYPALIGN_INT, &query->args, &query->arg_nulls,
					  &query->nargs);
	if (!PG_ARGISNULL(n + 2))
		call->terms.ttl_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(n + 2), 1,
											"ttl");
	if (!PG_ARGISNULL(n + 3))
		call->terms.tags = PG_GETARG_ARRAYTYPE_P(n + 3);
}

/* Argument allow_time, the n-th; functions of version 1.0 don't have it. */
static void
allow_time_arg(FunctionCallInfo fcinfo, int n, CqReadThrough *call)
{
	if (PG_NARGS() <= n)
		return;
	cq_arg_not_null(fcinfo, n, "allow_time");
	call->query.allow_time = PG_GETARG_BOOL(n);
	if (call->query.allow_time && call->terms.ttl_ms == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("allow_time needs a ttl"),
				 errhint("The ttl says how old a result may be that depends on the time.")));
}

/*
 * cq.cache_fetch(key, query, args, ttl, tags, namespace, stale_for, negative_ttl,
 * allow_time) → jsonb
 */
Datum
cq_cache_fetch(PG_FUNCTION_ARGS)
{
	CqReadThrough call = {0};
	Jsonb	   *result;

	cq_require_shared();
	call.query.key = PG_ARGISNULL(0) ? NULL : PG_GETARG_TEXT_PP(0);
	cq_check_key(call.query.key);
	read_through_args(fcinfo, 1, &call);
	if (!PG_ARGISNULL(6))
		call.terms.stale_for_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(6), 0,
												 "stale_for");
	if (!PG_ARGISNULL(7))
		call.terms.negative_ttl_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(7), 1,
													"negative_ttl");
	allow_time_arg(fcinfo, 8, &call);
	result = cq_query_fetch(&call);
	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(result);
}

/* Where the rows go; raises 0A000 unless the caller can take a set. */
static Tuplestorestate *
begin_rows(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *info = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;
	Tuplestorestate *rows;

	if (info == NULL || !IsA(info, ReturnSetInfo) ||
		(info->allowedModes & SFRM_Materialize) == 0 ||
		info->expectedDesc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cq.cache_query must be called in FROM, with a column definition list"),
				 errhint("Write FROM cq.cache_query('SELECT id, name ...') AS t (id int, name text).")));
	caller = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
	rows = tuplestore_begin_heap((info->allowedModes & SFRM_Materialize_Random) != 0,
								 false, work_mem);
	info->returnMode = SFRM_Materialize;
	info->setResult = rows;
	info->setDesc = CreateTupleDescCopy(info->expectedDesc);
	MemoryContextSwitchTo(caller);
	return rows;
}

/* cq.cache_query(query, args, ttl, tags, namespace, allow_time) → SETOF record */
Datum
cq_cache_query(PG_FUNCTION_ARGS)
{
	CqReadThrough call = {0};
	Tuplestorestate *rows;

	read_through_args(fcinfo, 0, &call);
	allow_time_arg(fcinfo, 5, &call);
	rows = begin_rows(fcinfo);
	cq_query_rows(&call, ((ReturnSetInfo *) fcinfo->resultinfo)->setDesc, rows);
	return (Datum) 0;
}

/* cq.cache_function_declare(function regprocedure, reads regclass[], settings text[]) */
Datum
cq_cache_function_declare(PG_FUNCTION_ARGS)
{
	int			n;

	cq_arg_not_null(fcinfo, 0, "function");
	cq_arg_not_null(fcinfo, 1, "reads");
	if (array_contains_nulls(PG_GETARG_ARRAYTYPE_P(1)))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("reads must not contain nulls")));
	(void) cq_arg_elements(fcinfo, 2, "settings", &n);
	cq_function_declare(PG_GETARG_OID(0), PG_GETARG_ARRAYTYPE_P(1),
						PG_GETARG_ARRAYTYPE_P(2));
	PG_RETURN_VOID();
}

/* cq.cache_function_undeclare(function regprocedure) */
Datum
cq_cache_function_undeclare(PG_FUNCTION_ARGS)
{
	cq_arg_not_null(fcinfo, 0, "function");
	cq_function_undeclare(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}
