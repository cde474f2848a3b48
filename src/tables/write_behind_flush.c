/*-------------------------------------------------------------------------
 *
 * write_behind_flush.c
 *	  Write-behind: from the log to the table.
 *
 * A flush takes the oldest operations of a namespace, up to batch_size of them
 * or BATCH_BYTES, replaces each by the latest of its key, writes these to the
 * table, and deletes from the log what they make obsolete, all in one
 * transaction.  Rows that the table does not accept become dead letters in the
 * same transaction.
 *
 * An advisory lock lets one session at a time flush a namespace.  The worker
 * skips a namespace that is locked; cq.cache_flush waits.  Rows are read under a
 * snapshot taken while that lock is held.  What is added to the log meanwhile has
 * a higher id than the operation of its key that is applied, and stays.
 *
 * Commits tell the worker when the next namespace is due (core/dbworker.c); it
 * reads the tables then, and when it starts.  An error that no row has caused
 * leaves everything pending.  cq.stat_write_behind shows it, and the worker tries
 * again after RETRY_MS_MIN, twice as long each time up to RETRY_MS_MAX.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/value.h"
#include "catalog/pg_type.h"
#include "core/chores.h"
#include "core/clock.h"
#include "core/dbworker.h"
#include "core/faults.h"
#include "core/locktags.h"
#include "core/owner.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tables/write_behind.h"
#include "tables/write_behind_apply.h"
#include "tables/write_behind_flush.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* values of a batch together, unless one alone is larger */
#define BATCH_BYTES (16 * 1024 * 1024)

#define RETRY_MS_MIN 1000
#define RETRY_MS_MAX 60000

/* how long the worker flushes one namespace, and all of them at shutdown */
#define TURN_MS 1000
#define LAST_TURNS_MS 4000

/* A namespace that the worker could not flush. */
typedef struct Failure
{
	uint32		namespace_id;
	int			failures;		/* in a row */
	int64		not_before_ms;
} Failure;

static List *failures = NIL;	/* of Failure, in TopMemoryContext */
static int64 planned_ms = 0;	/* when the next namespace is due, 0: never */
static bool planned = false;	/* the worker has read the tables since it
								 * started */

/*
 * Run a command as the extension's owner; the rows stay until SPI_finish().
 * The statistics of the logs are out of date as soon as they are made: the plan must
 * use the indexes whatever they say.
 */
static void
run(const char *command, int nargs, Oid *types, Datum *values,
	const char *nulls)
{
	static const char *const off[] = {"enable_seqscan", "enable_bitmapscan",
	"enable_hashjoin", "enable_mergejoin", "jit"};
	CqRoleScope scope;

	cq_role_begin(&scope, cq_extension_owner());
	for (int i = 0; i < lengthof(off); i++)
		(void) set_config_option(off[i], "off", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_execute_with_args(command, nargs, types, values, nulls, false, 0) < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", command);
	cq_role_end(&scope);
}

static Datum
column(int row, int n, bool *is_null)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, n, is_null);
}

static const char *
log_name(const CqBehindRule *rule)
{
	return rule->mode == CQ_BEHIND_LOGGED ? "cq.write_behind_log"
		: "cq.write_behind_memory";
}

/* ---- rules */

/* A row of read_rules, in the current context. */
static CqBehindRule *
form_rule(int row)
{
	CqBehindRule *rule = palloc0(sizeof(CqBehindRule));
	bool		is_null;
	Datum		datum;

	rule->namespace_id = (uint32) DatumGetInt32(column(row, 1, &is_null));
	rule->mode = DatumGetChar(column(row, 2, &is_null));
	rule->value_kind = DatumGetChar(column(row, 3, &is_null));
	rule->batch_size = DatumGetInt32(column(row, 4, &is_null));
	rule->conflict = TextDatumGetCString(column(row, 5, &is_null));
	rule->target = DatumGetObjectId(column(row, 6, &is_null));
	rule->key_column = pstrdup(NameStr(*DatumGetName(column(row, 7, &is_null))));
	datum = column(row, 8, &is_null);
	if (!is_null)
		rule->value_column = pstrdup(NameStr(*DatumGetName(datum)));
	datum = column(row, 9, &is_null);
	if (!is_null)
	{
		Datum	   *names;
		int			n;

		deconstruct_array(DatumGetArrayTypeP(datum), NAMEOID, NAMEDATALEN, false,
						  TYPALIGN_CHAR, &names, NULL, &n);
		for (int i = 0; i < n; i++)
			rule->columns = lappend(rule->columns, pstrdup(NameStr(*DatumGetName(names[i]))));
	}
	rule->namespace_owner = DatumGetObjectId(column(row, 10, &is_null));
	rule->due_ms = DatumGetInt64(column(row, 11, &is_null));
	rule->due_ms = is_null ? 0 : cq_clock_ms() + Max(rule->due_ms, 0);
	rule->name = TextDatumGetCString(column(row, 12, &is_null));
	return rule;
}

