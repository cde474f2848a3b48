/*-------------------------------------------------------------------------
 *
 * check.c
 *	  May the result of this query be cached, and what does it depend on?
 *
 * The query is analysed and rewritten as for execution, so views are
 * expanded and row-level security is applied; then the tree is searched.
 *
 * A result may only depend on the tables it reads, on its arguments, and on
 * what is part of the result's key (role, search_path, settings that change
 * output).  So volatile functions are refused, and of the STABLE ones only those
 * of pg_catalog which format or convert by such settings are allowed; the
 * output functions of types are among them.  A STABLE function written by a
 * user may read anything, and is refused.
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

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "core/compat.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/nodes.h"
#include "nodes/parsenodes.h"
#include "parser/parsetree.h"
#include "query/check.h"
#include "query/pins.h"
#include "rewrite/rowsecurity.h"
#include "tables/watch.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* pg_policy.polcmd of a policy FOR ALL */
#define POLICY_FOR_ALL '*'

typedef struct CqCheck
{
	CqQueryFacts *facts;
	Oid			policy_table;	/* valid: what is checked is in a policy of it */
	List	   *clock_words;	/* places in the text, of literals with such */
} CqCheck;

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

/* The name of the current role, which is allowed in a policy. */
static bool
is_role_name(const SQLValueFunction *function)
{
	return function->op == SVFOP_CURRENT_USER ||
		function->op == SVFOP_CURRENT_ROLE || function->op == SVFOP_USER;
}

/* ---- naming policies ------------------------------------------------- */

/* What was refused: calls of the function, or nodes of that kind. */
typedef struct CqCulprit
{
	Oid			function;
	NodeTag		tag;
} CqCulprit;

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
		!(IsA(node, SQLValueFunction) && is_role_name((SQLValueFunction *) node)))
		return true;
	if (OidIsValid(culprit->function) &&
		(check_functions_in_node(node, is_culprit, culprit) ||
		 (IsA(node, Aggref) && ((Aggref *) node)->aggfnoid == culprit->function) ||
		 (IsA(node, WindowFunc) && ((WindowFunc *) node)->winfnoid == culprit->function)))
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
policy_name(Oid table, CqCulprit *culprit)
{
	Relation	rel = relation_open(table, AccessShareLock);
	List	   *policies = rel->rd_rsdesc == NULL ? NIL : rel->rd_rsdesc->policies;
	ListCell   *cell;
	char	   *name = NULL;

	foreach(cell, policies)
	{
		RowSecurityPolicy *policy = lfirst(cell);

		if (name == NULL && policy_applies(policy) &&
			has_culprit((Node *) policy->qual, culprit))
			name = pstrdup(policy->policy_name);
	}
	relation_close(rel, AccessShareLock);
	return name;
}

/*
 * The sentence on the policy that is checked, or an empty one; to follow
 * another one.
 */
static const char *
policy_sentence(const CqCheck *check, Oid function, NodeTag tag)
{
	CqCulprit	culprit = {function, tag};
	char	   *table;
	char	   *policy;

	if (!OidIsValid(check->policy_table))
		return "";
	table = get_rel_name(check->policy_table);
	policy = policy_name(check->policy_table, &culprit);
	return policy == NULL ?
		psprintf(" It comes from a row-level security policy of table \"%s\".", table) :
		psprintf(" It comes from the row-level security policy \"%s\" of table \"%s\".",
				 policy, table);
}

/* ---- checks ---------------------------------------------------------- */

/* check_functions_in_node callback: raises, or goes on. */
static bool
check_function(Oid function, void *context)
{
	const CqCheck *check = context;
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
				 errdetail("The function is volatile, or depends on more than its arguments and the tables of the query.%s",
						   policy_sentence(check, function, T_Invalid)),
				 OidIsValid(check->policy_table)
				 ? errhint("Have the policy read it with current_setting.")
				 : errhint("Pass its value as an argument of the query.")));
	ReleaseSysCache(tuple);
	return false;
}

/* tag: of the node that is refused, to find the policy; or T_Invalid. */
static void
refuse(const CqCheck *check, NodeTag tag, const char *what)
{
	const char *sentence = policy_sentence(check, InvalidOid, tag);

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot cache the result of a query with %s", what),
			 sentence[0] != '\0' ? errdetail("%s", sentence + 1) : 0));
}

