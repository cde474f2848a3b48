/*-------------------------------------------------------------------------
 *
 * cache_trigger.c
 *	  The triggers that invalidate, and what DDL does.
 *
 * A watched table has these triggers, all ENABLE ALWAYS, which hold the tag
 * templates as their arguments, so that they are dumped and restored with it
 * and need no catalog of ours:
 *
 *	!cachequeue_row		   after each row: the tags of the old and of the new
 *						   row, the table's own tag and its ancestors'
 *	!cachequeue_statement  before the statement: the table's own tag and its
 *						   ancestors', so that functions which the statement
 *						   calls don't get what it has just changed
 *	!cachequeue_end		   after it, where rows have tags or are written
 *						   through: until then what depends on anything is
 *						   bypassed, since the rows' tags and keys are marked
 *						   only after all rows are changed
 *	!cachequeue_truncate   the barrier
 *	!cachequeue_write	   after each row: see write_through.c
 *
 * Their names sort before all others, those of foreign keys included: the
 * marks are made before another trigger of the row can ask the cache.
 *
 * TRUNCATE and DDL are not MVCC: they set the barrier in the table's slot
 * and, when rows have tags or keys, in the database's epoch, since nobody knows
 * which rows are gone.  DDL on a watched table always sets it in the epoch:
 * partitions may have come or gone with it.
 *
 * What a trigger needs is compiled once and kept per trigger; it is thrown
 * away when the relation, or one of its ancestors, gets a relcache
 * invalidation.
 *
 * Without shared memory (library not preloaded) there is no cache that could
 * go stale, and the triggers do nothing: they must not stand in the way of
 * writes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/table.h"
#include "cache/cache.h"
#include "cache/local.h"
#include "cache/slots.h"
#include "catalog/indexing.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "sql/cache_args.h"
#include "sql/cache_watch.h"
#include "sql/tag_template.h"
#include "sql/write_through.h"
#include "tcop/deparse_utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(cq_watch_row);
PG_FUNCTION_INFO_V1(cq_watch_statement);
PG_FUNCTION_INFO_V1(cq_watch_truncate);
PG_FUNCTION_INFO_V1(cq_check_templates);
PG_FUNCTION_INFO_V1(cq_watch_templates);
PG_FUNCTION_INFO_V1(cq_relation_changed);
PG_FUNCTION_INFO_V1(cq_epoch_changed);
PG_FUNCTION_INFO_V1(cq_alter_table_does);

#define ROW_TRIGGER_NAME "!cachequeue_row"

typedef struct CqWatch
{
	Oid			trigger;		/* hash key */
	bool		valid;
	MemoryContext context;		/* holds what follows */
	int			nrelations;		/* itself, then its ancestors */
	Oid		   *relations;
	uint32	   *slots;			/* of their own tags */
	int			ntemplates;
	CqTagTemplate **templates;
	bool		by_row;			/* rows have tags or keys of their own */
} CqWatch;

static HTAB *watches = NULL;
static StringInfoData tag_buffer;

static void
forget_watches(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	CqWatch    *watch;

	hash_seq_init(&status, watches);
	while ((watch = hash_seq_search(&status)) != NULL)
	{
		if (!OidIsValid(relid))
			watch->valid = false;
		for (int i = 0; i < watch->nrelations && watch->valid; i++)
			watch->valid = watch->relations[i] != relid;
	}
}

static void
init_watches(void)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(CqWatch);
	watches = hash_create("cachequeue watches", 32, &ctl, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(forget_watches, (Datum) 0);
	MemoryContextSwitchTo(TopMemoryContext);
	initStringInfo(&tag_buffer);
}

/* Slot of a table's own tag: the text that cq.cache_table_tag() returns. */
uint32
cq_relation_slot(Oid relid)
{
	char		tag[32];

	snprintf(tag, sizeof(tag), "table:%u", relid);
	return cq_slot_of_tag(MyDatabaseId, tag, strlen(tag));
}

/* Append the parents of a relation, partitioned or inherited, and theirs. */
static List *
add_ancestors(List *relations, Oid relid)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *parents = NIL;
	ListCell   *cell;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		parents = lappend_oid(parents,
							  ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);

	foreach(cell, parents)
	{
		if (!list_member_oid(relations, lfirst_oid(cell)))
		{
			relations = lappend_oid(relations, lfirst_oid(cell));
			relations = add_ancestors(relations, lfirst_oid(cell));
		}
	}
	return relations;
}

