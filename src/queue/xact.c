/*-------------------------------------------------------------------------
 *
 * xact.c
 *	  The end of transactions and savepoints.
 *
 * Each change of shared memory that depends on the outcome of the transaction
 * is noted in a list local to the backend, in order.  Items of a savepoint
 * stand behind those of the levels around it, so a rollback to it undoes the
 * list's tail, in reverse order.	The callbacks run after the transaction has
 * become visible to others (commit) or can no more (abort); they take locks,
 * but neither allocate nor raise.
 *
 * A queue may have been dropped, or the row have passed to another queue,
 * since the item was noted; an entry may have been settled by somebody else.
 * So every item is checked against generation, number, state and nonce.
 *
 * PREPARE TRANSACTION hands the items over to shared memory: the entries get
 * the transaction's id, and the worker looks when it has ended (maintain.c).
 * Leases of messages received in it simply go on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/clock.h"
#include "core/dbworker.h"
#include "core/faults.h"
#include "miscadmin.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/dispatch/registry.h"
#include "queue/scan.h"
#include "queue/wait.h"
#include "queue/wake.h"
#include "queue/xact.h"
#include "utils/memutils.h"

/* in TopTransactionContext */
static CqItem *items = NULL;
static int	nitems = 0;
static int	capacity = 0;

void
cq_items_reserve(int n)
{
	int64		needed = (int64) nitems + n;
	int64		size;

	if (needed <= capacity)
		return;
	if (needed > PG_INT32_MAX / 2)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many queue operations in one transaction")));
	size = Max(Max(needed, (int64) capacity * 2), 8);
	if (items == NULL)
		items = MemoryContextAllocHuge(TopTransactionContext, size * sizeof(CqItem));
	else
		items = repalloc_huge(items, size * sizeof(CqItem));
	capacity = size;
}

CqItem *
cq_item_add(CqItemKind kind, const CqQueueDef *def)
{
	CqItem	   *item = &items[nitems];

	Assert(nitems < capacity);
	memset(item, 0, sizeof(*item));
	item->kind = kind;
	item->level = GetCurrentTransactionNestLevel();
	item->row = CQ_ROW_INDEX(def->row);
	item->generation = def->generation;
	nitems++;
	return item;
}

void
cq_item_add_drop(int32 queue_id)
{
	CqItem	   *item = &items[nitems];

	Assert(nitems < capacity);
	memset(item, 0, sizeof(*item));
	item->kind = CQ_ITEM_DROPPED;
	item->level = GetCurrentTransactionNestLevel();
	item->msg_id = queue_id;
	nitems++;
}

CqItem *
cq_item_add_entry(CqItemKind kind, const CqQueueDef *def, uint32 entry)
{
	CqItem	   *item = cq_item_add(kind, def);

	item->entry = entry;
	item->nonce = CQ_MSG(entry)->nonce;
	item->msg_id = CQ_MSG(entry)->msg_id;
	return item;
}

int
cq_item_number(const CqItem *item)
{
	return item - items;
}

CqItem *
cq_item_at(int number)
{
	Assert(number >= 0 && number < nitems);
	return &items[number];
}

/* Whether the item's entry still is what the item stands for. */
static bool
entry_is(const CqItem *item, CqMsgState state)
{
	const CqMsg *msg = CQ_MSG(item->entry);

	return msg->state == state && msg->row == item->row &&
		msg->msg_id == item->msg_id && msg->nonce == item->nonce;
}

bool
cq_items_change_options(const CqQueueDef *def)
{
	for (int i = 0; i < nitems; i++)
	{
		if (items[i].kind == CQ_ITEM_OPTIONS && items[i].row == CQ_ROW_INDEX(def->row))
			return true;
	}
	return false;
}

CqAmount
cq_items_length(const CqQueueDef *def)
{
	CqAmount	length = {0};

	for (int i = 0; i < nitems; i++)
	{
		const CqItem *item = &items[i];

		if (item->row != CQ_ROW_INDEX(def->row) || item->generation != def->generation)
			continue;
		if ((item->kind == CQ_ITEM_SEND && entry_is(item, CQ_MSG_OPEN)) ||
			(item->kind == CQ_ITEM_SETTLE && entry_is(item, CQ_MSG_SETTLING)))
		{
			length.n++;
			length.bytes += CQ_MSG(item->entry)->bytes;
		}
		else if (item->kind == CQ_ITEM_UNLOADED || item->kind == CQ_ITEM_PURGED)
		{
			length.n += item->unloaded.amount.n;
			length.bytes += item->unloaded.amount.bytes;
		}
	}
	return length;
}

static void
subtract(CqAmount *from, const CqAmount *amount)
{
	from->n = Max(from->n - amount->n, 0);
	from->bytes = Max(from->bytes - amount->bytes, 0);
}

