/*-------------------------------------------------------------------------
 *
 * write_through.c
 *	  Write-through: the rows of a watched table in the cache.
 *
 * A table that is watched with write_through has one more row trigger,
 * !cachequeue_write.  What it puts where stands in cq.watch.
 *
 * After each row the keys of the old and of the new row are marked and
 * deleted, as by cache_delete.  Then the new row is set under its key, to be
 * published at commit.
 *
 * The set's view is that of a snapshot taken now.  No other transaction can
 * change the row until this one ends, and a transaction that wrote it, or another
 * row of the same key, before has ended, and the snapshot sees that.  (The
 * statement's own snapshot may be older: an UPDATE waits for other writers of the
 * row.)  Its command id is above the running command, and not above a later one that
 * changes the key: that refuses the set.  SERIALIZABLE has no view: there
 * the keys are only marked and deleted.
 *
 * A function of the statement or a foreign key may have changed a row again before
 * its trigger runs.  So only a row that is still current is set.
 *
 * The table's owner needs the right to write the namespace; a role that may change
 * the table needs no right on the cache.  It is checked with each row, since it may
 * have been revoked after the watch was made.  Without it nothing is set, but the
 * keys are marked and deleted all the same: what was set before must not outlive a
 * change of the row.
 *
 * The key has to identify a row: it names all columns of a unique index.  DROP
 * INDEX CONCURRENTLY, which commits half way, may drop that index all the same;
 * then nothing is set.
 *
 * A row that cannot be set must not make the change fail: one without a key (NULL,
 * or too long), one that is too large, one in a namespace that has been dropped,
 * and one beyond the limits per transaction.  A look-up of its key is a miss.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "cache/key.h"
#include "cache/marks.h"
#include "cache/namespace.h"
#include "cache/pending.h"
#include "cache/request.h"
#include "cache/slots.h"
#include "cache/store.h"
#include "cache/value.h"
#include "cache/view.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/limits.h"
#include "core/settings.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "tables/tag_template.h"
#include "tables/watch_spec.h"
#include "tables/write_through.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

struct CqWriteThrough
{
	CqTagTemplate *key;
	bool		unique;			/* the key identifies a row */
	Oid			owner;			/* the role that writes the namespace */
	const char *namespace;
	uint32		namespace_id;
	int64		ttl_ms;			/* 0: the namespace's */
	TupleDesc	form;			/* of the value, a row */
	AttrNumber *columns;		/* where its columns come from */
	bool		pin_settings;	/* the value depends on settings */
	FmgrInfo	to_jsonb;
};

static StringInfoData key_buffer;

/* what the transaction 'spender' has used up of its limits */
static FullTransactionId spender;
static uint64 rows_spent = 0;
static Size bytes_spent = 0;

/* The numbers of the columns of the value, in its order; returns how many. */
static int
resolve_columns(List *names, TupleDesc tupdesc, AttrNumber *columns,
				const char **missing)
{
	int			n = 0;
	ListCell   *cell;

	*missing = NULL;
	foreach(cell, names)
	{
		AttrNumber	found = InvalidAttrNumber;

		for (int j = 0; j < tupdesc->natts; j++)
		{
			Form_pg_attribute att = TupleDescAttr(tupdesc, j);

			if (!att->attisdropped &&
				strcmp(NameStr(att->attname), lfirst(cell)) == 0)
				found = att->attnum;
		}
		if (found == InvalidAttrNumber)
			*missing = lfirst(cell);
		columns[n++] = found;
	}
	for (int j = 0; j < tupdesc->natts && names == NIL; j++)
	{
		if (!TupleDescAttr(tupdesc, j)->attisdropped)
			columns[n++] = TupleDescAttr(tupdesc, j)->attnum;
	}
	return n;
}

/* to_jsonb() finds out the type of its argument from its call expression: a row. */
static void
prepare_to_jsonb(FmgrInfo *flinfo)
{
	Const	   *row = makeNullConst(RECORDOID, -1, InvalidOid);

	fmgr_info_cxt(F_TO_JSONB, flinfo, CurrentMemoryContext);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID,
											 list_make1(row), InvalidOid,
											 InvalidOid, COERCE_EXPLICIT_CALL),
					   flinfo);
}

