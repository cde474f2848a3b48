/*-------------------------------------------------------------------------
 *
 * aggregates.c
 *	  May an aggregate be used by a query whose result is cached?
 *
 * CREATE AGGREGATE marks every aggregate as IMMUTABLE; what it does is done by its
 * functions.  Which of them run is the planner's choice (a parallel plan combines, a
 * window moves), so all are judged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_aggregate.h"
#include "core/faults.h"
#include "query/aggregates.h"
#include "query/functions.h"
#include "query/types.h"
#include "utils/syscache.h"

void
cq_check_aggregate(CqCheck *check, Oid aggregate)
{
	HeapTuple	tuple;
	FormData_pg_aggregate form;

	if (aggregate < FirstUnpinnedObjectId || CQ_FAULT("no-aggregate-check"))
		return;
	tuple = SearchSysCache1(AGGFNOID, ObjectIdGetDatum(aggregate));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for aggregate %u", aggregate);
	memcpy(&form, GETSTRUCT(tuple), sizeof(form));
	ReleaseSysCache(tuple);
	{
		Oid			functions[] = {
			form.aggtransfn, form.aggfinalfn, form.aggcombinefn, form.aggserialfn,
			form.aggdeserialfn, form.aggmtransfn, form.aggminvtransfn,
			form.aggmfinalfn
		};

		for (int i = 0; i < lengthof(functions); i++)
		{
			if (OidIsValid(functions[i]))
				cq_check_function(check, functions[i]);
		}
	}
	cq_check_operator(check, form.aggsortop);
	cq_check_type(check, form.aggtranstype);
	if (OidIsValid(form.aggmtranstype))
		cq_check_type(check, form.aggmtranstype);
}
