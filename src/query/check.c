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
 * What reads the clock is query/clock.c's.
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
#include "nodes/parsenodes.h"
#include "query/check.h"
#include "query/clock.h"
#include "query/refuse.h"
#include "query/relations.h"
#include "query/types.h"
#include "query/walk.h"
#include "tcop/tcopprot.h"

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
		cq_find_clock_words(check, linitial_node(RawStmt, parsed)->stmt);
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
cq_query_check(const char *query, bool allow_time)
{
	CqQueryFacts *facts = palloc0(sizeof(CqQueryFacts));
	CqCheck		check = {facts,.allow_time = allow_time};
	Query	   *tree = analyse(&check, query);
	char	   *text;
	CqServerLists lists;

	if (allow_time)
		cq_blank_clock_constants(&check, tree);
	text = nodeToString(tree);

	facts->tree_hash = hash_bytes_extended((unsigned char *) text,
										   strlen(text), 0);
	pfree(text);

	/* the walk takes policies out of the tree */
	lists = cq_server_lists(tree);
	cq_walk_query(&check, tree);
	cq_check_server_lists(&check, &lists);
	if (facts->declarations != 0)
		facts->tree_hash = hash_combine64(facts->tree_hash, facts->declarations);
	cq_check_columns(&check, ExecCleanTypeFromTL(tree->targetList));
	return facts;
}
