/*-------------------------------------------------------------------------
 *
 * message_rows.c
 *	  What functions of queues and topics have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "sql/message_rows.h"
#include "utils/array.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

void
cq_begin_rows(FunctionCallInfo fcinfo)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	MemoryContext caller;

	if (rsinfo == NULL || !IsA(rsinfo, ReturnSetInfo) ||
		(rsinfo->allowedModes & SFRM_Materialize) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("set-valued function called in context that cannot accept a set")));
	caller = MemoryContextSwitchTo(rsinfo->econtext->ecxt_per_query_memory);
	rsinfo->returnMode = SFRM_Materialize;
	rsinfo->setResult =
		tuplestore_begin_heap((rsinfo->allowedModes & SFRM_Materialize_Random) != 0,
							  false, work_mem);
	rsinfo->setDesc = lookup_type_cache(get_fn_expr_rettype(fcinfo->flinfo),
										TYPECACHE_TUPDESC)->tupDesc;
	MemoryContextSwitchTo(caller);
}

Datum
cq_copy_jsonb(TupleTableSlot *slot, int column, bool *isnull)
{
	Datum		value = slot_getattr(slot, column, isnull);

	if (*isnull || !VARATT_IS_EXTERNAL(DatumGetPointer(value)))
		return value;
	return PointerGetDatum(PG_DETOAST_DATUM(value));
}

void
cq_check_headers(Datum headers)
{
	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(headers)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("headers must be a JSON object")));
}

void
cq_refuse_atomic(FunctionCallInfo fcinfo, const char *procedure, const char *why)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block or a function", procedure),
				 errdetail_internal("%s", why),
				 errhint("CALL it as a statement of its own, or from a DO block or a procedure outside a transaction block.")));
}

void
cq_unpack_array(FunctionCallInfo fcinfo, int arg, Oid type, int n, const char *name,
				Datum **values, bool **nulls)
{
	int			count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), type, -1, false, TYPALIGN_INT,
					  values, nulls, &count);
	if (count != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d %s for %d bodies", count, name, n)));
}

void
cq_check_no_dead_letter(Datum headers)
{
	Jsonb	   *object = DatumGetJsonbP(headers);
	JsonbValue	value;

	if (JB_ROOT_IS_OBJECT(object) &&
		getKeyJsonValueFromContainer(&object->root, "dead_letter", strlen("dead_letter"),
									 &value) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("headers must not have the key \"dead_letter\""),
				 errhint("Dead letters have it, so that cq.queue_redrive can send them home. Remove it with headers - 'dead_letter'.")));
}
