/*-------------------------------------------------------------------------
 *
 * watch_functions.c
 *	  cq.cache_watch, cq.cache_unwatch, and what DDL does to watched tables.
 *
 * cq.cache_watch checks what its caller may do, and then works as the
 * extension's owner: cq.watch is the extension's, and nobody else may call a
 * function of ours that changes it.
 *
 * DDL is not MVCC: it sets the barrier in the table's slot and, on a watched
 * table, in the database's epoch, since nobody knows which rows are concerned;
 * partitions may have come or gone with it.
 *
 * The functions that begin with an underscore are called by the event triggers,
 * which run as the extension's owner (sql/parts/12_cache_watch.sql).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "cache/marks.h"
#include "cache/namespace.h"
#include "cache/request.h"
#include "cache/slots.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "commands/tablecmds.h"
#include "core/args.h"
#include "core/owner.h"
#include "core/shmem.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tables/tag_template.h"
#include "tables/watch.h"
#include "tables/write_through.h"
#include "tcop/deparse_utility.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(cq_cache_watch);
PG_FUNCTION_INFO_V1(cq_cache_unwatch);
PG_FUNCTION_INFO_V1(cq_rewatch);
PG_FUNCTION_INFO_V1(cq_enable_triggers);
PG_FUNCTION_INFO_V1(cq_relation_changed);
PG_FUNCTION_INFO_V1(cq_relation_dropped);
PG_FUNCTION_INFO_V1(cq_epoch_changed);
PG_FUNCTION_INFO_V1(cq_alter_table_does);
PG_FUNCTION_INFO_V1(cq_rewatch_detached);

/* arguments of cq.cache_watch */
enum
{
	ARG_TARGET,
	ARG_TAGS,
	ARG_WRITE_THROUGH
};

/*
 * Run a command as the extension's owner, under a new snapshot even where the
 * transaction has an old one.  Returns the first column of the first row, a
 * text[] in the caller's context, or NULL.
 */
static ArrayType *
execute(const char *command, int nargs, Oid *types, Datum *values,
		const char *nulls)
{
	MemoryContext caller = CurrentMemoryContext;
	ArrayType  *result = NULL;
	CqRoleScope scope;
	SPIPlanPtr	plan;

	cq_role_begin(&scope, cq_extension_owner());
	SPI_connect();
	plan = SPI_prepare(command, nargs, types);
	if (plan == NULL ||
		SPI_execute_snapshot(plan, values, nulls, GetLatestSnapshot(),
							 InvalidSnapshot, false, true, 0) < 0)
		elog(ERROR, "failed to execute: %s", command);
	if (SPI_tuptable != NULL && SPI_processed > 0)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext spi = MemoryContextSwitchTo(caller);

		if (!isnull)
			result = DatumGetArrayTypePCopy(value);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	cq_role_end(&scope);
	return result;
}

/* For messages: as regclass writes it where nothing but pg_catalog is searched. */
static char *
relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);
	Oid			schema = get_rel_namespace(relid);

	if (!OidIsValid(relid))
		return pstrdup("-");
	if (name == NULL)
		return psprintf("%u", relid);
	if (schema == PG_CATALOG_NAMESPACE || isAnyTempNamespace(schema))
		return pstrdup(quote_identifier(name));
	return quote_qualified_identifier(get_namespace_name(schema), name);
}

/* Raises 42501; false if there is no such relation. */
static bool
check_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_class) GETSTRUCT(tuple);
	if (!has_privs_of_role(GetUserId(), form->relowner))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(form->relkind),
					   pstrdup(NameStr(form->relname)));
	ReleaseSysCache(tuple);
	return true;
}

