/*-------------------------------------------------------------------------
 *
 * walk.c
 *	  A query's tree, node by node: what it depends on, what cannot be cached.
 *
 * The table below has each kind of node that a SELECT can have and of which it is known
 * what it depends on.  A node that is not in it is refused, with its name: what a later
 * PostgreSQL adds to the language is not cached until somebody has thought about it.
 *
 * Most nodes depend on nothing but their type and on their parts, which are searched by
 * themselves.  For the others the table names a function.  What PostgreSQL evaluates
 * beside the tree (defaults of arguments, constraints of domains, virtual columns) comes
 * to a list and is searched after it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "core/compat.h"
#include "core/faults.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/nodes.h"
#include "parser/parsetree.h"
#include "query/aggregates.h"
#include "query/clock.h"
#include "query/functions.h"
#include "query/pins.h"
#include "query/refuse.h"
#include "query/relations.h"
#include "query/types.h"
#include "query/walk.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

static bool walk(Node *node, CqCheck *check);

static void
refuse(const CqCheck *check, NodeTag tag, const char *what)
{
	CqCulprit	culprit = {InvalidOid, tag};

	cq_refuse(check, &culprit, what, NULL, NULL);
}

/* ---- nodes that need more than their type ---------------------------- */

static void
check_var(Node *node, CqCheck *check)
{
	AttrNumber	number = ((Var *) node)->varattno;

	if (number >= 0 || number == TableOidAttributeNumber || CQ_FAULT("no-system-columns"))
		return;
	cq_refuse(check, NULL, "with system columns",
			  "They say where and by which transaction a row was written: VACUUM, row locks and the like change them unnoticed.",
			  "Give the table a column of its own, such as a key or a version.");
}

static void
check_const(Node *node, CqCheck *check)
{
	const Const *constant = (Const *) node;

	if (cq_constant_reads_clock(check, constant))
	{
		if (!cq_clock_allowed(check))
			cq_refuse(check, NULL, "with a literal that depends on the time", NULL,
					  CQ_CLOCK_HINT);
		check->facts->clock_literals = true;
	}
	if (constant->constisnull)
		return;

	/* tables that are named so are in PostgreSQL's own list */
	if (constant->consttype == REGPROCOID || constant->consttype == REGPROCEDUREOID)
		cq_facts_add_function(check->facts, DatumGetObjectId(constant->constvalue));
	else if (constant->consttype == REGTYPEOID)
		cq_facts_add_type(check->facts, DatumGetObjectId(constant->constvalue));
}

static void
check_outputs(CqCheck *check, List *args)
{
	ListCell   *cell;

	foreach(cell, args)
		cq_check_output(check, exprType(lfirst(cell)));
}

/*
 * current_setting('constant'[, missing_ok]): note the name.  False for
 * everything else.
 */
static bool
note_setting(CqQueryFacts *facts, const FuncExpr *call)
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

/* The columns of an anonymous record that a function returns, if it says them. */
static void
note_record(Node *call, CqCheck *check)
{
	TupleDesc	columns;

	if (exprType(call) != RECORDOID ||
		get_expr_result_type(call, NULL, &columns) != TYPEFUNC_COMPOSITE)
		return;
	for (int i = 0; i < columns->natts; i++)
		cq_note_row_type(check, TupleDescAttr(columns, i)->atttypid);
}

static void
check_func_expr(Node *node, CqCheck *check)
{
	FuncExpr   *call = (FuncExpr *) node;

	if (note_setting(check->facts, call))
		return;
	note_record(node, check);
	cq_check_call(check, call->funcid);
	cq_check_defaults(check, call->funcid, call->args);
	if (cq_function_writes(call->funcid))
		check_outputs(check, call->args);
}

static void
check_aggref(Node *node, CqCheck *check)
{
	Aggref	   *call = (Aggref *) node;
	ListCell   *cell;

	cq_check_call(check, call->aggfnoid);
	cq_check_aggregate(check, call->aggfnoid);
	if (cq_function_writes(call->aggfnoid))
	{
		foreach(cell, call->aggargtypes)
			cq_check_output(check, lfirst_oid(cell));
	}
}

