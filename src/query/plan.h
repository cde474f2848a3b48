/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  Checked and prepared queries, kept by each backend.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_PLAN_H
#define CQ_QUERY_PLAN_H

#include "executor/spi.h"
#include "fmgr.h"
#include "query/check.h"
#include "query/names.h"

/* What a query means depends on these; all of it is compared as bytes. */
typedef struct CqPlanKey
{
	uint64		query_hash;
	uint64		query_hash_2;	/* of another seed */
	uint64		settings;		/* of cq_query_settings() */
	Oid			temp_schema;
	Oid			role;
	uint32		allow_time;		/* 0 or 1 */
	uint32		no_force_rls;	/* 0 or 1: tables' owners are above FORCE ROW
								 * LEVEL SECURITY, in what a foreign key
								 * cascades */
} CqPlanKey;

/* How the text of an argument becomes a value. */
typedef struct CqPlanParam
{
	FmgrInfo	input;
	Oid			io_param;
	bool		immutable;		/* the same text is always the same value */
} CqPlanParam;

typedef struct CqPlan
{
	CqPlanKey	key;
	bool		valid;			/* facts and plan may be used */
	bool		permitted;		/* the role may run it; holds while valid */
	uint64		names_checked;	/* changes of the catalogs when the names were
								 * looked up last */
	MemoryContext context;		/* holds what follows, but for the plan */
	char	   *query;
	CqQueryFacts *facts;
	CqPlanParam *params;
	CqNames    *names;
	int			nobjects;
	uint64	   *objects;		/* functions and types in use, as their
								 * entries in system caches are named; sorted */
	SPIPlanPtr	plan;
} CqPlan;

/*
 * The current role's plan for a query, which may read the clock if allow_time;
 * checked (query/check.h says what is raised) and valid as of now; good until the next call.  When valid has become
 * false, what the query means may have changed since: its result must not be
 * cached under what the facts say.
 */
extern CqPlan *cq_plan_find(const char *query, bool allow_time);

/*
 * To be called before the plan is run, within SPI: literals such as 'today' are read
 * again.  valid may become false.
 */
extern void cq_plan_read_clock(CqPlan *plan);

/* Raise 42501 unless the current role may run the query. */
extern void cq_plan_check_privileges(CqPlan *plan);

#endif							/* CQ_QUERY_PLAN_H */
