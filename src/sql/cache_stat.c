/*-------------------------------------------------------------------------
 *
 * cache_stat.c
 *	  What the cache counts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "cache/cache.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "funcapi.h"

PG_FUNCTION_INFO_V1(cq_stat_cache);
PG_FUNCTION_INFO_V1(cq_require_preload);

/* cq._stat_cache(): one row, the columns of the view cq.stat_cache. */
Datum
cq_stat_cache(PG_FUNCTION_ARGS)
{
	TupleDesc	tupdesc;
	CqEngineStats stats;
	Datum		values[CQ_NCOUNTERS + 5];
	bool		nulls[CQ_NCOUNTERS + 5] = {0};
	int			n = 0;

	cq_require_shared();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (tupdesc->natts != lengthof(values))
		elog(ERROR, "cq._stat_cache has %d columns, not %d",
			 tupdesc->natts, (int) lengthof(values));

	for (int i = 0; i < CQ_NCOUNTERS; i++)
		values[n++] = Int64GetDatum((int64) cq_counter_total(i));
	cq_engine_stats(cq_cache_engine(), &stats);
	values[n++] = Int64GetDatum((int64) stats.entries);
	values[n++] = Int64GetDatum((int64) stats.evictions);
	values[n++] = Int64GetDatum((int64) stats.expirations);
	values[n++] = Int64GetDatum((int64) stats.used_bytes);
	values[n++] = Int64GetDatum((int64) stats.arena_bytes);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  values, nulls)));
}

Datum
cq_require_preload(PG_FUNCTION_ARGS)
{
	cq_require_shared();
	PG_RETURN_VOID();
}
