/*-------------------------------------------------------------------------
 *
 * xact.c
 *	  The end of transactions and savepoints.
 *
 * As in the queue (queue/xact.c), what depends on the outcome is noted in a list
 * local to the backend, in order; a rollback to a savepoint undoes the list's
 * tail.  The callbacks run after the transaction has become visible to others
 * (commit) or can no more (abort): a partition's stable offset only advances
 * over records that a snapshot taken from then on sees.
 *
 * Before the commit the offsets that it commits are checked: whoever has lost a
 * partition meanwhile is refused.  From there to the end of the transaction the
 * share counts it as passing, and its next owner does not start.
 *
 * PREPARE TRANSACTION hands over to shared memory, to be decided by the xid; and
 * writes to the tables of offsets from where on it has published, for after a
 * restart.  Its committed offsets are there anyway.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/clock.h"
#include "core/dbworker.h"
#include "core/faults.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "topic/assignment.h"
#include "topic/channel.h"
#include "topic/offset_tables.h"
#include "topic/offsets.h"
#include "topic/open.h"
#include "topic/xact.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* prepared transactions looked at per lock of a row */
#define PREPARED_MAX 64

/* in TopTransactionContext */
static CqTopicItem *items = NULL;
static int	nitems = 0;
static int	capacity = 0;
static int64 notice_cells = 0;	/* of all items NOTICE */

void
cq_topic_items_reserve(int n)
{
	int			size = Max(Max(nitems + n, capacity * 2), 8);

	if (nitems + n <= capacity)
		return;
	if (items == NULL)
		items = MemoryContextAllocHuge(TopTransactionContext, size * sizeof(CqTopicItem));
	else
		items = repalloc_huge(items, size * sizeof(CqTopicItem));
	capacity = size;
}

static CqTopicItem *
add_to(CqTopicItemKind kind, const CqTopicRow *row, uint32 generation,
	   uint32 cell)
{
	CqTopicItem *item = &items[nitems];

	Assert(nitems < capacity);
	memset(item, 0, sizeof(*item));
	item->kind = kind;
	item->level = GetCurrentTransactionNestLevel();
	item->row = CQ_TOPIC_ROW_INDEX(row);
	item->generation = generation;
	item->cell = cell;
	item->serial = (cell == CQ_NO_CELL) ? 0 : CQ_CELL(cell)->serial;
	nitems++;
	return item;
}

CqTopicItem *
cq_topic_item_add(CqTopicItemKind kind, const CqTopicDef *def, uint32 cell)
{
	return add_to(kind, def->row, def->generation, cell);
}

void
cq_topic_item_add_notice(const CqTopicRow *row, uint32 generation, char *notice, Size bytes)
{
	CqTopicItem *item = add_to(CQ_TOPIC_ITEM_NOTICE, row, generation, CQ_NO_CELL);

	item->notice = notice;
	item->count = bytes;
	notice_cells += CQ_NOTICE_CELLS(bytes);
}

int64
cq_topic_items_notice_cells(void)
{
	return notice_cells;
}

CqTopicItem *
cq_topic_item_open(CqTopicDef *def, int partition)
{
	for (int i = nitems - 1; i >= 0; i--)
	{
		if ((items[i].kind == CQ_TOPIC_ITEM_OPEN || items[i].kind == CQ_TOPIC_ITEM_COUNT) &&
			items[i].row == CQ_TOPIC_ROW_INDEX(def->row) &&
			items[i].generation == def->generation &&
			items[i].partition == def->partitions[partition])
			return &items[i];
	}
	return NULL;
}

bool
cq_topic_item_exists(CqTopicItemKind kind, const CqTopicDef *def, uint32 cell)
{
	for (int i = 0; i < nitems; i++)
	{
		if (items[i].kind == kind && items[i].cell == cell &&
			items[i].serial == CQ_CELL(cell)->serial)
			return true;
	}
	return false;
}

/* The item's share, or NULL when it has been dropped. */
static CqShare *
item_share(const CqTopicItem *item)
{
	CqCell	   *cell = CQ_CELL(item->cell);

	return (cell->kind == CQ_CELL_SHARE && cell->serial == item->serial) ?
		&cell->share : NULL;
}

/* ---- outcomes -------------------------------------------------------- */

