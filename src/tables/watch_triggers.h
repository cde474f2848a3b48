/*-------------------------------------------------------------------------
 *
 * watch_triggers.h
 *	  The triggers of watched tables: which a table should have, and has.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WATCH_TRIGGERS_H
#define CQ_TABLES_WATCH_TRIGGERS_H

#include "nodes/pg_list.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* The triggers of a watched table. */
typedef enum CqWatchTrigger
{
	CQ_WATCH_TRUNCATE,
	CQ_WATCH_STATEMENT,
	CQ_WATCH_WRITE,
	CQ_WATCH_ROW
} CqWatchTrigger;

#define CQ_WATCH_TRIGGERS (CQ_WATCH_ROW + 1)

/* Does that trigger call one of the functions for watched tables? */
extern bool cq_watch_is_our_trigger(Oid trigger);

/* Has the relation that trigger, well-formed and firing always? */
extern bool cq_watch_trigger_fires(Relation rel, CqWatchTrigger kind);

/*
 * The relation, if it is a table, and the tables below it, parents first; neither foreign
 * nor temporary ones.
 * Partitions whose detachment is pending are among them.
 */
extern List *cq_watch_tree(Oid relid, LOCKMODE lockmode);

/* Has the relation any trigger that calls one of the functions for watched tables? */
extern bool cq_watch_has_triggers(Oid relid);

/* The relations that have the trigger before each statement. */
extern List *cq_watch_relations(void);

/*
 * Create and drop triggers, as the extension's owner, until these relations, parents
 * first, have those that cq.watch asks for.  True if anything was to be done.
 */
extern bool cq_watch_sync(List *relations);

/* Let the triggers of a watched relation fire always; true if one was disabled. */
extern bool cq_watch_enable(Oid relid);

#endif							/* CQ_TABLES_WATCH_TRIGGERS_H */
