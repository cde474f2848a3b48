/*-------------------------------------------------------------------------
 *
 * xact.c
 *	  Items of the running transaction (core/items.c) that concern queues.
 *
 * A queue may have been dropped since an item was noted, its state may have passed to
 * another queue, and another session may have settled the entry.  So every item
 * is checked against generation, number, state and nonce.
 *
 * At PREPARE TRANSACTION the entries get the transaction's id, and the worker
 * settles them when it has ended (maintain.c).  Leases of messages that the
 * transaction has received go on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/clock.h"
#include "core/faults.h"
#include "core/items.h"
#include "miscadmin.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/dispatch/registry.h"
#include "queue/wake.h"
#include "queue/xact.h"

static CqItemList list = CQ_ITEM_LIST("queue", CqQueueItem);

CqItemList *
cq_queue_items(void)
{
	return &list;
}

void
cq_queue_items_reserve(int n)
{
	cq_item_list_reserve(&list, n);
}

CqQueueItem *
cq_queue_item_at(int number)
{
	Assert(number >= 0 && number < list.n);
	return (CqQueueItem *) list.items + number;
}

int
cq_queue_item_number(const CqQueueItem *item)
{
	return item - (CqQueueItem *) list.items;
}

CqQueueItem *
cq_queue_item_add(CqQueueItemKind kind, const CqQueueDef *def)
{
	CqQueueItem *item = cq_item_list_add(&list, kind);

	item->queue = CQ_QUEUE_INDEX(def->state);
	item->generation = def->generation;
	return item;
}

void
cq_queue_item_add_drop(int32 queue_id)
{
	CqQueueItem *item = cq_item_list_add(&list, CQ_QUEUE_ITEM_DROPPED);

	item->msg_id = queue_id;
}

CqQueueItem *
cq_queue_item_add_entry(CqQueueItemKind kind, const CqQueueDef *def, uint32 entry)
{
	CqQueueItem *item = cq_queue_item_add(kind, def);

	item->entry = entry;
	item->nonce = CQ_MSG(entry)->nonce;
	item->msg_id = CQ_MSG(entry)->msg_id;
	return item;
}

/* Whether the item's entry still is what the item stands for. */
static bool
entry_is(const CqQueueItem *item, CqMsgState state)
{
	const CqMsg *msg = CQ_MSG(item->entry);

	return msg->state == state && msg->queue == item->queue &&
		msg->msg_id == item->msg_id && msg->nonce == item->nonce;
}

bool
cq_queue_items_change_options(const CqQueueDef *def)
{
	for (int i = 0; i < list.n; i++)
	{
		const CqQueueItem *item = cq_queue_item_at(i);

		if (item->head.kind == CQ_QUEUE_ITEM_OPTIONS && item->queue == CQ_QUEUE_INDEX(def->state))
			return true;
	}
	return false;
}

CqAmount
cq_queue_items_length(const CqQueueDef *def)
{
	CqAmount	length = {0};

	for (int i = 0; i < list.n; i++)
	{
		const CqQueueItem *item = cq_queue_item_at(i);

		if (item->queue != CQ_QUEUE_INDEX(def->state) || item->generation != def->generation)
			continue;
		if ((item->head.kind == CQ_QUEUE_ITEM_SEND && entry_is(item, CQ_MSG_OPEN)) ||
			(item->head.kind == CQ_QUEUE_ITEM_SETTLE && entry_is(item, CQ_MSG_SETTLING)))
		{
			length.n++;
			length.bytes += CQ_MSG(item->entry)->bytes;
		}
		else if (item->head.kind == CQ_QUEUE_ITEM_UNLOADED || item->head.kind == CQ_QUEUE_ITEM_PURGED)
		{
			length.n += item->unloaded.amount.n;
			length.bytes += item->unloaded.amount.bytes;
		}
	}
	return length;
}

/* A moved message has its new place from now on. */
static void
commit_move(CqQueueState *queue, const CqQueueItem *item)
{
	CqMsg	   *msg = CQ_MSG(item->entry);

	queue->segment[msg->segment].loaded--;
	queue->segment[item->unloaded.segment].loaded++;
	msg->segment = item->unloaded.segment;
	msg->block = item->unloaded.block;
	msg->offset = item->offset;
}

static void
commit_item(CqQueueState *queue, const CqQueueItem *item, CqEffects *effects)
{
	switch ((CqQueueItemKind) item->head.kind)
	{
		case CQ_QUEUE_ITEM_SEND:
			if (entry_is(item, CQ_MSG_OPEN))
				cq_entry_sent(queue, item->entry, effects);
			break;
		case CQ_QUEUE_ITEM_UNLOADED:
			queue->sent += item->unloaded.amount.n;
			cq_rate_count(&queue->rate[CQ_RATE_SENT], item->unloaded.amount.n);
			cq_backlog_close(queue, &item->unloaded.amount);
			cq_backlog_add(queue, &item->unloaded, effects);
			cq_backlog_note_block(queue, item->unloaded.segment, item->last_block);
			break;
		case CQ_QUEUE_ITEM_SETTLE:
			if (entry_is(item, CQ_MSG_SETTLING))
			{
				if (CQ_MSG(item->entry)->outcome == CQ_OUTCOME_MOVED)
					commit_move(queue, item);
				cq_entry_settle(queue, item->entry, effects);
			}
			break;
		case CQ_QUEUE_ITEM_PURGED:
			cq_backlog_remove(queue, &item->unloaded.amount, 0);
			queue->timed_out += item->timed_out ? item->unloaded.amount.n : 0;
			cq_dispatch_want(queue, CQ_WANT_SCAN, 0, effects);
			effects->space = true;
			break;
		case CQ_QUEUE_ITEM_MOVED:
			cq_backlog_remove(queue, &item->unloaded.amount,
							  item->unloaded.due != 0 ? item->unloaded.amount.n : 0);
			cq_backlog_add(queue, &item->unloaded, effects);
			cq_backlog_note_block(queue, item->unloaded.segment, item->last_block);
			break;
		case CQ_QUEUE_ITEM_OPTIONS:
			cq_dispatch_set_options(queue, item->options, effects);
			break;
		default:
			break;
	}
}

