/*-------------------------------------------------------------------------
 *
 * pins.c
 *	  Tables of which a query reads only the rows with a given key.
 *
 * A table watched with the template 'user:{id}' marks the tag user:17 with
 * each change of a row whose id is, or was, 17.  A query with WHERE id = 17
 * sees no other rows of it, so its result need only depend on that tag.
 *
 * That is certain when WHERE is a conjunction, and for each column of a template
 * one of its terms is column = constant or column = $n.  It holds for any joins
 * below WHERE, outer ones included: rows that a join makes from another row of the
 * table, or without one, don't pass.  It must hold for each place where the table
 * appears, in each part of the query; otherwise the query depends on the whole
 * table.
 *
 * Equal values must have equal tags: so it holds only for types and operators for
 * which equal means the same text, and not for nondeterministic collations.  And
 * the table must have no children, whose rows are marked by triggers of their own.
 *
 * What no row trigger sees (TRUNCATE, DDL, the end of a watch) sets the barrier in
 * the database's epoch, on which every entry depends, when there are templates.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "cache/slots.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "core/compat.h"
#include "miscadmin.h"
#include "nodes/bitmapset.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "query/pins.h"
#include "tables/tag_template.h"
#include "tables/watch.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

struct CqPin
{
	Oid			relid;
	TupleDesc	columns;
	CqTagTemplate *template;
	Node	  **values;			/* by column: Const, Param or NULL */
};

/* Do equal values have equal texts? */
static bool
is_plain_equality(const OpExpr *op)
{
	switch (get_opcode(op->opno))
	{
		case F_BOOLEQ:
		case F_INT2EQ:
		case F_INT4EQ:
		case F_INT8EQ:
		case F_OIDEQ:
		case F_UUID_EQ:
			return true;
		case F_TEXTEQ:
			return OidIsValid(op->inputcollid) &&
				get_collation_isdeterministic(op->inputcollid);
		default:
			return false;
	}
}

/* The column of the table that the expression is, 0 if it is none. */
static AttrNumber
column_of(Node *node, int rtindex)
{
	Var		   *var;

	/* varchar = text */
	if (IsA(node, RelabelType) &&
		((RelabelType *) node)->resulttype == TEXTOID)
		node = (Node *) ((RelabelType *) node)->arg;
	if (!IsA(node, Var))
		return 0;
	var = (Var *) node;
	if (var->varno != rtindex || var->varlevelsup != 0 || var->varattno <= 0)
		return 0;
	if (var->vartype == BPCHAROID || getBaseType(var->vartype) != var->vartype)
		return 0;
	return var->varattno;
}

static bool
is_known(Node *node)
{
	if (IsA(node, Const))
		return !((Const *) node)->constisnull;
	return IsA(node, Param) && ((Param *) node)->paramkind == PARAM_EXTERN;
}

/* Note what a conjunction says about the columns of a table. */
static void
find_values(Node *where, int rtindex, Node **values, Bitmapset **known)
{
	ListCell   *cell;
	OpExpr	   *op;

	if (where == NULL)
		return;
	if (is_andclause(where))
	{
		foreach(cell, ((BoolExpr *) where)->args)
			find_values(lfirst(cell), rtindex, values, known);
		return;
	}
	if (!IsA(where, OpExpr) || list_length(((OpExpr *) where)->args) != 2)
		return;
	op = (OpExpr *) where;
	if (!is_plain_equality(op))
		return;
	for (int i = 0; i < 2; i++)
	{
		AttrNumber	column = column_of(list_nth(op->args, i), rtindex);
		Node	   *value = list_nth(op->args, 1 - i);

		if (column > 0 && is_known(value))
		{
			values[column - 1] = value;
			*known = bms_add_member(*known, column);
		}
	}
}

/* Columns of which the triggers may not know the values. */
static Bitmapset *
virtual_columns(TupleDesc columns)
{
	Bitmapset  *result = NULL;

	for (int i = 0; i < columns->natts; i++)
	{
		if (TupleDescAttr(columns, i)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL)
			result = bms_add_member(result, i + 1);
	}
	return result;
}

/* The first template whose columns are all known. */
static CqTagTemplate *
choose_template(Oid relid, TupleDesc columns, const Bitmapset *known)
{
	ListCell   *cell;

	foreach(cell, cq_relation_templates(relid))
	{
		CqTagTemplate *template = cq_tag_template_compile(lfirst(cell), columns);
		Bitmapset  *named = cq_tag_template_columns(template);

		if (!bms_is_empty(named) && bms_is_subset(named, known))
			return template;
	}
	return NULL;
}

CqPin *
cq_query_pin(Query *query, int rtindex)
{
	RangeTblEntry *rte = rt_fetch(rtindex, query->rtable);
	Bitmapset  *known = NULL;
	CqPin	   *pin;
	Relation	rel;

	if (rte->rtekind != RTE_RELATION || rte->relkind != RELKIND_RELATION ||
		query->jointree == NULL || query->jointree->quals == NULL ||
		has_subclass(rte->relid) || !cq_relation_is_watched(rte->relid))
		return NULL;

	pin = palloc0(sizeof(CqPin));
	rel = relation_open(rte->relid, NoLock);
	pin->relid = rte->relid;
	pin->columns = CreateTupleDescCopy(RelationGetDescr(rel));
	relation_close(rel, NoLock);
	pin->values = palloc0(pin->columns->natts * sizeof(Node *));
	find_values(query->jointree->quals, rtindex, pin->values, &known);
	known = bms_del_members(known, virtual_columns(pin->columns));
	if (bms_is_empty(known))
		return NULL;
	pin->template = choose_template(pin->relid, pin->columns, known);
	return pin->template == NULL ? NULL : pin;
}

Oid
cq_pin_relation(const CqPin *pin)
{
	return pin->relid;
}

bool
cq_pin_slot(const CqPin *pin, const Datum *values, const bool *nulls,
			uint32 *slot)
{
	int			natts = pin->columns->natts;
	Datum	   *columns = palloc0(natts * sizeof(Datum));
	bool	   *is_null = palloc(natts * sizeof(bool));
	StringInfoData tag;
	HeapTuple	row;
	bool		has_tag;

	for (int i = 0; i < natts; i++)
	{
		Node	   *value = pin->values[i];

		is_null[i] = true;
		if (value == NULL)
			continue;
		if (IsA(value, Const))
		{
			is_null[i] = false;
			columns[i] = ((Const *) value)->constvalue;
		}
		else
		{
			int			n = ((Param *) value)->paramid - 1;

			is_null[i] = nulls[n];
			columns[i] = values[n];
		}
	}
	row = heap_form_tuple(pin->columns, columns, is_null);
	initStringInfo(&tag);
	has_tag = cq_tag_template_render(pin->template, row, pin->columns, &tag);
	if (has_tag)
		*slot = cq_slot_of_tag(MyDatabaseId, tag.data, tag.len);
	heap_freetuple(row);
	pfree(tag.data);
	pfree(columns);
	pfree(is_null);
	return has_tag;
}
