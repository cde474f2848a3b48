/*-------------------------------------------------------------------------
 *
 * ddl_events.h
 *	  What the event triggers do: DDL invalidates, and must not leave changes
 *	  unwatched.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_DDL_EVENTS_H
#define CQ_TABLES_DDL_EVENTS_H

#include "nodes/nodes.h"

/*
 * After a command.  Raises 2BP01 if a watched table has lost a column that a template
 * or write-through names.
 */
extern void cq_ddl_command_end(void);

/*
 * After objects have been dropped; their marks are made already (ddl_hook.c).  Raises
 * 2BP01 as above, and if a table has lost the unique index that the key of its
 * write-through relies on.
 */
extern void cq_ddl_sql_drop(void);

/* A DROP is about to drop that index. */
extern void cq_ddl_note_dropped_index(Oid index);

/* The command has failed. */
extern void cq_ddl_forget_dropped(void);

/* How many commands cq_ddl_command_end() has seen in this session. */
extern uint64 cq_ddl_commands_seen(void);

/*
 * In place of cq_ddl_command_end(), for a statement whose event trigger did not fire:
 * it may have changed anything.
 */
extern void cq_ddl_unseen(Node *stmt);

#endif							/* CQ_TABLES_DDL_EVENTS_H */
