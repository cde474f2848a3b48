/*-------------------------------------------------------------------------
 *
 * trigger.c
 *	  What the triggers of a watched table do: they invalidate.
 *
 * cq.watch says what a trigger has to do, in the row of its table or of one above
 * it (watch_spec.c); the trigger's arguments mean nothing.  A trigger of a table
 * without such a row is an error, 42501: it was made by hand, or the row that
 * cq.cache_watch made has been lost.  Without the error the table would look
 * watched although it is not.  So a role that may create triggers on its own
 * tables gets nothing that cq.cache_watch would not have given it.
 *
 * TRUNCATE is not MVCC: it sets the barrier in the table's slot and, when rows
 * have tags or keys, in the database's epoch, since it does not tell which rows
 * are gone.
 *
 * Each backend compiles a relation's watch once and keeps it until the relation,
 * one of its ancestors, or cq.watch gets a relcache invalidation.  The lock that a
 * writer holds on the relation keeps cq.cache_watch from changing the watch at the
 * same time.  The compiled watch becomes the known one when it is complete, and
 * its predecessor lives on to the end of the transaction: functions of users
 * (casts to json) run while it is in use, and may invalidate it.
 *
 * Without shared memory (library not preloaded) the triggers raise 55000.  This
 * server has no cache that could go stale, but another server with the same tables
 * may have one, and what changes here would not be marked there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/marks.h"
#include "cache/query_levels.h"
#include "cache/slots.h"
#include "commands/trigger.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "tables/tag_template.h"
#include "tables/trigger.h"
#include "tables/watch.h"
#include "tables/watch_spec.h"
#include "tables/watch_triggers.h"
#include "tables/write_through.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"


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
	watch->exists = cq_watch_spec_exists(spec);
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
	MemoryContextSwitchTo(caller);
	return watch;
}

/* The compiled watch of a relation. */
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

	/* it may lack what an invalidation received meanwhile tells of */
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
 * What the triggers of a relation have to do.  Raises 55000 and 42501.  Entries of the
 * table stay where they are, so *known saves a statement's later rows the look-up.
 */
static CqWatch *
find_watch(const TriggerData *trigdata, void **known)
{
	Relation	rel = trigdata->tg_relation;
	CqKnownWatch *found = *known;

	cq_require_shared();
	if (found == NULL || found->relation != RelationGetRelid(rel) ||
		!found->watch->valid)
		found = know_watch(rel);
	if (!found->watch->exists)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table \"%s\" has a trigger of the cache and is not watched",
						RelationGetRelationName(rel)),
				 errhint("Watch it with cq.cache_watch, or remove the trigger with cq.cache_unwatch.")));
	*known = found;
	return found->watch;
}

static void
mark_relations(const CqWatch *watch, bool barrier)
{
	for (int i = 0; i < watch->nrelations; i++)
		cq_mark_slot(watch->slots[i], barrier);
}

static void
mark_tag(const CqTagTemplate *template, HeapTuple tuple, TupleDesc columns)
{
	resetStringInfo(&tag_buffer);
	if (cq_tag_template_render(template, tuple, columns, &tag_buffer))
		cq_mark_slot(cq_slot_of_tag(MyDatabaseId, tag_buffer.data,
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

void
cq_trigger_row(const TriggerData *trigdata, void **known)
{
	CqWatch    *watch = find_watch(trigdata, known);

	mark_relations(watch, false);
	mark_row(watch, RelationGetDescr(trigdata->tg_relation),
			 trigdata->tg_trigtuple,
			 TRIGGER_FIRED_BY_UPDATE(trigdata->tg_event) ?
			 trigdata->tg_newtuple : NULL);
}

/* (Version 1.0 had a trigger after the statement, too, which may still be there.) */
void
cq_trigger_statement(const TriggerData *trigdata, void **known)
{
	CqWatch    *watch = find_watch(trigdata, known);

	if (TRIGGER_FIRED_AFTER(trigdata->tg_event))
		return;
	mark_relations(watch, false);
	/* partitions and children have tags of their own, too */
	cq_query_changes(watch->by_row ||
					 trigdata->tg_relation->rd_rel->relhassubclass);
}

void
cq_trigger_truncate(const TriggerData *trigdata, void **known)
{
	CqWatch    *watch = find_watch(trigdata, known);

	mark_relations(watch, true);
	if (watch->by_row)
		cq_mark_slot(cq_slot_of_epoch(MyDatabaseId), true);
}

void
cq_trigger_write(const TriggerData *trigdata, void **known)
{
	CqWatch    *watch = find_watch(trigdata, known);

	if (watch->write_through == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("table \"%s\" has a trigger for write-through and is watched without it",
						RelationGetRelationName(trigdata->tg_relation)),
				 errhint("Call cq.cache_watch again.")));
	cq_write_through(watch->write_through, trigdata);
}
