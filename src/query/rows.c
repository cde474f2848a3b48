/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  The rows of a query: from the cache, or run the query and cache them.
 *
 * As query/fetch.c, for whole result sets.  What is cached is the rows as they
 * stand in memory:
 *
 *	| length | minimal tuple, padded to 8 bytes | length | ...
 *	   8
 *
 * The key names the types and everything that decides how their values are laid
 * out, so every caller with the same key can read these bytes.  Values are stored
 * by value: what TOAST keeps elsewhere is fetched first.  Anonymous records are
 * refused, since their type is known to one backend only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "cache/key.h"
#include "cache/value.h"
#include "core/settings.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "lib/stringinfo.h"
#include "query/key.h"
#include "query/result.h"
#include "query/rows.h"
#include "query/verify.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

/* Raises 42804 unless the caller's columns are the query's. */
static void
check_columns(const CqPlan *plan, TupleDesc expected)
{
	TupleDesc	columns = plan->facts->columns;

	if (plan->facts->anonymous_rows)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot cache a column of an anonymous record type"),
				 errhint("Cast it to a named type, or use to_jsonb.")));
	if (columns->natts != expected->natts)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("query returns %d columns, but the column definition list has %d",
						columns->natts, expected->natts)));
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute have = TupleDescAttr(columns, i);
		Form_pg_attribute want = TupleDescAttr(expected, i);

		if (have->atttypid != want->atttypid ||
			(want->atttypmod != -1 && want->atttypmod != have->atttypmod))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column %d of the query is of type %s, but the column definition list says %s",
							i + 1,
							format_type_with_typemod(have->atttypid,
													 have->atttypmod),
							format_type_with_typemod(want->atttypid,
													 want->atttypmod))));
	}
}

/* Run the query into the tuplestore, nothing left in TOAST. */
static void
run_query(CqReadThrough *call, CqPlan *plan, Tuplestorestate *rows)
{
	SPIExecuteOptions options = {0};
	ParamListInfo params;

	cq_read_through_connect();
	cq_plan_read_clock(plan);
	params = makeParamList(call->query.nargs);
	for (int i = 0; i < call->query.nargs; i++)
	{
		params->params[i].value = call->query.values[i];
		params->params[i].isnull = call->query.arg_nulls[i];
		params->params[i].pflags = PARAM_FLAG_CONST;
		params->params[i].ptype = plan->facts->param_types[i];
	}
	options.params = params;
	options.read_only = true;
	options.dest = CreateTuplestoreDestReceiver();
	SetTuplestoreDestReceiverParams(options.dest, rows, CurrentMemoryContext,
									true, NULL, NULL);
	if (SPI_execute_plan_extended(plan->plan, &options) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan_extended failed");
}

/* Add the rows to buf; false when they are too large to be cached. */
static bool
pack_rows(Tuplestorestate *rows, TupleDesc columns, StringInfo buf)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(columns,
													&TTSOpsMinimalTuple);
	bool		fits = true;

	while (fits && tuplestore_gettupleslot(rows, true, false, slot))
	{
		static const char zeros[MAXIMUM_ALIGNOF] = {0};
		bool		should_free;
		MinimalTuple tuple = ExecFetchSlotMinimalTuple(slot, &should_free);
		uint64		len = tuple->t_len;

		fits = buf->len + sizeof(len) + MAXALIGN(len) <= (Size) cq_value_size_max;
		if (fits)
		{
			appendBinaryStringInfo(buf, (char *) &len, sizeof(len));
			appendBinaryStringInfo(buf, (char *) tuple, len);
			appendBinaryStringInfo(buf, zeros, MAXALIGN(len) - len);
		}
		if (should_free)
			pfree(tuple);
	}
	ExecDropSingleTupleTableSlot(slot);
	return fits;
}

static void
unpack_rows(const CqValue *value, TupleDesc columns, Tuplestorestate *rows)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(columns,
													&TTSOpsMinimalTuple);
	const char *at = value->data;
	const char *end = value->data + value->len;

	while (at < end)
	{
		uint64		len;

		memcpy(&len, at, sizeof(len));
		at += sizeof(len);
		ExecStoreMinimalTuple((MinimalTuple) at, slot, false);
		tuplestore_puttupleslot(rows, slot);
		at += MAXALIGN(len);
	}
	ExecDropSingleTupleTableSlot(slot);
}

/* The call itself: fills rows. */
static void
query_rows(CqReadThrough *call, TupleDesc expected, Tuplestorestate *rows)
{
	CqPlan	   *plan = cq_plan_find(call->query.query, call->query.allow_time);
	Snapshot	snapshot = GetActiveSnapshot();
	CqKey		key;
	CqValue		value;
	CqResult	cached = {&key, plan, snapshot, &call->terms};
	StringInfoData packed;

	check_columns(plan, expected);
	cq_result_parse_args(&call->query, plan);
	cq_result_key(&key, &call->query, plan);
	if (cq_result_find(&cached, &value))
	{
		unpack_rows(&value, expected, rows);
		cq_plan_check_privileges(plan);
		if (cq_verify_due(&cached))
		{
			uint64		hash = cq_verify_hash_rows(rows, expected);

			tuplestore_clear(rows);
			run_query(call, plan, rows);
			cq_verify_result(&cached, call->namespace_name, value.version, hash,
							 cq_verify_hash_rows(rows, expected));
		}
		return;
	}

	run_query(call, plan, rows);
	initStringInfo(&packed);
	if (pack_rows(rows, expected, &packed))
		cq_result_store(&cached, CQ_VALUE_ROWS, packed.data, packed.len);
	tuplestore_rescan(rows);
}

void
cq_query_rows(CqReadThrough *call, TupleDesc expected, Tuplestorestate *rows)
{
	cq_read_through_begin();
	PG_TRY();
	{
		query_rows(call, expected, rows);
	}
	PG_CATCH();
	{
		cq_read_through_end(true);
		PG_RE_THROW();
	}
	PG_END_TRY();
	cq_read_through_end(false);
}