static void
check_kind(Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	if ((relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE) ||
		get_rel_persistence(relid) == RELPERSISTENCE_TEMP ||
		IsCatalogNamespace(get_rel_namespace(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("cannot watch \"%s\"", relation_name(relid)),
				 errdetail("Only ordinary and partitioned tables that are not temporary can be watched.")));
}

/*
 * Keep writers out of a table and those below it: those that began before the
 * triggers exist have to end first.  The caller must own them all; that is seen
 * before a lock is waited for, and again with it.
 */
static List *
lock_tree(Oid relid, const char *action)
{
	List	   *tree;
	ListCell   *cell;

	foreach(cell, cq_watch_tree(relid, NoLock))
		(void) check_owner(lfirst_oid(cell));
	LockRelationOid(relid, ShareRowExclusiveLock);
	tree = cq_watch_tree(relid, ShareRowExclusiveLock);
	foreach(cell, tree)
	{
		Relation	rel = try_relation_open(lfirst_oid(cell), NoLock);

		if (rel == NULL)
			continue;
		(void) check_owner(lfirst_oid(cell));
		CheckTableNotInUse(rel, action);
		relation_close(rel, NoLock);
	}
	return tree;
}

static void
check_templates(Relation rel, ArrayType *tags)
{
	ListCell   *cell;

	if (array_contains_nulls(tags))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a tag template must not be null")));
	foreach(cell, cq_watch_strings(tags))
		(void) cq_tag_template_compile(lfirst(cell), RelationGetDescr(rel));
}

/* The argument write_through, checked for the relation. */
static CqWatchSpec *
arg_write_through(FunctionCallInfo fcinfo, Relation rel)
{
	CqWatchSpec *spec = palloc0(sizeof(CqWatchSpec));
	Oid			type = JSONBOID;
	Datum		value;
	List	   *fields;
	char	   *ttl;

	if (PG_ARGISNULL(ARG_WRITE_THROUGH))
		return NULL;
	value = PG_GETARG_DATUM(ARG_WRITE_THROUGH);
	fields = cq_watch_strings(execute("SELECT cq._write_through_fields($1)",
									  1, &type, &value, NULL));
	spec->key = linitial(fields);
	spec->namespace = lsecond(fields);
	ttl = lthird(fields);
	spec->ttl = *ttl == '\0' ? NULL : ttl;
	spec->columns = list_copy_tail(fields, 3);
	cq_write_through_check(spec, rel);
	return spec;
}

static Datum
array_of_strings(List *strings)
{
	Datum	   *elements = palloc(Max(list_length(strings), 1) * sizeof(Datum));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, strings)
		elements[n++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

static void
store_watch(Oid relid, ArrayType *tags, const CqWatchSpec *spec)
{
	Oid			types[] = {REGCLASSOID, TEXTARRAYOID, TEXTOID, TEXTOID, INT4OID,
	TEXTOID, TEXTARRAYOID};
	Datum		values[lengthof(types)] = {0};
	char		nulls[] = "  nnnnn";

	values[0] = ObjectIdGetDatum(relid);
	values[1] = array_of_strings(tags == NULL ? NIL : cq_watch_strings(tags));
	if (spec != NULL)
	{
		values[2] = CStringGetTextDatum(spec->key);
		values[3] = CStringGetTextDatum(spec->namespace);
		values[4] = Int32GetDatum((int32) spec->namespace_id);
		nulls[2] = nulls[3] = nulls[4] = ' ';
		if (spec->ttl != NULL)
		{
			values[5] = CStringGetTextDatum(spec->ttl);
			nulls[5] = ' ';
		}
		if (spec->columns != NIL)
		{
			values[6] = array_of_strings(spec->columns);
			nulls[6] = ' ';
		}
	}
	(void) execute("INSERT INTO cq.watch AS w VALUES ($1, $2, $3, $4, $5, $6, $7) "
				   "ON CONFLICT (target) DO UPDATE SET tags = excluded.tags, "
				   "key = excluded.key, namespace = excluded.namespace, "
				   "namespace_id = excluded.namespace_id, ttl = excluded.ttl, "
				   "columns = excluded.columns",
				   lengthof(types), types, values, nulls);
}

static void
forget_watch(Oid relid)
{
	Oid			type = REGCLASSOID;
	Datum		value = ObjectIdGetDatum(relid);

	(void) execute("DELETE FROM cq.watch WHERE target = $1", 1, &type, &value, NULL);
}

static void
mark_epoch(void)
{
	if (cq_shared != NULL)
		cq_local_mark(cq_slot_of_epoch(MyDatabaseId), true);
}

/* Give tables that cq.watch now says something else of their triggers. */
static void
apply(List *tree)
{
	CqRoleScope scope;
	ListCell   *cell;

	cq_role_begin(&scope, cq_extension_owner());
	(void) cq_watch_sync(tree);
	cq_role_end(&scope);
	foreach(cell, tree)
		cq_relation_mark_changed(lfirst_oid(cell));
	mark_epoch();
}

static void
refuse_inherited(Oid relid, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" is watched through its parent", relation_name(relid)),
			 errhint("%s", hint)));
}