static void
check_window_func(Node *node, CqCheck *check)
{
	WindowFunc *call = (WindowFunc *) node;

	cq_check_call(check, call->winfnoid);
	cq_check_defaults(check, call->winfnoid, call->args);
	if (call->winagg)
		cq_check_aggregate(check, call->winfnoid);
	if (cq_function_writes(call->winfnoid))
		check_outputs(check, call->args);
}

/* The function may have been named by an operator, and its privileges be checked. */
static void
check_op_expr(Node *node, CqCheck *check)
{
	OpExpr	   *op = (OpExpr *) node;

	set_opfuncid(op);
	cq_check_call(check, op->opfuncid);
	cq_check_operator(check, op->opno);
	if (cq_function_writes(op->opfuncid))
		check_outputs(check, op->args);
}

static void
check_scalar_array_op(Node *node, CqCheck *check)
{
	ScalarArrayOpExpr *op = (ScalarArrayOpExpr *) node;

	set_sa_opfuncid(op);
	cq_check_call(check, op->opfuncid);
	cq_check_operator(check, op->opno);
	if (cq_function_writes(op->opfuncid))
		check_outputs(check, op->args);
}

static void
check_row_compare(Node *node, CqCheck *check)
{
	ListCell   *cell;

	foreach(cell, ((RowCompareExpr *) node)->opnos)
		cq_check_operator(check, lfirst_oid(cell));
}

static void
check_sort_group(Node *node, CqCheck *check)
{
	SortGroupClause *clause = (SortGroupClause *) node;

	cq_check_operator(check, clause->eqop);
	cq_check_operator(check, clause->sortop);
}

static void
check_set_operation(Node *node, CqCheck *check)
{
	ListCell   *cell;

	foreach(cell, ((SetOperationStmt *) node)->groupClauses)
		check_sort_group(lfirst(cell), check);
}

static void
check_window(Node *node, CqCheck *check)
{
	WindowClause *window = (WindowClause *) node;

	if (OidIsValid(window->startInRangeFunc))
		cq_check_function(check, window->startInRangeFunc);
	if (OidIsValid(window->endInRangeFunc))
		cq_check_function(check, window->endInRangeFunc);
}

static void
check_coerce_via_io(Node *node, CqCheck *check)
{
	CoerceViaIO *cast = (CoerceViaIO *) node;

	cq_check_output(check, exprType((Node *) cast->arg));
	cq_check_input(check, cast->resulttype);
}

static void
check_coerce_to_domain(Node *node, CqCheck *check)
{
	cq_check_domain(check, ((CoerceToDomain *) node)->resulttype);
}

static void
check_row(Node *node, CqCheck *check)
{
	ListCell   *cell;

	foreach(cell, ((RowExpr *) node)->args)
		cq_note_row_type(check, exprType(lfirst(cell)));
}

static void
check_sql_value(Node *node, CqCheck *check)
{
	const SQLValueFunction *value = (SQLValueFunction *) node;

	if (cq_value_reads_clock(value) && cq_clock_allowed(check))
		return;
	if (!OidIsValid(check->policy_table) || !cq_is_role_name(value))
		cq_refuse_value(check, value);
	check->facts->role_name = true;
}

static void
check_xml(Node *node, CqCheck *check)
{
	check_outputs(check, ((XmlExpr *) node)->named_args);
	check_outputs(check, ((XmlExpr *) node)->args);
}

static void
check_json(Node *node, CqCheck *check)
{
	Oid			read = cq_json_reads(node);

	check_outputs(check, cq_json_writes(node));
	if (OidIsValid(read))
		cq_check_input(check, read);
}

static void
check_target(Node *node, CqCheck *check)
{
	cq_note_row_type(check, exprType((Node *) ((TargetEntry *) node)->expr));
}

static void
check_column_types(CqCheck *check, List *types)
{
	ListCell   *cell;

	foreach(cell, types)
	{
		cq_check_type(check, lfirst_oid(cell));
		cq_note_row_type(check, lfirst_oid(cell));
	}
}

static void
check_range_function(Node *node, CqCheck *check)
{
	check_column_types(check, ((RangeTblFunction *) node)->funccoltypes);
}

