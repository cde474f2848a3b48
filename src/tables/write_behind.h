/*-------------------------------------------------------------------------
 *
 * write_behind.h
 *	  Write-behind: a table follows a namespace.
 *
 * A rule (cq.write_behind) binds a namespace to a table.  From then on
 *
 *	set, delete	 write_behind_log.c	   before the commit: a row of the log
 *	get			 write_behind_log.c	   finds there what the cache has lost
 *	flush		 write_behind_flush.c  takes the latest row of each key,
 *				 write_behind_apply.c  writes them to the table, and deletes
 *									   them from the log, in one transaction
 *
 * so that under any snapshot a key is either in the log or up to date in the
 * table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WRITE_BEHIND_H
#define CQ_TABLES_WRITE_BEHIND_H

#include "nodes/pg_list.h"
#include "utils/elog.h"

/* Mode: which log.  In CqNamespace.behind and CqKey.behind. */
#define CQ_BEHIND_LOGGED 'l'
#define CQ_BEHIND_MEMORY 'm'

/* What values a rule takes. */
#define CQ_BEHIND_ROW 'r'		/* a JSON object, for the whole row */
#define CQ_BEHIND_BYTEA 'b'
#define CQ_BEHIND_TEXT 't'		/* what has a text form: text, jsonb */

/* An operation of the log. */
#define CQ_BEHIND_SET 's'
#define CQ_BEHIND_DELETE 'd'

/* One operation of the log, the latest of its key. */
typedef struct CqBehindRow
{
	int64		id;
	char		operation;
	uint8		type;
	char	   *key;
	bytea	   *value;			/* NULL: a delete */
	ErrorData  *error;			/* why the table didn't accept it, or NULL */
} CqBehindRow;

/* A rule with the statements that carry it out, for one flush. */
typedef struct CqBehindRule
{
	uint32		namespace_id;
	char	   *name;
	Oid			namespace_owner;
	char		mode;
	char		value_kind;
	int32		batch_size;
	int64		due_ms;			/* when its oldest operation must be written,
								 * in ms of cq_clock_ms(); 0: nothing pending */
	char	   *conflict;
	Oid			target;
	char	   *key_column;
	char	   *value_column;	/* NULL: the value is a row */
	List	   *columns;		/* of char *, that the value fills; NIL: all */
} CqBehindRule;

#endif							/* CQ_TABLES_WRITE_BEHIND_H */