static void
check_relation(CqCheck *check, RangeTblEntry *rte)
{
	CqQueryFacts *facts = check->facts;

	if (list_member_oid(facts->relations, rte->relid))
		return;
	facts->relations = lappend_oid(facts->relations, rte->relid);
	if (get_rel_persistence(rte->relid) == RELPERSISTENCE_TEMP)
		refuse(check, T_Invalid, "temporary tables");
	if (rte->relkind == RELKIND_VIEW)
		return;					/* expanded; its tables are seen too */
	if (!cq_relation_is_watched(rte->relid))
		facts->unwatched = rte->relid;
}

/*
 * current_setting('constant'[, missing_ok]): note the name.  False for
 * everything else.
 */
static bool
note_setting(CqQueryFacts *facts, FuncExpr *call)
{
	Const	   *name;
	char	   *setting;
	ListCell   *cell;

	if (call->funcid != F_CURRENT_SETTING_TEXT &&
		call->funcid != F_CURRENT_SETTING_TEXT_BOOL)
		return false;
	foreach(cell, call->args)
	{
		if (!IsA(lfirst(cell), Const) || lfirst_node(Const, cell)->constisnull)
			return false;
	}
	name = linitial_node(Const, call->args);
	setting = TextDatumGetCString(name->constvalue);
	foreach(cell, facts->settings)
	{
		if (strcmp(lfirst(cell), setting) == 0)
			return true;
	}
	facts->settings = lappend(facts->settings, setting);
	return true;
}

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

/* Has the constant been read by the clock? */
static bool
depends_on_clock(const Const *constant, const CqCheck *check)
{
	Oid			type = getBaseType(constant->consttype);
	Oid			element = get_element_type(type);
	char		category;
	bool		preferred;

	if (constant->location < 0 ||
		!list_member_int(check->clock_words, constant->location))
		return false;
	if (OidIsValid(element))
		type = getBaseType(element);
	get_type_category_preferred(type, &category, &preferred);
	return category == TYPCATEGORY_DATETIME || category == TYPCATEGORY_RANGE ||
		category == TYPCATEGORY_COMPOSITE;
}

static bool check_node(Node *node, CqCheck *check);

static void
check_range_table_entry(RangeTblEntry *rte, CqCheck *check)
{
	List	   *policies = rte->securityQuals;
	Oid			outer_table = check->policy_table;

	if (rte->rtekind == RTE_RELATION)
		check_relation(check, rte);
	else if (rte->rtekind == RTE_TABLEFUNC ||
			 rte->rtekind == RTE_NAMEDTUPLESTORE)
		refuse(check, T_Invalid, "this kind of table function");

	if (rte->tablesample != NULL)
		refuse(check, T_Invalid, "TABLESAMPLE");

	/* checked here, with policy_table set; the walker must not do it again */
	rte->securityQuals = NIL;
	if (policies != NIL)
		check->policy_table = rte->relid;
	check_node((Node *) policies, check);
	check->policy_table = outer_table;
}

static void
check_query(Query *query, const CqCheck *check)
{
	if (query->commandType != CMD_SELECT)
		refuse(check, T_Invalid, "anything but SELECT");
	if (query->hasModifyingCTE)
		refuse(check, T_Invalid, "data-modifying WITH");
	if (query->rowMarks != NIL)
		refuse(check, T_Invalid, "row locks");
}

/* Does the query read all rows of its tables, or only certain ones? */
static void
find_pins(Query *query, CqQueryFacts *facts)
{
	for (int i = 1; i <= list_length(query->rtable); i++)
	{
		CqPin	   *pin = cq_query_pin(query, i);

		if (pin != NULL)
			facts->pins = lappend(facts->pins, pin);
		else
			facts->unpinned = list_append_unique_oid(facts->unpinned,
													 rt_fetch(i, query->rtable)->relid);
	}
}