/* The rule of a namespace, or all (0), in the current context. */
static List *
read_rules(uint32 namespace_id)
{
	MemoryContext context = CurrentMemoryContext;
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum((int32) namespace_id);
	List	   *result = NIL;

	SPI_connect();
	run("SELECT b.namespace_id, b.mode, b.value_kind, b.batch_size, b.conflict,"
		" b.target::oid, b.key_column, b.value_column, b.columns, c.relowner,"
		" ceil(extract(epoch FROM least(coalesce("
		"  (SELECT queued_at FROM cq.write_behind_log AS l"
		"   WHERE l.namespace_id = b.namespace_id ORDER BY l.id LIMIT 1),"
		"  (SELECT queued_at FROM cq.write_behind_memory AS m"
		"   WHERE m.namespace_id = b.namespace_id ORDER BY m.id LIMIT 1)),"
		"  clock_timestamp()) - clock_timestamp()) * 1000 + b.delay_ms)::bigint, n.name"
		" FROM cq.write_behind AS b JOIN cq.namespace AS n USING (namespace_id)"
		" JOIN pg_class AS c ON c.oid = n.carrier"
		" WHERE $1 IN (0, b.namespace_id) ORDER BY 1",
		1, &type, &id, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		MemoryContext old_context = MemoryContextSwitchTo(context);

		result = lappend(result, form_rule(i));
		MemoryContextSwitchTo(old_context);
	}
	SPI_finish();
	return result;
}

/* ---- a batch */

static bool
lock_flush(const CqBehindRule *rule, bool wait)
{
	return cq_lock(CQ_LOCK_BEHIND_FLUSH, rule->namespace_id, 0, ExclusiveLock, wait);
}

/* The newest id that is pending; 0: nothing is. */
static int64
newest_id(const CqBehindRule *rule)
{
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum((int32) rule->namespace_id);
	bool		is_null;
	int64		result;

	SPI_connect();
	run(psprintf("SELECT max(id) FROM %s WHERE namespace_id = $1", log_name(rule)),
		1, &type, &id, NULL);
	result = DatumGetInt64(column(0, 1, &is_null));
	SPI_finish();
	return is_null ? 0 : result;
}

/*
 * The next batch, of operations after the id *from, which is moved on, up to
 * newest; returns the number of rows.  max(id + 0) keeps the planner from
 * looking for the latest row of a key by walking down all ids.
 */
