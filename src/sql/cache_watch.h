/*-------------------------------------------------------------------------
 *
 * cache_watch.h
 *	  Watched tables, as the rest of the SQL layer asks about them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_WATCH_H
#define CQ_CACHE_WATCH_H

#include "nodes/pg_list.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

/* A trigger of a relation by its name, NULL if it has none of this name. */
extern Trigger *cq_relation_trigger(Relation rel, const char *name);

/* Slot of a relation's own tag (cq.cache_table_tag). */
extern uint32 cq_relation_slot(Oid relid);

/* Does each change of the relation mark it?  The caller holds a lock on it. */
extern bool cq_relation_is_watched(Oid relid);

/* Its tag templates (char *), NIL if there are none.  Likewise. */
extern List *cq_relation_templates(Oid relid);

#endif							/* CQ_CACHE_WATCH_H */
