/*-------------------------------------------------------------------------
 *
 * key.h
 *	  The cache key of a query's result.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_KEY_H
#define CQ_QUERY_KEY_H

#include "cache/key.h"
#include "query/plan.h"

/* A query with the arguments of one call. */
typedef struct CqResultQuery
{
	const text *key;			/* the user's; NULL if it goes by the query */
	uint32		name_space;
	const char *query;
	bool		allow_time;		/* it may read the clock */
	int			nargs;
	Datum	   *args;			/* text */
	bool	   *arg_nulls;
	Datum	   *values;			/* of the parameters' types, once parsed */
} CqResultQuery;

/*
 * Check the number of arguments and parse them: fills query->values.  Raises
 * 22023 and what the types' input functions do.
 */
extern void cq_result_parse_args(CqResultQuery *query, const CqPlan *plan);

/* The key; the arguments must have been parsed. */
extern void cq_result_key(CqKey *key, const CqResultQuery *query,
						  const CqPlan *plan);

#endif							/* CQ_QUERY_KEY_H */
