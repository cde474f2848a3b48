/*-------------------------------------------------------------------------
 *
 * query_levels.c
 *	  The running queries that change rows of watched tables.
 *
 * Rows are changed first; their tags are marked later, by triggers AFTER ROW.  In
 * between, functions and triggers may see rows that are changed and not marked.  That
 * time begins before a query changes its first row (BEFORE STATEMENT) and ends when all
 * triggers of its *query level* have run.
 *
 * A query level is PostgreSQL's (afterTriggers.query_depth in its trigger.c): a query,
 * and the queries that foreign keys run for it, and for those, and so on.  These don't
 * run their triggers themselves (EXEC_FLAG_SKIP_TRIGGERS) but leave them to the query
 * they belong to, and statement triggers fire once for each table, however often such
 * queries change it:
 *
 *	DELETE FROM aa							level
 *	  bb: foreign key deletes rows			|
 *	  u:  foreign key deletes rows			|	BEFORE STATEMENT of u
 *	  u:  AFTER ROW, AFTER STATEMENT		|
 *	  u:  foreign key of bb deletes rows	|	no BEFORE STATEMENT again
 *	  bb: AFTER ROW							|	sees what is not marked
 *	  u:  AFTER ROW							|	marks it
 *
 * So AFTER STATEMENT ends nothing.  The hooks of the executor tell the end: a query
 * that is started without EXEC_FLAG_SKIP_TRIGGERS opens a level, and ExecutorFinish
 * runs its triggers and closes it.  COPY opens one as well (tables/ddl_hook.c).  Levels
 * are nested: a query whose triggers fire runs to its end before anything else of the
 * query around it goes on.  A rollback closes those that were opened in it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/query_levels.h"
#include "core/faults.h"
#include "executor/executor.h"
#include "utils/memutils.h"

typedef struct CqQueryLevel
{
	const void *statement;		/* QueryDesc, or the node of a COPY */
	int			nesting;		/* of the subtransaction that opened it */
	bool		changes;		/* rows of a watched table */
	bool		by_row;			/* ... with tags of their own */
} CqQueryLevel;

/* what the names of our triggers begin with */
#define CQ_WATCH_PREFIX "!cachequeue_"

static CqQueryLevel *levels = NULL; /* open ones, the innermost last */
static int	nlevels = 0;
static int	levels_max = 0;

/* how many levels have these flags, outermost included */
static int	nchanging = 0;
static int	nby_row = 0;

/* outside of any level: until the end of the transaction */
static CqQueryLevel outermost = {0};

static ExecutorStart_hook_type next_executor_start = NULL;
static ExecutorFinish_hook_type next_executor_finish = NULL;

static void
forget_flags(CqQueryLevel *level)
{
	nchanging -= level->changes;
	nby_row -= level->by_row;
	level->changes = level->by_row = false;
}

void
cq_query_changes(bool by_row)
{
	CqQueryLevel *level = nlevels > 0 ? &levels[nlevels - 1] : &outermost;

	nchanging += !level->changes;
	level->changes = true;
	nby_row += by_row && !level->by_row;
	level->by_row = level->by_row || by_row;
}

bool
cq_queries_change(void)
{
	return nchanging > 0 && !CQ_FAULT("no-query-level");
}

bool
cq_queries_change_by_row(void)
{
	return nby_row > 0 && !CQ_FAULT("no-query-level");
}

void
cq_query_level_open(const void *statement)
{
	CqQueryLevel *level;

	if (nlevels == levels_max)
	{
		int			max = levels_max == 0 ? 16 : levels_max * 2;

		if (levels == NULL)
			levels = MemoryContextAlloc(TopMemoryContext, max * sizeof(CqQueryLevel));
		else
			levels = repalloc(levels, max * sizeof(CqQueryLevel));
		levels_max = max;
	}
	level = &levels[nlevels++];
	level->statement = statement;
	level->nesting = GetCurrentTransactionNestLevel();
	level->changes = level->by_row = false;
}

void
cq_query_level_close(const void *statement)
{
	int			i = nlevels - 1;

	while (i >= 0 && levels[i].statement != statement)
		i--;
	if (i < 0)
		return;
	while (nlevels > i)
		forget_flags(&levels[--nlevels]);
}

bool
cq_query_levels_unwind(int level)
{
	int			before = nby_row;

	while (nlevels > 0 && levels[nlevels - 1].nesting >= level)
		forget_flags(&levels[--nlevels]);
	if (level == 0)
		forget_flags(&outermost);
	return nby_row < before && !CQ_FAULT("no-query-level");
}

/* Does the query, once started, run the triggers of its level itself? */
static bool
opens_level(const QueryDesc *query)
{
	return (query->estate->es_top_eflags &
			(EXEC_FLAG_SKIP_TRIGGERS | EXEC_FLAG_EXPLAIN_ONLY)) == 0;
}

/*
 * Statement triggers fire for the table that a statement names, and not for the
 * partitions and children that it changes, which may be watched for themselves.
 */
static void
look_at_children(EState *estate)
{
	ListCell   *cell;

	foreach(cell, estate->es_opened_result_relations)
	{
		const ResultRelInfo *relation = lfirst(cell);
		const TriggerDesc *desc = relation->ri_TrigDesc;

		if (relation->ri_RootResultRelInfo == NULL || desc == NULL)
			continue;
		for (int i = 0; i < desc->numtriggers; i++)
		{
			if (strncmp(desc->triggers[i].tgname, CQ_WATCH_PREFIX,
						strlen(CQ_WATCH_PREFIX)) == 0)
			{
				cq_query_changes(true);
				return;
			}
		}
	}
}

static void
executor_start(QueryDesc *query, int eflags)
{
	if (next_executor_start)
		next_executor_start(query, eflags);
	else
		standard_ExecutorStart(query, eflags);
	if (opens_level(query))
		cq_query_level_open(query);
	if ((eflags & EXEC_FLAG_EXPLAIN_ONLY) == 0)
		look_at_children(query->estate);
}

static void
executor_finish(QueryDesc *query)
{
	bool		closes = opens_level(query);

	if (next_executor_finish)
		next_executor_finish(query);
	else
		standard_ExecutorFinish(query);
	if (closes)
		cq_query_level_close(query);
}

void
cq_query_levels_install(void)
{
	next_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	next_executor_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = executor_finish;
}
