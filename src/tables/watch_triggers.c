/*-------------------------------------------------------------------------
 *
 * watch_triggers.c
 *	  The triggers of watched tables: creating, dropping, looking at them.
 *
 * A watched table has these triggers, all ENABLE ALWAYS:
 *
 *	!cachequeue_row		   after each row: the tags of the old and of the new
 *						   row, the table's own tag and its ancestors'
 *	!cachequeue_statement  before the statement: the table's own tag and its
 *						   ancestors', so that functions which the statement
 *						   calls don't get what it has just changed; see also
 *						   cache/query_levels.c
 *	!cachequeue_truncate   the barrier
 *	!cachequeue_write	   after each row: see write_through.c
 *
 * Their names sort before all others, those of foreign keys included: the
 * marks are made before another trigger of the row can ask the cache.  So a
 * trigger counts only if its name, its function and its form are right.
 *
 * Triggers are created and dropped by the OIDs of tables, not by their names: this
 * runs with the rights of the extension's owner, and a name may refer to another
 * table since it was looked up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "core/catalog.h"
#include "core/owner.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "tables/watch_spec.h"
#include "tables/watch_triggers.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#define CHANGES (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_UPDATE)

static const struct
{
	const char *name;
	const char *function;
	int16		type;			/* as pg_trigger.tgtype */
}			kinds[CQ_WATCH_TRIGGERS] = {

	[CQ_WATCH_TRUNCATE] = {
		"!cachequeue_truncate", "_watch_truncate", TRIGGER_TYPE_TRUNCATE
	},
	[CQ_WATCH_STATEMENT] = {
		"!cachequeue_statement", "_watch_statement", TRIGGER_TYPE_BEFORE | CHANGES
	},
	[CQ_WATCH_WRITE] = {
		"!cachequeue_write", "_watch_write", TRIGGER_TYPE_ROW | CHANGES
	},
	[CQ_WATCH_ROW] = {
		"!cachequeue_row", "_watch_row", TRIGGER_TYPE_ROW | CHANGES
	},
};

/* The triggers that a relation should have. */
typedef struct CqWanted
{
	Oid			relid;
	bool		wanted[CQ_WATCH_TRIGGERS];
	bool		cloned[CQ_WATCH_TRIGGERS];	/* they come from the parent */
} CqWanted;

static Oid
function_of(CqWatchTrigger kind)
{
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(kinds[kind].function),
						   PointerGetDatum(buildoidvector(NULL, 0)),
						   ObjectIdGetDatum(cq_schema()));
}

static bool
is_our_function(Oid function)
{
	for (int kind = 0; kind < CQ_WATCH_TRIGGERS; kind++)
	{
		if (function == function_of(kind))
			return true;
	}
	return false;
}

static bool
calls_us(const Trigger *trigger)
{
	return is_our_function(trigger->tgfoid);
}

/* Enabled or not. */
static bool
is_well_formed(const Trigger *trigger, CqWatchTrigger kind)
{
	return strcmp(trigger->tgname, kinds[kind].name) == 0 &&
		trigger->tgtype == kinds[kind].type &&
		trigger->tgnattr == 0 && trigger->tgqual == NULL &&
		!OidIsValid(trigger->tgconstraint) && !trigger->tgdeferrable &&
		trigger->tgoldtable == NULL && trigger->tgnewtable == NULL &&
		trigger->tgfoid == function_of(kind);
}

static Trigger *
find_trigger(Relation rel, CqWatchTrigger kind)
{
	TriggerDesc *desc = rel->trigdesc;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		if (is_well_formed(&desc->triggers[i], kind))
			return &desc->triggers[i];
	}
	return NULL;
}

bool
cq_watch_trigger_fires(Relation rel, CqWatchTrigger kind)
{
	Trigger    *trigger = find_trigger(rel, kind);

	return trigger != NULL && trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
}

/* Temporary children are their sessions' alone, and no query over them is cached. */
static bool
is_table(Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	return (relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE) &&
		!isAnyTempNamespace(get_rel_namespace(relid));
}

