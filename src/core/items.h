/*-------------------------------------------------------------------------
 *
 * items.h
 *	  Changes of shared memory that the running transaction has made, applied
 *	  at commit and undone at abort.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_ITEMS_H
#define CQ_CORE_ITEMS_H

#include "access/xact.h"

/* What every item begins with. */
typedef struct CqItemHead
{
	int			level;			/* nesting of the savepoint it belongs to */
	uint8		kind;			/* the module's */
} CqItemHead;

/*
 * What a module does at the end of a transaction or savepoint.  The first two
 * may raise, and are called when there are items; the others may not, and
 * allocate nothing.
 */
typedef struct CqItemHooks
{
	void		(*before_commit) (void);	/* NULL: nothing to do */
	void		(*before_prepare) (void);	/* hand items over to shared
											 * memory */
	void		(*commit) (void);	/* apply all items; called when there are
									 * some */
	void		(*abort) (int level);	/* undo the items of that level and
										 * deeper ones; level 0: of the
										 * transaction */
	bool		(*awaits_prepared) (void);	/* whether shared memory waits for
											 * the end of a prepared
											 * transaction */
} CqItemHooks;

/* The items of one module, in order. */
typedef struct CqItemList
{
	const char *noun;			/* what they are operations of, for messages */
	Size		item_size;
	const CqItemHooks *hooks;
	char	   *items;			/* in TopTransactionContext; NULL: none yet */
	int			n;
	int			capacity;
} CqItemList;

#define CQ_ITEM_LIST(noun, type) {(noun), sizeof(type), NULL, NULL, 0, 0}

/* From _PG_init: call the hooks from now on. */
extern void cq_item_list_register(CqItemList *list, const CqItemHooks *hooks);

/* Make room for n more items; raises 54000, or when memory is used up. */
extern void cq_item_list_reserve(CqItemList *list, int n);

/*
 * A new item of the current savepoint, from what was reserved; all but its head
 * is zero.  Never raises: fit to be called with a lock held.
 */
static inline void *
cq_item_list_add(CqItemList *list, uint8 kind)
{
	CqItemHead *item = (CqItemHead *) (list->items + list->n * list->item_size);

	Assert(list->n < list->capacity);
	memset(item, 0, list->item_size);
	item->level = GetCurrentTransactionNestLevel();
	item->kind = kind;
	list->n++;
	return item;
}

/*
 * Take the last item off the list, if it is of that level or a deeper one; else
 * NULL.  The item stays valid until the next one is added.
 */
extern void *cq_item_list_pop(CqItemList *list, int level);

#endif							/* CQ_CORE_ITEMS_H */