static void
finish_open(CqTopicRow *row, const CqTopicItem *item, bool commit)
{
	cq_open_release(row, item->partition, item->cell);
	if (commit)
		CQ_CELL(item->partition)->partition.published += item->count;
	row->limits_due = true;
	cq_topic_plan(row, Max(row->limits_at_ms, 1));
	if (row->feeds > 0)
	{
		row->feed_due = true;
		cq_topic_plan(row, cq_clock_ms());
	}
}

static void
finish_polled(CqTopicRow *row, const CqTopicItem *item, bool commit)
{
	CqShare    *share = item_share(item);

	if (share == NULL || share->epoch != item->epoch)
		return;
	if (!commit && share->started && !CQ_FAULT("topic-keep-position"))
		share->position = Max(item->offset, share->committed);
	if (item->busy)
		cq_share_end_busy(row, item->cell);
}

static void
finish_commit_of(CqTopicRow *row, const CqTopicItem *item, bool commit)
{
	CqShare    *share = item_share(item);

	if (share == NULL)
		return;
	if (item->passing)
	{
		share->passing--;
		if (item->kind == CQ_TOPIC_ITEM_SEEK)
			share->seeking--;
	}
	if (commit)
		cq_share_commit(share, item->offset, item->rewind, GetCurrentTimestamp());
	if (item->busy && share->epoch == item->epoch)
		cq_share_end_busy(row, item->cell);
}

/* Row locked: do what follows from the outcome for one item. */
static void
finish_item(CqTopicRow *row, const CqTopicItem *item, bool commit)
{
	switch ((CqTopicItemKind) item->kind)
	{
		case CQ_TOPIC_ITEM_OPEN:
			finish_open(row, item, commit);
			break;
		case CQ_TOPIC_ITEM_POLLED:
			finish_polled(row, item, commit);
			break;
		case CQ_TOPIC_ITEM_COMMIT:
		case CQ_TOPIC_ITEM_SEEK:
			finish_commit_of(row, item, commit);
			if (item->kind == CQ_TOPIC_ITEM_SEEK && commit && row->feeds > 0)
			{
				row->feed_due = true;
				cq_topic_plan(row, cq_clock_ms());
			}
			break;
		case CQ_TOPIC_ITEM_LEAVE:
			if (commit && CQ_CELL(item->cell)->kind == CQ_CELL_MEMBER &&
				CQ_CELL(item->cell)->serial == item->serial)
				cq_member_remove(row, item->cell);
			break;
		case CQ_TOPIC_ITEM_COUNT:
			if (commit)
				CQ_CELL(item->partition)->partition.published += item->count;
			break;
		case CQ_TOPIC_ITEM_ALTERED:
			if (commit)
			{
				row->retain_at_ms = CQ_AT_ONCE;
				row->compact_due = true;
				cq_topic_plan(row, 1);
			}
			break;
		case CQ_TOPIC_ITEM_NOTICE:
			if (commit)
				cq_channel_pend(row, item->cell);
			break;
		case CQ_TOPIC_ITEM_GROUP_CREATED:
			if (!commit)
				cq_row_drop_group(row, (int32) item->offset);
			else if (row->feeds > 0)
			{
				row->feed_due = true;
				cq_topic_plan(row, cq_clock_ms());
			}
			break;
		case CQ_TOPIC_ITEM_GROUP_DROPPED:
			if (commit)
				cq_row_drop_group(row, (int32) item->offset);
			break;
		default:
			break;
	}
}

static void
finish(const CqTopicItem *item, bool commit)
{
	CqTopicRow *row = &cq_topic_rows[item->row];
	bool		same;

	if (item->kind == CQ_TOPIC_ITEM_CREATED || item->kind == CQ_TOPIC_ITEM_DROPPED)
	{
		if (commit == (item->kind == CQ_TOPIC_ITEM_DROPPED))
			cq_topic_row_forget(MyDatabaseId, (int32) item->offset);
		else if (commit)
		{
			/* the worker looks after it from now on */
			LWLockAcquire(&row->lock, LW_EXCLUSIVE);
			if (row->generation == item->generation)
				row->creating = false;
			cq_topic_unlock(row);
			cq_dbworker_wake(MyDatabaseId);
		}
		return;
	}
	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	same = row->generation == item->generation;
	if (same)
		finish_item(row, item, commit);
	cq_topic_unlock(row);
	cq_row_wake(row);
	if (item->kind == CQ_TOPIC_ITEM_NOTICE)
	{
		if (item->cell != CQ_NO_CELL && !(commit && same))
			cq_notice_free(item->cell);
		notice_cells -= CQ_NOTICE_CELLS(item->count);
		pfree(item->notice);
	}
}

