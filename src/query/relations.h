/*-------------------------------------------------------------------------
 *
 * relations.h
 *	  The relations that a query reads, or names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_RELATIONS_H
#define CQ_QUERY_RELATIONS_H

#include "nodes/parsenodes.h"
#include "query/facts.h"

/* What PostgreSQL says that a query depends on. */
typedef struct CqServerLists
{
	List	   *relations;		/* oids */
	List	   *items;			/* PlanInvalItem */
} CqServerLists;

/*
 * The query reads the relation of a range table's entry, and those below it, which are
 * locked.  Raises 0A000 for temporary ones.
 */
extern void cq_check_relation(CqCheck *check, const RangeTblEntry *rte);

/* The same for a table that a function of the query reads, all of it. */
extern void cq_check_table(CqCheck *check, Oid relid);

/* PostgreSQL's own lists for a query that is analysed and rewritten. */
extern CqServerLists cq_server_lists(Query *query);

/*
 * Compare them with what has been found: relations that are named only are added.
 * Raises 0A000 if the query calls what was not judged.
 */
extern void cq_check_server_lists(CqCheck *check, const CqServerLists *lists);

#endif							/* CQ_QUERY_RELATIONS_H */
