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
#include "cache/namespace_rows.h"
#include "cache/slots.h"
#include "catalog/pg_type.h"
#include "core/clock.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(cq_stat_cache);
PG_FUNCTION_INFO_V1(cq_stat_namespaces);
PG_FUNCTION_INFO_V1(cq_stat_reset);
PG_FUNCTION_INFO_V1(cq_require_preload);

#define STAT_COLUMNS (CQ_NCOUNTERS + 6)

/* cq._stat_cache(): one row, the columns of the view cq.stat_cache. */
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
		elog(ERROR, "cq._stat_cache has %d columns, not %d",
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

/* What the entries of some namespaces take. */
typedef struct CqUsage
{
	int			nids;
	const Datum *ids;			/* int4, ascending */
	int64	   *entries;
	int64	   *bytes;
} CqUsage;

/* A CqEngineVisitor. */
static void
add_usage(const char *key, uint32 key_len, const CqEngineMeta *meta, void *arg)
{
	CqUsage    *usage = arg;
	CqKeyParts	parts;
	int			low = 0;
	int			high = usage->nids;

	cq_key_parse(key, key_len, &parts);
	if (parts.database != MyDatabaseId || !parts.reachable)
		return;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (DatumGetInt32(usage->ids[middle]) < (int32) parts.name_space)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == usage->nids ||
		DatumGetInt32(usage->ids[low]) != (int32) parts.name_space)
		return;
	usage->entries[low]++;
	usage->bytes[low] += key_len + meta->value_len +
		meta->nstamps * sizeof(CqStamp);
}

/*
 * cq._stat_namespaces(ids): for each of these namespaces of the current
 * database, given in ascending order, its number, counts, entries and bytes.
 */
Datum
cq_stat_namespaces(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CqCounts   *counts = palloc(sizeof(CqCounts));
	CqEngineStats stats;
	CqUsage		usage = {0};
	Datum	   *ids;

	cq_require_shared();
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), INT4OID, sizeof(int32), true,
					  TYPALIGN_INT, &ids, NULL, &usage.nids);
	InitMaterializedSRF(fcinfo, 0);
	usage.ids = ids;
	usage.entries = palloc0((usage.nids + 1) * sizeof(int64));
	usage.bytes = palloc0((usage.nids + 1) * sizeof(int64));
	cq_engine_walk(cq_cache_engine(), cq_clock_ms(), add_usage, &usage);
	cq_cache_counts(counts, &stats);

	for (int i = 0; i < usage.nids; i++)
	{
		Datum		values[CQ_NAMESPACE_COUNTERS + 3];
		bool		nulls[CQ_NAMESPACE_COUNTERS + 3] = {0};
		uint16		row = cq_namespace_row_find((uint32) DatumGetInt32(ids[i]));
		int			n = 0;

		values[n++] = ids[i];
		for (int c = 0; c < CQ_NAMESPACE_COUNTERS; c++)
			values[n++] = Int64GetDatum(row == 0 ? 0 : (int64) counts->rows[row][c]);
		values[n++] = Int64GetDatum(usage.entries[i]);
		values[n++] = Int64GetDatum(usage.bytes[i]);
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

Datum
cq_require_preload(PG_FUNCTION_ARGS)
{
	cq_require_shared();
	PG_RETURN_VOID();
}
