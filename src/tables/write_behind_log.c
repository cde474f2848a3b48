/*-------------------------------------------------------------------------
 *
 * write_behind_log.c
 *	  The log of write-behind: what the tables have yet to follow.
 *
 * Sets and deletes stay in the backend until the transaction commits
 * (cache/pending.c).  At PRE_COMMIT the last one of each key becomes a row of
 * cq.write_behind_log or cq.write_behind_memory.
 *
 * Order.  For each key the ids ascend in the order of the commits, and the
 * cache publishes in that order, too: before it draws the id, a transaction
 * locks the key, and PostgreSQL releases the lock after the callback that
 * publishes.  So log, cache and table agree on which operation was the last.
 * Only commits in progress wait for each other; a set never waits.
 *
 *	lock		 tag (advisory, not of the users' classes)		mode
 *	log			 namespace										share, or
 *																exclusive
 *	key			 hash of the key								exclusive
 *
 * A transaction with more than KEY_LOCKS_MAX keys of a namespace locks its log
 * exclusively instead of each key: the lock table is small.  Locks are taken
 * in the order of namespace and hash, so that they cannot deadlock.  A transaction
 * that drops a rule checks before it commits, with the log's lock held
 * exclusively, that nothing is pending.
 *
 * Rows are inserted past the executor: no trigger, no privilege.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "cache/namespace.h"
#include "cache/pending.h"
#include "cache/xact.h"
#include "catalog/indexing.h"
#include "commands/sequence.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/dbworker.h"
#include "core/faults.h"
#include "core/locktags.h"
#include "miscadmin.h"
#include "tables/write_behind.h"
#include "tables/write_behind_log.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define KEY_LOCKS_MAX 32

/* Columns of the logs. */
enum
{
	LOG_NAMESPACE = 1,
	LOG_ID,
	LOG_OPERATION,
	LOG_TYPE,
	LOG_QUEUED_AT,
	LOG_EXPIRES_AT,
	LOG_KEY,
	LOG_VALUE,
	LOG_COLUMNS = LOG_VALUE
};

static List *dropping = NIL;	/* namespaces, in TopTransactionContext */
static int64 due_ms = 0;		/* of what this transaction adds, 0: nothing */

static Oid
log_relation(char mode, const char *suffix)
{
	return cq_relation_of_any_version(psprintf("write_behind_%s%s",
											   mode == CQ_BEHIND_LOGGED ? "log" : "memory",
											   suffix));
}

/* ---- before the commit */

static int
compare_operations(const void *a, const void *b)
{
	const CqKey *x = (*(CqPending *const *) a)->key;
	const CqKey *y = (*(CqPending *const *) b)->key;

	if (x->name_space != y->name_space)
		return x->name_space < y->name_space ? -1 : 1;
	if (x->identity != y->identity)
		return x->identity < y->identity ? -1 : 1;
	return 0;
}

/* n operations on one namespace */
static void
lock_operations(CqPending **ops, int n)
{
	uint32		namespace_id = ops[0]->key->name_space;

	if (CQ_FAULT("no-key-lock"))
		return;
	if (n > KEY_LOCKS_MAX)
	{
		(void) cq_lock(CQ_LOCK_BEHIND_LOG, namespace_id, 0, ExclusiveLock, true);
		return;
	}
	(void) cq_lock(CQ_LOCK_BEHIND_LOG, namespace_id, 0, ShareLock, true);
	for (int i = 0; i < n; i++)
		(void) cq_lock(CQ_LOCK_BEHIND_KEY, (uint32) (ops[i]->key->identity >> 32),
					   (uint32) ops[i]->key->identity, ExclusiveLock, true);
}