Datum
cq_cache_watch(PG_FUNCTION_ARGS)
{
	Oid			relid;
	ArrayType  *tags;
	List	   *tree;
	Relation	rel;
	CqWatchSpec *write_through;

	cq_arg_not_null(fcinfo, ARG_TARGET, "target");
	cq_require_shared();
	relid = PG_GETARG_OID(ARG_TARGET);
	tags = PG_ARGISNULL(ARG_TAGS) ? NULL : PG_GETARG_ARRAYTYPE_P(ARG_TAGS);
	check_kind(relid);
	PreventCommandIfReadOnly("cq.cache_watch()");
	tree = lock_tree(relid, "watch");
	check_kind(relid);			/* it may have gone meanwhile */
	rel = relation_open(relid, NoLock);
	if (rel->rd_rel->relispartition && cq_watch_spec(relid)->inherited)
		refuse_inherited(relid, "Call cq.cache_watch for the partitioned table.");
	if (tags != NULL && cq_array_length(tags) > 0)
		cq_namespace_check_invalidate();
	if (tags != NULL)
		check_templates(rel, tags);
	write_through = arg_write_through(fcinfo, rel);
	relation_close(rel, NoLock);

	store_watch(relid, tags, write_through);
	apply(tree);
	PG_RETURN_VOID();
}

/* Arguments: target. */
Datum
cq_cache_unwatch(PG_FUNCTION_ARGS)
{
	Oid			relid;
	List	   *tree;
	CqWatchSpec *spec;
	ListCell   *cell;

	cq_arg_not_null(fcinfo, ARG_TARGET, "target");
	cq_require_shared();
	relid = PG_GETARG_OID(ARG_TARGET);
	spec = cq_watch_spec(relid);
	if (cq_watch_tree(relid, NoLock) == NIL ||
		(!CqWatchSpecExists(spec) && !cq_watch_has_triggers(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" is not watched", relation_name(relid))));
	PreventCommandIfReadOnly("cq.cache_unwatch()");
	tree = lock_tree(relid, "unwatch");
	if (cq_watch_spec(relid)->inherited)
		refuse_inherited(relid, "Call cq.cache_unwatch for the parent.");
	foreach(cell, tree)
		forget_watch(lfirst_oid(cell));
	apply(tree);
	PG_RETURN_VOID();
}

/* Do we hold the lock on it that who gives it another parent, or detaches it, has? */
static bool
is_locked_by_us(Oid relid)
{
	Relation	rel;
	bool		result;

	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return false;
	rel = try_relation_open(relid, NoLock);
	result = rel != NULL && CheckRelationLockedByMe(rel, AccessExclusiveLock, true);
	if (rel != NULL)
		relation_close(rel, NoLock);
	UnlockRelationOid(relid, AccessShareLock);
	return result;
}

/*
 * A table below one that gets another parent may have all triggers already.  Who
 * writes it has yet to learn what else they have to mark: he has to end first.
 */
static void
rewatch(Oid relid)
{
	List	   *concerned = NIL;
	ListCell   *cell;

	foreach(cell, cq_watch_tree(relid, NoLock))
	{
		if (CqWatchSpecExists(cq_watch_spec(lfirst_oid(cell))) ||
			cq_watch_has_triggers(lfirst_oid(cell)))
			concerned = lappend_oid(concerned, lfirst_oid(cell));
	}
	if (concerned == NIL)
		return;
	if (is_locked_by_us(relid))
	{
		foreach(cell, concerned)
			LockRelationOid(lfirst_oid(cell), ShareRowExclusiveLock);
	}
	(void) cq_watch_sync(concerned);
	foreach(cell, concerned)
		cq_relation_mark_changed(lfirst_oid(cell));
	mark_epoch();
}

/*
 * cq._rewatch(relation oid): a table has got another parent or partition, or has
 * lost its parent.  Gives it, and those below it, the triggers that cq.watch now
 * asks for.
 */
