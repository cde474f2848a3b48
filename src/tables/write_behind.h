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

#include "cache/cache.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"
#include "utils/snapshot.h"

/* Mode: which log.  In CqNamespace.behind and CqKey.behind. */
#define CQ_BEHIND_LOGGED 'l'
#define CQ_BEHIND_MEMORY 'm'

/* What values a rule takes. */
#define CQ_BEHIND_ROW 'r'		/* a JSON object, for the whole row */
#define CQ_BEHIND_BYTEA 'b'
#define CQ_BEHIND_TEXT 't'		/* what has a text form: text, jsonb */

/* Columns of the logs. */
#define CQ_BEHIND_LOG_NAMESPACE 1
#define CQ_BEHIND_LOG_ID 2
#define CQ_BEHIND_LOG_OPERATION 3
#define CQ_BEHIND_LOG_TYPE 4
#define CQ_BEHIND_LOG_QUEUED_AT 5
#define CQ_BEHIND_LOG_EXPIRES_AT 6
#define CQ_BEHIND_LOG_KEY 7
#define CQ_BEHIND_LOG_VALUE 8
#define CQ_BEHIND_LOG_COLUMNS 8

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

/* What a look-up in the log found. */
typedef enum CqBehindFound
{
	CQ_BEHIND_NOTHING,			/* the table is up to date */
	CQ_BEHIND_VALUE,
	CQ_BEHIND_DELETED
} CqBehindFound;

/* ---- write_behind_log.c */

extern void cq_write_behind_init(void);

/*
 * What is pending for a key of such a namespace (key->behind), under the
 * snapshot or by this transaction itself.  *value is filled in the current
 * memory context.
 */
extern CqBehindFound cq_behind_find(const CqKey *key, Snapshot snapshot,
									CqValue *value);

/*
 * May such a namespace store this?  Raises 0A000 for what is not a plain set,
 * 25006 where nothing can be written, 22023 and 42804 for a value that the
 * rule does not take.
 */
extern void cq_behind_check_set(const CqSetRequest *request, bool plain);

/* Raises 0A000; what: the function, such as "cq.cache_incr()". */
extern void cq_behind_refuse(const CqKey *key, const char *what);

/*
 * This transaction drops the rule of the namespace.  Raises 55000 when
 * something is pending, now or when it commits.
 */
extern void cq_behind_dropping(uint32 namespace_id);

/* ---- write_behind_rule.c */

/*
 * Drop the rule of a namespace; raises 55000 when something is pending that is
 * not to be discarded.  Returns how many operations were discarded.
 */
extern int64 cq_behind_drop_rule(uint32 namespace_id, bool discard);

/*
 * The equality operator of the valid unique index on that column alone;
 * InvalidOid when there is none.
 */
extern Oid	cq_behind_key_operator(Relation rel, AttrNumber column);

/* ---- write_behind_apply.c */

/*
 * Write n rows to the table, as its owner, in subtransactions: those that it
 * does not accept get their error.  Raises what is no row's fault.
 */
extern void cq_behind_apply(const CqBehindRule *rule, CqBehindRow *rows, int n);

/* A value as text, for statements and for dead letters. */
extern char *cq_behind_value_text(const CqBehindRow *row);

/* ---- write_behind_flush.c */

/* Task of the maintenance worker (core/tasks.h). */
extern int64 cq_write_behind_maintain(void);
extern void cq_write_behind_at_shutdown(void);

#endif							/* CQ_TABLES_WRITE_BEHIND_H */