static bool
check_node(Node *node, CqCheck *check)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		check_range_table_entry((RangeTblEntry *) node, check);
		return false;			/* the walker goes into its expressions */
	}
	if (IsA(node, Query))
	{
		check_query((Query *) node, check);
		find_pins((Query *) node, check->facts);
		return query_tree_walker((Query *) node, check_node, check,
								 QTW_EXAMINE_RTES_BEFORE);
	}
	if (IsA(node, SQLValueFunction))
	{
		if (!OidIsValid(check->policy_table) || !is_role_name((SQLValueFunction *) node))
			refuse(check, T_SQLValueFunction, "functions that depend on time or session");
		check->facts->role_name = true;
	}
	if (IsA(node, Const) && depends_on_clock((Const *) node, check))
		refuse(check, T_Invalid, "a literal that depends on the time");
	if (IsA(node, NextValueExpr) || IsA(node, CurrentOfExpr))
		refuse(check, nodeTag(node), "volatile expressions");
	if (IsA(node, Aggref))
		check_function(((Aggref *) node)->aggfnoid, check);
	else if (IsA(node, WindowFunc))
		check_function(((WindowFunc *) node)->winfnoid, check);
	else if (!IsA(node, FuncExpr) ||
			 !note_setting(check->facts, (FuncExpr *) node))
		(void) check_functions_in_node(node, check_function, check);
	return expression_tree_walker(node, check_node, check);
}

static void
add_to_layout(CqQueryFacts *facts, Oid type, int32 typmod)
{
	int64		parts[2] = {type, typmod};

	facts->layout_hash = hash_bytes_extended((unsigned char *) parts,
											 sizeof(parts),
											 facts->layout_hash);
}

/* Note a type, and all that its values consist of. */
static void
note_type(CqQueryFacts *facts, Oid type, int32 typmod)
{
	Oid			relid;
	Relation	rel;

	check_stack_depth();
	add_to_layout(facts, type, typmod);
	type = getBaseType(type);
	while (OidIsValid(get_element_type(type)) ||
		   OidIsValid(get_range_subtype(type)) ||
		   OidIsValid(get_multirange_range(type)))
	{
		Oid			part = get_element_type(type);

		if (!OidIsValid(part))
			part = get_range_subtype(type);
		if (!OidIsValid(part))
			part = get_multirange_range(type);
		type = getBaseType(part);
		add_to_layout(facts, type, -1);
	}
	if (type == RECORDOID)
		facts->anonymous_rows = true;
	relid = get_typ_typrelid(type);
	if (!OidIsValid(relid))
		return;

	facts->row_types = list_append_unique_oid(facts->row_types, relid);
	rel = relation_open(relid, AccessShareLock);
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), i);

		if (column->attisdropped)
			add_to_layout(facts, InvalidOid, column->attlen);
		else
			note_type(facts, column->atttypid, column->atttypmod);
	}
	relation_close(rel, AccessShareLock);
}

CqQueryFacts *
cq_query_check(const char *query)
{
	CqQueryFacts *facts = palloc0(sizeof(CqQueryFacts));
	CqCheck		check = {facts, InvalidOid, NIL};
	List	   *parsed = pg_parse_query(query);
	List	   *rewritten;
	Query	   *tree;
	char	   *text;

	if (list_length(parsed) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("query must be a single statement")));
	if (IsA(linitial_node(RawStmt, parsed)->stmt, SelectStmt))
		find_clock_words(linitial_node(RawStmt, parsed)->stmt, &check);
	rewritten = pg_analyze_and_rewrite_varparams(linitial_node(RawStmt, parsed),
												 query, &facts->param_types,
												 &facts->nparams, NULL);
	if (list_length(rewritten) != 1)
		refuse(&check, T_Invalid, "rewrite rules");
	tree = linitial_node(Query, rewritten);
	check_query(tree, &check);
	text = nodeToString(tree);

	facts->tree_hash = hash_bytes_extended((unsigned char *) text,
										   strlen(text), 0);
	pfree(text);
	facts->columns = ExecCleanTypeFromTL(tree->targetList);
	for (int i = 0; i < facts->columns->natts; i++)
		note_type(facts, TupleDescAttr(facts->columns, i)->atttypid,
				  TupleDescAttr(facts->columns, i)->atttypmod);
	check_node((Node *) tree, &check);
	return facts;
}
