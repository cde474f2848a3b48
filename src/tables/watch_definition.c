/*-------------------------------------------------------------------------
 *
 * watch_definition.c
 *	  Watching a table, and no longer watching it.
 *
 * These functions check the caller's privileges first, and then change cq.watch and
 * the triggers as the extension's owner: no other role may write cq.watch.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "cache/namespace.h"
#include "cache/request.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "tables/ddl_objects.h"
#include "tables/tag_template.h"
#include "tables/watch.h"
#include "tables/watch_ddl.h"
#include "tables/watch_definition.h"
#include "tables/watch_spec.h"
#include "tables/watch_triggers.h"
#include "tables/write_through.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

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
				 errmsg("cannot watch \"%s\"", cq_relation_name(relid)),
				 errdetail("Only ordinary and partitioned tables that are not temporary can be watched.")));
}

/*
 * Lock a table and those below it against writers: transactions that have written them
 * before the triggers exist have to end first.  Returns the tables.  Raises 42501 unless
 * the caller owns them all, which is checked before a lock is waited for, and again
 * when it is held.
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

/* After a change of cq.watch: give these tables the triggers that it now asks for. */
static void
apply(List *tree)
{
	ListCell   *cell;

	(void) cq_watch_sync(tree);
	foreach(cell, tree)
		cq_relation_mark_changed(lfirst_oid(cell));
	cq_epoch_mark();
}

static void
refuse_inherited(Oid relid, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" is watched through its parent", cq_relation_name(relid)),
			 errhint("%s", hint)));
}

void
cq_watch_table(Oid relid, ArrayType *tags, const Datum *write_through)
{
	List	   *tree;
	Relation	rel;
	CqWatchSpec *spec = NULL;

	check_kind(relid);
	PreventCommandIfReadOnly("cq.cache_watch()");
	tree = lock_tree(relid, "watch");
	check_kind(relid);			/* it may have been dropped meanwhile */
	rel = relation_open(relid, NoLock);
	if (rel->rd_rel->relispartition && cq_watch_spec(relid)->inherited)
		refuse_inherited(relid, "Call cq.cache_watch for the partitioned table.");
	if (cq_array_length(tags) > 0)
		cq_namespace_check_invalidate();
	if (tags != NULL)
		check_templates(rel, tags);
	if (write_through != NULL)
	{
		spec = cq_watch_spec_from_json(*write_through);
		cq_write_through_check(spec, rel);
	}
	relation_close(rel, NoLock);

	cq_watch_store(relid, tags == NULL ? NIL : cq_watch_strings(tags), spec);
	apply(tree);
	cq_watch_warn_foreign(relid);
}

void
cq_unwatch_table(Oid relid)
{
	CqWatchSpec *spec = cq_watch_spec(relid);
	List	   *tree;
	ListCell   *cell;

	if (cq_watch_tree(relid, NoLock) == NIL ||
		(!cq_watch_spec_exists(spec) && !cq_watch_has_triggers(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" is not watched", cq_relation_name(relid))));
	PreventCommandIfReadOnly("cq.cache_unwatch()");
	tree = lock_tree(relid, "unwatch");
	if (cq_watch_spec(relid)->inherited)
		refuse_inherited(relid, "Call cq.cache_unwatch for the parent.");
	foreach(cell, tree)
		cq_watch_forget(lfirst_oid(cell));
	apply(tree);
}
