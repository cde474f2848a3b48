/*-------------------------------------------------------------------------
 *
 * names.c
 *	  The names in the text of a query, and whether they still mean the same.
 *
 * A new object can change what a query means without a change of anything that the
 * query uses: a table in a schema that comes earlier in the search path, a function
 * whose arguments match better.  PostgreSQL does not analyse a prepared query again
 * then.  Whoever runs the query anew gets the new object, so the cache has to.
 *
 * Nothing tells which names an invalidation is about, and others create temporary
 * tables, each with two types, all the time.  So the names of the text are kept with
 * what they stand for, and are looked up again:
 *
 * - tables, views, ... (those in 'name'::regclass too) and types without a schema:
 *	 the oid that the name has in the search path, or none (also of a WITH query,
 *	 which a table does not hide);
 * - functions, and names that stand in their place: which functions have that
 *	 name in any schema, in which version.  So a new one, one that moves, and one that
 *	 gets more defaults are noticed.
 *
 * Each is a look-up in a system cache, which remembers absence as well.  A name with
 * a schema can stand for another table or type only after that of before has been
 * changed, which ends the plan.  For operators, casts, collations and text search
 * configurations query/plan.c takes each change in the database as one of the
 * query's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "common/hashfn.h"
#include "nodes/nodeFuncs.h"
#include "query/names.h"
#include "tcop/tcopprot.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

typedef enum CqNameKind
{
	CQ_NAME_RELATION,
	CQ_NAME_TYPE,
	CQ_NAME_FUNCTION
} CqNameKind;

typedef struct CqName
{
	CqNameKind	kind;
	char	   *name;
	uint64		meaning;
} CqName;

struct CqNames
{
	List	   *names;			/* CqName */
};

/* A hash of the functions of the name, whatever their order. */
static uint64
functions_named(const char *name)
{
	CatCList   *functions = SearchSysCacheList1(PROCNAMEARGSNSP,
												CStringGetDatum(name));
	uint64		sum = 0;

	for (int i = 0; i < functions->n_members; i++)
	{
		HeapTuple	tuple = &functions->members[i]->tuple;
		uint32		version[] = {
			((Form_pg_proc) GETSTRUCT(tuple))->oid,
			HeapTupleHeaderGetRawXmin(tuple->t_data),
			ItemPointerGetBlockNumberNoCheck(&tuple->t_self),
			ItemPointerGetOffsetNumberNoCheck(&tuple->t_self)
		};

		sum += hash_bytes_extended((unsigned char *) version, sizeof(version), 0);
	}
	ReleaseCatCacheList(functions);
	return sum;
}

static uint64
meaning_of(const CqName *name)
{
	switch (name->kind)
	{
		case CQ_NAME_RELATION:
			return RelnameGetRelid(name->name);
		case CQ_NAME_TYPE:
			return TypenameGetTypid(name->name);
		case CQ_NAME_FUNCTION:
			return functions_named(name->name);
	}
	return 0;
}

static void
add_name(CqNames *names, CqNameKind kind, const char *text)
{
	ListCell   *cell;
	CqName	   *name;

	foreach(cell, names->names)
	{
		name = lfirst(cell);
		if (name->kind == kind && strcmp(name->name, text) == 0)
			return;
	}
	name = palloc(sizeof(CqName));
	name->kind = kind;
	name->name = pstrdup(text);
	name->meaning = meaning_of(name);
	names->names = lappend(names->names, name);
}

/* f(...): a function, or a type to which the argument is cast. */
static void
add_call(CqNames *names, const List *parts)
{
	add_name(names, CQ_NAME_FUNCTION, strVal(llast(parts)));
	if (list_length(parts) == 1)
		add_name(names, CQ_NAME_TYPE, strVal(linitial(parts)));
}

/* 'name'::regclass */
static void
add_cast(CqNames *names, const TypeCast *cast)
{
	A_Const    *literal = (A_Const *) cast->arg;
	List	   *parts;

	if (!IsA(literal, A_Const) || literal->isnull || !IsA(&literal->val, String) ||
		strcmp(strVal(llast(cast->typeName->names)), "regclass") != 0)
		return;
	if (SplitIdentifierString(pstrdup(strVal(&literal->val)), '.', &parts) &&
		list_length(parts) == 1)
		add_name(names, CQ_NAME_RELATION, linitial(parts));
}

static bool
find_names(Node *node, CqNames *names)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeVar) && ((RangeVar *) node)->schemaname == NULL)
		add_name(names, CQ_NAME_RELATION, ((RangeVar *) node)->relname);
	else if (IsA(node, TypeCast))
		add_cast(names, (TypeCast *) node);
	else if (IsA(node, FuncCall))
		add_call(names, ((FuncCall *) node)->funcname);
	else if (IsA(node, TypeName) && list_length(((TypeName *) node)->names) == 1)
		add_name(names, CQ_NAME_TYPE, strVal(linitial(((TypeName *) node)->names)));
	return raw_expression_tree_walker(node, find_names, names);
}

CqNames *
cq_names_find(const char *query, List *functions)
{
	CqNames    *names = palloc0(sizeof(CqNames));
	RawStmt    *statement = linitial_node(RawStmt, pg_parse_query(query));
	ListCell   *cell;

	(void) find_names(statement->stmt, names);

	/*
	 * with some of them the name is in the text without a call:
	 * column.function
	 */
	foreach(cell, functions)
	{
		char	   *name = get_func_name(lfirst_oid(cell));

		if (name != NULL)
			add_name(names, CQ_NAME_FUNCTION, name);
	}
	return names;
}

bool
cq_names_hold(const CqNames *names)
{
	ListCell   *cell;

	foreach(cell, names->names)
	{
		const CqName *name = lfirst(cell);

		if (meaning_of(name) != name->meaning)
			return false;
	}
	return true;
}
