/*-------------------------------------------------------------------------
 *
 * functions.h
 *	  May a function be called by a query whose result is cached?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_FUNCTIONS_H
#define CQ_QUERY_FUNCTIONS_H

#include "query/facts.h"

/*
 * Judge a function that is run for the query: the result depends on it, or 0A000 is
 * raised.
 */
extern void cq_check_function(CqCheck *check, Oid function);

/* The same for one that the query calls by itself; 42501 if the role may not. */
extern void cq_check_call(CqCheck *check, Oid function);

/* Judge the defaults of the arguments that a call leaves out. */
extern void cq_check_defaults(CqCheck *check, Oid function, List *args);

/*
 * Does the function belong to the server, and turn its arguments into text or values of
 * JSON?
 */
extern bool cq_function_writes(Oid function);

/*
 * Judge what an operator calls, and what PostgreSQL may call in its place to sort, hash
 * or merge.
 */
extern void cq_check_operator(CqCheck *check, Oid operator);

/*
 * Judge what an operator class calls to compare and to hash; InvalidOid: nothing.
 */
extern void cq_check_family(CqCheck *check, Oid family);

#endif							/* CQ_QUERY_FUNCTIONS_H */
