/*-------------------------------------------------------------------------
 *
 * refuse.c
 *	  Refusing a query: the reason, the policy it comes from, the way out.
 *
 * docs/not-cached.md lists all that is refused.  A query may be refused for what a
 * row-level security policy asks for, which its author does not see: then the message
 * names the policy.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "query/clock.h"
#include "query/refuse.h"
#include "rewrite/rowsecurity.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* pg_policy.polcmd of a policy FOR ALL */
#define POLICY_FOR_ALL '*'

bool
cq_is_role_name(const SQLValueFunction *function)
{
	return function->op == SVFOP_CURRENT_USER ||
		function->op == SVFOP_CURRENT_ROLE || function->op == SVFOP_USER;
}

static bool
is_culprit(Oid function, void *context)
{
	return function == ((CqCulprit *) context)->function;
}

static bool
has_culprit(Node *node, CqCulprit *culprit)
{
	if (node == NULL)
		return false;
	if (nodeTag(node) == culprit->tag &&
		!(IsA(node, SQLValueFunction) && cq_is_role_name((SQLValueFunction *) node)))
		return true;
	if (OidIsValid(culprit->function) &&
		check_functions_in_node(node, is_culprit, culprit))
		return true;
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, has_culprit, culprit, 0);
	return expression_tree_walker(node, has_culprit, culprit);
}

/* Whether the policy holds for what the current role reads. */
static bool
policy_applies(const RowSecurityPolicy *policy)
{
	Oid		   *roles = (Oid *) ARR_DATA_PTR(policy->roles);

	if (policy->polcmd != POLICY_FOR_ALL && policy->polcmd != ACL_SELECT_CHR)
		return false;
	for (int i = 0; i < ARR_DIMS(policy->roles)[0]; i++)
	{
		if (roles[i] == ACL_ID_PUBLIC || has_privs_of_role(GetUserId(), roles[i]))
			return true;
	}
	return false;
}

/* The policy of the table that has it, in the current context; NULL: unknown. */
static char *
policy_name(Oid table, const CqCulprit *culprit)
{
	Relation	rel = relation_open(table, AccessShareLock);
	List	   *policies = rel->rd_rsdesc == NULL ? NIL : rel->rd_rsdesc->policies;
	ListCell   *cell;
	char	   *name = NULL;
	CqCulprit	searched = {InvalidOid, T_Invalid};

	if (culprit != NULL)
		searched = *culprit;
	foreach(cell, policies)
	{
		RowSecurityPolicy *policy = lfirst(cell);

		if (name == NULL && policy_applies(policy) &&
			has_culprit((Node *) policy->qual, &searched))
			name = pstrdup(policy->policy_name);
	}
	relation_close(rel, AccessShareLock);
	return name;
}

/* The sentence on the policy that is checked, or NULL. */
static const char *
policy_sentence(const CqCheck *check, const CqCulprit *culprit)
{
	char	   *table;
	char	   *policy;

	if (!OidIsValid(check->policy_table))
		return NULL;
	table = get_rel_name(check->policy_table);
	policy = policy_name(check->policy_table, culprit);
	return policy == NULL ?
		psprintf("It comes from a row-level security policy of table \"%s\".", table) :
		psprintf("It comes from the row-level security policy \"%s\" of table \"%s\".",
				 policy, table);
}

void
cq_refuse(const CqCheck *check, const CqCulprit *culprit, const char *what,
		  const char *detail, const char *hint)
{
	const char *sentence = policy_sentence(check, culprit);

	if (sentence == NULL)
		sentence = detail;
	else if (detail != NULL)
		sentence = psprintf("%s %s", detail, sentence);
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot cache the result of a query %s", what),
			 sentence != NULL ? errdetail("%s", sentence) : 0,
			 hint != NULL ? errhint("%s", hint) : 0));
}

/* The way out, for what is called; declarable: a superuser may let it. */
static const char *
hint_on_call(const CqCheck *check, bool reads_clock, bool declarable)
{
	return psprintf("%s%s.",
					OidIsValid(check->policy_table) ?
					"Have the policy read it with current_setting" :
					"Pass its value as an argument of the query",
					reads_clock ?
					", or give a ttl and allow_time => true to accept results of that age" :
					declarable ?
					", or let a superuser declare what the function reads with cq.cache_function_declare" :
					"");
}

/* A STABLE function that a user has written? */
static bool
is_declarable(Oid function)
{
	return function >= FirstUnpinnedObjectId &&
		func_volatile(function) == PROVOLATILE_STABLE;
}

void
cq_refuse_function(const CqCheck *check, Oid function)
{
	CqCulprit	culprit = {function, T_Invalid};
	bool		reads_clock = cq_function_reads_clock(function);

	cq_refuse(check, &culprit, psprintf("that calls \"%s\"", get_func_name(function)),
			  reads_clock ? "Its value depends on the time." :
			  "The function is volatile, or depends on more than its arguments and the tables of the query.",
			  hint_on_call(check, reads_clock, is_declarable(function)));
}

void
cq_refuse_value(const CqCheck *check, const SQLValueFunction *value)
{
	static const char *const names[] = {
		[SVFOP_CURRENT_DATE] = "current_date",
		[SVFOP_CURRENT_TIME] = "current_time",
		[SVFOP_CURRENT_TIME_N] = "current_time",
		[SVFOP_CURRENT_TIMESTAMP] = "current_timestamp",
		[SVFOP_CURRENT_TIMESTAMP_N] = "current_timestamp",
		[SVFOP_LOCALTIME] = "localtime",
		[SVFOP_LOCALTIME_N] = "localtime",
		[SVFOP_LOCALTIMESTAMP] = "localtimestamp",
		[SVFOP_LOCALTIMESTAMP_N] = "localtimestamp",
		[SVFOP_CURRENT_ROLE] = "current_role",
		[SVFOP_CURRENT_USER] = "current_user",
		[SVFOP_USER] = "user",
		[SVFOP_SESSION_USER] = "session_user",
		[SVFOP_CURRENT_CATALOG] = "current_catalog",
		[SVFOP_CURRENT_SCHEMA] = "current_schema",
	};
	CqCulprit	culprit = {InvalidOid, T_SQLValueFunction};
	bool		reads_clock = cq_value_reads_clock(value);

	cq_refuse(check, &culprit, psprintf("that calls \"%s\"", names[value->op]),
			  reads_clock ? "Its value depends on the time." :
			  "Its value depends on the session.",
			  hint_on_call(check, reads_clock, false));
}

/* The type that the function takes. */
static const char *
argument_type(Oid function)
{
	Oid		   *types;
	int			n;

	(void) get_func_signature(function, &types, &n);
	return n > 0 ? format_type_be(types[0]) : "-";
}

const char *
cq_output_reason(Oid function)
{
	return psprintf("The text of a value of type %s may change while the value does not: it has the names of objects.",
					argument_type(function));
}

void
cq_refuse_output(const CqCheck *check, Oid function)
{
	CqCulprit	culprit = {function, T_Invalid};

	cq_refuse(check, &culprit,
			  psprintf("that turns values of type %s into text", argument_type(function)),
			  cq_output_reason(function),
			  "Return them as they are, or as oid, and turn them into text outside of the query.");
}