List *
cq_watch_tree(Oid relid, LOCKMODE lockmode)
{
	List	   *tree = is_table(relid) ? list_make1_oid(relid) : NIL;

	for (int i = 0; i < list_length(tree); i++)
	{
		List	   *children = find_inheritance_children_extended(list_nth_oid(tree, i),
																  false, lockmode,
																  NULL, NULL);
		ListCell   *cell;

		foreach(cell, children)
		{
			if (is_table(lfirst_oid(cell)))
				tree = list_append_unique_oid(tree, lfirst_oid(cell));
		}
	}
	return tree;
}

bool
cq_watch_has_triggers(Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	TriggerDesc *desc = rel == NULL ? NULL : rel->trigdesc;
	bool		result = false;

	for (int i = 0; desc != NULL && i < desc->numtriggers && !result; i++)
		result = calls_us(&desc->triggers[i]);
	if (rel != NULL)
		relation_close(rel, AccessShareLock);
	return result;
}

bool
cq_watch_is_our_trigger(Oid trigger)
{
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		result;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(triggers, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	result = HeapTupleIsValid(tuple) &&
		is_our_function(((Form_pg_trigger) GETSTRUCT(tuple))->tgfoid);
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	return result;
}

List *
cq_watch_relations(void)
{
	Relation	triggers = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(triggers, InvalidOid, false, NULL, 0, NULL);
	Oid			function = function_of(CQ_WATCH_STATEMENT);
	List	   *relations = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		if (form->tgfoid == function)
			relations = lappend_oid(relations, form->tgrelid);
	}
	systable_endscan(scan);
	table_close(triggers, AccessShareLock);
	list_sort(relations, list_oid_cmp);
	list_deduplicate_oid(relations);
	return relations;
}

static CqWanted *
wanted_for(Oid relid)
{
	CqWanted   *result = palloc0(sizeof(CqWanted));
	CqWatchSpec *spec = cq_watch_spec(relid);
	bool		writes = OidIsValid(spec->writer);

	result->relid = relid;
	if (!cq_watch_spec_exists(spec))
		return result;
	result->wanted[CQ_WATCH_TRUNCATE] = true;
	result->wanted[CQ_WATCH_STATEMENT] = true;
	result->wanted[CQ_WATCH_ROW] = true;
	result->wanted[CQ_WATCH_WRITE] = writes;

	/* the ancestors of a partition are its parents */
	if (get_rel_relispartition(relid))
	{
		result->cloned[CQ_WATCH_ROW] = spec->inherited;
		result->cloned[CQ_WATCH_WRITE] = writes && spec->writer != relid;
	}
	return result;
}

/* Append the triggers (OIDs) of a relation that have to go. */
static List *
add_unwanted(List *unwanted, const CqWanted *wanted)
{
	Relation	rel = try_relation_open(wanted->relid, AccessShareLock);
	TriggerDesc *desc = rel == NULL ? NULL : rel->trigdesc;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger    *trigger = &desc->triggers[i];
		bool		keep = trigger->tgisclone || !calls_us(trigger);

		for (int kind = 0; kind < CQ_WATCH_TRIGGERS && !keep; kind++)
			keep = wanted->wanted[kind] && !wanted->cloned[kind] &&
				trigger->tgnargs == 0 && is_well_formed(trigger, kind);
		if (!keep)
			unwanted = lappend_oid(unwanted, trigger->tgoid);
	}
	if (rel != NULL)
		relation_close(rel, AccessShareLock);
	return unwanted;
}

static void
create_trigger(Oid relid, CqWatchTrigger kind)
{
	CreateTrigStmt *stmt = makeNode(CreateTrigStmt);
	int16		type = kinds[kind].type;

	stmt->trigname = pstrdup(kinds[kind].name);
	stmt->row = TRIGGER_FOR_ROW(type);
	stmt->timing = type & TRIGGER_TYPE_BEFORE;
	stmt->events = type & (CHANGES | TRIGGER_TYPE_TRUNCATE);
	(void) CreateTriggerFiringOn(stmt, NULL, relid, InvalidOid, InvalidOid,
								 InvalidOid, function_of(kind), InvalidOid,
								 NULL, false, false, TRIGGER_FIRES_ALWAYS);
	CommandCounterIncrement();
}

