/*-------------------------------------------------------------------------
 *
 * walk.h
 *	  A query's tree, node by node: what it depends on, what cannot be cached.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_WALK_H
#define CQ_QUERY_WALK_H

#include "nodes/parsenodes.h"
#include "query/facts.h"

/*
 * Search the analysed and rewritten query.  Raises 0A000 for all that is not known to be
 * safe, 42501 for functions that the role may not call.
 */
extern void cq_walk_query(CqCheck *check, Query *query);

/* The same without what is inside: is it a SELECT that only reads? */
extern void cq_check_command(const CqCheck *check, const Query *query);

#endif							/* CQ_QUERY_WALK_H */