static int
read_batch(const CqBehindRule *rule, int64 *from, int64 newest,
		   CqBehindRow **rows)
{
	MemoryContext context = CurrentMemoryContext;
	MemoryContext old_context;
	Oid			types[] = {INT4OID, INT4OID, INT8OID, INT8OID, INT8OID};
	Datum		values[] = {Int32GetDatum((int32) rule->namespace_id),
		Int32GetDatum(rule->batch_size), Int64GetDatum(newest),
	Int64GetDatum(BATCH_BYTES), Int64GetDatum(*from)};
	int			n;

	SPI_connect();
	run(psprintf("SELECT x.id, x.operation, x.type, x.key, x.value, x.first FROM ("
				 " SELECT l.*, k.first, sum(coalesce(octet_length(l.value), 0))"
				 "  OVER (ORDER BY k.first ROWS UNBOUNDED PRECEDING)"
				 "  - coalesce(octet_length(l.value), 0) AS before"
				 " FROM (SELECT o.key, min(o.id) AS first FROM ("
				 "   SELECT key, id FROM %s WHERE namespace_id = $1 AND id > $5 AND id <= $3"
				 "   ORDER BY id LIMIT $2) AS o GROUP BY o.key) AS k"
				 " CROSS JOIN LATERAL (SELECT max(id + 0) AS id FROM %s"
				 "   WHERE namespace_id = $1 AND key = k.key) AS m"
				 " CROSS JOIN LATERAL (SELECT * FROM %s"
				 "   WHERE namespace_id = $1 AND key = k.key AND id = m.id OFFSET 0) AS l) AS x"
				 " WHERE x.before < $4 ORDER BY x.key",
				 log_name(rule), log_name(rule), log_name(rule)),
		lengthof(types), types, values, NULL);
	n = (int) SPI_processed;
	old_context = MemoryContextSwitchTo(context);
	*rows = palloc0(Max(n, 1) * sizeof(CqBehindRow));
	for (int i = 0; i < n; i++)
	{
		CqBehindRow *row = &(*rows)[i];
		bool		is_null;
		Datum		value;

		row->id = DatumGetInt64(column(i, 1, &is_null));
		row->operation = DatumGetChar(column(i, 2, &is_null));
		row->type = (uint8) DatumGetInt16(column(i, 3, &is_null));
		row->key = TextDatumGetCString(column(i, 4, &is_null));
		value = column(i, 5, &is_null);
		row->value = is_null ? NULL : DatumGetByteaPCopy(value);
		*from = Max(*from, DatumGetInt64(column(i, 6, &is_null)));
	}
	MemoryContextSwitchTo(old_context);
	SPI_finish();
	return n;
}

/* Delete from the log what these rows, the latest of their keys, make obsolete. */
static void
delete_batch(const CqBehindRule *rule, const CqBehindRow *rows, int n)
{
	Oid			types[] = {INT4OID, TEXTARRAYOID, INT8ARRAYOID};
	Datum		values[3];
	Datum	   *keys = palloc(n * sizeof(Datum));
	Datum	   *ids = palloc(n * sizeof(Datum));

	for (int i = 0; i < n; i++)
	{
		keys[i] = CStringGetTextDatum(rows[i].key);
		ids[i] = Int64GetDatum(rows[i].id);
	}
	values[0] = Int32GetDatum((int32) rule->namespace_id);
	values[1] = PointerGetDatum(construct_array(keys, n, TEXTOID, -1, false, TYPALIGN_INT));
	values[2] = PointerGetDatum(construct_array(ids, n, INT8OID, sizeof(int64),
												FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	SPI_connect();
	run(psprintf("DELETE FROM %s AS l USING ROWS FROM (unnest($2), unnest($3)) AS u(key, id)"
				 " WHERE l.namespace_id = $1 AND l.key = u.key COLLATE \"C\" AND l.id <= u.id",
				 log_name(rule)),
		lengthof(types), types, values, NULL);
	SPI_finish();
}

static void
add_dead_letter(const CqBehindRule *rule, const CqBehindRow *row)
{
	Oid			types[] = {INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)];
	char		nulls[] = "       ";
	bool		is_set = row->operation == CQ_BEHIND_SET;

	values[0] = Int32GetDatum((int32) rule->namespace_id);
	values[1] = CStringGetTextDatum(row->key);
	values[2] = CStringGetTextDatum(is_set ? "set" : "delete");
	nulls[3] = nulls[4] = is_set ? ' ' : 'n';
	if (is_set)
	{
		values[3] = CStringGetTextDatum(cq_value_type_name(row->type));
		values[4] = CStringGetTextDatum(cq_behind_value_text(row));
	}
	values[5] = CStringGetTextDatum(unpack_sql_state(row->error->sqlerrcode));
	values[6] = CStringGetTextDatum(row->error->message ? row->error->message : "");
	run("INSERT INTO cq.write_behind_dead"
		" (namespace_id, key, operation, type, value, sqlstate, error, failed_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp())",
		lengthof(types), types, values, nulls);
}

/* Dead letters and counters; returns how many rows were written. */
static int
record_batch(const CqBehindRule *rule, const CqBehindRow *rows, int n)
{
	Oid			types[] = {INT4OID, INT4OID, INT4OID};
	Datum		values[3];
	int			failed = 0;

	SPI_connect();
	for (int i = 0; i < n; i++)
	{
		if (rows[i].error != NULL)
		{
			add_dead_letter(rule, &rows[i]);
			failed++;
		}
	}
	values[0] = Int32GetDatum((int32) rule->namespace_id);
	values[1] = Int32GetDatum(n - failed);
	values[2] = Int32GetDatum(failed);
	run("INSERT INTO cq.write_behind_stat AS s (namespace_id, written, failed, last_flush)"
		" VALUES ($1, $2, $3, clock_timestamp())"
		" ON CONFLICT (namespace_id) DO UPDATE SET written = s.written + $2,"
		" failed = s.failed + $3, last_flush = clock_timestamp(),"
		" last_error = NULL, last_error_at = NULL",
		lengthof(types), types, values, NULL);
	SPI_finish();
	return n - failed;
}

/*
 * One batch, with the flush lock held and a snapshot active.  Returns how many
 * rows were written; *done when nothing after *from, which is moved on, and up
 * to newest is left.
 */
static int
flush_batch(const CqBehindRule *rule, int64 *from, int64 newest, bool *done)
{
	MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext,
												"write-behind flush",
												ALLOCSET_DEFAULT_SIZES);
	MemoryContext old_context = MemoryContextSwitchTo(batch);
	CqBehindRow *rows;
	int			n = read_batch(rule, from, newest, &rows);
	int			written = 0;

	*done = n == 0;
	if (n > 0)
	{
		cq_behind_apply(rule, rows, n);
		delete_batch(rule, rows, n);
		written = record_batch(rule, rows, n);
	}
	MemoryContextSwitchTo(old_context);
	MemoryContextDelete(batch);
	CQ_PAUSE("write-behind-flush");
	return written;
}