/* Create what a relation lacks; true if it lacked anything. */
static bool
create_missing(const CqWanted *wanted)
{
	bool		created = false;

	for (int kind = 0; kind < CQ_WATCH_TRIGGERS; kind++)
	{
		Relation	rel;
		bool		missing;

		if (!wanted->wanted[kind])
			continue;
		rel = try_relation_open(wanted->relid, AccessShareLock);
		missing = rel != NULL && find_trigger(rel, kind) == NULL;
		if (rel != NULL)
			relation_close(rel, AccessShareLock);
		if (missing)
			create_trigger(wanted->relid, kind);
		created = created || missing;
	}
	return created;
}

bool
cq_watch_sync(List *relations)
{
	List	   *all = NIL;
	List	   *unwanted = NIL;
	bool		changed;
	CqRoleScope scope;
	ListCell   *cell;

	cq_role_begin(&scope, cq_extension_owner());
	foreach(cell, relations)
		all = lappend(all, wanted_for(lfirst_oid(cell)));

	/*
	 * drop in all tables first: a parent's trigger must not be cloned beside
	 * an old one
	 */
	foreach(cell, all)
		unwanted = add_unwanted(unwanted, lfirst(cell));
	changed = unwanted != NIL;
	foreach(cell, unwanted)
	{
		ObjectAddress trigger;

		ObjectAddressSet(trigger, TriggerRelationId, lfirst_oid(cell));
		performDeletion(&trigger, DROP_RESTRICT, PERFORM_DELETION_INTERNAL);
	}
	if (changed)
		CommandCounterIncrement();
	foreach(cell, all)
		changed = create_missing(lfirst(cell)) || changed;
	foreach(cell, relations)
		(void) cq_watch_enable(lfirst_oid(cell));
	cq_role_end(&scope);
	return changed;
}

/* What ALTER TABLE ... ENABLE ALWAYS TRIGGER does. */
static void
enable_always(Oid trigger)
{
	Relation	triggers = table_open(TriggerRelationId, RowExclusiveLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(trigger));
	scan = systable_beginscan(triggers, TriggerOidIndexId, true, NULL, 1, &key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		HeapTuple	copy = heap_copytuple(tuple);

		((Form_pg_trigger) GETSTRUCT(copy))->tgenabled = TRIGGER_FIRES_ALWAYS;
		CatalogTupleUpdate(triggers, &copy->t_self, copy);
		heap_freetuple(copy);
	}
	systable_endscan(scan);
	table_close(triggers, RowExclusiveLock);
}

bool
cq_watch_enable(Oid relid)
{
	CqWatchSpec *spec = cq_watch_spec(relid);
	Relation	rel = try_relation_open(relid, AccessShareLock);
	TriggerDesc *desc = rel == NULL ? NULL : rel->trigdesc;
	List	   *weak = NIL;
	bool		disabled = false;
	ListCell   *cell;

	if (!cq_watch_spec_exists(spec))
		desc = NULL;
	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		Trigger    *trigger = &desc->triggers[i];

		if (trigger->tgenabled == TRIGGER_FIRES_ALWAYS || !calls_us(trigger))
			continue;
		disabled = disabled || trigger->tgenabled == TRIGGER_DISABLED;
		weak = lappend_oid(weak, trigger->tgoid);
	}
	if (rel != NULL)
		relation_close(rel, AccessShareLock);
	if (weak == NIL)
		return false;

	/*
	 * the lock of the command that has switched them; the relation still
	 * exists
	 */
	LockRelationOid(relid, ShareRowExclusiveLock);
	foreach(cell, weak)
		enable_always(lfirst_oid(cell));
	CacheInvalidateRelcacheByRelid(relid);
	CommandCounterIncrement();
	return disabled;
}