/* There may be unloaded messages anywhere, of prepared transactions too. */
static void
unload_everything(CqQueueState *queue, CqEffects *effects)
{
	cq_backlog_add_everything(queue);
	effects->ready++;
}

static void
abort_item(CqQueueState *queue, const CqQueueItem *item, CqEffects *effects)
{
	switch ((CqQueueItemKind) item->head.kind)
	{
		case CQ_QUEUE_ITEM_SEND:
			if (entry_is(item, CQ_MSG_OPEN))
				cq_entry_unsent(queue, item->entry, effects);
			break;
		case CQ_QUEUE_ITEM_CLAIM:
			if (entry_is(item, CQ_MSG_LEASED) && !CQ_FAULT("queue-keep-claim"))
				cq_entry_give_back(queue, item->entry, effects);
			break;
		case CQ_QUEUE_ITEM_SETTLE:
			if (entry_is(item, CQ_MSG_SETTLING))
				cq_entry_unsettle(queue, item->entry, effects);
			break;
		case CQ_QUEUE_ITEM_UNLOADED:
			cq_backlog_close(queue, &item->unloaded.amount);
			effects->space = true;
			break;
		case CQ_QUEUE_ITEM_PURGED:
			unload_everything(queue, effects);
			break;
		case CQ_QUEUE_ITEM_MOVED:
			cq_backlog_not_moved(queue, item->from_segment, &item->unloaded);
			break;
		default:
			break;
	}
}

/* Apply or undo one item; *locked is the queue whose lock is held. */
static void
finish_item(const CqQueueItem *item, bool commit, CqQueueState **locked, CqEffects *effects)
{
	CqQueueState *queue = &cq_queue_states[item->queue];

	if (item->head.kind == CQ_QUEUE_ITEM_CREATED || item->head.kind == CQ_QUEUE_ITEM_DROPPED)
	{
		if (*locked != NULL)
			cq_queue_unlock(*locked, effects);
		*locked = NULL;
		if (commit == (item->head.kind == CQ_QUEUE_ITEM_DROPPED))
			cq_queue_state_forget(MyDatabaseId, (int32) item->msg_id);
		return;
	}
	if (*locked != queue)
	{
		if (*locked != NULL)
			cq_queue_unlock(*locked, effects);
		LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
		memset(effects, 0, sizeof(*effects));
		*locked = queue;
	}
	if (queue->key.generation != item->generation)
		return;
	if (commit)
		commit_item(queue, item, effects);
	else
		abort_item(queue, item, effects);
}

/* The first item from here on that a commit acts on: claims stay as they are. */
static int
next_to_commit(int i)
{
	while (i < list.n && cq_queue_item_at(i)->head.kind == CQ_QUEUE_ITEM_CLAIM)
		i++;
	return i;
}

/* A transaction that has only received does not lock the queue again. */
void
cq_queue_items_commit(void)
{
	CqQueueState *locked = NULL;
	CqEffects	effects = {0};
	int			next;

	for (int i = next_to_commit(0); i < list.n; i = next)
	{
		const CqQueueItem *item = cq_queue_item_at(i);

		next = next_to_commit(i + 1);
		finish_item(item, true, &locked, &effects);
		if (locked != NULL && (next == list.n || cq_queue_item_at(next)->queue != item->queue))
			cq_dispatch_trim(locked, &effects);
	}
	if (locked != NULL)
		cq_queue_unlock(locked, &effects);
}

void
cq_queue_items_undo(int level)
{
	CqQueueState *locked = NULL;
	CqEffects	effects = {0};
	const CqQueueItem *item;

	while ((item = cq_item_list_pop(&list, level)) != NULL)
		finish_item(item, false, &locked, &effects);
	if (locked != NULL)
		cq_queue_unlock(locked, &effects);
}

void
cq_queue_items_prepare(void)
{
	TransactionId xid = GetTopTransactionId();

	for (int i = 0; i < list.n; i++)
	{
		const CqQueueItem *item = cq_queue_item_at(i);
		CqQueueState *queue = &cq_queue_states[item->queue];
		CqEffects	effects = {0};

		if (item->head.kind == CQ_QUEUE_ITEM_CREATED || item->head.kind == CQ_QUEUE_ITEM_DROPPED)
			continue;
		LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
		if (queue->key.generation == item->generation)
		{
			if ((item->head.kind == CQ_QUEUE_ITEM_SEND && entry_is(item, CQ_MSG_OPEN)) ||
				(item->head.kind == CQ_QUEUE_ITEM_SETTLE && entry_is(item, CQ_MSG_SETTLING)))
				cq_entry_set_by_xid(queue, item->entry, xid);
			else if (item->head.kind == CQ_QUEUE_ITEM_UNLOADED)
			{
				cq_backlog_close(queue, &item->unloaded.amount);
				cq_backlog_add_prepared(queue, &item->unloaded);
			}
			else if (item->head.kind == CQ_QUEUE_ITEM_PURGED)
				unload_everything(queue, &effects);
			if (queue->by_xid > 0)
				cq_dispatch_plan(queue, cq_clock_ms() + 1000, &effects);
		}
		cq_queue_unlock(queue, &effects);
	}
}
