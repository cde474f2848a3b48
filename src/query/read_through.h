/*-------------------------------------------------------------------------
 *
 * read_through.h
 *	  What cq.cache_fetch and cq.cache_query have in common as calls.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_READ_THROUGH_H
#define CQ_QUERY_READ_THROUGH_H

#include "query/key.h"
#include "query/result.h"

typedef struct CqReadThrough
{
	CqResultQuery query;
	CqResultTerms terms;
	const text *namespace_name;
} CqReadThrough;

/* The parsed arguments' nulls, as SPI wants them. */
extern char *cq_read_through_nulls(const CqResultQuery *query);

/*
 * Between _begin and _end no other call can begin (0A000): a query that is
 * cached depends on what it reads, not on what its functions were given from
 * the cache.  Before the query is run, and only then, _connect must be called; it
 * begins SPI until _end.  _end must be called also when an error was raised in
 * between.
 */
extern void cq_read_through_begin(void);
extern void cq_read_through_connect(void);
extern void cq_read_through_end(bool failed);

#endif							/* CQ_QUERY_READ_THROUGH_H */