static int64
ttl_of(const char *text)
{
	int			nest;
	Datum		interval;

	if (text == NULL)
		return 0;
	nest = cq_output_settings_fix();
	interval = DirectFunctionCall3(interval_in, CStringGetDatum(text),
								   ObjectIdGetDatum(InvalidOid),
								   Int32GetDatum(-1));
	cq_output_settings_restore(nest);
	return cq_interval_ms(DatumGetIntervalP(interval), 1, "ttl");
}

/*
 * Are these columns enough to tell the index's entries, and rows, apart?
 * (A row with NULL in one of them has no key.)
 */
static bool
index_is_covered(Relation index, const Bitmapset *columns)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisunique || !form->indimmediate || !form->indisvalid ||
		RelationGetIndexExpressions(index) != NIL ||
		RelationGetIndexPredicate(index) != NIL)
		return false;
	for (int i = 0; i < form->indnkeyatts; i++)
	{
		if (!bms_is_member(form->indkey.values[i], columns))
			return false;
	}
	return true;
}

static bool
key_is_unique(Relation rel, const CqTagTemplate *key)
{
	Bitmapset  *columns = cq_tag_template_columns(key);
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *cell;
	bool		result = false;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		result = result || index_is_covered(index, columns);
		index_close(index, AccessShareLock);
	}
	return result;
}

CqWriteThrough *
cq_write_through_compile(const CqWatchSpec *spec, Relation rel)
{
	CqWriteThrough *w = palloc0(sizeof(CqWriteThrough));
	TupleDesc	tupdesc = RelationGetDescr(rel);
	const char *missing;
	int			ncolumns;

	w->key = cq_tag_template_compile(spec->key, tupdesc);
	w->unique = key_is_unique(rel, w->key);
	w->owner = spec->owner;
	w->namespace = pstrdup(spec->namespace);
	w->namespace_id = spec->namespace_id;
	w->ttl_ms = ttl_of(spec->ttl);
	w->columns = palloc((list_length(spec->columns) + tupdesc->natts) *
						sizeof(AttrNumber));
	ncolumns = resolve_columns(spec->columns, tupdesc, w->columns, &missing);
	if (missing != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of write_through does not exist",
						missing)));
	w->form = CreateTemplateTupleDesc(ncolumns);
	w->pin_settings = false;
	for (int i = 0; i < ncolumns; i++)
	{
		Form_pg_attribute att = TupleDescAttr(tupdesc, w->columns[i] - 1);

		TupleDescInitEntry(w->form, i + 1, NameStr(att->attname),
						   att->atttypid, att->atttypmod, att->attndims);
		w->pin_settings |= cq_type_depends_on_settings(att->atttypid);
	}
	BlessTupleDesc(w->form);
	prepare_to_jsonb(&w->to_jsonb);
	return w;
}

/* The key of a row; false if it has none. */
static bool
row_key(const CqWriteThrough *w, Relation rel, HeapTuple tuple, CqKey *key)
{
	if (key_buffer.data == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

		initStringInfo(&key_buffer);
		MemoryContextSwitchTo(caller);
	}
	resetStringInfo(&key_buffer);
	if (tuple == NULL ||
		!cq_tag_template_render(w->key, tuple, RelationGetDescr(rel),
								&key_buffer) ||
		key_buffer.len == 0 || key_buffer.len > CQ_KEY_BYTES_MAX)
		return false;
	cq_key_init(key, CQ_SPACE_USER, w->namespace_id, key_buffer.data,
				key_buffer.len);
	return true;
}

/* Use up so much of the transaction's limits; false when it exceeds them. */
static bool
spend(uint64 rows, Size bytes)
{
	FullTransactionId current = GetTopFullTransactionId();

	if (!FullTransactionIdEquals(current, spender))
	{
		spender = current;
		rows_spent = 0;
		bytes_spent = 0;
	}
	if (rows_spent + rows > CQ_WRITE_THROUGH_ROWS_MAX ||
		bytes_spent + bytes > CQ_WRITE_THROUGH_BYTES_MAX)
		return false;
	rows_spent += rows;
	bytes_spent += bytes;
	return true;
}

