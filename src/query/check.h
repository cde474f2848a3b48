/*-------------------------------------------------------------------------
 *
 * check.h
 *	  May the result of this query be cached, and what does it depend on?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_CHECK_H
#define CQ_QUERY_CHECK_H

#include "query/facts.h"

/*
 * Analyse a query as the current role would run it.  allow_time: it may read the clock.  Raises 42601 for more
 * than one statement, 0A000 for what must not be cached (docs/not-cached.md lists it),
 * 42501 for functions that the role may not call, and whatever the parser says.  Locks
 * the relations that it reads, partitions included.  The result is in the current context.
 */
extern CqQueryFacts *cq_query_check(const char *query, bool allow_time);

#endif							/* CQ_QUERY_CHECK_H */
