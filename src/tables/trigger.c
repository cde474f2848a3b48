/*-------------------------------------------------------------------------
 *
 * trigger.c
 *	  The triggers that invalidate.
 *
 * What a trigger has to do stands in cq.watch, for its table or one above it
 * (watch_spec.c); its arguments mean nothing.  A trigger of a table that cq.watch
 * knows nothing of is an error, 42501: somebody made it by hand, or what
 * cq.cache_watch made has lost its row.  Saying nothing would let a table look
 * watched that is not.  Whoever may create triggers on his own tables thus gets
 * nothing that cq.cache_watch would not have given him.
 *
 * TRUNCATE is not MVCC: it sets the barrier in the table's slot and, when rows
 * have tags or keys, in the database's epoch, since nobody knows which rows are
 * gone.
 *
 * A watch is compiled once and kept per relation; it is thrown away when the
 * relation, one of its ancestors, or cq.watch gets a relcache invalidation.  The
 * lock that a writer holds on the relation keeps cq.cache_watch from changing it
 * at the same time.  It is published when it is complete, and what was known
 * before lives on to the end of the transaction: functions of the user's (casts to
 * json) run while it is in use, and may invalidate it.
 *
 * Without shared memory (library not preloaded) the triggers raise 55000.  This
 * server has no cache that could go stale, but others may have one, and what
 * changes here would not be marked there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "cache/marks.h"
#include "cache/slots.h"
#include "commands/trigger.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tables/tag_template.h"
#include "tables/watch.h"
#include "tables/write_through.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(cq_watch_row);
PG_FUNCTION_INFO_V1(cq_watch_statement);
PG_FUNCTION_INFO_V1(cq_watch_truncate);
PG_FUNCTION_INFO_V1(cq_watch_write);
PG_FUNCTION_INFO_V1(cq_watch_changed);

typedef struct CqWatch
{
	bool		valid;
	MemoryContext context;		/* holds this, and what follows */
	Oid			catalog;		/* cq.watch */
	int			nrelations;		/* itself, then its ancestors */
	Oid		   *relations;
	uint32	   *slots;			/* of their own tags */
	int			ntemplates;
	CqTagTemplate **templates;
	CqWriteThrough *write_through;	/* NULL: none */
	bool		exists;			/* cq.watch knows of it */
	bool		by_row;			/* rows have tags or keys of their own */
	bool		begins;			/* its statements are begun by a trigger */
} CqWatch;

typedef struct CqKnownWatch
{
	Oid			relation;		/* hash key */
	CqWatch    *watch;			/* NULL: none yet */
} CqKnownWatch;

static HTAB *watches = NULL;	/* entries stay for good */
static StringInfoData tag_buffer;
static uint64 invalidations = 0;	/* received */

static void
forget_watches(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	CqKnownWatch *known;

	invalidations++;
	hash_seq_init(&status, watches);
	while ((known = hash_seq_search(&status)) != NULL)
	{
		CqWatch    *watch = known->watch;

		if (watch == NULL)
			continue;
		if (!OidIsValid(relid) || relid == watch->catalog)
			watch->valid = false;
		for (int i = 0; i < watch->nrelations && watch->valid; i++)
			watch->valid = watch->relations[i] != relid;
	}
}

static void
init_watches(void)
{
	HASHCTL		ctl = {0};
	MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);

	if (tag_buffer.data == NULL)
		initStringInfo(&tag_buffer);
	MemoryContextSwitchTo(caller);
	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(CqKnownWatch);
	watches = hash_create("cachequeue watches", 32, &ctl, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(forget_watches, (Datum) 0);
}

/* Slot of a table's own tag: the text that cq.cache_table_tag() returns. */
uint32
cq_relation_slot(Oid relid)
{
	char		tag[32];

	snprintf(tag, sizeof(tag), "table:%u", relid);
	return cq_slot_of_tag(MyDatabaseId, tag, strlen(tag));
}

/* In a context of its own, which belongs to the current one. */
static CqWatch *
build_watch(Relation rel)
{
	CqWatchSpec *spec = cq_watch_spec(RelationGetRelid(rel));
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext,
												  "cachequeue watch",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	CqWatch    *watch = palloc0(sizeof(CqWatch));

	watch->context = context;
	watch->catalog = spec->catalog;
	watch->exists = CqWatchSpecExists(spec);
	watch->nrelations = list_length(spec->relations);
	watch->relations = palloc(watch->nrelations * sizeof(Oid));
	watch->slots = palloc(watch->nrelations * sizeof(uint32));
	for (int i = 0; i < watch->nrelations; i++)
	{
		watch->relations[i] = list_nth_oid(spec->relations, i);
		watch->slots[i] = cq_relation_slot(watch->relations[i]);
	}
	watch->templates = palloc(Max(list_length(spec->templates), 1) *
							  sizeof(CqTagTemplate *));
	for (int i = 0; i < list_length(spec->templates); i++)
		watch->templates[watch->ntemplates++] =
			cq_tag_template_compile(list_nth(spec->templates, i),
									RelationGetDescr(rel));
	if (OidIsValid(spec->writer))
		watch->write_through = cq_write_through_compile(spec, rel);
	watch->by_row = watch->ntemplates > 0 || watch->write_through != NULL;
	watch->begins = watch->by_row &&
		cq_watch_trigger_fires(rel, CQ_WATCH_STATEMENT);
	MemoryContextSwitchTo(caller);
	return watch;
}