static void
build_watch(CqWatch *watch, Relation rel, int ntemplates, char **templates)
{
	MemoryContext context;
	MemoryContext caller = CurrentMemoryContext;
	List	   *relations = add_ancestors(list_make1_oid(RelationGetRelid(rel)),
										  RelationGetRelid(rel));

	if (watch->context != NULL)
		MemoryContextDelete(watch->context);
	watch->context = NULL;
	watch->nrelations = 0;

	context = AllocSetContextCreate(CurrentMemoryContext, "cachequeue watch",
									ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(context);
	watch->relations = palloc(list_length(relations) * sizeof(Oid));
	watch->slots = palloc(list_length(relations) * sizeof(uint32));
	watch->templates = palloc(Max(ntemplates, 1) * sizeof(CqTagTemplate *));
	for (int i = 0; i < ntemplates; i++)
		watch->templates[i] = cq_tag_template_compile(templates[i],
													  RelationGetDescr(rel));
	for (int i = 0; i < list_length(relations); i++)
	{
		watch->relations[i] = list_nth_oid(relations, i);
		watch->slots[i] = cq_relation_slot(watch->relations[i]);
	}
	MemoryContextSwitchTo(caller);

	MemoryContextSetParent(context, TopMemoryContext);
	watch->context = context;
	watch->ntemplates = ntemplates;
	watch->by_row = ntemplates > 0 || cq_relation_writes_through(rel);
	watch->nrelations = list_length(relations);
	watch->valid = true;
}

/*
 * What the running trigger has to mark.  Entries of the table stay where they
 * are, so a statement looks it up for its first row only.
 */
static CqWatch *
find_watch(FunctionCallInfo fcinfo)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	Trigger    *trigger = trigdata->tg_trigger;
	CqWatch    *watch = fcinfo->flinfo->fn_extra;
	bool		found;

	if (watch != NULL && watch->valid && watch->trigger == trigger->tgoid)
		return watch;
	if (watches == NULL)
	{
		MemoryContext caller = CurrentMemoryContext;

		init_watches();
		MemoryContextSwitchTo(caller);
	}
	watch = hash_search(watches, &trigger->tgoid, HASH_ENTER, &found);
	if (!found)
	{
		watch->valid = false;
		watch->context = NULL;
		watch->nrelations = 0;
	}
	if (!watch->valid)
		build_watch(watch, trigdata->tg_relation, trigger->tgnargs,
					trigger->tgargs);
	fcinfo->flinfo->fn_extra = watch;
	return watch;
}

static TriggerData *
check_trigger(FunctionCallInfo fcinfo, const char *name, bool for_row)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		(TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) != 0) != for_row ||
		(for_row && !TRIGGER_FIRED_AFTER(trigdata->tg_event)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called by a trigger made by cq.cache_watch",
						name)));
	return trigdata;
}

static void
mark_relations(const CqWatch *watch, bool barrier)
{
	for (int i = 0; i < watch->nrelations; i++)
		cq_local_mark(watch->slots[i], barrier);
}

static void
mark_tag(const CqTagTemplate *template, HeapTuple tuple, TupleDesc columns)
{
	resetStringInfo(&tag_buffer);
	if (cq_tag_template_render(template, tuple, columns, &tag_buffer))
		cq_local_mark(cq_slot_of_tag(MyDatabaseId, tag_buffer.data,
									 tag_buffer.len), false);
}

/* updated: what the row has become, NULL unless it is an UPDATE. */
static void
mark_row(const CqWatch *watch, TupleDesc columns, HeapTuple tuple,
		 HeapTuple updated)
{
	for (int i = 0; i < watch->ntemplates; i++)
	{
		const CqTagTemplate *template = watch->templates[i];

		mark_tag(template, tuple, columns);
		if (updated != NULL &&
			!cq_tag_template_same(template, tuple, updated, columns))
			mark_tag(template, updated, columns);
	}
}

Datum
cq_watch_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = check_trigger(fcinfo, "cq._watch_row", true);
	CqWatch    *watch;

	if (cq_shared == NULL)
		return PointerGetDatum(NULL);
	watch = find_watch(fcinfo);
	mark_relations(watch, false);
	mark_row(watch, RelationGetDescr(trigdata->tg_relation),
			 trigdata->tg_trigtuple,
			 TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
			 trigdata->tg_newtuple : NULL);
	return PointerGetDatum(NULL);
}

Datum
cq_watch_statement(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = check_trigger(fcinfo, "cq._watch_statement", false);
	CqWatch    *watch;

	if (cq_shared == NULL)
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_AFTER(trigdata->tg_event))
	{
		cq_local_statement_end();
		return PointerGetDatum(NULL);
	}
	watch = find_watch(fcinfo);
	mark_relations(watch, false);
	if (watch->by_row)
		cq_local_statement_begin();
	return PointerGetDatum(NULL);
}

Datum
cq_watch_truncate(PG_FUNCTION_ARGS)
{
	CqWatch    *watch;

	(void) check_trigger(fcinfo, "cq._watch_truncate", false);
	if (cq_shared == NULL)
		return PointerGetDatum(NULL);
	watch = find_watch(fcinfo);
	mark_relations(watch, true);
	if (watch->by_row)
		cq_local_mark(cq_slot_of_epoch(MyDatabaseId), true);
	return PointerGetDatum(NULL);
}

