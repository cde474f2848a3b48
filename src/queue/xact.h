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
	CQ_ITEM_CREATED,			/* queue: kept; or its row is freed */
	CQ_ITEM_DROPPED				/* queue: its row is freed; or kept */
} CqItemKind;

typedef struct CqItem
{
	uint8		kind;			/* CqItemKind */
	uint8		segment;
	int			level;			/* of the savepoint it belongs to */
	uint32		row;
	uint32		generation;
	uint32		entry;
	uint32		nonce;			/* CLAIM, SETTLE */
	int64		msg_id;			/* entries; queue id for CREATED, DROPPED */
	BlockNumber block;			/* UNLOADED: lowest and highest */
	BlockNumber last_block;
	TimestampTz due;			/* UNLOADED */
	int64		count;			/* UNLOADED, PURGED */
} CqItem;

extern void cq_queue_xact_init(void);

/* Make room for n more items; may raise. */
extern void cq_items_reserve(int n);

/* A new item of the present savepoint, from what was reserved; never raises. */
extern CqItem *cq_item_add(CqItemKind kind, const CqQueueDef *def);

/* An item that frees the queue's row at commit. */
extern void cq_item_add_drop(int32 queue_id);

/* The same as cq_item_add(), of an entry whose row is locked. */
extern void cq_item_add_entry(CqItemKind kind, const CqQueueDef *def, uint32 entry);

/* The latest item, if it is of this kind, queue and savepoint, or NULL. */
extern CqItem *cq_item_last(CqItemKind kind, const CqQueueDef *def);

#endif							/* CQ_QUEUE_XACT_H */
