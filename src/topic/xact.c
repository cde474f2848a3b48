/*-------------------------------------------------------------------------
 *
 * xact.c
 *	  Items of the running transaction (core/items.c) that concern topics.
 *
 * The callbacks run after the transaction has become visible to others (commit),
 * or no longer can (abort): a partition's stable offset only advances over records
 * that a snapshot taken from then on sees.
 *
 * Before the commit, the offsets that it commits are checked: a transaction whose
 * member has lost the partition is refused.  From there to the end of the
 * transaction the assignment counts it as passing, and its next owner does not start.
 *
 * PREPARE TRANSACTION hands the items over to shared memory, where the
 * transaction's id decides (prepared.c), and writes to the tables of offsets from
 * which offset on the transaction has published: after a restart that is all that
 * is known.  The offsets it commits are in the tables anyway.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/clock.h"
#include "core/dbworker.h"
#include "core/faults.h"
#include "core/items.h"
#include "miscadmin.h"
#include "topic/assignment.h"
#include "topic/notice.h"
#include "topic/offset_tables.h"
#include "topic/offsets.h"
#include "topic/open.h"
#include "topic/xact.h"
#include "utils/timestamp.h"

static CqItemList list = CQ_ITEM_LIST("topic", CqTopicItem);

static int64 notice_cells = 0;	/* of all items NOTICE */

CqItemList *
cq_topic_items(void)
{
	return &list;
}

void
cq_topic_items_reserve(int n)
{
	cq_item_list_reserve(&list, n);
}

static inline CqTopicItem *
item_at(int i)
{
	return (CqTopicItem *) list.items + i;
}

static CqTopicItem *
add_to(CqTopicItemKind kind, const CqTopicState *state, uint32 generation,
	   uint32 cell)
{
	CqTopicItem *item = cq_item_list_add(&list, kind);

	item->state = CQ_TOPIC_STATE_INDEX(state);
	item->generation = generation;
	item->cell = cell;
	item->serial = (cell == CQ_NO_CELL) ? 0 : CQ_CELL(cell)->serial;
	return item;
}

CqTopicItem *
cq_topic_item_add(CqTopicItemKind kind, const CqTopicDef *def, uint32 cell)
{
	return add_to(kind, def->state, def->generation, cell);
}

void
cq_topic_item_add_notice(const CqTopicState *state, uint32 generation, char *notice, Size bytes)
{
	CqTopicItem *item = add_to(CQ_TOPIC_ITEM_NOTICE, state, generation, CQ_NO_CELL);

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
	for (int i = list.n - 1; i >= 0; i--)
	{
		CqTopicItem *item = item_at(i);

		if ((item->head.kind == CQ_TOPIC_ITEM_OPEN || item->head.kind == CQ_TOPIC_ITEM_COUNT) &&
			item->state == CQ_TOPIC_STATE_INDEX(def->state) &&
			item->generation == def->generation &&
			item->partition == def->partitions[partition])
			return item;
	}
	return NULL;
}

bool
cq_topic_item_exists(CqTopicItemKind kind, const CqTopicDef *def, uint32 cell)
{
	for (int i = 0; i < list.n; i++)
	{
		const CqTopicItem *item = item_at(i);

		if (item->head.kind == kind && item->cell == cell &&
			item->serial == CQ_CELL(cell)->serial)
			return true;
	}
	return false;
}

/* The item's assignment, or NULL when it has been dropped. */
static CqAssignment *
item_assignment(const CqTopicItem *item)
{
	CqCell	   *cell = CQ_CELL(item->cell);

	return (cell->kind == CQ_CELL_ASSIGNMENT && cell->serial == item->serial) ?
		&cell->assignment : NULL;
}

/* ---- outcomes -------------------------------------------------------- */

static void
finish_open(CqTopicState *state, const CqTopicItem *item, bool commit)
{
	cq_open_release(state, item->partition, item->cell);
	if (commit)
		CQ_CELL(item->partition)->partition.published += item->count;
	state->limits_due = true;
	cq_topic_plan(state, Max(state->limits_at_ms, 1));
	if (state->feeds > 0)
	{
		state->feed_due = true;
		cq_topic_plan(state, cq_clock_ms());
	}
}

static void
finish_polled(CqTopicState *state, const CqTopicItem *item, bool commit)
{
	CqAssignment *assignment = item_assignment(item);

	if (assignment == NULL || assignment->epoch != item->epoch)
		return;
	if (!commit && assignment->started && !CQ_FAULT("topic-keep-position"))
		assignment->position = Max(item->offset, assignment->committed);
	if (item->busy)
		cq_assignment_end_busy(state, item->cell);
}

