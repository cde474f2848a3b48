/*-------------------------------------------------------------------------
 *
 * watch_ddl.c
 *	  What DDL does to watched tables.
 *
 * DDL is not MVCC: it sets the barrier in the table's slot and, on a watched
 * table, in the database's epoch, since it does not tell which rows are concerned;
 * partitions may have been added or removed.
 *
 * The event triggers, which run as the extension's owner, call these functions
 * (sql/parts/12_cache_watch.sql).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "storage/lmgr.h"
#include "tables/ddl_objects.h"
#include "tables/tag_template.h"
#include "tables/watch.h"
#include "tables/watch_ddl.h"
#include "tables/watch_spec.h"
#include "tables/watch_triggers.h"
#include "tables/write_through.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Raises 2BP01 if a template names a column that the table has no more. */
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

/* Of a relation that may be gone. */
static void
check_watch(Oid relid)
{
	CqWatchSpec *spec = cq_watch_spec(relid);
	Relation	rel;

	if (!cq_watch_spec_exists(spec))
		return;
	rel = try_relation_open(relid, AccessShareLock);
	if (rel == NULL)
		return;
	check_columns(spec, rel);
	cq_write_through_check_columns(spec, rel);
	relation_close(rel, AccessShareLock);
}

void
cq_relation_check_columns(Oid relid)
{
	if (cq_watch_is_there())
		check_watch(relid);
}

void
cq_relation_mark_changed(Oid relid)
{
	cq_relation_mark(relid, true);
	cq_relation_check_columns(relid);
	if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		CacheInvalidateRelcacheByRelid(relid);
}

void
cq_watch_warn_foreign(Oid relid)
{
	ListCell   *cell;

	if (!cq_watch_is_there() || !cq_watch_spec_exists(cq_watch_spec(relid)))
		return;
	foreach(cell, find_all_inheritors(relid, NoLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			ereport(WARNING,
					(errmsg("changes of foreign table \"%s\" that other servers make are not noticed",
							cq_relation_name(lfirst_oid(cell))),
					 errhint("Results of queries that read it are not cached; what is set with the tag of its parent may be out of date.")));
	}
}

void
cq_watch_relation_dropped(Oid relid)
{
	if (cq_watch_spec(relid)->own)
		cq_watch_forget(relid);
}

void
cq_watch_trigger_changed(Oid relid)
{
	if (OidIsValid(relid) && cq_watch_is_there() &&
		cq_watch_spec_exists(cq_watch_spec(relid)) && !cq_relation_is_watched(relid))
		cq_relation_mark(relid, true);
}

void
cq_watch_trigger_dropped(Oid trigger)
{
	Oid			relid = cq_ddl_relation_of(TriggerRelationId, trigger);

	if (OidIsValid(relid) && cq_watch_is_our_trigger(trigger))
		cq_relation_mark(relid, true);
}

/*
 * Does this transaction hold the lock on the relation that giving it another parent,
 * or detaching it, takes?
 */
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
 * A table below one that gets another parent may have all triggers already.  A
 * transaction that writes it does not know yet what else they have to mark: it has to
 * end first.
 */
void
cq_watch_follow(Oid relid, bool rows)
{
	List	   *concerned = NIL;
	ListCell   *cell;

	foreach(cell, cq_watch_tree(relid, NoLock))
	{
		if (cq_watch_spec_exists(cq_watch_spec(lfirst_oid(cell))) ||
			cq_watch_has_triggers(lfirst_oid(cell)))
			concerned = lappend_oid(concerned, lfirst_oid(cell));
	}
	if (rows)
		cq_relation_mark(relid, true);
	if (concerned == NIL)
		return;
	if (is_locked_by_us(relid))
	{
		foreach(cell, concerned)
			LockRelationOid(lfirst_oid(cell), ShareRowExclusiveLock);
	}
	(void) cq_watch_sync(concerned);
	foreach(cell, concerned)
	{
		cq_relation_mark(lfirst_oid(cell), rows);
		CacheInvalidateRelcacheByRelid(lfirst_oid(cell));
	}
}

/* The partitions have triggers and are not watched any more. */
void
cq_watch_follow_detached(void)
{
	ListCell   *cell;

	foreach(cell, cq_watch_relations())
	{
		Oid			relid = lfirst_oid(cell);

		if (!cq_watch_spec_exists(cq_watch_spec(relid)) && is_locked_by_us(relid))
			cq_watch_follow(relid, true);
	}
}

void
cq_watch_keep_enabled(Oid relid)
{
	ListCell   *cell;

	foreach(cell, cq_watch_tree(relid, NoLock))
	{
		if (cq_watch_enable(lfirst_oid(cell)))
			ereport(WARNING,
					(errmsg("the triggers of cq.cache_watch on table \"%s\" stay enabled",
							cq_relation_name(lfirst_oid(cell))),
					 errhint("Call cq.cache_unwatch to stop watching.")));
	}
}
