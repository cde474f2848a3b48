/*-------------------------------------------------------------------------
 *
 * check.c
 *	  May the result of this query be cached, and what does it depend on?
 *
 * The query is analysed and rewritten as for execution, so views are
 * expanded and row-level security is applied; then the tree is searched (query/walk.c).
 *
 * A result may only depend on the tables it reads, on functions and types whose changes
 * are noticed, on its arguments, and on what is part of the result's key (role,
 * search_path, settings that change output).
 *
 * The words 'now', 'today' and the like, written as a literal of a type for dates
 * or times, become an ordinary constant when the query is analysed; the text is
 * searched for them before.
 *
 * Two exceptions, for row-level security: current_setting of a constant name,
 * whose value query/key.c puts into the key; and, in a policy, the name of the
 * current role, which is in the key as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "core/compat.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "query/check.h"
#include "query/refuse.h"
#include "query/relations.h"
#include "query/types.h"
#include "query/walk.h"
#include "tcop/tcopprot.h"
#include "utils/formatting.h"

/* Note the places of literals whose meaning depends on the time. */
static bool
find_clock_words(Node *node, CqCheck *check)
{
	static const char *const words[] = {"now", "today", "tomorrow", "yesterday"};

	if (node == NULL)
		return false;
	if (IsA(node, A_Const))
	{
		A_Const    *literal = (A_Const *) node;
		char	   *lower;

		if (literal->isnull || !IsA(&literal->val, String))
			return false;
		lower = asc_tolower(strVal(&literal->val),
							strlen(strVal(&literal->val)));
		for (int i = 0; i < lengthof(words); i++)
		{
			if (strstr(lower, words[i]) != NULL)
				check->clock_words = lappend_int(check->clock_words,
												 literal->location);
		}
		return false;
	}
	return raw_expression_tree_walker(node, find_clock_words, check);
}

/* The query's tree, as it will be planned. */
static Query *
analyse(CqCheck *check, const char *query)
{
	CqQueryFacts *facts = check->facts;
	List	   *parsed = pg_parse_query(query);
	List	   *rewritten;

	if (list_length(parsed) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query must be a single statement")));
	if (IsA(linitial_node(RawStmt, parsed)->stmt, SelectStmt))
		find_clock_words(linitial_node(RawStmt, parsed)->stmt, check);
	rewritten = pg_analyze_and_rewrite_varparams(linitial_node(RawStmt, parsed),
												 query, &facts->param_types,
												 &facts->nparams, NULL);
	if (list_length(rewritten) != 1)
		cq_refuse(check, NULL, "with rewrite rules",
				  NULL, NULL);
	cq_check_command(check, linitial_node(Query, rewritten));
	return linitial_node(Query, rewritten);
}

CqQueryFacts *
cq_query_check(const char *query)
{
	CqQueryFacts *facts = palloc0(sizeof(CqQueryFacts));
	CqCheck		check = {facts};
	Query	   *tree = analyse(&check, query);
	char	   *text = nodeToString(tree);
	CqServerLists lists;

	facts->tree_hash = hash_bytes_extended((unsigned char *) text,
										   strlen(text), 0);
	pfree(text);

	/* the walk takes policies out of the tree */
	lists = cq_server_lists(tree);
	cq_walk_query(&check, tree);
	cq_check_server_lists(&check, &lists);
	cq_check_columns(&check, ExecCleanTypeFromTL(tree->targetList));
	return facts;
}