static void
finish_commit(void)
{
	for (int i = 0; i < nitems; i++)
		finish(&items[i], true);
}

/* Undo the items of that level and deeper ones. */
static void
finish_abort(int level)
{
	while (nitems > 0 && items[nitems - 1].level >= level)
		finish(&items[--nitems], false);
}

/* ---- before the commit ----------------------------------------------- */

/* Row locked: whether the item may pass; if so, it is counted. */
static bool
pass_item(CqTopicRow *row, CqTopicItem *item)
{
	CqShare    *share = item_share(item);

	if (row->generation != item->generation || share == NULL)
		return false;
	if (item->kind == CQ_TOPIC_ITEM_COMMIT)
	{
		if (share->epoch != item->epoch && !CQ_FAULT("topic-no-fence"))
			return false;
	}
	else
	{
		/* another seek has come before, or is about to */
		if (share->rewind != item->rewind - 1 || share->seeking > 0)
			return false;
		share->seeking++;
		cq_share_fence(row, item->cell);
	}
	share->passing++;
	item->passing = true;
	return true;
}

/* Refuse to commit what has been fenced off; put notifications into cells. */
static void
before_commit(void)
{
	for (int i = 0; i < nitems; i++)
	{
		CqTopicItem *item = &items[i];
		CqTopicRow *row = &cq_topic_rows[item->row];
		bool		pass;

		if (item->kind == CQ_TOPIC_ITEM_NOTICE && item->cell == CQ_NO_CELL)
			item->cell = cq_channel_notice(item->notice, item->count);
		if ((item->kind != CQ_TOPIC_ITEM_COMMIT && item->kind != CQ_TOPIC_ITEM_SEEK) ||
			item->passing)
			continue;
		LWLockAcquire(&row->lock, LW_EXCLUSIVE);
		pass = pass_item(row, item);
		cq_topic_unlock(row);
		if (!pass)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 item->kind == CQ_TOPIC_ITEM_COMMIT
					 ? errmsg("could not commit offsets: the member has lost the partition")
					 : errmsg("could not seek: somebody else has done so meanwhile"),
					 errhint("Retry the transaction.")));
	}
}

/* ---- prepared transactions ------------------------------------------- */

/* Write down from where on it has published. */
static void
write_prepared(const CqTopicItem *item)
{
	CqTopicRow *row = &cq_topic_rows[item->row];
	CqTopicDef *def = cq_topic_by_id(row->topic_id);
	CqOffset	offset = {0};

	if (def == NULL)
		return;
	def = cq_topic_open(def->name, CQ_TOPIC_NONE);
	offset.group_id = CQ_OFFSETS_PREPARED;
	offset.partition = CQ_CELL(item->partition)->partition.number;
	offset.offset = item->offset;
	offset.at = GetCurrentTimestamp();
	cq_offsets_append(def, &offset, 1);
}

/* The cell that stands for the item from now on; raises. */
static uint32
prepared_cell(const CqTopicItem *item, TransactionId xid)
{
	uint32		i = cq_cell_take(CQ_CELL_PREPARED);
	CqPrepared *prepared;

	if (i == CQ_NO_CELL)
		cq_topic_memory_full();
	prepared = &CQ_CELL(i)->prepared;
	prepared->share = item->cell;
	prepared->serial = item->serial;
	prepared->epoch = item->epoch;
	prepared->xid = xid;
	prepared->polled = (item->kind == CQ_TOPIC_ITEM_POLLED);
	prepared->commits = !prepared->polled;
	prepared->busy = item->busy;
	prepared->position = prepared->offset = item->offset;
	prepared->rewind = item->rewind;
	return i;
}

