/*-------------------------------------------------------------------------
 *
 * fetch.h
 *	  The one value of a query: from the cache, or run the query and cache it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_FETCH_H
#define CQ_QUERY_FETCH_H

#include "query/read_through.h"
#include "utils/jsonb.h"

/*
 * The query's value as jsonb, in the current memory context; NULL for no row and for
 * NULL.  Raises 21000 for more than one column or row, 0A000 inside another such call,
 * what cq_plan_find() and cq_result_find() do, 42501 without the privileges that the
 * query needs, and whatever running it does.
 */
extern Jsonb *cq_query_fetch(CqReadThrough *call);

#endif							/* CQ_QUERY_FETCH_H */
