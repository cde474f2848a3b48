/*-------------------------------------------------------------------------
 *
 * refuse.h
 *	  Refusing a query: the reason, the policy it comes from, the way out.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_REFUSE_H
#define CQ_QUERY_REFUSE_H

#include "core/compat.h"
#include "nodes/primnodes.h"
#include "query/facts.h"

/* What is refused: calls of a function (or none), or nodes of a kind (or T_Invalid). */
typedef struct CqCulprit
{
	Oid			function;
	NodeTag		tag;
} CqCulprit;

/* Is it the name of the current role, for which a policy may ask? */
extern bool cq_is_role_name(const SQLValueFunction *function);

/*
 * Raise 0A000: "cannot cache the result of a query ..."; culprit, detail and hint may be
 * NULL.  In a policy the detail ends with its name.
 */
pg_noreturn extern void cq_refuse(const CqCheck *check, const CqCulprit *culprit,
								  const char *what, const char *detail,
								  const char *hint);

/* The same for a function that is called, with the usual words. */
pg_noreturn extern void cq_refuse_function(const CqCheck *check, Oid function);
pg_noreturn extern void cq_refuse_value(const CqCheck *check,
										const SQLValueFunction *value);

/* The way out where the clock is read. */
#define CQ_CLOCK_HINT \
	"Pass its value as an argument of the query, or give a ttl and allow_time => true to accept results of that age."

/* The same for a function that turns values into a text which may change by itself. */
pg_noreturn extern void cq_refuse_output(const CqCheck *check, Oid function);

/* The sentence that says so, in the current context. */
extern const char *cq_output_reason(Oid function);

#endif							/* CQ_QUERY_REFUSE_H */
