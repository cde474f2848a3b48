/*-------------------------------------------------------------------------
 *
 * rows.h
 *	  The rows of a query: from the cache, or run the query and cache them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_ROWS_H
#define CQ_QUERY_ROWS_H

#include "query/read_through.h"
#include "utils/tuplestore.h"

/*
 * Add the query's rows, of the expected form, to an empty tuplestore.  Raises 42804 for
 * other columns and 0A000 for those of anonymous records; the rest is as for
 * cq_query_fetch(), but for 21000.
 */
extern void cq_query_rows(CqReadThrough *call, TupleDesc expected, Tuplestorestate *rows);

#endif							/* CQ_QUERY_ROWS_H */
