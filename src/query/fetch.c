/*-------------------------------------------------------------------------
 *
 * fetch.c
 *	  The one value of a query: from the cache, or run the query and cache it.
 *
 * Look-up, query and set share one snapshot, the statement's, so the value
 * is checked against exactly what it was read under.  On a hit the caller's privileges on
 * the query's tables are checked as for running it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/key.h"
#include "cache/value.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "query/fetch.h"
#include "query/key.h"
#include "query/refuse.h"
#include "query/result.h"
#include "query/verify.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

static void
check_columns(const CqPlan *plan)
{
	int			n = plan->facts->columns->natts;

	if (n != 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("query must return one column, not %d", n)));
	if (OidIsValid(plan->facts->unwritable))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot cache a result that is turned into text"),
				 errdetail("%s", cq_output_reason(plan->facts->unwritable)),
				 errhint("Return it as oid, or use cq.cache_query.")));
}

/* to_jsonb of the one value there is; NULL for no row and for NULL. */
static Jsonb *
value_of_result(void)
{
	Datum		value;
	bool		is_null;
	Oid			type;
	FmgrInfo	to_jsonb;

	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("query returned more than one row"),
				 errhint("Aggregate the rows, for example with jsonb_agg.")));
	if (SPI_processed == 0)
		return NULL;
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						  &is_null);
	if (is_null)
		return NULL;

	/* to_jsonb finds out the type of its argument from its call expression */
	type = SPI_gettypeid(SPI_tuptable->tupdesc, 1);
	fmgr_info(F_TO_JSONB, &to_jsonb);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID,
											 list_make1(makeNullConst(type, -1, InvalidOid)),
											 InvalidOid, InvalidOid,
											 COERCE_EXPLICIT_CALL),
					   &to_jsonb);
	return DatumGetJsonbP(FunctionCall1(&to_jsonb, value));
}

static Jsonb *
copy_jsonb(const char *data, Size len, MemoryContext caller)
{
	Jsonb	   *result = MemoryContextAllocHuge(caller, len + VARHDRSZ);

	SET_VARSIZE(result, len + VARHDRSZ);
	memcpy(VARDATA(result), data, len);
	return result;
}

static Jsonb *
run_query(CqReadThrough *call, CqPlan *plan, MemoryContext caller)
{
	char	   *nulls = cq_read_through_nulls(&call->query);
	Jsonb	   *jsonb;

	cq_read_through_connect();
	cq_plan_read_clock(plan);
	if (SPI_execute_plan(plan->plan, call->query.values, nulls, true, 2) !=
		SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed");
	jsonb = value_of_result();
	if (jsonb == NULL)
		return NULL;
	return copy_jsonb(VARDATA(jsonb), VARSIZE(jsonb) - VARHDRSZ, caller);
}

static uint64
hash_of(Jsonb *result)
{
	return cq_verify_hash(result == NULL ? NULL : VARDATA(result),
						  result == NULL ? 0 : VARSIZE(result) - VARHDRSZ);
}

/* The call itself.  Returns in the caller's context. */
static Jsonb *
fetch_result(CqReadThrough *call, MemoryContext caller)
{
	CqPlan	   *plan = cq_plan_find(call->query.query, call->query.allow_time);
	Snapshot	snapshot = GetActiveSnapshot();
	CqKey		key;
	CqValue		value;
	CqResult	cached = {&key, plan, snapshot, &call->terms};
	Jsonb	   *result;

	check_columns(plan);
	cq_result_parse_args(&call->query, plan);
	cq_result_key(&key, &call->query, plan);
	if (cq_result_find(&cached, &value))
	{
		result = value.type == CQ_VALUE_NOTHING ? NULL :
			copy_jsonb(value.data, value.len, caller);
		cq_plan_check_privileges(plan);
		if (cq_verify_due(&cached))
		{
			uint64		hash = hash_of(result);

			result = run_query(call, plan, caller);
			cq_verify_result(&cached, call->namespace_name, value.version, hash,
							 hash_of(result));
		}
		return result;
	}

	result = run_query(call, plan, caller);
	if (result == NULL)
		cq_result_store(&cached, CQ_VALUE_NOTHING, NULL, 0);
	else
		cq_result_store(&cached, CQ_VALUE_JSONB, VARDATA(result),
						VARSIZE(result) - VARHDRSZ);
	return result;
}

Jsonb *
cq_query_fetch(CqReadThrough *call)
{
	MemoryContext caller = CurrentMemoryContext;
	Jsonb	   *result;

	cq_read_through_begin();
	PG_TRY();
	{
		result = fetch_result(call, caller);
	}
	PG_CATCH();
	{
		cq_read_through_end(true);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cq_read_through_end(false);
	return result;
}