static void
finish_commit_of(CqTopicState *state, const CqTopicItem *item, bool commit)
{
	CqAssignment *assignment = item_assignment(item);

	if (assignment == NULL)
		return;
	if (item->passing)
	{
		assignment->passing--;
		if (item->head.kind == CQ_TOPIC_ITEM_SEEK)
			assignment->seeking--;
	}
	if (commit)
		cq_assignment_commit(assignment, item->offset, item->rewind, GetCurrentTimestamp());
	if (item->busy && assignment->epoch == item->epoch)
		cq_assignment_end_busy(state, item->cell);
}

/* State locked: do what follows from the outcome for one item. */
static void
finish_item(CqTopicState *state, const CqTopicItem *item, bool commit)
{
	switch ((CqTopicItemKind) item->head.kind)
	{
		case CQ_TOPIC_ITEM_OPEN:
			finish_open(state, item, commit);
			break;
		case CQ_TOPIC_ITEM_POLLED:
			finish_polled(state, item, commit);
			break;
		case CQ_TOPIC_ITEM_COMMIT:
		case CQ_TOPIC_ITEM_SEEK:
			finish_commit_of(state, item, commit);
			if (item->head.kind == CQ_TOPIC_ITEM_SEEK && commit && state->feeds > 0)
			{
				state->feed_due = true;
				cq_topic_plan(state, cq_clock_ms());
			}
			break;
		case CQ_TOPIC_ITEM_LEAVE:
			if (commit && CQ_CELL(item->cell)->kind == CQ_CELL_MEMBER &&
				CQ_CELL(item->cell)->serial == item->serial)
				cq_member_remove(state, item->cell);
			break;
		case CQ_TOPIC_ITEM_COUNT:
			if (commit)
				CQ_CELL(item->partition)->partition.published += item->count;
			break;
		case CQ_TOPIC_ITEM_ALTERED:
			if (commit)
			{
				state->retain_at_ms = CQ_AT_ONCE;
				state->compact_due = true;
				cq_topic_plan(state, 1);
			}
			break;
		case CQ_TOPIC_ITEM_NOTICE:
			if (commit)
				cq_notice_pend(state, item->cell);
			break;
		case CQ_TOPIC_ITEM_GROUP_CREATED:
			if (!commit)
				cq_topic_drop_group(state, (int32) item->offset);
			else if (state->feeds > 0)
			{
				state->feed_due = true;
				cq_topic_plan(state, cq_clock_ms());
			}
			break;
		case CQ_TOPIC_ITEM_GROUP_DROPPED:
			if (commit)
				cq_topic_drop_group(state, (int32) item->offset);
			break;
		default:
			break;
	}
}

static void
finish(const CqTopicItem *item, bool commit)
{
	CqTopicState *state = &cq_topic_states[item->state];
	bool		same;

	if (item->head.kind == CQ_TOPIC_ITEM_CREATED || item->head.kind == CQ_TOPIC_ITEM_DROPPED)
	{
		if (commit == (item->head.kind == CQ_TOPIC_ITEM_DROPPED))
			cq_topic_state_forget(MyDatabaseId, (int32) item->offset);
		else if (commit)
		{
			/* the worker looks after it from now on */
			LWLockAcquire(&state->lock, LW_EXCLUSIVE);
			if (state->key.generation == item->generation)
				state->creating = false;
			cq_topic_unlock(state);
			cq_dbworker_wake(MyDatabaseId);
		}
		return;
	}
	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	same = state->key.generation == item->generation;
	if (same)
		finish_item(state, item, commit);
	cq_topic_unlock(state);
	cq_topic_wake(state);
	if (item->head.kind == CQ_TOPIC_ITEM_NOTICE)
	{
		if (item->cell != CQ_NO_CELL && !(commit && same))
			cq_cells_free_list(item->cell);
		notice_cells -= CQ_NOTICE_CELLS(item->count);
		pfree(item->notice);
	}
}

void
cq_topic_items_commit(void)
{
	for (int i = 0; i < list.n; i++)
		finish(item_at(i), true);
}

void
cq_topic_items_undo(int level)
{
	const CqTopicItem *item;

	while ((item = cq_item_list_pop(&list, level)) != NULL)
		finish(item, false);
}

/* ---- before the commit ----------------------------------------------- */

/* State locked: whether the item may pass; if so, it is counted. */
static bool
pass_item(CqTopicState *state, CqTopicItem *item)
{
	CqAssignment *assignment = item_assignment(item);

	if (state->key.generation != item->generation || assignment == NULL)
		return false;
	if (item->head.kind == CQ_TOPIC_ITEM_COMMIT)
	{
		if (assignment->epoch != item->epoch && !CQ_FAULT("topic-no-fence"))
			return false;
	}
	else
	{
		/* another seek has come before, or is about to */
		if (assignment->rewind != item->rewind - 1 || assignment->seeking > 0)
			return false;
		assignment->seeking++;
		cq_assignment_fence(state, item->cell);
	}
	assignment->passing++;
	item->passing = true;
	return true;
}