static void
lower(BlockNumber *block, BlockNumber to)
{
	if (*block == InvalidBlockNumber || to < *block)
		*block = to;
}

/* A moved message has its new place from now on. */
static void
commit_move(CqQueueRow *row, const CqItem *item)
{
	CqMsg	   *msg = CQ_MSG(item->entry);

	row->segment[msg->segment].loaded--;
	row->segment[item->unloaded.segment].loaded++;
	msg->segment = item->unloaded.segment;
	msg->block = item->unloaded.block;
	msg->offset = item->offset;
}

static void
commit_item(CqQueueRow *row, const CqItem *item, CqEffects *effects)
{
	CqSegment  *segment = &row->segment[item->unloaded.segment];

	switch ((CqItemKind) item->kind)
	{
		case CQ_ITEM_SEND:
			if (entry_is(item, CQ_MSG_OPEN))
				cq_entry_sent(row, item->entry, effects);
			break;
		case CQ_ITEM_UNLOADED:
			row->sent += item->unloaded.amount.n;
			cq_rate_count(&row->rate[CQ_RATE_SENT], item->unloaded.amount.n);
			subtract(&row->open_unloaded, &item->unloaded.amount);
			cq_messages_unload(row, &item->unloaded, effects);
			segment->known_blocks = Max(segment->known_blocks, item->last_block + 1);
			break;
		case CQ_ITEM_SETTLE:
			if (entry_is(item, CQ_MSG_SETTLING))
			{
				if (CQ_MSG(item->entry)->settle == 'm')
					commit_move(row, item);
				cq_entry_settle(row, item->entry, effects);
			}
			break;
		case CQ_ITEM_PURGED:
			subtract(&row->unloaded, &item->unloaded.amount);
			row->timed_out += item->timed_out ? item->unloaded.amount.n : 0;
			row->want_scan = true;
			cq_row_plan(row, 0, effects);
			effects->space = true;
			break;
		case CQ_ITEM_MOVED:
			subtract(&row->unloaded, &item->unloaded.amount);
			if (item->unloaded.due != 0)
				row->unloaded_delayed -= Min(row->unloaded_delayed, item->unloaded.amount.n);
			cq_messages_unload(row, &item->unloaded, effects);
			segment->known_blocks = Max(segment->known_blocks, item->last_block + 1);
			break;
		case CQ_ITEM_OPTIONS:
			cq_row_set_options(row, item->options, effects);
			break;
		default:
			break;
	}
}

/* There may be unloaded messages anywhere, of prepared transactions too. */
static void
unload_everything(CqQueueRow *row, CqEffects *effects)
{
	row->overflow = true;
	row->idle = false;
	row->dirty = true;
	row->priorities = row->priorities_new = PG_UINT32_MAX;
	for (int k = 0; k < row->nsegments; k++)
		row->segment[k].scan_from = 0;
	effects->ready++;
}

static void
abort_item(CqQueueRow *row, const CqItem *item, CqEffects *effects)
{
	switch ((CqItemKind) item->kind)
	{
		case CQ_ITEM_SEND:
			if (entry_is(item, CQ_MSG_OPEN))
				cq_entry_unsent(row, item->entry, effects);
			break;
		case CQ_ITEM_CLAIM:
			if (entry_is(item, CQ_MSG_LEASED) && !CQ_FAULT("queue-keep-claim"))
				cq_entry_give_back(row, item->entry, effects);
			break;
		case CQ_ITEM_SETTLE:
			if (entry_is(item, CQ_MSG_SETTLING))
				cq_entry_unsettle(row, item->entry, effects);
			break;
		case CQ_ITEM_UNLOADED:
			subtract(&row->open_unloaded, &item->unloaded.amount);
			effects->space = true;
			break;
		case CQ_ITEM_PURGED:
			unload_everything(row, effects);
			break;
		case CQ_ITEM_MOVED:
			lower(&row->segment[item->from_segment].scan_from, 0);
			if (item->unloaded.due == 0)
			{
				row->overflow = true;
				row->idle = false;
				row->priorities |= item->unloaded.priorities;
				row->priorities_new |= item->unloaded.priorities;
			}
			else if (row->unloaded_due == 0 || item->unloaded.due < row->unloaded_due)
				row->unloaded_due = item->unloaded.due;
			break;
		default:
			break;
	}
}

