/*-------------------------------------------------------------------------
 *
 * facts.c
 *	  What is known of a query whose result is cached.
 *
 * query/check.c finds the facts.  Those on which the result depends become slots
 * (query/result.c); those that decide what the query means also end the backend's
 * plan when they change (query/plan.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "query/facts.h"

void
cq_facts_add_function(CqQueryFacts *facts, Oid function)
{
	facts->judged = list_append_unique_oid(facts->judged, function);
	if (function >= FirstUnpinnedObjectId)
		facts->functions = list_append_unique_oid(facts->functions, function);
}

void
cq_facts_add_type(CqQueryFacts *facts, Oid type)
{
	if (type >= FirstUnpinnedObjectId)
		facts->types = list_append_unique_oid(facts->types, type);
}

bool
cq_facts_concern_relation(const CqQueryFacts *facts, Oid relid)
{
	return relid == facts->declared_in ||
		list_member_oid(facts->relations, relid) ||
		list_member_oid(facts->children, relid) ||
		list_member_oid(facts->row_types, relid);
}