/* The row as jsonb; NULL if it is larger than a value may be. */
static struct varlena *
row_value(CqWriteThrough *w, Relation rel, HeapTuple tuple)
{
	int			n = w->form->natts;
	Datum	   *values = palloc(n * sizeof(Datum));
	bool	   *nulls = palloc(n * sizeof(bool));
	struct varlena *value;
	Size		size = 0;
	int			nest = 0;

	for (int i = 0; i < n; i++)
	{
		values[i] = heap_getattr(tuple, w->columns[i], RelationGetDescr(rel),
								 &nulls[i]);
		if (!nulls[i] && TupleDescAttr(w->form, i)->attlen == -1)
			size += toast_raw_datum_size(values[i]) - VARHDRSZ;
	}
	/* before the conversion, which fails for what is very large */
	if (size > (Size) cq_value_size_max)
		return NULL;

	tuple = heap_form_tuple(w->form, values, nulls);
	if (w->pin_settings)
		nest = cq_output_settings_fix();
	value = (struct varlena *)
		DatumGetPointer(FunctionCall1(&w->to_jsonb,
									  HeapTupleGetDatum(tuple)));
	if (w->pin_settings)
		cq_output_settings_restore(nest);
	return VARSIZE_ANY_EXHDR(value) > (Size) cq_value_size_max ? NULL : value;
}

/* Set the new row, which is in slot and tuple, if that is possible. */
static void
put(CqWriteThrough *w, Relation rel, TupleTableSlot *slot, HeapTuple tuple,
	const CqKey *key, const CqNamespace *name_space)
{
	int64		ttl_ms = w->ttl_ms != 0 ? w->ttl_ms : name_space->default_ttl_ms;
	CqSetRequest request = {0};
	CqView		view;
	Snapshot	snapshot;
	struct varlena *value = NULL;

	if (!table_tuple_satisfies_snapshot(rel, slot, SnapshotSelf))
		return;

	/* registered: what makes the value may take other snapshots */
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	if (cq_view_of_miss(snapshot, &view))
	{
		/* the row as it is now, with what the running command has changed */
		view.curcid = GetCurrentCommandId(false) + 1;
		value = row_value(w, rel, tuple);
	}
	if (value == NULL || !spend(0, VARSIZE_ANY_EXHDR(value)))
	{
		UnregisterSnapshot(snapshot);
		return;
	}
	request.key = key;
	request.type = CQ_VALUE_JSONB;
	request.expires_ms = ttl_ms == 0 ? 0 : cq_clock_ms() + ttl_ms;
	cq_request_value(&request, value);
	cq_request_depend(&request, NULL);
	(void) cq_cache_set(&request, &view);
	UnregisterSnapshot(snapshot);
}

static void
forget(const CqKey *key, bool delete)
{
	cq_mark_slot(cq_slot_of_key(key->identity), false);
	if (delete)
		cq_pending_delete(key);
}

/* The namespace to set rows in; NULL when none may be set. */
static const CqNamespace *
target_namespace(const CqWriteThrough *w)
{
	const CqNamespace *name_space;

	if (!w->unique ||
		!cq_namespace_role_may_write(w->owner, w->namespace_id))
		return NULL;

	/* dropped, or another one by that name? */
	name_space = cq_namespace_lookup(w->namespace);
	return name_space != NULL && name_space->id == w->namespace_id
		? name_space : NULL;
}

/* Has the namespace got a write-behind rule since? */
static bool
is_ahead(const CqWriteThrough *w)
{
	const CqNamespace *name_space = cq_namespace_lookup(w->namespace);

	return name_space != NULL && name_space->id == w->namespace_id &&
		name_space->behind != 0;
}

/* For one row: old and new tuple, NULL where there is none. */
static void
change_row(CqWriteThrough *w, Relation rel, HeapTuple old_tuple,
		   HeapTuple new_tuple, TupleTableSlot *new_slot)
{
	const CqNamespace *name_space;
	CqKey		old_key;
	CqKey		new_key;
	bool		has_old;
	bool		has_new;
	bool		within_limit;

	if (is_ahead(w))
		return;
	has_old = row_key(w, rel, old_tuple, &old_key);
	has_new = row_key(w, rel, new_tuple, &new_key);
	within_limit = spend(1, 0);
	if (has_old &&
		!(has_new && old_key.engine.len == new_key.engine.len &&
		  memcmp(old_key.bytes, new_key.bytes, old_key.engine.len) == 0))
		forget(&old_key, within_limit);
	if (has_new)
		forget(&new_key, within_limit);
	name_space = has_new && within_limit ? target_namespace(w) : NULL;
	if (name_space != NULL)
		put(w, rel, new_slot, new_tuple, &new_key, name_space);
}

