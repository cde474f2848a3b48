/*-------------------------------------------------------------------------
 *
 * xact.h
 *	  Changes of topics in the running transaction, applied at commit and undone
 *	  at abort.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_XACT_H
#define CQ_TOPIC_XACT_H

#include "core/items.h"
#include "topic/definition.h"

typedef enum CqTopicItemKind
{
	CQ_TOPIC_ITEM_OPEN,			/* published to a partition: cell is the
								 * CqOpen, or CQ_NO_CELL */
	CQ_TOPIC_ITEM_POLLED,		/* cell: an assignment; offset: position
								 * before */
	CQ_TOPIC_ITEM_COMMIT,		/* cell: an assignment; offset: committed from
								 * then on */
	CQ_TOPIC_ITEM_SEEK,			/* the same, and position too */
	CQ_TOPIC_ITEM_LEAVE,		/* cell: a member */
	CQ_TOPIC_ITEM_COUNT,		/* count: more of OPEN, in a savepoint */
	CQ_TOPIC_ITEM_NOTICE,		/* notice, count: a notification and its
								 * bytes; cell: the same, once it is about to
								 * commit */
	CQ_TOPIC_ITEM_ALTERED,		/* options of the topic */
	CQ_TOPIC_ITEM_GROUP_CREATED,	/* offset: group_id */
	CQ_TOPIC_ITEM_GROUP_DROPPED,
	CQ_TOPIC_ITEM_CREATED,		/* offset: topic_id; without a state */
	CQ_TOPIC_ITEM_DROPPED,
	CQ_TOPIC_ITEM_HANDED_OVER	/* to a prepared transaction */
} CqTopicItemKind;

typedef struct CqTopicItem
{
	CqItemHead	head;			/* kind: CqTopicItemKind */
	bool		passing;		/* COMMIT, SEEK: counted in the assignment */
	bool		busy;			/* the assignment is this transaction's until
								 * its end */
	uint32		state;			/* index */
	uint32		generation;		/* of the state */
	uint32		cell;
	uint32		serial;			/* of the cell */
	uint32		epoch;			/* of the assignment */
	uint32		partition;		/* OPEN: cell */
	int64		offset;
	int64		count;			/* OPEN, COUNT: records */
	int64		rewind;			/* of the assignment */
	char	   *notice;			/* in TopTransactionContext */
} CqTopicItem;

/* The list, to be registered. */
extern CqItemList *cq_topic_items(void);

/*
 * Hooks of the list; see core/items.h.  The first two raise 40001 for offsets of
 * a partition that the member has lost, and 53400.
 */
extern void cq_topic_items_before_commit(void);
extern void cq_topic_items_before_prepare(void);
extern void cq_topic_items_commit(void);
extern void cq_topic_items_undo(int level);

/* Make room for n more items; may raise. */
extern void cq_topic_items_reserve(int n);

/* Add an item, of reserved ones.  Never raises: fit for a locked state. */
extern CqTopicItem *cq_topic_item_add(CqTopicItemKind kind, const CqTopicDef *def,
									  uint32 cell);

/* Add a notification, of reserved items. */
extern void cq_topic_item_add_notice(const CqTopicState *state, uint32 generation,
									 char *notice, Size bytes);

/* Cells that the notifications of this transaction are going to need. */
extern int64 cq_topic_items_notice_cells(void);

/*
 * State locked: the latest OPEN or COUNT item of this transaction for the
 * partition, or NULL.
 */
extern CqTopicItem *cq_topic_item_open(CqTopicDef *def, int partition);

/* Whether this transaction has an item of that kind for the cell. */
extern bool cq_topic_item_exists(CqTopicItemKind kind, const CqTopicDef *def, uint32 cell);

#endif							/* CQ_TOPIC_XACT_H */
