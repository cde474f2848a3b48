/*-------------------------------------------------------------------------
 *
 * watch_spec.h
 *	  The catalog cq.watch.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WATCH_SPEC_H
#define CQ_TABLES_WATCH_SPEC_H

#include "nodes/pg_list.h"
#include "utils/array.h"

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

/* Is the relation watched? */
static inline bool
cq_watch_spec_exists(const CqWatchSpec *spec)
{
	return spec->own || spec->inherited;
}

/* Read it, in the current memory context.  No lock is needed. */
extern CqWatchSpec *cq_watch_spec(Oid relid);

/* Does the database have cq.watch?  Version 1.0 did not. */
extern bool cq_watch_is_there(void);

/* The strings (char *) of an array of text; NULLs are left out. */
extern List *cq_watch_strings(ArrayType *array);

/*
 * What the jsonb argument write_through of cq.cache_watch says: key, namespace, ttl
 * and columns, nothing else.  Raises 22023 for what it does not understand.
 */
extern CqWatchSpec *cq_watch_spec_from_json(Datum write_through);

/*
 * Make tags, and what spec (NULL: nothing) says of write-through, a table's row of
 * cq.watch; delete the row.  As the extension's owner.
 */
extern void cq_watch_store(Oid relid, List *tags, const CqWatchSpec *spec);
extern void cq_watch_forget(Oid relid);

#endif							/* CQ_TABLES_WATCH_SPEC_H */