/* XMLTABLE and JSON_TABLE read their columns from text. */
static void
check_table_func(Node *node, CqCheck *check)
{
	TableFunc  *table = (TableFunc *) node;
	ListCell   *cell;

	check_column_types(check, table->coltypes);
	foreach(cell, table->coltypes)
		cq_check_input(check, lfirst_oid(cell));
}

/* The walk through the CTE itself goes on to its query. */
static void
check_cycle(Node *node, CqCheck *check)
{
	cq_check_operator(check, ((CTECycleClause *) node)->cycle_mark_neop);
}

/* ---- the range table ------------------------------------------------- */

/* Merged columns of a join with USING; the others are found where they are used. */
static void
check_join_columns(CqCheck *check, List *columns)
{
	ListCell   *cell;

	foreach(cell, columns)
	{
		if (lfirst(cell) != NULL && !IsA(lfirst(cell), Var))
			(void) walk(lfirst(cell), check);
	}
}

static void
check_values_lists(CqCheck *check, List *rows)
{
	ListCell   *cell;

	if (rows == NIL)
		return;
	foreach(cell, (List *) linitial(rows))
		cq_note_row_type(check, exprType(lfirst(cell)));
}

/*
 * Checks all of it, but for what the walker of the query goes into afterwards: the
 * subquery, functions, values.
 */
static void
check_range_table_entry(Node *node, CqCheck *check)
{
	RangeTblEntry *rte = (RangeTblEntry *) node;
	List	   *policies = rte->securityQuals;
	Oid			outer_table = check->policy_table;

	switch ((int) rte->rtekind)
	{
		case RTE_RELATION:
			cq_check_relation(check, rte);
			break;
		case RTE_SUBQUERY:
			/* a view, from 16 on */
			if (OidIsValid(rte->relid))
				cq_check_relation(check, rte);
			break;
		case RTE_JOIN:
			check_join_columns(check, rte->joinaliasvars);
			break;
		case RTE_VALUES:
			check_values_lists(check, rte->values_lists);
			break;
		case RTE_FUNCTION:
		case RTE_TABLEFUNC:
		case RTE_CTE:
		case RTE_RESULT:
		case CQ_RTE_GROUP:
			break;
		default:
			refuse(check, T_Invalid,
				   psprintf("that reads a relation of kind %d", (int) rte->rtekind));
	}
	if (rte->tablesample != NULL)
		refuse(check, T_Invalid, "with TABLESAMPLE");

	/* checked here, with policy_table set; the walker must not do it again */
	rte->securityQuals = NIL;
	if (policies != NIL)
		check->policy_table = rte->relid;
	(void) walk((Node *) policies, check);
	check->policy_table = outer_table;
}

/* ---- queries --------------------------------------------------------- */

