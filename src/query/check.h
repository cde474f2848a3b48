/*-------------------------------------------------------------------------
 *
 * check.h
 *	  May the result of this query be cached, and what does it depend on?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_CHECK_H
#define CQ_QUERY_CHECK_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"

typedef struct CqQueryFacts
{
	int			nparams;
	Oid		   *param_types;	/* as the query's own context gives them */
	TupleDesc	columns;		/* of the result */
	uint64		layout_hash;	/* of how their values are laid out */
	bool		anonymous_rows; /* a column is of an anonymous record type */
	List	   *row_types;		/* relation oids of the composite types that
								 * the columns consist of */
	uint64		tree_hash;		/* of the analysed and rewritten query: two
								 * queries with the same one read the same
								 * objects in the same way */
	List	   *relations;		/* oids read, views and partitioned parents
								 * included */
	List	   *pins;			/* CqPin: appearances of tables of which only
								 * rows with a certain tag are read */
	List	   *unpinned;		/* oids of relations that appear without */
	Oid			unwatched;		/* one that no trigger watches, or none */
	List	   *settings;		/* names (char *) that current_setting reads */
	bool		role_name;		/* a policy asks for the current role */
} CqQueryFacts;

/*
 * Analyse a query as the current role would run it.  Raises 42601 for more
 * than one statement, 0A000 for what must not be cached (anything but SELECT,
 * data-modifying CTEs, row locks, temporary tables, volatile functions, those
 * that depend on time or session), 42501 for functions that the role may not
 * call, and whatever the parser says.  The result is in the current context.
 */
extern CqQueryFacts *cq_query_check(const char *query);

#endif							/* CQ_QUERY_CHECK_H */
