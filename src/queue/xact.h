/*-------------------------------------------------------------------------
 *
 * xact.h
 *	  What the present transaction has done to queues, and what becomes of it
 *	  when the transaction or a savepoint ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_XACT_H
#define CQ_QUEUE_XACT_H

#include "queue/definition.h"

typedef enum CqItemKind
{
	CQ_ITEM_SEND,				/* OPEN entry: becomes ready; or is freed */
	CQ_ITEM_UNLOADED,			/* sent messages without entries */
	CQ_ITEM_CLAIM,				/* LEASED entry: kept; or comes back */
	CQ_ITEM_SETTLE,				/* SETTLING entry: settled; or as it was */
	CQ_ITEM_PURGED,				/* unloaded messages that were purged */
	CQ_ITEM_MOVED,				/* unloaded messages with a new place; or with
								 * the old one */
	CQ_ITEM_OPTIONS,			/* of the queue: known to all; or forgotten */
	CQ_ITEM_CREATED,			/* queue: kept; or its row is freed */
	CQ_ITEM_DROPPED				/* queue: its row is freed; or kept */
} CqItemKind;

typedef struct CqItem
{
	uint8		kind;			/* CqItemKind */
	uint8		from_segment;	/* MOVED */
	int			level;			/* of the savepoint it belongs to */
	uint32		row;
	uint32		generation;
	uint32		entry;
	uint32		nonce;			/* CLAIM, SETTLE */
	int64		msg_id;			/* entries; queue id for CREATED, DROPPED */
	CqUnloaded	unloaded;		/* UNLOADED, PURGED, MOVED; SETTLE of a moved
								 * one: segment and block of the new place */
	BlockNumber last_block;		/* UNLOADED, MOVED: highest */
	bool		timed_out;		/* PURGED: for not having been delivered in
								 * time */
	OffsetNumber offset;		/* SETTLE of a moved one: new place */
	CqQueueOptions *options;	/* OPTIONS */
} CqItem;

extern void cq_queue_xact_init(void);

/* Make room for n more items; may raise. */
extern void cq_items_reserve(int n);

/* A new item of the present savepoint, from what was reserved; never raises. */
extern CqItem *cq_item_add(CqItemKind kind, const CqQueueDef *def);

/* Its number, which stays the same while others are added; and back. */
extern int	cq_item_number(const CqItem *item);
extern CqItem *cq_item_at(int number);

/* An item that frees the queue's row at commit. */
extern void cq_item_add_drop(int32 queue_id);

/* The same as cq_item_add(), of an entry whose row is locked. */
extern CqItem *cq_item_add_entry(CqItemKind kind, const CqQueueDef *def, uint32 entry);

/* Whether this transaction has changed the queue's options. */
extern bool cq_items_change_options(const CqQueueDef *def);

/*
 * What this transaction itself contributes to the length of the queue, and
 * keeps contributing until it ends: unsettled as far as others can see.  Row
 * locked.
 */
extern CqAmount cq_items_length(const CqQueueDef *def);

#endif							/* CQ_QUEUE_XACT_H */