/* Row locked: hand one item over to shared memory. */
static void
hand_over(CqTopicRow *row, CqTopicItem *item, uint32 cell, TransactionId xid)
{
	CqShare    *share;

	if (item->kind == CQ_TOPIC_ITEM_OPEN)
		CQ_CELL(item->cell)->open.xid = xid;
	else
	{
		share = item_share(item);
		if (share == NULL)
		{
			cq_cell_free(cell);
			return;
		}
		if (item->busy && share->epoch == item->epoch)
			share->busy = CQ_BUSY_PREPARED;
		CQ_CELL(cell)->next = row->prepared;
		row->prepared = cell;
	}
	row->by_xid++;
	pg_atomic_fetch_add_u32(&cq_topics->by_xid, 1);
}

/* The topic is created by a transaction that is being prepared. */
static void
note_creator(const CqTopicItem *item, TransactionId xid)
{
	CqTopicRow *row = &cq_topic_rows[item->row];

	if (!cq_topic_row_lock_same(row, item->generation, LW_EXCLUSIVE))
		return;
	row->creating_xid = xid;
	cq_topic_unlock(row);
}

static void
before_prepare(void)
{
	TransactionId xid;

	if (nitems == 0)
		return;
	xid = GetTopTransactionId();
	before_commit();
	for (int i = 0; i < nitems; i++)
	{
		if (items[i].kind == CQ_TOPIC_ITEM_LEAVE || items[i].kind == CQ_TOPIC_ITEM_NOTICE)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 items[i].kind == CQ_TOPIC_ITEM_LEAVE
					 ? errmsg("cannot PREPARE a transaction that has left a group")
					 : errmsg("cannot PREPARE a transaction that has published to a channel")));
		if (items[i].kind == CQ_TOPIC_ITEM_CREATED)
			note_creator(&items[i], xid);
		if (items[i].kind == CQ_TOPIC_ITEM_OPEN)
		{
			if (items[i].cell == CQ_NO_CELL)
				cq_topic_memory_full();
			write_prepared(&items[i]);
		}
	}
	for (int i = 0; i < nitems; i++)
	{
		CqTopicItem *item = &items[i];
		CqTopicRow *row = &cq_topic_rows[item->row];
		uint32		cell = CQ_NO_CELL;

		if (item->kind > CQ_TOPIC_ITEM_SEEK)
			continue;
		if (item->kind != CQ_TOPIC_ITEM_OPEN)
			cell = prepared_cell(item, xid);
		LWLockAcquire(&row->lock, LW_EXCLUSIVE);
		if (row->generation == item->generation)
			hand_over(row, item, cell, xid);
		else if (cell != CQ_NO_CELL)
			cq_cell_free(cell);
		cq_topic_plan(row, cq_clock_ms() + CQ_XID_POLL_MS);
		cq_topic_unlock(row);
		/* were we to fail from here on, the xid says that it was aborted */
		item->kind = CQ_TOPIC_ITEM_HANDED_OVER;
	}
}

/* Row locked: a prepared transaction has ended. */
static void
settle_prepared(CqTopicRow *row, const CqPrepared *prepared, bool committed)
{
	CqCell	   *cell = CQ_CELL(prepared->share);
	CqShare    *share = &cell->share;

	if (cell->kind != CQ_CELL_SHARE || cell->serial != prepared->serial)
		return;
	if (prepared->commits)
	{
		share->passing--;
		if (prepared->rewind > share->rewind && share->seeking > 0)
			share->seeking--;
		if (committed)
			cq_share_commit(share, prepared->offset, prepared->rewind, GetCurrentTimestamp());
	}
	if (prepared->polled && !committed && share->epoch == prepared->epoch && share->started)
		share->position = Max(prepared->position, share->committed);
	if (prepared->busy && share->epoch == prepared->epoch)
		cq_share_end_busy(row, prepared->share);
}

typedef struct Ended
{
	TransactionId xid;
	bool		ended;
	bool		committed;
} Ended;

/* Keep the lowest PREPARED_MAX of the xids above that one, in order, each once. */
static void
note_xid(Ended *xids, int *n, TransactionId xid, TransactionId above)
{
	int			i = *n;

	if (!TransactionIdIsValid(xid) || xid <= above)
		return;
	while (i > 0 && xids[i - 1].xid > xid)
		i--;
	if ((i > 0 && xids[i - 1].xid == xid) || i == PREPARED_MAX)
		return;
	*n = Min(*n + 1, PREPARED_MAX);
	memmove(&xids[i + 1], &xids[i], (*n - 1 - i) * sizeof(Ended));
	xids[i].xid = xid;
}

