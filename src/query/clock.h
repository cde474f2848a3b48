/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  What in a query reads the clock, and whether the caller has allowed that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_CLOCK_H
#define CQ_QUERY_CLOCK_H

#include "nodes/parsenodes.h"
#include "query/facts.h"

/* Does the function of the server read nothing but the clock, and settings in the key? */
extern bool cq_function_reads_clock(Oid function);

/* CURRENT_DATE and the like? */
extern bool cq_value_reads_clock(const SQLValueFunction *value);

/* Note the places of literals with words such as 'today' in a raw statement. */
extern void cq_find_clock_words(CqCheck *check, Node *statement);

/* Has the constant been read by the clock, as one of these words? */
extern bool cq_constant_reads_clock(const CqCheck *check, const Const *constant);

/* Make such constants NULL, so that the tree is the same at any time. */
extern void cq_blank_clock_constants(CqCheck *check, Query *query);

/* The query reads the clock.  True if it may; then the result has an age. */
extern bool cq_clock_allowed(CqCheck *check);

#endif							/* CQ_QUERY_CLOCK_H */