/* ---- by hand */

int64
cq_behind_flush(uint32 namespace_id)
{
	int64		written = 0;
	ListCell   *cell;

	foreach(cell, read_rules(namespace_id))
	{
		const CqBehindRule *rule = lfirst(cell);
		int64		from = 0;
		int64		newest;
		bool		done = false;

		if (namespace_id == 0 && !has_privs_of_role(GetUserId(), rule->namespace_owner))
			continue;
		(void) lock_flush(rule, true);
		newest = newest_id(rule);
		while (newest > 0 && !done)
			written += flush_batch(rule, &from, newest, &done);
	}
	return written;
}

int64
cq_behind_delete_dead_letters(Datum dead_ids)
{
	Oid			types[] = {INT8ARRAYOID, OIDOID};
	Datum		values[] = {dead_ids, ObjectIdGetDatum(GetUserId())};

	return cq_execute_as_owner("WITH deleted AS ("
							   " DELETE FROM cq.write_behind_dead AS d"
							   " USING cq.namespace AS n, pg_class AS c"
							   " WHERE d.dead_id = ANY ($1) AND n.namespace_id = d.namespace_id"
							   " AND c.oid = n.carrier AND pg_has_role($2, c.relowner, 'USAGE')"
							   " RETURNING 1)"
							   " SELECT count(*)::int FROM deleted",
							   lengthof(types), types, values, NULL);
}

/* ---- the worker */

static Failure *
find_failure(const CqBehindRule *rule, bool create)
{
	MemoryContext old_context;
	Failure    *failure;
	ListCell   *cell;

	foreach(cell, failures)
	{
		failure = lfirst(cell);
		if (failure->namespace_id == rule->namespace_id)
			return failure;
	}
	if (!create)
		return NULL;
	old_context = MemoryContextSwitchTo(TopMemoryContext);
	failure = palloc0(sizeof(Failure));
	failure->namespace_id = rule->namespace_id;
	failures = lappend(failures, failure);
	MemoryContextSwitchTo(old_context);
	return failure;
}

