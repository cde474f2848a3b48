/*-------------------------------------------------------------------------
 *
 * watch.h
 *	  What a table's watch means to the rest of the extension.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WATCH_H
#define CQ_TABLES_WATCH_H

#include "nodes/pg_list.h"

/* Slot of a relation's own tag (cq.cache_table_tag). */
extern uint32 cq_relation_slot(Oid relid);

/*
 * Does each change of the relation mark its slot?  The caller must hold a lock on the
 * relation.
 */
extern bool cq_relation_is_watched(Oid relid);

/* Its tag templates (char *), NIL if there are none.  The caller must hold a lock. */
extern List *cq_relation_templates(Oid relid);

/* Its name, for messages: as regclass writes it under an empty search_path. */
extern char *cq_relation_name(Oid relid);

#endif							/* CQ_TABLES_WATCH_H */
