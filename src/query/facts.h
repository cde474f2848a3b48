/*-------------------------------------------------------------------------
 *
 * facts.h
 *	  What is known of a query whose result is cached.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_FACTS_H
#define CQ_QUERY_FACTS_H

#include "access/tupdesc.h"
#include "nodes/pg_list.h"

typedef struct CqQueryFacts
{
	int			nparams;
	Oid		   *param_types;	/* as the query's own context gives them */
	TupleDesc	columns;		/* of the result */
	uint64		layout_hash;	/* of how their values are laid out */
	bool		anonymous_rows; /* a column is of an anonymous record type */
	bool		may_not_call;	/* the role lacks a privilege to execute: only
								 * running the query tells whether it is asked */
	Oid			unwritable;		/* output function of a column that must not
								 * be turned into text, or none */
	uint64		tree_hash;		/* of the analysed and rewritten query: two
								 * queries with the same one read the same
								 * objects in the same way */

	/* what the result depends on; oids, each of them once */
	List	   *relations;		/* those that are read, views and partitioned
								 * parents included, or named as regclass */
	List	   *children;		/* partitions and children of these */
	List	   *row_types;		/* relations of the composite types in use */
	List	   *functions;		/* those that are not pinned */
	bool		calls_others;	/* one of them may call any others */
	List	   *types;			/* those that are not pinned */

	List	   *judged;			/* oids of all functions that it runs, pinned
								 * ones included */

	List	   *pins;			/* CqPin: appearances of tables of which only
								 * rows with a certain tag are read */
	List	   *unpinned;		/* oids of relations that appear without */
	Oid			unwatched;		/* one that no trigger watches, or none */
	Oid			foreign;		/* a foreign table, or none */
	List	   *settings;		/* names (char *) that current_setting reads */
	bool		role_name;		/* a policy asks for the current role */

	/* of functions that a superuser has declared */
	Oid			declared_in;	/* the table that says so, or none */
	uint64		declarations;	/* hash of what it says */
	List	   *invoker_reads;	/* oids of tables that the role must be able
								 * to read */
	bool		reads_clock;	/* the result depends on when it is computed */
	bool		clock_literals; /* and so does what the query is analysed to */
} CqQueryFacts;

/* The state of checking a query. */
typedef struct CqCheck
{
	CqQueryFacts *facts;
	Oid			policy_table;	/* valid: what is checked is in a policy of it */
	bool		allow_time;		/* the caller accepts results with an age */
	List	   *clock_words;	/* places in the text, of literals with such */
	List	   *todo;			/* expressions that the tree does not have,
								 * and PostgreSQL evaluates: to be checked as
								 * well */
	List	   *seen_types;		/* oids */
	List	   *seen_domains;	/* oids of domains whose constraints are
								 * checked */
	bool		writes_rows;	/* turns an anonymous record into text */
	Oid			row_output;		/* the output function of what rows contain
								 * and must not be turned into text, or none */
} CqCheck;

/*
 * The result depends on a function, on a type.  Those that are pinned are left out:
 * changes of these count for the whole database.  (The plan depends on every function.)
 */
extern void cq_facts_add_function(CqQueryFacts *facts, Oid function);
extern void cq_facts_add_type(CqQueryFacts *facts, Oid type);

/* May a change of the relation change what the query means? */
extern bool cq_facts_concern_relation(const CqQueryFacts *facts, Oid relid);

#endif							/* CQ_QUERY_FACTS_H */