/* Row locked: xids that the row waits for, above that one. */
static int
collect_xids(const CqTopicRow *row, Ended *xids, TransactionId above)
{
	int			n = 0;

	for (uint32 i = row->prepared; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
		note_xid(xids, &n, CQ_CELL(i)->prepared.xid, above);
	for (uint32 p = row->partitions; p != CQ_NO_CELL; p = CQ_CELL(p)->next)
	{
		for (uint32 i = CQ_CELL(p)->partition.open_head; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
			note_xid(xids, &n, CQ_CELL(i)->open.xid, above);
	}
	return n;
}

/* Row locked: all that belongs to that transaction. */
static void
settle_xid(CqTopicRow *row, const Ended *xid)
{
	uint32	   *link = &row->prepared;

	while (*link != CQ_NO_CELL)
	{
		uint32		i = *link;

		if (CQ_CELL(i)->prepared.xid != xid->xid)
		{
			link = &CQ_CELL(i)->next;
			continue;
		}
		*link = CQ_CELL(i)->next;
		settle_prepared(row, &CQ_CELL(i)->prepared, xid->committed);
		cq_cell_free(i);
		row->by_xid--;
		pg_atomic_fetch_sub_u32(&cq_topics->by_xid, 1);
	}
	for (uint32 p = row->partitions; p != CQ_NO_CELL; p = CQ_CELL(p)->next)
	{
		uint32		i = CQ_CELL(p)->partition.open_head;

		while (i != CQ_NO_CELL)
		{
			uint32		next = CQ_CELL(i)->next;

			if (CQ_CELL(i)->open.xid == xid->xid)
				cq_open_release(row, p, i);
			i = next;
		}
	}
}

/* The lowest PREPARED_MAX above *above, which is set to the highest of them. */
static bool
settle_some(CqTopicRow *row, TransactionId *above, bool *more)
{
	Ended		xids[PREPARED_MAX];
	uint32		generation;
	int			n;
	bool		any = false;

	LWLockAcquire(&row->lock, LW_SHARED);
	generation = row->generation;
	n = collect_xids(row, xids, *above);
	cq_topic_unlock(row);

	*more = (n == PREPARED_MAX);
	for (int i = 0; i < n; i++)
	{
		/* in this order: see TransactionIdIsInProgress() */
		xids[i].ended = !TransactionIdIsInProgress(xids[i].xid);
		xids[i].committed = xids[i].ended && TransactionIdDidCommit(xids[i].xid);
		any |= xids[i].ended;
		*above = xids[i].xid;
	}
	if (!any)
		return false;

	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	for (int i = 0; i < n && row->generation == generation; i++)
	{
		if (xids[i].ended)
			settle_xid(row, &xids[i]);
	}
	row->limits_due = true;
	row->feed_due = row->feeds > 0;
	cq_topic_plan(row, cq_clock_ms());
	cq_topic_unlock(row);
	cq_row_wake(row);
	return true;
}

bool
cq_topic_settle_prepared(CqTopicRow *row)
{
	TransactionId above = InvalidTransactionId;
	bool		any = false;
	bool		more;

	do
		any |= settle_some(row, &above, &more);
	while (more);
	return any;
}

/* ---- callbacks ------------------------------------------------------- */

static void
forget_items(void)
{
	items = NULL;				/* their memory goes with the transaction's */
	nitems = capacity = 0;
	notice_cells = 0;
}

static void
on_xact(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			before_commit();
			return;
		case XACT_EVENT_COMMIT:
			finish_commit();
			forget_items();
			break;
		case XACT_EVENT_ABORT:
			finish_abort(0);
			forget_items();
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
	if (cq_topics != NULL && unlikely(pg_atomic_read_u32(&cq_topics->by_xid) > 0))
		cq_dbworker_poke(MyDatabaseId, &cq_topics->poked_ms);
}

static void
on_subxact(SubXactEvent event, SubTransactionId my_id,
		   SubTransactionId parent_id, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (event == SUBXACT_EVENT_ABORT_SUB)
		finish_abort(level);
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = nitems - 1; i >= 0 && items[i].level >= level; i--)
			items[i].level = level - 1;
	}
}

void
cq_topic_xact_init(void)
{
	RegisterXactCallback(on_xact, NULL);
	RegisterSubXactCallback(on_subxact, NULL);
}