void
cq_write_through(CqWriteThrough *w, const TriggerData *trigdata)
{
	if (TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event))
		change_row(w, trigdata->tg_relation, trigdata->tg_trigtuple,
				   trigdata->tg_newtuple, trigdata->tg_newslot);
	else if (TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		change_row(w, trigdata->tg_relation, NULL,
				   trigdata->tg_trigtuple, trigdata->tg_trigslot);
	else
		change_row(w, trigdata->tg_relation, trigdata->tg_trigtuple,
				   NULL, NULL);
}

/* A column that the value would have and a trigger does not see; NULL: none. */
static const char *
virtual_column(List *names, TupleDesc tupdesc)
{
	for (int i = 0; i < tupdesc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(tupdesc, i);
		bool		named = names == NIL;
		ListCell   *cell;

		foreach(cell, names)
			named = named || strcmp(lfirst(cell), NameStr(column->attname)) == 0;
		if (named && !column->attisdropped && cq_column_is_virtual(column))
			return NameStr(column->attname);
	}
	return NULL;
}

void
cq_write_through_check(CqWatchSpec *spec, Relation rel)
{
	CqWriteThrough *w = cq_write_through_compile(spec, rel);
	const char *column = virtual_column(spec->columns, RelationGetDescr(rel));
	const CqNamespace *name_space;

	if (column != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot write through virtual generated column \"%s\"", column),
				 errdetail("A trigger does not see its value."),
				 errhint("Name the other columns in the field columns, or make it STORED.")));

	if (cq_tag_template_is_ambiguous(w->key))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ambiguous key template \"%s\"", spec->key),
				 errhint("Put a separator between the columns.")));
	if (!w->unique)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("key template \"%s\" does not tell the rows of table \"%s\" apart",
						spec->key, RelationGetRelationName(rel)),
				 errhint("Name all columns of the primary key, or of a unique index that is not partial, deferrable or on expressions.")));
	name_space = cq_namespace_find(spec->namespace, strlen(spec->namespace),
								   CQ_NAMESPACE_WRITE);
	if (name_space->behind != 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot write through to write-behind namespace \"%s\"",
						spec->namespace)));
	spec->namespace_id = name_space->id;
}

static void
report_dependent(Relation rel, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
			 errmsg("cannot change table \"%s\" because the cache watches it",
					RelationGetRelationName(rel)),
			 errdetail_internal("%s", detail),
			 errhint("Call cq.cache_unwatch first, and cq.cache_watch with another write_through afterwards.")));
}

void
cq_write_through_check_columns(const CqWatchSpec *spec, Relation rel)
{
	TupleDesc	tupdesc = RelationGetDescr(rel);
	const char *missing;
	AttrNumber *columns;

	if (!OidIsValid(spec->writer))
		return;
	columns = palloc((list_length(spec->columns) + tupdesc->natts) *
					 sizeof(AttrNumber));
	(void) resolve_columns(spec->columns, tupdesc, columns, &missing);
	if (missing == NULL)
		missing = cq_tag_template_missing(spec->key, tupdesc);
	if (missing != NULL)
		report_dependent(rel, psprintf(_("Its write_through names its column \"%s\"."),
									   missing));
	missing = virtual_column(spec->columns, tupdesc);
	if (missing != NULL)
		report_dependent(rel, psprintf(_("Its write_through would not see the value of virtual generated column \"%s\"."),
									   missing));
}

void
cq_write_through_check_index(Oid relid)
{
	CqWatchSpec *spec = cq_watch_spec(relid);
	Relation	rel = try_relation_open(relid, AccessShareLock);

	if (rel == NULL)
		return;
	if (spec->writer == relid &&
		cq_tag_template_missing(spec->key, RelationGetDescr(rel)) == NULL &&
		!key_is_unique(rel, cq_tag_template_compile(spec->key, RelationGetDescr(rel))))
		report_dependent(rel, psprintf(_("The key \"%s\" of its write_through would not tell rows apart any more."),
									   spec->key));
	relation_close(rel, AccessShareLock);
}