/* What is to be done for a relation. */
static CqKnownWatch *
know_watch(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	CqKnownWatch *known;
	CqWatch    *watch;
	uint64		before;
	bool		found;

	if (watches == NULL)
		init_watches();
	known = hash_search(watches, &relid, HASH_ENTER, &found);
	if (!found)
		known->watch = NULL;
	if (known->watch != NULL && known->watch->valid)
		return known;

	/* what is heard of meanwhile may not be in it */
	before = invalidations;
	watch = build_watch(rel);
	watch->valid = invalidations == before;
	if (known->watch != NULL)
		MemoryContextSetParent(known->watch->context, TopTransactionContext);
	MemoryContextSetParent(watch->context, TopMemoryContext);
	known->watch = watch;
	return known;
}

/*
 * What the running trigger has to do.  Raises 55000 and 42501.  Entries of the
 * table stay where they are, so a statement looks it up for its first row only.
 */
static CqWatch *
find_watch(FunctionCallInfo fcinfo)
{
	Relation	rel = ((TriggerData *) fcinfo->context)->tg_relation;
	CqKnownWatch *known = fcinfo->flinfo->fn_extra;

	cq_require_shared();
	if (known == NULL || known->relation != RelationGetRelid(rel) ||
		!known->watch->valid)
		known = know_watch(rel);
	if (!known->watch->exists)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table \"%s\" has a trigger of the cache and is not watched",
						RelationGetRelationName(rel)),
				 errhint("Watch it with cq.cache_watch, or remove the trigger with cq.cache_unwatch.")));
	fcinfo->flinfo->fn_extra = known;
	return known->watch;
}

/* Raises 39P01 unless the call is one of a trigger of this kind. */
static TriggerData *
check_trigger(FunctionCallInfo fcinfo, const char *name, bool for_row,
			  bool for_truncate)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		(TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) != 0) != for_row ||
		(TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event) != 0) != for_truncate ||
		(for_row && !TRIGGER_FIRED_AFTER(trigdata->tg_event)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called by a trigger made by cq.cache_watch",
						name)));
	return trigdata;
}

static bool
is_trigger(const TriggerData *trigdata, CqWatchTrigger kind)
{
	return strcmp(trigdata->tg_trigger->tgname, cq_watch_trigger_name(kind)) == 0;
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
	TriggerData *trigdata = check_trigger(fcinfo, "cq._watch_row", true, false);
	CqWatch    *watch = find_watch(fcinfo);

	mark_relations(watch, false);
	mark_row(watch, RelationGetDescr(trigdata->tg_relation),
			 trigdata->tg_trigtuple,
			 TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
			 trigdata->tg_newtuple : NULL);
	return PointerGetDatum(NULL);
}

/*
 * A statement is ended only where it is begun: with a trigger more or less,
 * made by hand, the end of one must not be taken for that of another.
 */
Datum
cq_watch_statement(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = check_trigger(fcinfo, "cq._watch_statement", false,
										  false);
	CqWatch    *watch = find_watch(fcinfo);

	if (TRIGGER_FIRED_AFTER(trigdata->tg_event))
	{
		if (watch->begins && is_trigger(trigdata, CQ_WATCH_END))
			cq_local_statement_end();
		return PointerGetDatum(NULL);
	}
	mark_relations(watch, false);
	if (watch->by_row && is_trigger(trigdata, CQ_WATCH_STATEMENT))
		cq_local_statement_begin();
	return PointerGetDatum(NULL);
}

Datum
cq_watch_truncate(PG_FUNCTION_ARGS)
{
	CqWatch    *watch;

	(void) check_trigger(fcinfo, "cq._watch_truncate", false, true);
	watch = find_watch(fcinfo);
	mark_relations(watch, true);
	if (watch->by_row)
		cq_local_mark(cq_slot_of_epoch(MyDatabaseId), true);
	return PointerGetDatum(NULL);
}

Datum
cq_watch_write(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = check_trigger(fcinfo, "cq._watch_write", true, false);
	CqWatch    *watch = find_watch(fcinfo);

	if (watch->write_through == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table \"%s\" has a trigger for write-through and is watched without it",
						RelationGetRelationName(trigdata->tg_relation)),
				 errhint("Call cq.cache_watch again.")));
	cq_write_through(watch->write_through, trigdata);
	return PointerGetDatum(NULL);
}

/* Trigger function of cq.watch. */
Datum
cq_watch_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("cq._watch_changed() is a trigger function")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

/* All triggers are needed: somebody may have dropped one by hand. */
bool
cq_relation_is_watched(Oid relid)
{
	CqWatchSpec *spec = cq_watch_spec(relid);
	Relation	rel = relation_open(relid, NoLock);
	bool		result = CqWatchSpecExists(spec) &&
	cq_watch_trigger_fires(rel, CQ_WATCH_ROW) &&
	cq_watch_trigger_fires(rel, CQ_WATCH_STATEMENT) &&
	cq_watch_trigger_fires(rel, CQ_WATCH_TRUNCATE);

	relation_close(rel, NoLock);
	return result;
}

List *
cq_relation_templates(Oid relid)
{
	return cq_watch_spec(relid)->templates;
}
