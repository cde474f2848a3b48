/*-------------------------------------------------------------------------
 *
 * xact.h
 *	  Changes of queues in the running transaction, applied at commit and undone
 *	  at abort.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_XACT_H
#define CQ_QUEUE_XACT_H

#include "core/items.h"
#include "queue/definition.h"

typedef enum CqQueueItemKind
{
	CQ_QUEUE_ITEM_SEND,			/* OPEN entry: becomes ready; or is freed */
	CQ_QUEUE_ITEM_UNLOADED,		/* sent messages without entries */
	CQ_QUEUE_ITEM_CLAIM,		/* LEASED entry: kept; or comes back */
	CQ_QUEUE_ITEM_SETTLE,		/* SETTLING entry: settled; or as it was */
	CQ_QUEUE_ITEM_PURGED,		/* unloaded messages that were purged */
	CQ_QUEUE_ITEM_MOVED,		/* unloaded messages with a new place; or with
								 * the old one */
	CQ_QUEUE_ITEM_OPTIONS,		/* of the queue: known to all; or forgotten */
	CQ_QUEUE_ITEM_CREATED,		/* queue: kept; or its state is freed */
	CQ_QUEUE_ITEM_DROPPED		/* queue: its state is freed; or kept */
} CqQueueItemKind;

typedef struct CqQueueItem
{
	CqItemHead	head;			/* kind: CqQueueItemKind */
	uint8		from_segment;	/* MOVED */
	uint32		queue;
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
} CqQueueItem;

/* The list, to be registered. */
extern CqItemList *cq_queue_items(void);

/* Hooks of the list; see core/items.h. */
extern void cq_queue_items_prepare(void);
extern void cq_queue_items_commit(void);
extern void cq_queue_items_undo(int level);

/* Make room for n more items; may raise. */
extern void cq_queue_items_reserve(int n);

/* A new item of the current savepoint, from what was reserved; never raises. */
extern CqQueueItem *cq_queue_item_add(CqQueueItemKind kind, const CqQueueDef *def);

/* Its number, which stays the same while others are added; and back. */
extern int	cq_queue_item_number(const CqQueueItem *item);
extern CqQueueItem *cq_queue_item_at(int number);

/* An item that frees the queue's state at commit. */
extern void cq_queue_item_add_drop(int32 queue_id);

/* The same as cq_queue_item_add(), of an entry whose queue is locked. */
extern CqQueueItem *cq_queue_item_add_entry(CqQueueItemKind kind, const CqQueueDef *def, uint32 entry);

/* Whether this transaction has changed the queue's options. */
extern bool cq_queue_items_change_options(const CqQueueDef *def);

/*
 * What this transaction itself contributes to the length of the queue, and
 * keeps contributing until it ends: unsettled as far as others can see.  Queue
 * locked.
 */
extern CqAmount cq_queue_items_length(const CqQueueDef *def);

#endif							/* CQ_QUEUE_XACT_H */