static HeapTuple
form_row(TupleDesc desc, Oid sequence, const CqPending *op)
{
	Datum		values[LOG_COLUMNS];
	bool		nulls[LOG_COLUMNS] = {false};
	TimestampTz now = GetCurrentTimestamp();
	bool		is_set = op->kind == CQ_PENDING_SET;
	CqKeyParts	key;

	cq_key_parse(op->key->bytes, op->key->engine.len, &key);
	values[LOG_NAMESPACE - 1] = Int32GetDatum((int32) op->key->name_space);
	values[LOG_ID - 1] = Int64GetDatum(nextval_internal(sequence, false));
	values[LOG_OPERATION - 1] = CharGetDatum(is_set ? CQ_BEHIND_SET : CQ_BEHIND_DELETE);
	values[LOG_TYPE - 1] = Int16GetDatum(op->type);
	values[LOG_QUEUED_AT - 1] = TimestampTzGetDatum(now);
	nulls[LOG_EXPIRES_AT - 1] = op->expires_ms == 0;
	values[LOG_EXPIRES_AT - 1] =
		TimestampTzGetDatum(now + (op->expires_ms - cq_clock_ms()) * 1000);
	values[LOG_KEY - 1] =
		PointerGetDatum(cstring_to_text_with_len(key.bytes, key.len));
	nulls[LOG_VALUE - 1] = !is_set;
	values[LOG_VALUE - 1] =
		PointerGetDatum(cstring_to_text_with_len(op->value, op->value_len));
	return heap_form_tuple(desc, values, nulls);
}

/* n operations on one namespace, locked. */
static void
write_operations(CqPending **ops, int n)
{
	const CqNamespace *name_space = cq_namespace_by_id(ops[0]->key->name_space);
	char		mode = ops[0]->key->behind;
	int64		due;
	Relation	rel;
	Oid			sequence;
	CatalogIndexState indexes;

	if (name_space == NULL || name_space->behind != mode)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the write-behind rule of the namespace was dropped a moment ago")));
	due = cq_clock_ms() + name_space->behind_delay_ms;
	due_ms = due_ms == 0 ? due : Min(due_ms, due);

	rel = table_open(log_relation(mode, ""), RowExclusiveLock);
	sequence = log_relation(mode, "_id_seq");
	indexes = CatalogOpenIndexes(rel);
	for (int i = 0; i < n; i++)
	{
		HeapTuple	tuple = form_row(RelationGetDescr(rel), sequence, ops[i]);

		CHECK_FOR_INTERRUPTS();
		CatalogTupleInsertWithInfo(rel, tuple, indexes);
		heap_freetuple(tuple);
	}
	CatalogCloseIndexes(indexes);
	table_close(rel, NoLock);
}

/* cq_log_behind_hook */
static void
log_operations(void)
{
	int			position = 0;
	int			n = 0;
	int			max = 64;
	CqPending **ops = palloc(max * sizeof(CqPending *));
	const CqPending *op;

	while ((op = cq_pending_next_behind(&position)) != NULL)
	{
		if (n == max)
		{
			max *= 2;
			ops = repalloc_huge(ops, max * sizeof(CqPending *));
		}
		ops[n++] = unconstify(CqPending *, op);
	}
	qsort(ops, n, sizeof(CqPending *), compare_operations);

	/*
	 * all locks first, in order: what other transactions did before is
	 * visible then
	 */
	for (int pass = 0; pass < 2; pass++)
	{
		for (int first = 0, end; first < n; first = end)
		{
			for (end = first + 1; end < n; end++)
			{
				if (ops[end]->key->name_space != ops[first]->key->name_space)
					break;
			}
			if (pass == 0)
				lock_operations(ops + first, end - first);
			else
				write_operations(ops + first, end - first);
		}
		if (pass == 0)
		{
			AcceptInvalidationMessages();
			PushActiveSnapshot(GetTransactionSnapshot());
		}
	}
	PopActiveSnapshot();
	pfree(ops);
	CQ_PAUSE("write-behind-commit");
}

/* ---- the end of a rule */

