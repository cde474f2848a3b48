/*-------------------------------------------------------------------------
 *
 * items.c
 *	  Changes of shared memory that the running transaction has made.
 *
 * A change that depends on the outcome of the transaction is noted as an item in
 * a list local to the backend, in order.  Items of a savepoint stand behind
 * those of the levels around it, so a rollback to it undoes the list's tail, in
 * reverse order.  When the savepoint is released, they pass to the level around
 * it.
 *
 * The hooks for commit and abort run after the transaction has become visible to
 * others (commit), or no longer can (abort).  They take locks, but neither
 * allocate nor raise: items are reserved before the change is made.
 *
 * PREPARE TRANSACTION hands the items over to shared memory, where the
 * transaction's id stands for its outcome.  The maintenance worker finds out when
 * it has ended.  COMMIT PREPARED and ROLLBACK PREPARED, which may run in any
 * session, end with a commit of their own and wake the worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/dbworker.h"
#include "core/items.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#define CAPACITY_MIN 8

/* the modules' lists; the one registered last is the first to be called */
#define LISTS_MAX 4
static CqItemList *lists[LISTS_MAX];
static int	nlists = 0;

static inline CqItemHead *
item_at(const CqItemList *list, int i)
{
	return (CqItemHead *) (list->items + i * list->item_size);
}

void
cq_item_list_reserve(CqItemList *list, int n)
{
	int64		needed = (int64) list->n + n;
	int64		capacity;

	if (needed <= list->capacity)
		return;
	if (needed > PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many %s operations in one transaction", list->noun)));
	capacity = Max(Max(needed, (int64) list->capacity * 2), CAPACITY_MIN);
	if (list->items == NULL)
		list->items = MemoryContextAllocHuge(TopTransactionContext,
											 capacity * list->item_size);
	else
		list->items = repalloc_huge(list->items, capacity * list->item_size);
	list->capacity = capacity;
}

void *
cq_item_list_pop(CqItemList *list, int level)
{
	if (list->n == 0 || item_at(list, list->n - 1)->level < level)
		return NULL;
	return item_at(list, --list->n);
}

/* The memory of the items goes with the transaction's. */
static void
forget(CqItemList *list)
{
	list->items = NULL;
	list->n = list->capacity = 0;
}

/*
 * One of the prepared transactions that shared memory waits for may have ended:
 * have the worker look.
 */
static void
wake_worker(void)
{
	bool		awaited = false;

	for (int i = 0; i < nlists && !awaited; i++)
		awaited = lists[i]->hooks->awaits_prepared();
	if (unlikely(awaited))
		cq_dbworker_poke(MyDatabaseId);
}

static void
on_xact(XactEvent event, void *arg)
{
	if (cq_shared == NULL)
		return;
	for (int i = nlists - 1; i >= 0; i--)
	{
		CqItemList *list = lists[i];

		switch (event)
		{
			case XACT_EVENT_PRE_COMMIT:
				if (list->n > 0 && list->hooks->before_commit != NULL)
					list->hooks->before_commit();
				break;
			case XACT_EVENT_PRE_PREPARE:
				if (list->n > 0)
					list->hooks->before_prepare();
				break;
			case XACT_EVENT_COMMIT:
				if (list->n > 0)
					list->hooks->commit();
				forget(list);
				break;
			case XACT_EVENT_ABORT:
				list->hooks->abort(0);
				forget(list);
				break;
			case XACT_EVENT_PREPARE:
				forget(list);
				break;
			default:
				break;
		}
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		wake_worker();
}

static void
on_subxact(SubXactEvent event, SubTransactionId my_id,
		   SubTransactionId parent_id, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	for (int i = nlists - 1; i >= 0; i--)
	{
		CqItemList *list = lists[i];

		if (event == SUBXACT_EVENT_ABORT_SUB)
			list->hooks->abort(level);
		else if (event == SUBXACT_EVENT_COMMIT_SUB)
		{
			for (int j = list->n - 1; j >= 0 && item_at(list, j)->level >= level; j--)
				item_at(list, j)->level = level - 1;
		}
	}
}

void
cq_item_list_register(CqItemList *list, const CqItemHooks *hooks)
{
	Assert(nlists < LISTS_MAX);
	if (nlists == 0)
	{
		RegisterXactCallback(on_xact, NULL);
		RegisterSubXactCallback(on_subxact, NULL);
	}
	list->hooks = hooks;
	lists[nlists++] = list;
}