void
cq_check_command(const CqCheck *check, const Query *query)
{
	if (query->commandType != CMD_SELECT)
		refuse(check, T_Invalid, "with anything but SELECT");
	if (query->hasModifyingCTE)
		refuse(check, T_Invalid, "with data-modifying WITH");
	if (query->rowMarks != NIL)
		refuse(check, T_Invalid, "with row locks");
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

static void
check_query(Node *node, CqCheck *check)
{
	cq_check_command(check, (Query *) node);
	find_pins((Query *) node, check->facts);
}

/* ---- the table ------------------------------------------------------- */

typedef struct CqNodeRule
{
	NodeTag		tag;
	const char *name;
	bool		is_value;		/* it has a type */
	void		(*check) (Node *node, CqCheck *check);	/* or NULL */
} CqNodeRule;

#define NODE(type, is_value, check) {T_##type, #type, is_value, check}

static const CqNodeRule rules[] = {
	/* values */
	NODE(Aggref, true, check_aggref),
	NODE(ArrayCoerceExpr, true, NULL),
	NODE(ArrayExpr, true, NULL),
	NODE(BoolExpr, true, NULL),
	NODE(BooleanTest, true, NULL),
	NODE(CaseExpr, true, NULL),
	NODE(CaseTestExpr, true, NULL),
	NODE(CoalesceExpr, true, NULL),
	NODE(CoerceToDomain, true, check_coerce_to_domain),
	NODE(CoerceToDomainValue, true, NULL),
	NODE(CoerceViaIO, true, check_coerce_via_io),
	NODE(CollateExpr, true, NULL),
	NODE(Const, true, check_const),
	NODE(ConvertRowtypeExpr, true, NULL),
	NODE(DistinctExpr, true, check_op_expr),
	NODE(FieldSelect, true, NULL),
	NODE(FuncExpr, true, check_func_expr),
	NODE(GroupingFunc, true, NULL),
	NODE(JsonConstructorExpr, true, check_json),
	NODE(JsonExpr, true, check_json),
	NODE(JsonIsPredicate, true, NULL),
	NODE(JsonValueExpr, true, NULL),
	NODE(MinMaxExpr, true, NULL),	/* compares as its type does */
	NODE(NamedArgExpr, true, NULL),
	NODE(NullIfExpr, true, check_op_expr),
	NODE(NullTest, true, NULL),
	NODE(OpExpr, true, check_op_expr),
	NODE(Param, true, NULL),
	NODE(RelabelType, true, NULL),
	NODE(RowCompareExpr, true, check_row_compare),
	NODE(RowExpr, true, check_row),
	NODE(SQLValueFunction, true, check_sql_value),
	NODE(ScalarArrayOpExpr, true, check_scalar_array_op),
	NODE(SubLink, true, NULL),
	NODE(SubscriptingRef, true, NULL),
	NODE(Var, true, check_var),
	NODE(WindowFunc, true, check_window_func),
	NODE(XmlExpr, true, check_xml),

	/* what holds them together */
	NODE(CTECycleClause, false, check_cycle),
	NODE(CTESearchClause, false, NULL),
	NODE(CommonTableExpr, false, NULL),
	NODE(FromExpr, false, NULL),
	NODE(JoinExpr, false, NULL),
	NODE(JsonBehavior, false, NULL),
	NODE(List, false, NULL),
	NODE(Query, false, check_query),
	NODE(RangeTblEntry, false, check_range_table_entry),
	NODE(RangeTblFunction, false, check_range_function),
	NODE(RangeTblRef, false, NULL),
	NODE(SetOperationStmt, false, check_set_operation),
	NODE(SortGroupClause, false, check_sort_group),
	NODE(TableFunc, false, check_table_func),
	NODE(TargetEntry, false, check_target),
	NODE(WindowClause, false, check_window),
};

/* As PostgreSQL writes it in dumps of trees. */
static const char *
node_name(Node *node)
{
	const char *text = nodeToString(node);
	size_t		len;

	if (text[0] != '{')
		return psprintf("number %d", (int) nodeTag(node));
	len = strcspn(text +1, " }");
	return pnstrdup(text +1, len);
}

static const CqNodeRule *
find_rule(Node *node, const CqCheck *check)
{
	NodeTag		tag = nodeTag(node);
	CqCulprit	culprit = {InvalidOid, tag};

	for (int i = 0; i < lengthof(rules); i++)
	{
		if (rules[i].tag == tag && !CQ_FAULT_OF("forget-node", rules[i].name))
			return &rules[i];
	}
	cq_refuse(check, &culprit,
			  psprintf("with a node %s", node_name(node)),
			  "It is not known what its value depends on.", NULL);
}

static bool
walk(Node *node, CqCheck *check)
{
	const CqNodeRule *rule;

	if (node == NULL)
		return false;
	rule = find_rule(node, check);
	if (rule->is_value)
		cq_check_type(check, exprType(node));
	if (rule->check != NULL)
		rule->check(node, check);
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, walk, check,
								 QTW_EXAMINE_RTES_BEFORE | QTW_EXAMINE_SORTGROUP |
								 QTW_IGNORE_JOINALIASES);
	if (IsA(node, RangeTblEntry))
		return false;			/* the query's walker goes into its
								 * expressions */
	return expression_tree_walker(node, walk, check);
}

void
cq_walk_query(CqCheck *check, Query *query)
{
	(void) walk((Node *) query, check);
	while (check->todo != NIL)
	{
		List	   *todo = check->todo;

		check->todo = NIL;
		(void) walk((Node *) todo, check);
	}
	if (check->writes_rows && OidIsValid(check->row_output) && !CQ_FAULT("no-output-check"))
		cq_refuse_output(check, check->row_output);
}