static bool
any_pending(char mode, uint32 namespace_id)
{
	Relation	rel = table_open(log_relation(mode, ""), AccessShareLock);
	Relation	index = index_open(log_relation(mode, "_id_idx"), AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	SysScanDesc scan;
	bool		result;

	ScanKeyInit(&key, LOG_NAMESPACE, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum((int32) namespace_id));
	scan = systable_beginscan_ordered(rel, index, snapshot, 1, &key);
	result = HeapTupleIsValid(systable_getnext_ordered(scan, ForwardScanDirection));
	systable_endscan_ordered(scan);
	UnregisterSnapshot(snapshot);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return result;
}

static void
require_nothing_pending(uint32 namespace_id)
{
	char	   *name;

	if (!any_pending(CQ_BEHIND_LOGGED, namespace_id) &&
		!any_pending(CQ_BEHIND_MEMORY, namespace_id))
		return;
	name = cq_namespace_name(namespace_id);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 name == NULL ?
			 errmsg("the table has yet to follow some sets or deletes of the namespace") :
			 errmsg("the table has yet to follow some sets or deletes of namespace \"%s\"",
					name),
			 errhint("Call cq.cache_flush first.")));
}

void
cq_behind_dropping(uint32 namespace_id)
{
	MemoryContext old_context = MemoryContextSwitchTo(TopTransactionContext);

	dropping = list_append_unique_int(dropping, (int) namespace_id);
	MemoryContextSwitchTo(old_context);
	require_nothing_pending(namespace_id);
}

/* Transactions that add to the log wait from here until the rule is gone. */
static void
check_dropped(void)
{
	ListCell   *cell;

	list_sort(dropping, list_int_cmp);
	foreach(cell, dropping)
	{
		uint32		id = (uint32) lfirst_int(cell);
		const CqNamespace *name_space = cq_namespace_by_id(id);

		if (name_space != NULL && name_space->behind != 0)
			continue;			/* rolled back to a savepoint, or made anew */
		(void) cq_lock(CQ_LOCK_BEHIND_LOG, id, 0, ExclusiveLock, true);
		require_nothing_pending(id);
	}
}

static void
at_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT && dropping != NIL)
		check_dropped();
	if (event == XACT_EVENT_PRE_PREPARE && dropping != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot prepare a transaction that has dropped a write-behind rule")));
	if (event == XACT_EVENT_COMMIT && due_ms != 0)
		cq_dbworker_wake_by(MyDatabaseId, due_ms);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
	{
		due_ms = 0;
		dropping = NIL;
	}
}

void
cq_behind_init(void)
{
	cq_log_behind_hook = log_operations;
	RegisterXactCallback(at_transaction, NULL);
}

/* ---- before a set */

void
cq_behind_refuse(const CqKey *key, const char *what)
{
	if (key->behind != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("%s is not supported in a write-behind namespace", what),
				 errdetail("It takes effect at once; a table can only follow what is committed."),
				 errhint("Use plain cq.cache_set and cq.cache_delete.")));
}

/* Is the value a JSON object? */
static void
check_row(const CqSetRequest *request)
{
	Jsonb	   *value;

	if (request->type == CQ_VALUE_JSONB)
	{
		value = palloc(request->value_len + VARHDRSZ);
		SET_VARSIZE(value, request->value_len + VARHDRSZ);
		memcpy(VARDATA(value), request->value, request->value_len);
	}
	else
		value = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
												   CStringGetDatum(pnstrdup(request->value,
																			request->value_len))));
	if (!JB_ROOT_IS_OBJECT(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a value of this namespace must be a JSON object"),
				 errdetail("Its fields are written to the columns of a table.")));
}