/* Do what follows from the outcome for one item; *locked is the row we hold. */
static void
finish_item(const CqItem *item, bool commit, CqQueueRow **locked, CqEffects *effects)
{
	CqQueueRow *row = &cq_rows[item->row];

	if (item->kind == CQ_ITEM_CREATED || item->kind == CQ_ITEM_DROPPED)
	{
		if (*locked != NULL)
			cq_row_unlock(*locked, effects);
		*locked = NULL;
		if (commit == (item->kind == CQ_ITEM_DROPPED))
			cq_registry_forget(MyDatabaseId, (int32) item->msg_id);
		return;
	}
	if (*locked != row)
	{
		if (*locked != NULL)
			cq_row_unlock(*locked, effects);
		LWLockAcquire(&row->lock, LW_EXCLUSIVE);
		memset(effects, 0, sizeof(*effects));
		*locked = row;
	}
	if (row->generation != item->generation)
		return;
	if (commit)
		commit_item(row, item, effects);
	else
		abort_item(row, item, effects);
}

/* The first item from here on that a commit acts on: claims stay as they are. */
static int
next_to_commit(int i)
{
	while (i < nitems && items[i].kind == CQ_ITEM_CLAIM)
		i++;
	return i;
}

/* Who has only received does not lock the row again. */
static void
finish_commit(void)
{
	CqQueueRow *locked = NULL;
	CqEffects	effects = {0};
	int			next;

	for (int i = next_to_commit(0); i < nitems; i = next)
	{
		next = next_to_commit(i + 1);
		finish_item(&items[i], true, &locked, &effects);
		if (locked != NULL && (next == nitems || items[next].row != items[i].row))
			cq_row_trim(locked, &effects);
	}
	if (locked != NULL)
		cq_row_unlock(locked, &effects);
}

/* Undo the items of that level and deeper ones. */
static void
finish_abort(int level)
{
	CqQueueRow *locked = NULL;
	CqEffects	effects = {0};

	while (nitems > 0 && items[nitems - 1].level >= level)
		finish_item(&items[--nitems], false, &locked, &effects);
	if (locked != NULL)
		cq_row_unlock(locked, &effects);
}

/* Hand the items over to shared memory, to be decided by the xid. */
static void
before_prepare(void)
{
	TransactionId xid;

	if (nitems == 0)
		return;
	xid = GetTopTransactionId();
	for (int i = 0; i < nitems; i++)
	{
		const CqItem *item = &items[i];
		CqQueueRow *row = &cq_rows[item->row];
		CqEffects	effects = {0};

		if (item->kind == CQ_ITEM_CREATED || item->kind == CQ_ITEM_DROPPED)
			continue;
		LWLockAcquire(&row->lock, LW_EXCLUSIVE);
		if (row->generation == item->generation)
		{
			if ((item->kind == CQ_ITEM_SEND && entry_is(item, CQ_MSG_OPEN)) ||
				(item->kind == CQ_ITEM_SETTLE && entry_is(item, CQ_MSG_SETTLING)))
				cq_entry_set_by_xid(row, item->entry, xid);
			else if (item->kind == CQ_ITEM_UNLOADED)
			{
				/* the next scan finds them, in progress or committed */
				row->overflow = true;
				row->idle = false;
				row->dirty = true;
				row->priorities |= item->unloaded.priorities;
				row->priorities_new |= item->unloaded.priorities;
				subtract(&row->open_unloaded, &item->unloaded.amount);
				lower(&row->segment[item->unloaded.segment].scan_from,
					  item->unloaded.block);
			}
			else if (item->kind == CQ_ITEM_PURGED)
				unload_everything(row, &effects);
			if (row->by_xid > 0)
				cq_row_plan(row, cq_clock_ms() + 1000, &effects);
		}
		cq_row_unlock(row, &effects);
	}
}

static void
forget_items(void)
{
	items = NULL;				/* their memory goes with the transaction's */
	nitems = capacity = 0;
}

static void
on_xact(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			finish_commit();
			forget_items();
			break;
		case XACT_EVENT_ABORT:
			cq_scan_abandon();
			finish_abort(0);
			forget_items();
			cq_wait_pass_on();
			break;
		case XACT_EVENT_PRE_PREPARE:
			before_prepare();
			return;
		case XACT_EVENT_PREPARE:
			forget_items();
			return;
		default:
			return;
	}
	/* one of the prepared transactions that we wait for may have ended */
	if (unlikely(pg_atomic_read_u32(&cq_queues->by_xid) > 0))
		cq_dbworker_poke(MyDatabaseId, &cq_queues->poked_ms);
}

static void
on_subxact(SubXactEvent event, SubTransactionId my_id,
		   SubTransactionId parent_id, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		cq_scan_abandon();
		finish_abort(level);
	}
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = nitems - 1; i >= 0 && items[i].level >= level; i--)
			items[i].level = level - 1;
	}
}

void
cq_queue_xact_init(void)
{
	RegisterXactCallback(on_xact, NULL);
	RegisterSubXactCallback(on_subxact, NULL);
}