static void
begin(void)
{
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
commit(void)
{
	PopActiveSnapshot();
	CommitTransactionCommand();
}

/* Store the error for cq.stat_write_behind. */
static void
record_error(const CqBehindRule *rule, const char *message)
{
	Oid			types[] = {INT4OID, TEXTOID};
	Datum		values[2];

	begin();
	values[0] = Int32GetDatum((int32) rule->namespace_id);
	values[1] = CStringGetTextDatum(message);
	SPI_connect();
	run("INSERT INTO cq.write_behind_stat AS s (namespace_id, last_error, last_error_at)"
		" SELECT $1, $2, clock_timestamp()"
		" WHERE EXISTS (SELECT FROM cq.write_behind WHERE namespace_id = $1)"
		" ON CONFLICT (namespace_id) DO UPDATE SET last_error = $2,"
		" last_error_at = clock_timestamp()",
		lengthof(types), types, values, NULL);
	SPI_finish();
	commit();
}

/* After an error: report it, plan the next attempt. */
static void
note_error(const CqBehindRule *rule, const ErrorData *error)
{
	const char *message = error->message ? error->message : "";
	Failure    *failure = find_failure(rule, true);

	failure->failures++;
	failure->not_before_ms = cq_clock_ms() +
		Min((int64) RETRY_MS_MIN << Min(failure->failures - 1, 16), RETRY_MS_MAX);
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("write-behind of namespace \"%s\": %s", rule->name, message),
			 errdetail("What is pending stays; it is tried again.")));
	record_error(rule, message);
}

/* The worker's turn with one namespace. */
typedef struct Turn
{
	const CqBehindRule *rule;
	bool		again;			/* it should be tried again soon */
} Turn;

/* Flush a namespace until the turn ends, a transaction for each batch. */
static void
take_turn(void *arg)
{
	Turn	   *turn = arg;
	const CqBehindRule *rule = turn->rule;
	MemoryContext context = CurrentMemoryContext;
	int64		until_ms = cq_clock_ms() + TURN_MS;
	int64		from = 0;
	int64		newest = 0;
	bool		done = false;
	Failure    *failure;

	do
	{
		begin();
		if (!lock_flush(rule, false))
		{
			/* another session flushes */
			commit();
			turn->again = true;
			break;
		}
		if (newest == 0)
			newest = newest_id(rule);
		(void) flush_batch(rule, &from, newest, &done);
		commit();
		MemoryContextSwitchTo(context);
		CHECK_FOR_INTERRUPTS();
		turn->again = !done;
	} while (!done && cq_clock_ms() < until_ms);

	failure = find_failure(rule, false);
	if (failure != NULL)
	{
		failures = list_delete_ptr(failures, failure);
		pfree(failure);
	}
}

/* Flush a namespace; returns whether it should be tried again soon. */
static bool
flush_by_worker(const CqBehindRule *rule)
{
	Turn		turn = {rule};
	MemoryContext context = CurrentMemoryContext;
	ErrorData  *error = cq_chore_run(take_turn, &turn);

	if (error != NULL)
	{
		note_error(rule, error);
		MemoryContextSwitchTo(context);
		FreeErrorData(error);
	}
	return turn.again;
}

static List *
rules_for_worker(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *rules;

	begin();
	MemoryContextSwitchTo(context);
	rules = read_rules(0);
	commit();
	MemoryContextSwitchTo(context);
	return rules;
}

static void
plan(int64 due_ms)
{
	if (due_ms != 0 && (planned_ms == 0 || due_ms < planned_ms))
		planned_ms = due_ms;
}

int64
cq_behind_maintain(void)
{
	int64		now_ms = cq_clock_ms();
	ListCell   *cell;

	plan(cq_dbworker_due(false));
	if (planned && (planned_ms == 0 || planned_ms > now_ms))
		return planned_ms;

	/* transactions that commit from here on call cq_dbworker_wake_by() again */
	planned = false;
	(void) cq_dbworker_due(true);
	planned_ms = 0;
	foreach(cell, rules_for_worker())
	{
		const CqBehindRule *rule = lfirst(cell);
		Failure    *failure = find_failure(rule, false);

		if (rule->due_ms == 0)
			continue;
		if (failure != NULL && failure->not_before_ms > now_ms)
			plan(failure->not_before_ms);
		else if (rule->due_ms > now_ms)
			plan(rule->due_ms);
		else if (flush_by_worker(rule))
			plan(cq_clock_ms() + RETRY_MS_MIN);
		else if ((failure = find_failure(rule, false)) != NULL)
			plan(failure->not_before_ms);
	}
	planned = true;
	return planned_ms;
}

void
cq_behind_at_shutdown(void)
{
	int64		until_ms = cq_clock_ms() + LAST_TURNS_MS;
	ListCell   *cell;

	foreach(cell, rules_for_worker())
	{
		const CqBehindRule *rule = lfirst(cell);

		if (rule->due_ms != 0 && cq_clock_ms() < until_ms)
			(void) flush_by_worker(rule);
	}
}