void
cq_behind_check_set(const CqSetRequest *request, bool plain)
{
	const CqNamespace *name_space = cq_namespace_by_id(request->key->name_space);

	if (!plain)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a write-behind namespace takes plain sets only"),
				 errdetail("Its entries are ahead of the table, so they can have no tags, lease, condition or version.")));
	PreventCommandIfReadOnly("cq.cache_set()");
	PreventCommandDuringRecovery("cq.cache_set()");
	if (name_space == NULL)
		return;					/* dropped meanwhile: the commit will fail */
	if ((request->type == CQ_VALUE_BYTEA) != (name_space->behind_value == CQ_BEHIND_BYTEA))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 name_space->behind_value == CQ_BEHIND_BYTEA
				 ? errmsg("a value of this namespace must be of type bytea")
				 : errmsg("a value of this namespace must not be of type bytea"),
				 errdetail("It is written to a column of a table.")));
	if (name_space->behind_value == CQ_BEHIND_ROW)
		check_row(request);
}

/* ---- reading */

/* What this transaction has done itself. */
static CqBehindFound
find_pending(const CqPending *op, CqValue *value)
{
	if (op->kind == CQ_PENDING_DELETE)
		return CQ_BEHIND_DELETED;
	if (op->expires_ms != 0 && op->expires_ms <= cq_clock_ms())
		return CQ_BEHIND_NOTHING;
	value->data = op->value;
	value->len = op->value_len;
	value->type = op->type;
	value->expires_ms = op->expires_ms;
	value->version = 0;
	value->dependent = false;
	return CQ_BEHIND_VALUE;
}

static CqBehindFound
read_row(HeapTuple tuple, TupleDesc desc, CqValue *value)
{
	bool		is_null;
	Datum		expires_at;
	bytea	   *bytes;

	if (DatumGetChar(heap_getattr(tuple, LOG_OPERATION, desc,
								  &is_null)) == CQ_BEHIND_DELETE)
		return CQ_BEHIND_DELETED;
	expires_at = heap_getattr(tuple, LOG_EXPIRES_AT, desc, &is_null);
	value->expires_ms = 0;
	if (!is_null)
	{
		int64		left_ms = (DatumGetTimestampTz(expires_at) - GetCurrentTimestamp()) / 1000;

		if (left_ms <= 0)
			return CQ_BEHIND_NOTHING;
		value->expires_ms = cq_clock_ms() + left_ms;
	}
	bytes = DatumGetByteaPCopy(heap_getattr(tuple, LOG_VALUE, desc, &is_null));
	value->data = VARDATA(bytes);
	value->len = VARSIZE(bytes) - VARHDRSZ;
	value->type = DatumGetInt16(heap_getattr(tuple, LOG_TYPE, desc, &is_null));
	value->version = 0;
	value->dependent = false;
	return CQ_BEHIND_VALUE;
}

CqBehindFound
cq_behind_find(const CqKey *key, Snapshot snapshot, CqValue *value)
{
	const CqPending *op = cq_pending_find(key);
	CqBehindFound result = CQ_BEHIND_NOTHING;
	Relation	rel;
	Relation	index;
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	CqKeyParts	parts;

	if (op != NULL && !op->dead)
		return find_pending(op, value);
	if (key->behind == CQ_BEHIND_MEMORY && RecoveryInProgress())
		return CQ_BEHIND_NOTHING;	/* unlogged tables stay on the primary */

	cq_key_parse(key->bytes, key->engine.len, &parts);

	ScanKeyInit(&keys[0], LOG_NAMESPACE, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum((int32) key->name_space));
	ScanKeyInit(&keys[1], LOG_KEY, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(cstring_to_text_with_len(parts.bytes, parts.len)));
	snapshot = RegisterSnapshot(snapshot);
	rel = table_open(log_relation(key->behind, ""), AccessShareLock);
	index = index_open(log_relation(key->behind, "_key_idx"), AccessShareLock);
	scan = systable_beginscan_ordered(rel, index, snapshot, 2, keys);
	tuple = systable_getnext_ordered(scan, BackwardScanDirection);
	if (HeapTupleIsValid(tuple))
		result = read_row(tuple, RelationGetDescr(rel), value);
	systable_endscan_ordered(scan);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	UnregisterSnapshot(snapshot);
	return result;
}
