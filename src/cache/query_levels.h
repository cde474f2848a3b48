/*-------------------------------------------------------------------------
 *
 * query_levels.h
 *	  The running queries that change rows of watched tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_QUERY_LEVELS_H
#define CQ_CACHE_QUERY_LEVELS_H

/*
 * The innermost query changes rows of a watched table from now on.  by_row: the rows
 * have tags or keys of their own, which are marked only after the rows are changed.
 * Never raises.
 */
extern void cq_query_changes(bool by_row);

/* Does any running query change rows, and rows with tags of their own? */
extern bool cq_queries_change(void);
extern bool cq_queries_change_by_row(void);

/*
 * A statement that opens a level of triggers, other than those of the executor (COPY),
 * begins, or has ended without an error.  It stands for itself as a pointer.  _open
 * raises out of memory only.
 */
extern void cq_query_level_open(const void *statement);
extern void cq_query_level_close(const void *statement);

/* Once, from _PG_init. */
extern void cq_query_levels_install(void);

/*
 * Close the levels that were opened in an aborted subtransaction of that nesting level;
 * 0: all, at the end of the transaction.  True if a query that changes rows by row was
 * broken off.
 */
extern bool cq_query_levels_unwind(int level);

#endif							/* CQ_CACHE_QUERY_LEVELS_H */
