/*-------------------------------------------------------------------------
 *
 * cache_stat.c
 *	  What the cache counts: for the server, and by namespace.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "cache/cache.h"
#include "cache/counters.h"
#include "cache/namespace_states.h"
#include "cache/slots.h"
#include "cache/state.h"
#include "catalog/pg_type.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(cq_stat_cache);
PG_FUNCTION_INFO_V1(cq_stat_namespaces);
PG_FUNCTION_INFO_V1(cq_stat_reset);

#define STAT_COLUMNS (CQ_NCOUNTERS + 6)

/* cq.stat_get_cache(): one row, the columns of the view cq.stat_cache. */
Datum
cq_stat_cache(PG_FUNCTION_ARGS)
{
	TupleDesc	tupdesc;
	CqCounts   *counts;
	CqEngineStats stats;
	double		tags;
	double		keys;
	Datum		values[STAT_COLUMNS];
	bool		nulls[STAT_COLUMNS] = {0};
	int			n = 0;

	cq_require_shared();
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (tupdesc->natts != STAT_COLUMNS)
		elog(ERROR, "cq.stat_get_cache has %d columns, not %d",
			 tupdesc->natts, STAT_COLUMNS);

	counts = palloc(sizeof(CqCounts));
	cq_cache_counts(counts, &stats);
	for (int i = 0; i < CQ_NCOUNTERS; i++)
		values[n++] = Int64GetDatum((int64) counts->totals[i]);
	values[n++] = Int64GetDatum((int64) stats.entries);
	values[n++] = Int64GetDatum((int64) stats.used_bytes);
	values[n++] = Int64GetDatum((int64) stats.arena_bytes);
	cq_slots_marked(&tags, &keys);
	values[n++] = Float8GetDatum(tags);
	values[n++] = Float8GetDatum(keys);
	nulls[n] = counts->reset_at == 0;
	values[n++] = TimestampTzGetDatum(counts->reset_at);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc),
													  values, nulls)));
}

/*
 * cq.stat_get_cache_namespaces(ids): for each of these namespaces of the current
 * database, given in ascending order, its number, counts, entries and bytes.
 */
Datum
cq_stat_namespaces(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CqCounts   *counts = palloc(sizeof(CqCounts));
	CqEngineStats stats;
	Datum	   *ids;
	int			nids;

	cq_require_shared();
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), INT4OID, sizeof(int32), true,
					  TYPALIGN_INT, &ids, NULL, &nids);
	InitMaterializedSRF(fcinfo, 0);
	cq_cache_counts(counts, &stats);

	for (int i = 0; i < nids; i++)
	{
		Datum		values[CQ_NAMESPACE_COUNTERS + 3];
		bool		nulls[CQ_NAMESPACE_COUNTERS + 3] = {0};
		uint16		row = cq_namespace_state_find((uint32) DatumGetInt32(ids[i]));
		uint64		entries = 0;
		uint64		bytes = 0;
		int			n = 0;

		if (row != 0)
			cq_engine_class_usage(cq_cache_engine(), row, &entries, &bytes);
		values[n++] = ids[i];
		for (int c = 0; c < CQ_NAMESPACE_COUNTERS; c++)
			values[n++] = Int64GetDatum(row == 0 ? 0 : (int64) counts->namespaces[row][c]);
		values[n++] = Int64GetDatum((int64) entries);
		values[n++] = Int64GetDatum((int64) bytes);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
cq_stat_reset(PG_FUNCTION_ARGS)
{
	cq_require_shared();
	cq_cache_reset_counts();
	PG_RETURN_VOID();
}
