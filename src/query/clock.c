/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  What in a query reads the clock, and whether the caller has allowed that.
 *
 * Nothing marks a result as changed because time has passed.  So a query that reads the
 * clock is refused, unless its caller gives a ttl and says that a result of that
 * age is good enough (allow_time).
 *
 * The words 'now', 'today' and the like, written as a literal of a type for dates or
 * times, become an ordinary constant when the query is analysed.  The text is searched
 * for them before.  Where they are allowed, they are no part of what the query is known
 * by, and it is analysed again each time before it is run.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "query/clock.h"
#include "utils/fmgroids.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"

bool
cq_function_reads_clock(Oid function)
{
	switch (function)
	{
		case F_NOW:
		case F_TRANSACTION_TIMESTAMP:
		case F_STATEMENT_TIMESTAMP:
		case F_CLOCK_TIMESTAMP:
		case F_AGE_TIMESTAMP:
		case F_AGE_TIMESTAMPTZ:

			/* text may be 'now' */
		case F_DATE_IN:
		case F_TIME_IN:
		case F_TIMETZ_IN:
		case F_TIMESTAMP_IN:
		case F_TIMESTAMPTZ_IN:

			/* with the offset that the time zone has today */
		case F_TIMETZ_TIME:
		case F_TIMEZONE_TEXT_TIMETZ:
#ifdef F_TIMEZONE_TIMETZ
		case F_TIMEZONE_TIMETZ:
#endif
			return true;
		default:
			return false;
	}
}

bool
cq_value_reads_clock(const SQLValueFunction *value)
{
	switch (value->op)
	{
		case SVFOP_CURRENT_DATE:
		case SVFOP_CURRENT_TIME:
		case SVFOP_CURRENT_TIME_N:
		case SVFOP_CURRENT_TIMESTAMP:
		case SVFOP_CURRENT_TIMESTAMP_N:
		case SVFOP_LOCALTIME:
		case SVFOP_LOCALTIME_N:
		case SVFOP_LOCALTIMESTAMP:
		case SVFOP_LOCALTIMESTAMP_N:
			return true;
		default:
			return false;
	}
}

static bool
find_words(Node *node, CqCheck *check)
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
	return raw_expression_tree_walker(node, find_words, check);
}

void
cq_find_clock_words(CqCheck *check, Node *statement)
{
	(void) find_words(statement, check);
}

bool
cq_constant_reads_clock(const CqCheck *check, const Const *constant)
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

static bool
blank_constants(Node *node, CqCheck *check)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const) && cq_constant_reads_clock(check, (Const *) node))
	{
		((Const *) node)->constisnull = true;
		((Const *) node)->constvalue = (Datum) 0;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, blank_constants, check, 0);
	return expression_tree_walker(node, blank_constants, check);
}

void
cq_blank_clock_constants(CqCheck *check, Query *query)
{
	if (check->clock_words != NIL)
		(void) blank_constants((Node *) query, check);
}

bool
cq_clock_allowed(CqCheck *check)
{
	if (!check->allow_time)
		return false;
	check->facts->reads_clock = true;
	return true;
}
