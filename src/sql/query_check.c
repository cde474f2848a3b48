/*-------------------------------------------------------------------------
 *
 * query_check.c
 *	  May the result of this query be cached, and what does it depend on?
 *
 * The query is analysed and rewritten as for execution, so views are
 * expanded and row-level security is applied; then the tree is searched.
 *
 * A result may only depend on the tables it reads, on its arguments, and on
 * what is part of the result's key (role, search_path, settings that change
 * output).  So volatile functions are out, and of the STABLE ones only those
 * of pg_catalog which format or convert by such settings are let in; the
 * output functions of types are among them.  A STABLE function written by a
 * user may read anything, and is refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "core/compat.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "sql/cache_watch.h"
#include "sql/query_check.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/*
 * STABLE functions of pg_catalog whose result is fixed by their arguments and
 * by settings that are part of the key; sorted.
 */
static const char *const stable_allowed[] = {
	"anytextcat", "array_to_json", "array_to_string", "concat", "concat_ws",
	"date", "date_cmp_timestamptz", "date_eq_timestamptz",
	"date_ge_timestamptz", "date_gt_timestamptz", "date_le_timestamptz",
	"date_lt_timestamptz", "date_ne_timestamptz", "date_part", "date_trunc",
	"extract", "format", "generate_series", "json_agg", "json_build_array",
	"json_build_object", "json_object_agg", "jsonb_agg", "jsonb_build_array",
	"jsonb_build_object", "jsonb_object_agg", "row_to_json", "textanycat",
	"time", "timestamp", "timestamp_cmp_timestamptz",
	"timestamp_eq_timestamptz", "timestamp_ge_timestamptz",
	"timestamp_gt_timestamptz", "timestamp_le_timestamptz",
	"timestamp_lt_timestamptz", "timestamp_ne_timestamptz", "timestamptz",
	"timestamptz_cmp_date", "timestamptz_cmp_timestamp",
	"timestamptz_eq_date", "timestamptz_eq_timestamp", "timestamptz_ge_date",
	"timestamptz_ge_timestamp", "timestamptz_gt_date",
	"timestamptz_gt_timestamp", "timestamptz_le_date",
	"timestamptz_le_timestamp", "timestamptz_lt_date",
	"timestamptz_lt_timestamp", "timestamptz_mi_interval",
	"timestamptz_ne_date", "timestamptz_ne_timestamp",
	"timestamptz_pl_interval", "timetz", "timezone", "to_char", "to_json",
	"to_jsonb", "to_number", "to_tsquery", "to_tsvector",
};

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *) b);
}

/* check_functions_in_node callback: raises, or goes on. */
static bool
check_function(Oid function, void *context)
{
	HeapTuple	tuple;
	Form_pg_proc proc;
	bool		allowed;

	cq_check_function_privilege(function);

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	switch (proc->provolatile)
	{
		case PROVOLATILE_IMMUTABLE:
			allowed = true;
			break;
		case PROVOLATILE_STABLE:
			allowed = proc->pronamespace == PG_CATALOG_NAMESPACE &&
				(proc->prorettype == CSTRINGOID ||
				 bsearch(NameStr(proc->proname), stable_allowed,
						 lengthof(stable_allowed), sizeof(char *),
						 compare_names) != NULL);
			break;
		default:
			allowed = false;
	}
	if (!allowed)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot cache the result of a query that calls \"%s\"",
						NameStr(proc->proname)),
				 errdetail("The function is volatile, or depends on more than its arguments and the tables of the query."),
				 errhint("Pass its value as an argument of the query.")));
	ReleaseSysCache(tuple);
	return false;
}

static void
refuse(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot cache the result of a query with %s", what)));
}

static void
check_relation(CqQueryFacts *facts, RangeTblEntry *rte)
{
	if (list_member_oid(facts->relations, rte->relid))
		return;
	facts->relations = lappend_oid(facts->relations, rte->relid);
	if (get_rel_persistence(rte->relid) == RELPERSISTENCE_TEMP)
		refuse("temporary tables");
	if (rte->relkind == RELKIND_VIEW)
		return;					/* expanded; its tables are seen too */
	if (!cq_relation_is_watched(rte->relid))
		facts->unwatched = rte->relid;
}

static bool
check_node(Node *node, CqQueryFacts *facts)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		RangeTblEntry *rte = (RangeTblEntry *) node;

		if (rte->rtekind == RTE_RELATION)
			check_relation(facts, rte);
		else if (rte->rtekind == RTE_TABLEFUNC ||
				 rte->rtekind == RTE_NAMEDTUPLESTORE)
			refuse("this kind of table function");
		return false;			/* the walker goes into its expressions */
	}
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		if (query->commandType != CMD_SELECT)
			refuse("anything but SELECT");
		if (query->hasModifyingCTE)
			refuse("data-modifying WITH");
		if (query->rowMarks != NIL)
			refuse("row locks");
		facts->row_security |= query->hasRowSecurity;
		return query_tree_walker(query, check_node, facts,
								 QTW_EXAMINE_RTES_BEFORE);
	}
	if (IsA(node, SQLValueFunction))
		refuse("functions that depend on time or session");
	if (IsA(node, NextValueExpr) || IsA(node, CurrentOfExpr))
		refuse("volatile expressions");
	if (IsA(node, Aggref))
		check_function(((Aggref *) node)->aggfnoid, facts);
	else if (IsA(node, WindowFunc))
		check_function(((WindowFunc *) node)->winfnoid, facts);
	else
		(void) check_functions_in_node(node, check_function, facts);
	return expression_tree_walker(node, check_node, facts);
}

CqQueryFacts *
cq_query_check(const char *query)
{
	CqQueryFacts *facts = palloc0(sizeof(CqQueryFacts));
	List	   *parsed = pg_parse_query(query);
	List	   *rewritten;
	Query	   *tree;
	ListCell   *cell;

	if (list_length(parsed) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query must be a single statement")));
	rewritten = pg_analyze_and_rewrite_varparams(linitial_node(RawStmt, parsed),
												 query, &facts->param_types,
												 &facts->nparams, NULL);
	if (list_length(rewritten) != 1)
		refuse("rewrite rules");
	tree = linitial_node(Query, rewritten);
	check_node((Node *) tree, facts);

	foreach(cell, tree->targetList)
	{
		if (!lfirst_node(TargetEntry, cell)->resjunk)
			facts->ncolumns++;
	}
	return facts;
}
