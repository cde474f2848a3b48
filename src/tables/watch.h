/*-------------------------------------------------------------------------
 *
 * watch.h
 *	  Watched tables, as the rest of the SQL layer asks about them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WATCH_H
#define CQ_TABLES_WATCH_H

#include "nodes/pg_list.h"
#include "utils/array.h"
#include "utils/rel.h"

/* What cq.watch says about a relation, by its own row and its ancestors'. */
typedef struct CqWatchSpec
{
	Oid			catalog;		/* cq.watch */
	List	   *relations;		/* OIDs: itself, then its ancestors */
	bool		own;			/* it has a row of its own */
	bool		inherited;		/* an ancestor has one */
	List	   *templates;		/* char *, each once */

	/* write-through: its own, or for a partition that of the nearest parent */
	Oid			writer;			/* the table that has it, InvalidOid: none */
	Oid			owner;			/* of that table */
	char	   *key;			/* template */
	char	   *namespace;
	uint32		namespace_id;
	char	   *ttl;			/* NULL: the namespace's */
	List	   *columns;		/* char *, NIL: all */
} CqWatchSpec;

#define CqWatchSpecExists(spec) ((spec)->own || (spec)->inherited)

/* Read it, in the current memory context.  No lock is needed. */
extern CqWatchSpec *cq_watch_spec(Oid relid);

/* Does the database have cq.watch?  Version 1.0 did not. */
extern bool cq_watch_is_there(void);

/* The strings (char *) of an array of text; NULLs are left out. */
extern List *cq_watch_strings(ArrayType *array);

/* The triggers of a watched table. */
typedef enum CqWatchTrigger
{
	CQ_WATCH_TRUNCATE,
	CQ_WATCH_STATEMENT,
	CQ_WATCH_WRITE,
	CQ_WATCH_END,
	CQ_WATCH_ROW
} CqWatchTrigger;

#define CQ_WATCH_TRIGGERS (CQ_WATCH_ROW + 1)

extern const char *cq_watch_trigger_name(CqWatchTrigger kind);

/* Does the relation have it as it should be, firing always?  By name and function. */
extern bool cq_watch_trigger_fires(Relation rel, CqWatchTrigger kind);

/*
 * The relation, if it is a table, and the tables below it, parents first.
 * Partitions whose detachment is pending are among them.
 */
extern List *cq_watch_tree(Oid relid, LOCKMODE lockmode);

/* Has the relation any trigger that calls a function of ours? */
extern bool cq_watch_has_triggers(Oid relid);

/* The relations that have the trigger before each statement. */
extern List *cq_watch_relations(void);

/*
 * Create and drop triggers, as the current role, until these relations, parents
 * first, have those that cq.watch asks for.  True if anything was to be done.
 */
extern bool cq_watch_sync(List *relations);

/* Let the triggers of a watched relation fire always; true if one was disabled. */
extern bool cq_watch_enable(Oid relid);

/* Slot of a relation's own tag (cq.cache_table_tag). */
extern uint32 cq_relation_slot(Oid relid);

/* Does each change of the relation mark it?  The caller holds a lock on it. */
extern bool cq_relation_is_watched(Oid relid);

/* Its tag templates (char *), NIL if there are none.  Likewise. */
extern List *cq_relation_templates(Oid relid);

/*
 * DDL, or a watch, has changed the relation: set the barrier, and let plans and
 * watches that were made for it be made again.  Raises 2BP01 when a template, or
 * write-through, has lost a column.
 */
extern void cq_relation_mark_changed(Oid relid);

#endif							/* CQ_TABLES_WATCH_H */
