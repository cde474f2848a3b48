/*-------------------------------------------------------------------------
 *
 * watch_definition.h
 *	  Watching a table, and no longer watching it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WATCH_DEFINITION_H
#define CQ_TABLES_WATCH_DEFINITION_H

#include "utils/array.h"

/*
 * Watch a table and those below it: with these tag templates (NULL: none) and this
 * jsonb for write-through (NULL: none), in the place of what it was watched with.
 * Raises 42501, 42809, 22004, 22023, 42703, 25006, 55000 for a table that is watched
 * through its parent, and what cq_write_through_check() does.  Locks them
 * ShareRowExclusive until the transaction ends.
 */
extern void cq_watch_table(Oid relid, ArrayType *tags, const Datum *write_through);

/*
 * No longer watch a table and those below it.  Raises 42704 unless it is watched,
 * 42501, 25006, 55000; locks likewise.
 */
extern void cq_unwatch_table(Oid relid);

#endif							/* CQ_TABLES_WATCH_DEFINITION_H */