void
cq_topic_items_before_commit(void)
{
	for (int i = 0; i < list.n; i++)
	{
		CqTopicItem *item = item_at(i);
		CqTopicState *state = &cq_topic_states[item->state];
		bool		pass;

		if (item->head.kind == CQ_TOPIC_ITEM_NOTICE && item->cell == CQ_NO_CELL)
			item->cell = cq_notice_store(item->notice, item->count);
		if ((item->head.kind != CQ_TOPIC_ITEM_COMMIT && item->head.kind != CQ_TOPIC_ITEM_SEEK) ||
			item->passing)
			continue;
		LWLockAcquire(&state->lock, LW_EXCLUSIVE);
		pass = pass_item(state, item);
		cq_topic_unlock(state);
		if (!pass)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 item->head.kind == CQ_TOPIC_ITEM_COMMIT
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
	CqTopicState *state = &cq_topic_states[item->state];
	CqTopicDef *def = cq_topic_by_id(state->key.id);
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
	prepared->assignment = item->cell;
	prepared->serial = item->serial;
	prepared->epoch = item->epoch;
	prepared->xid = xid;
	prepared->polled = (item->head.kind == CQ_TOPIC_ITEM_POLLED);
	prepared->commits = !prepared->polled;
	prepared->busy = item->busy;
	prepared->position = prepared->offset = item->offset;
	prepared->rewind = item->rewind;
	return i;
}

/* State locked: hand one item over to shared memory. */
static void
hand_over(CqTopicState *state, CqTopicItem *item, uint32 cell, TransactionId xid)
{
	CqAssignment *assignment;

	if (item->head.kind == CQ_TOPIC_ITEM_OPEN)
		CQ_CELL(item->cell)->open.xid = xid;
	else
	{
		assignment = item_assignment(item);
		if (assignment == NULL)
		{
			cq_cell_free(cell);
			return;
		}
		if (item->busy && assignment->epoch == item->epoch)
			assignment->busy = CQ_BUSY_PREPARED;
		CQ_CELL(cell)->next = state->prepared;
		state->prepared = cell;
	}
	state->by_xid++;
	pg_atomic_fetch_add_u32(&cq_topics->by_xid, 1);
}

/* The topic is created by a transaction that is being prepared. */
static void
note_creator(const CqTopicItem *item, TransactionId xid)
{
	CqTopicState *state = &cq_topic_states[item->state];

	if (!cq_state_lock_if_same(state, item->generation, LW_EXCLUSIVE))
		return;
	state->creating_xid = xid;
	cq_topic_unlock(state);
}

/* Refuse what cannot be prepared; write to the tables what is needed there. */
static void
check_prepare(TransactionId xid)
{
	for (int i = 0; i < list.n; i++)
	{
		const CqTopicItem *item = item_at(i);

		if (item->head.kind == CQ_TOPIC_ITEM_LEAVE || item->head.kind == CQ_TOPIC_ITEM_NOTICE)
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 item->head.kind == CQ_TOPIC_ITEM_LEAVE
					 ? errmsg("cannot PREPARE a transaction that has left a group")
					 : errmsg("cannot PREPARE a transaction that has published to a channel")));
		if (item->head.kind == CQ_TOPIC_ITEM_CREATED)
			note_creator(item, xid);
		if (item->head.kind == CQ_TOPIC_ITEM_OPEN)
		{
			if (item->cell == CQ_NO_CELL)
				cq_topic_memory_full();
			write_prepared(item);
		}
	}
}

void
cq_topic_items_before_prepare(void)
{
	TransactionId xid = GetTopTransactionId();

	cq_topic_items_before_commit();
	check_prepare(xid);
	for (int i = 0; i < list.n; i++)
	{
		CqTopicItem *item = item_at(i);
		CqTopicState *state = &cq_topic_states[item->state];
		uint32		cell = CQ_NO_CELL;

		if (item->head.kind > CQ_TOPIC_ITEM_SEEK)
			continue;
		if (item->head.kind != CQ_TOPIC_ITEM_OPEN)
			cell = prepared_cell(item, xid);
		LWLockAcquire(&state->lock, LW_EXCLUSIVE);
		if (state->key.generation == item->generation)
			hand_over(state, item, cell, xid);
		else if (cell != CQ_NO_CELL)
			cq_cell_free(cell);
		cq_topic_plan(state, cq_clock_ms() + CQ_XID_POLL_MS);
		cq_topic_unlock(state);
		/* after an error from here on, the xid says that it was aborted */
		item->head.kind = CQ_TOPIC_ITEM_HANDED_OVER;
	}
}
