/*-------------------------------------------------------------------------
 *
 * xact.h
 *	  What the present transaction has done to topics, for its end to make
 *	  something of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_XACT_H
#define CQ_TOPIC_XACT_H

#include "topic/definition.h"

typedef enum CqTopicItemKind
{
	CQ_TOPIC_ITEM_OPEN,			/* published to a partition: cell is the
								 * CqOpen, or CQ_NO_CELL */
	CQ_TOPIC_ITEM_POLLED,		/* cell: a share; offset: position before */
	CQ_TOPIC_ITEM_COMMIT,		/* cell: a share; offset: committed from then
								 * on */
	CQ_TOPIC_ITEM_SEEK,			/* the same, and position too */
	CQ_TOPIC_ITEM_LEAVE,		/* cell: a member */
	CQ_TOPIC_ITEM_COUNT,		/* count: more of OPEN, in a savepoint */
	CQ_TOPIC_ITEM_NOTICE,		/* notice, count: a notification and its
								 * bytes; cell: the same, once it is about to
								 * commit */
	CQ_TOPIC_ITEM_ALTERED,		/* options of the topic */
	CQ_TOPIC_ITEM_GROUP_CREATED,	/* offset: group_id */
	CQ_TOPIC_ITEM_GROUP_DROPPED,
	CQ_TOPIC_ITEM_CREATED,		/* offset: topic_id; without a row */
	CQ_TOPIC_ITEM_DROPPED,
	CQ_TOPIC_ITEM_HANDED_OVER	/* to a prepared transaction */
} CqTopicItemKind;

typedef struct CqTopicItem
{
	uint8		kind;
	bool		passing;		/* COMMIT, SEEK: counted in the share */
	bool		busy;			/* the share is ours until the end */
	int32		level;			/* of nested transactions */
	uint32		row;			/* index */
	uint32		generation;		/* of the row */
	uint32		cell;
	uint32		serial;			/* of the cell */
	uint32		epoch;			/* of the share */
	uint32		partition;		/* OPEN: cell */
	int64		offset;
	int64		count;			/* OPEN, COUNT: records */
	int64		rewind;			/* of the share */
	char	   *notice;			/* in TopTransactionContext */
} CqTopicItem;

extern void cq_topic_xact_init(void);

/* Make room for n more; raises when there is no memory. */
extern void cq_topic_items_reserve(int n);

/* Add an item, of reserved ones; fit to be called with the row locked. */
extern CqTopicItem *cq_topic_item_add(CqTopicItemKind kind, const CqTopicDef *def,
									  uint32 cell);

/* Add a notification, of reserved items. */
extern void cq_topic_item_add_notice(const CqTopicRow *row, uint32 generation,
									 char *notice, Size bytes);

/* Cells that the notifications of this transaction are going to need. */
extern int64 cq_topic_items_notice_cells(void);

/*
 * Row locked: the latest OPEN or COUNT item of this transaction for the
 * partition, or NULL.
 */
extern CqTopicItem *cq_topic_item_open(CqTopicDef *def, int partition);

/* Whether this transaction has an item of that kind for the cell. */
extern bool cq_topic_item_exists(CqTopicItemKind kind, const CqTopicDef *def, uint32 cell);

/*
 * See which of the prepared transactions that the row waits for have ended, and
 * do what follows.  No lock held.	Returns whether any had.
 */
extern bool cq_topic_settle_prepared(CqTopicRow *row);

#endif							/* CQ_TOPIC_XACT_H */
