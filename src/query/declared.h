/*-------------------------------------------------------------------------
 *
 * declared.h
 *	  STABLE functions that a superuser has declared fit for cached queries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_DECLARED_H
#define CQ_QUERY_DECLARED_H

#include "query/facts.h"
#include "utils/array.h"

/*
 * Has the function been declared?  Then the result depends on what was declared.
 * Raises 0A000 if that cannot be watched.
 */
extern bool cq_check_declared(CqCheck *check, Oid function);

/* Raise 42501 unless the current role may read the tables of declared functions. */
extern void cq_declared_check_privileges(const CqQueryFacts *facts);

/*
 * cq.cache_function_declare and _undeclare.  settings: text[].  Raise 42501 unless the
 * current role is a superuser, 42809 for what cannot be declared, 42704 for what is
 * not.
 */
extern void cq_function_declare(Oid function, ArrayType *reads, ArrayType *settings);
extern void cq_function_undeclare(Oid function);

#endif							/* CQ_QUERY_DECLARED_H */