Datum
cq_rewatch(PG_FUNCTION_ARGS)
{
	rewatch(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

/*
 * cq._rewatch_detached(): the same for partitions that this transaction has
 * detached.  The command does not say which; they have triggers and are not
 * watched any more.
 */
Datum
cq_rewatch_detached(PG_FUNCTION_ARGS)
{
	ListCell   *cell;

	foreach(cell, cq_watch_relations())
	{
		Oid			relid = lfirst_oid(cell);

		if (!CqWatchSpecExists(cq_watch_spec(relid)) && is_locked_by_us(relid))
			rewatch(relid);
	}
	PG_RETURN_VOID();
}

/*
 * cq._enable_triggers(relation oid): somebody has switched triggers of a table,
 * and with it maybe of those below it.  Creates none: a dump, which restores them
 * one by one, does this too.
 */
Datum
cq_enable_triggers(PG_FUNCTION_ARGS)
{
	ListCell   *cell;

	foreach(cell, cq_watch_tree(PG_GETARG_OID(0), NoLock))
	{
		if (cq_watch_enable(lfirst_oid(cell)))
			ereport(WARNING,
					(errmsg("the triggers of cq.cache_watch on table \"%s\" stay enabled",
							relation_name(lfirst_oid(cell))),
					 errhint("Call cq.cache_unwatch to stop watching.")));
	}
	PG_RETURN_VOID();
}

/* A column that a template names must not go away under it. */
static void
check_columns(const CqWatchSpec *spec, Relation rel)
{
	ListCell   *cell;

	foreach(cell, spec->templates)
	{
		char	   *column = cq_tag_template_missing(lfirst(cell),
													 RelationGetDescr(rel));

		if (column != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("cannot change table \"%s\" because the cache watches it",
							RelationGetRelationName(rel)),
					 errdetail("Tag template \"%s\" names its column \"%s\".",
							   (char *) lfirst(cell), column),
					 errhint("Call cq.cache_unwatch first, and cq.cache_watch with other templates afterwards.")));
	}
}

void
cq_relation_mark_changed(Oid relid)
{
	CqWatchSpec *spec;
	Relation	rel;
	ListCell   *cell;

	if (cq_shared == NULL)
		return;
	if (!cq_watch_is_there())
	{
		mark_epoch();			/* version 1.0 waits for its update */
		return;
	}
	spec = cq_watch_spec(relid);
	foreach(cell, spec->relations)
		cq_local_mark(cq_relation_slot(lfirst_oid(cell)), true);

	rel = try_relation_open(relid, AccessShareLock);
	if (rel == NULL)
		return;
	if (CqWatchSpecExists(spec))
	{
		check_columns(spec, rel);
		cq_write_through_check_columns(spec, rel);
		mark_epoch();
	}
	CacheInvalidateRelcache(rel);
	relation_close(rel, AccessShareLock);
}

/* cq._relation_changed(relation oid): DDL has changed it. */
Datum
cq_relation_changed(PG_FUNCTION_ARGS)
{
	cq_relation_mark_changed(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

/* cq._relation_dropped(relation oid): so has DROP; its watch goes with it. */
Datum
cq_relation_dropped(PG_FUNCTION_ARGS)
{
	if (cq_watch_spec(PG_GETARG_OID(0))->own)
	{
		forget_watch(PG_GETARG_OID(0));
		mark_epoch();
	}
	cq_relation_mark_changed(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

/* cq._epoch_changed(): nothing recorded before may be served any more. */
Datum
cq_epoch_changed(PG_FUNCTION_ARGS)
{
	mark_epoch();
	PG_RETURN_VOID();
}

/* cq._alter_table_does(command pg_ddl_command): text[] of join, leave, switch. */
Datum
cq_alter_table_does(PG_FUNCTION_ARGS)
{
	CollectedCommand *command = (CollectedCommand *) PG_GETARG_POINTER(0);
	Datum		does[3];
	bool		joins = false;
	bool		leaves = false;
	bool		switches = false;
	int			n = 0;
	ListCell   *cell;

	if (command->type != SCT_AlterTable)
		PG_RETURN_NULL();
	foreach(cell, command->d.alterTable.subcmds)
	{
		CollectedATSubcmd *subcommand = lfirst(cell);

		switch (castNode(AlterTableCmd, subcommand->parsetree)->subtype)
		{
			case AT_AttachPartition:
			case AT_AddInherit:
				joins = true;
				break;
			case AT_DetachPartition:
			case AT_DetachPartitionFinalize:
			case AT_DropInherit:
				leaves = true;
				break;
			case AT_EnableTrig:
			case AT_EnableTrigAll:
			case AT_EnableTrigUser:
			case AT_EnableReplicaTrig:
			case AT_DisableTrig:
			case AT_DisableTrigAll:
			case AT_DisableTrigUser:
				switches = true;
				break;
			default:
				break;
		}
	}
	if (joins)
		does[n++] = CStringGetTextDatum("join");
	if (leaves)
		does[n++] = CStringGetTextDatum("leave");
	if (switches)
		does[n++] = CStringGetTextDatum("switch");
	PG_RETURN_ARRAYTYPE_P(construct_array(does, n, TEXTOID, -1, false,
										  TYPALIGN_INT));
}