/* cq._check_templates(target regclass, templates text[]): raises, or void. */
Datum
cq_check_templates(PG_FUNCTION_ARGS)
{
	Relation	rel = table_open(PG_GETARG_OID(0), AccessShareLock);
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false,
					  TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a tag template must not be null")));
		(void) cq_tag_template_compile(TextDatumGetCString(elements[i]),
									   RelationGetDescr(rel));
	}
	table_close(rel, AccessShareLock);
	PG_RETURN_VOID();
}

Trigger *
cq_relation_trigger(Relation rel, const char *name)
{
	TriggerDesc *desc = rel->trigdesc;

	for (int i = 0; desc != NULL && i < desc->numtriggers; i++)
	{
		if (strcmp(desc->triggers[i].tgname, name) == 0)
			return &desc->triggers[i];
	}
	return NULL;
}

/* All triggers are needed: somebody may have dropped one by hand. */
bool
cq_relation_is_watched(Oid relid)
{
	static const char *const names[] = {
		ROW_TRIGGER_NAME, "!cachequeue_statement", "!cachequeue_truncate"
	};
	Relation	rel = relation_open(relid, NoLock);
	bool		all = true;

	for (int i = 0; i < lengthof(names) && all; i++)
	{
		Trigger    *trigger = cq_relation_trigger(rel, names[i]);

		all = trigger != NULL && trigger->tgenabled == TRIGGER_FIRES_ALWAYS;
	}
	relation_close(rel, NoLock);
	return all;
}

List *
cq_relation_templates(Oid relid)
{
	Relation	rel = relation_open(relid, NoLock);
	Trigger    *trigger = cq_relation_trigger(rel, ROW_TRIGGER_NAME);
	List	   *templates = NIL;

	for (int i = 0; trigger != NULL && i < trigger->tgnargs; i++)
		templates = lappend(templates, pstrdup(trigger->tgargs[i]));
	relation_close(rel, NoLock);
	return templates;
}

/* cq._watch_templates(target regclass): text[], NULL if not watched. */
Datum
cq_watch_templates(PG_FUNCTION_ARGS)
{
	Relation	rel = try_relation_open(PG_GETARG_OID(0), AccessShareLock);
	Trigger    *trigger = rel == NULL ? NULL : cq_relation_trigger(rel, ROW_TRIGGER_NAME);
	Datum		result = (Datum) 0;

	if (trigger != NULL)
	{
		Datum	   *templates = palloc((trigger->tgnargs + 1) * sizeof(Datum));

		for (int i = 0; i < trigger->tgnargs; i++)
			templates[i] = CStringGetTextDatum(trigger->tgargs[i]);
		result = PointerGetDatum(construct_array(templates, trigger->tgnargs,
												 TEXTOID, -1, false,
												 TYPALIGN_INT));
	}
	if (rel != NULL)
		relation_close(rel, AccessShareLock);
	if (trigger == NULL)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(result);
}

/* A column that a template names must not go away under it. */
static void
check_columns(Relation rel, Trigger *trigger)
{
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		char	   *column = cq_tag_template_missing(trigger->tgargs[i],
													 RelationGetDescr(rel));

		if (column != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("cannot change table \"%s\" because the cache watches it",
							RelationGetRelationName(rel)),
					 errdetail("Tag template \"%s\" names its column \"%s\".",
							   trigger->tgargs[i], column),
					 errhint("Call cq.cache_unwatch first, and cq.cache_watch with other templates afterwards.")));
	}
}

/*
 * cq._relation_changed(relation oid): DDL has changed, or dropped, it.  Sets
 * the barrier; raises 2BP01 when a template, or write-through, has lost a
 * column.
 */
Datum
cq_relation_changed(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	Relation	rel;
	Trigger    *trigger;
	List	   *relations;
	ListCell   *cell;

	if (cq_shared == NULL)
		PG_RETURN_VOID();

	relations = add_ancestors(list_make1_oid(relid), relid);
	foreach(cell, relations)
		cq_local_mark(cq_relation_slot(lfirst_oid(cell)), true);

	rel = try_relation_open(relid, AccessShareLock);
	if (rel == NULL)
		PG_RETURN_VOID();
	trigger = cq_relation_trigger(rel, ROW_TRIGGER_NAME);
	if (trigger != NULL)
	{
		check_columns(rel, trigger);
		cq_write_through_check_columns(rel);
		cq_local_mark(cq_slot_of_epoch(MyDatabaseId), true);
	}
	relation_close(rel, AccessShareLock);
	PG_RETURN_VOID();
}

/* cq._epoch_changed(): nothing recorded before may be served any more. */
Datum
cq_epoch_changed(PG_FUNCTION_ARGS)
{
	if (cq_shared != NULL)
		cq_local_mark(cq_slot_of_epoch(MyDatabaseId), true);
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
