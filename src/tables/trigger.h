/*-------------------------------------------------------------------------
 *
 * trigger.h
 *	  What the triggers of a watched table do: they invalidate.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_TRIGGER_H
#define CQ_TABLES_TRIGGER_H

#include "commands/trigger.h"

/*
 * Called by the trigger functions of the same names (sql/watch_functions.c) once these
 * have checked how they were called.  *known is NULL at first and then theirs to pass
 * again, for the same call site; it saves look-ups.  All raise 55000 without shared
 * memory and 42501 for a table that is not watched.
 */

/* After a row: mark the relation and the tags of the row, old and new. */
extern void cq_trigger_row(const TriggerData *trigdata, void **known);

/* Before a statement, mark the relation, and note that its query changes rows. */
extern void cq_trigger_statement(const TriggerData *trigdata, void **known);

/* Set the barrier. */
extern void cq_trigger_truncate(const TriggerData *trigdata, void **known);

/* After a row: write it through.  Raises 42501 for a table that has no write-through. */
extern void cq_trigger_write(const TriggerData *trigdata, void **known);

#endif							/* CQ_TABLES_TRIGGER_H */
