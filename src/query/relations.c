/*-------------------------------------------------------------------------
 *
 * relations.c
 *	  The relations that a query reads, or names.
 *
 * PostgreSQL lists the relations on which a rewritten query depends, for its own cache
 * of plans: tables, views and what they are made of, those that policies read, and
 * regclass constants.  The tree is searched for them all the same, since only there it
 * is seen how a relation is read; what the list has besides is named, not read.
 *
 * Neither has partitions and other children.  They are found under locks, as the
 * planner finds them, so that none can be added before the lookup of the result: a child
 * that joins later marks the parent.  The planner reads temporary children of its own
 * session only, so do we.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "core/compat.h"
#include "core/faults.h"
#include "nodes/plannodes.h"
#include "optimizer/optimizer.h"
#include "query/refuse.h"
#include "query/relations.h"
#include "storage/lmgr.h"
#include "tables/watch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* What can be said of any relation. */
static void
check_kind(CqCheck *check, Oid relid)
{
	CqQueryFacts *facts = check->facts;
	char		kind = get_rel_relkind(relid);

	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		cq_refuse(check, NULL, "with temporary tables", NULL, NULL);
	if (kind == RELKIND_VIEW)
		return;					/* expanded; its tables are seen too */
	if (kind == RELKIND_FOREIGN_TABLE)
		facts->foreign = relid;
	else if (!OidIsValid(facts->unwatched) && !cq_relation_is_watched(relid))
		facts->unwatched = relid;
}

/* A temporary table of another session, which no query of this one reads? */
static bool
is_of_other_session(Oid relid)
{
	return get_rel_persistence(relid) == RELPERSISTENCE_TEMP &&
		!isTempOrTempToastNamespace(get_rel_namespace(relid));
}

static void
check_children(CqCheck *check, Oid relid)
{
	CqQueryFacts *facts = check->facts;
	ListCell   *cell;

	if (!has_subclass(relid) || CQ_FAULT("no-children"))
		return;
	foreach(cell, find_all_inheritors(relid, AccessShareLock, NULL))
	{
		Oid			child = lfirst_oid(cell);

		if (child == relid || list_member_oid(facts->children, child) ||
			is_of_other_session(child))
			continue;
		facts->children = lappend_oid(facts->children, child);
		check_kind(check, child);
	}
}

/*
 * The planner puts their expressions where the query has virtual columns.
 */
static void
add_virtual_columns(CqCheck *check, Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	TupleDesc	columns = RelationGetDescr(rel);
	TupleConstr *constr = columns->constr;

	for (int i = 0; constr != NULL && i < constr->num_defval; i++)
	{
		AttrDefault *value = &constr->defval[i];

		if (TupleDescAttr(columns, value->adnum - 1)->attgenerated ==
			ATTRIBUTE_GENERATED_VIRTUAL)
			check->todo = lappend(check->todo, stringToNode(value->adbin));
	}
	relation_close(rel, AccessShareLock);
}

void
cq_check_relation(CqCheck *check, const RangeTblEntry *rte)
{
	CqQueryFacts *facts = check->facts;
	Oid			relid = rte->relid;

	if (!list_member_oid(facts->relations, relid))
	{
		facts->relations = lappend_oid(facts->relations, relid);
		check_kind(check, relid);
		add_virtual_columns(check, relid);
	}
	if (rte->inh && rte->rtekind == RTE_RELATION)
		check_children(check, relid);
}

void
cq_check_table(CqCheck *check, Oid relid)
{
	CqQueryFacts *facts = check->facts;

	LockRelationOid(relid, AccessShareLock);
	if (!list_member_oid(facts->relations, relid))
	{
		facts->relations = lappend_oid(facts->relations, relid);
		check_kind(check, relid);
	}
	facts->unpinned = list_append_unique_oid(facts->unpinned, relid);
	check_children(check, relid);
}

CqServerLists
cq_server_lists(Query *query)
{
	CqServerLists lists;
	bool		has_policies;

	extract_query_dependencies((Node *) query, &lists.relations, &lists.items,
							   &has_policies);
	return lists;
}

static bool
is_judged(const CqQueryFacts *facts, const PlanInvalItem *item)
{
	ListCell   *cell;

	if (item->cacheId != PROCOID)
		return false;
	foreach(cell, facts->functions)
	{
		if (item->hashValue ==
			GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(lfirst_oid(cell))))
			return true;
	}
	return false;
}

void
cq_check_server_lists(CqCheck *check, const CqServerLists *lists)
{
	CqQueryFacts *facts = check->facts;
	ListCell   *cell;

	foreach(cell, lists->relations)
	{
		Oid			relid = lfirst_oid(cell);

		if (list_member_oid(facts->relations, relid))
			continue;
		facts->relations = lappend_oid(facts->relations, relid);
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) &&
			get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
			cq_refuse(check, NULL, "with temporary tables", NULL, NULL);
	}
	foreach(cell, lists->items)
	{
		if (!is_judged(facts, lfirst_node(PlanInvalItem, cell)))
			cq_refuse(check, NULL, "that depends on what has not been judged",
					  NULL, NULL);
	}
}
