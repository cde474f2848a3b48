/*-------------------------------------------------------------------------
 *
 * maintain.c
 *	  What the maintenance worker does for the topics of its database.
 *
 * Each row says in plan_ms when the worker is going to look at it; a session that
 * makes something due earlier lowers that and wakes the worker (cq_topic_plan).
 * A topic in which nothing happens costs nothing, but for its retention.
 *
 * Chores run without the row's lock.  What they leave in the row is written under
 * it, if the row is still the same topic's; and what has become due meanwhile
 * stays due.
 *
 * An error in one topic is reported as a warning, that topic is left alone for
 * CQ_CHORE_RETRY_MS, and the others go on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/chores.h"
#include "core/clock.h"
#include "core/dbworker.h"
#include "core/step.h"
#include "miscadmin.h"
#include "storage/procarray.h"
#include "topic/assignment.h"
#include "topic/channel.h"
#include "topic/feed.h"
#include "topic/maintain.h"
#include "topic/offset_tables.h"
#include "topic/offsets.h"
#include "topic/open.h"
#include "topic/prepared.h"
#include "topic/segment.h"
#include "topic/xact.h"
#include "utils/timestamp.h"

/* What there is to do for a topic, in this order. */
typedef enum Chore
{
	CHORE_SEGMENT,
	CHORE_LIMITS,
	CHORE_FEED,
	CHORE_RETAIN,
	CHORE_COMPACT,
	CHORE_RETIRED,
	CHORE_OFFSETS,
	CHORES
} Chore;

static bool
is_due(int64 at_ms)
{
	return at_ms != 0 && at_ms <= cq_clock_ms();
}

/* Row locked: which of them are due; they count as begun. */
static void
look(CqTopicRow *row, bool *due)
{
	bool		by_hand = cq_step_by_hand();

	due[CHORE_SEGMENT] = row->next == 0 && (row->segment_at_ms <= cq_clock_ms() || by_hand);
	due[CHORE_LIMITS] = row->limits_due && row->limits_at_ms <= cq_clock_ms();
	due[CHORE_FEED] = row->feed_due || is_due(row->feed_at_ms) ||
		(row->feeds > 0 && (by_hand || row->replica));
	due[CHORE_RETAIN] = (row->retain_ms > 0 || row->retain_bytes > 0) &&
		(row->retain_at_ms <= cq_clock_ms() || by_hand);
	due[CHORE_COMPACT] = row->compact && (row->compact_due || by_hand);
	due[CHORE_RETIRED] = row->retired_at_ms != 0 && (is_due(row->retired_at_ms) || by_hand);
	due[CHORE_OFFSETS] = row->offsets_rows >= CQ_OFFSETS_ROWS || is_due(row->offsets_at_ms) ||
		(row->offsets_at_ms != 0 && by_hand);
	if (row->replica)
	{
		/* what it is a replica of has a worker of its own */
		due[CHORE_SEGMENT] = due[CHORE_LIMITS] = due[CHORE_RETAIN] = false;
		due[CHORE_COMPACT] = due[CHORE_RETIRED] = false;
	}
	row->limits_due &= !due[CHORE_LIMITS];
	row->feed_due = row->compact_due = false;
	if (due[CHORE_LIMITS])
		row->limits_at_ms = cq_clock_ms() + CQ_LIMITS_MS;
	if (due[CHORE_SEGMENT])
		row->segment_at_ms = CQ_BEGUN;
	if (due[CHORE_RETAIN])
		row->retain_at_ms = CQ_BEGUN;
}

/* Row locked: when there is something to do again, or PG_INT64_MAX. */
static int64
plan(CqTopicRow *row, int64 members_ms)
{
	int64		at = members_ms;

	if (row->replica)
	{
		if (row->feeds > 0)
			at = Min(at, cq_clock_ms() + CQ_REPLICA_POLL_MS);
		return (row->offsets_at_ms == 0) ? at : Min(at, row->offsets_at_ms);
	}
	if (row->next == 0)
		at = Min(at, row->segment_at_ms);
	if (row->limits_due)
		at = Min(at, row->limits_at_ms);
	if (row->feed_due || row->compact_due)
		at = Min(at, cq_clock_ms());
	if (row->feed_at_ms != 0)
		at = Min(at, row->feed_at_ms);
	if (row->retain_ms > 0 || row->retain_bytes > 0)
		at = Min(at, row->retain_at_ms);
	if (row->retired_at_ms != 0)
		at = Min(at, row->retired_at_ms);
	if (row->offsets_at_ms != 0)
		at = Min(at, row->offsets_at_ms);
	if (row->by_xid > 0)
		at = Min(at, cq_clock_ms() + CQ_XID_POLL_MS);
	return at;
}

/*
 * Write down how far the log is stable, for subscribers of a publication.  A
 * snapshot that shows this shows every record below.
 */
static void
write_limits(int32 topic_id)
{
	MemoryContext context = CurrentMemoryContext;
	CqTopicDef *def;
	CqTopicRow *row;
	CqOffset   *limits = NULL;
	int			n = 0;

	cq_step_start();
	def = cq_topic_by_id(topic_id);
	if (def != NULL)
	{
		def = cq_topic_open(def->name, CQ_TOPIC_NONE);
		limits = MemoryContextAllocZero(context, def->npartitions * sizeof(CqOffset));
		row = cq_topic_lock(def, LW_SHARED);
		for (int p = 0; p < def->npartitions; p++)
		{
			const CqPartition *partition = &CQ_CELL(def->partitions[p])->partition;
			int64		stable = cq_partition_stable(partition);

			if (stable == partition->limit_written)
				continue;
			limits[n].partition = p;
			limits[n].offset = stable;
			limits[n].at = GetCurrentTimestamp();
			n++;
		}
		cq_topic_unlock(row);
		if (n > 0)
			cq_offsets_append(def, limits, n);
	}
	cq_step_commit();

	row = (n == 0) ? NULL : cq_topic_lock_if_same(def, LW_EXCLUSIVE);
	if (row != NULL)
	{
		for (int i = 0; i < n; i++)
			CQ_CELL(def->partitions[limits[i].partition])->partition.limit_written =
				limits[i].offset;
		cq_topic_unlock(row);
	}
	if (limits != NULL)
		pfree(limits);
}

/* PG_INT64_MAX as 0. */
static int64
or_zero(int64 at)
{
	return (at == PG_INT64_MAX) ? 0 : at;
}

/* A row that is being maintained. */
typedef struct Work
{
	CqTopicRow *row;
	int32		topic_id;
	uint32		generation;
} Work;

/* The chore is done: when is the next time? */
static void
plan_chore(const Work *work, Chore chore, int64 at)
{
	CqTopicRow *row = work->row;

	if (!cq_state_lock_if_same(row, work->generation, LW_EXCLUSIVE))
		return;
	switch (chore)
	{
		case CHORE_SEGMENT:
			if (row->segment_at_ms != CQ_AT_ONCE)
				row->segment_at_ms = at;
			break;
		case CHORE_FEED:
			row->feed_at_ms = or_zero(at);
			break;
		case CHORE_RETAIN:
			if (row->retain_at_ms != CQ_AT_ONCE)
				row->retain_at_ms = at;
			break;
		case CHORE_RETIRED:
			row->retired_at_ms = or_zero(at);
			break;
		case CHORE_OFFSETS:
			row->offsets_at_ms = at;
			break;
		case CHORE_LIMITS:
		case CHORE_COMPACT:
		case CHORES:
			break;
	}
	cq_topic_unlock(row);
}

static void
do_chore(const Work *work, Chore chore)
{
	int64		at = 0;

	switch (chore)
	{
		case CHORE_SEGMENT:
			at = cq_topic_add_segment(work->topic_id);
			break;
		case CHORE_FEED:
			at = cq_feed_groups(work->topic_id);
			break;
		case CHORE_LIMITS:
			write_limits(work->topic_id);
			break;
		case CHORE_RETAIN:
			at = cq_topic_retain(work->topic_id);
			break;
		case CHORE_COMPACT:
			cq_topic_compact(work->topic_id);
			break;
		case CHORE_RETIRED:
			at = cq_topic_truncate_retired(work->topic_id);
			break;
		case CHORE_OFFSETS:
			at = cq_offsets_rotate(work->topic_id);
			break;
		case CHORES:
			break;
	}
	plan_chore(work, chore, at);
}

/* After an error in a chore; returns whether it is one to be reported. */
static bool
put_off(const Work *work, Chore chore, int sqlerrcode)
{
	CqTopicRow *row = work->row;

	/* another session has sought: again at once */
	bool		again = (chore == CHORE_FEED && sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE);

	if (!cq_state_lock_if_same(row, work->generation, LW_EXCLUSIVE))
		return false;
	if (!again)
		row->retry_ms = cq_clock_ms() + CQ_CHORE_RETRY_MS;
	row->limits_due |= (chore == CHORE_LIMITS);
	row->feed_due |= (chore == CHORE_FEED);
	row->compact_due |= (chore == CHORE_COMPACT);
	cq_topic_unlock(row);

	/* it may have been dropped a moment ago */
	return !again && sqlerrcode != ERRCODE_UNDEFINED_OBJECT &&
		sqlerrcode != ERRCODE_UNDEFINED_TABLE;
}

/* A chore of a topic. */
typedef struct Task
{
	const Work *work;
	Chore		chore;
} Task;

static void
do_task(void *arg)
{
	const Task *task = arg;

	do_chore(task->work, task->chore);
}

/* do_chore(); in the worker, an error becomes a warning, and puts the chore off. */
static void
do_chore_safely(const Work *work, Chore chore)
{
	Task		task = {work, chore};
	ErrorData  *error = cq_chore_run(do_task, &task);

	if (error == NULL)
		return;
	if (put_off(work, chore, error->sqlerrcode))
		cq_chore_warn(error, psprintf("topic %d", work->topic_id));
	FreeErrorData(error);
}

static void
do_channels(void *arg)
{
	const Work *work = arg;

	cq_channels_maintain(work->row, work->generation);
}

/* The row of the channels; returns when it is to be looked at again. */
static int64
maintain_channels(Work *work)
{
	ErrorData  *error = cq_chore_run(do_channels, work);
	CqTopicRow *row = work->row;
	int64		at = PG_INT64_MAX;

	if (cq_state_lock_if_same(row, work->generation, LW_EXCLUSIVE))
	{
		if (error != NULL)
			row->plan_ms = row->retry_ms = cq_clock_ms() + CQ_CHORE_RETRY_MS;
		at = row->plan_ms;
		cq_topic_unlock(row);
	}
	if (error != NULL)
	{
		cq_chore_warn(error, "channels");
		FreeErrorData(error);
	}
	return at;
}

/* Whether old tables are due: retention may have left some a moment ago. */
static bool
retired_is_due(const Work *work)
{
	bool		due;

	if (!cq_state_lock_if_same(work->row, work->generation, LW_SHARED))
		return false;
	due = is_due(work->row->retired_at_ms);
	cq_topic_unlock(work->row);
	return due;
}

/* Returns when the row is to be looked at again, or PG_INT64_MAX. */
static int64
maintain(int i)
{
	CqTopicRow *row = &cq_topic_rows[i];
	bool		due[CHORES];
	Work		work = {row};
	int64		members_ms;
	int64		at;

	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	work.topic_id = (row->key.database == MyDatabaseId && !row->creating) ? row->key.id : 0;
	work.generation = row->key.generation;
	if (work.topic_id == 0 || (row->retry_ms > cq_clock_ms() && !cq_step_by_hand()))
	{
		at = (work.topic_id == 0) ? PG_INT64_MAX : row->retry_ms;
		cq_topic_unlock(row);
		return at;
	}
	/* from here on a session that makes something due wakes the worker */
	row->plan_ms = PG_INT64_MAX;
	if (work.topic_id == CQ_CHANNELS)
	{
		cq_topic_unlock(row);
		return maintain_channels(&work);
	}
	(void) cq_members_expire(row);
	look(row, due);
	cq_topic_unlock(row);
	cq_row_wake(row);

	if (row->by_xid > 0)
		while (cq_topic_settle_prepared(row))
			CHECK_FOR_INTERRUPTS();
	for (int chore = 0; chore < CHORES; chore++)
	{
		if (due[chore] || (chore == CHORE_RETIRED && retired_is_due(&work)))
			do_chore_safely(&work, chore);
	}

	if (!cq_state_lock_if_same(row, work.generation, LW_EXCLUSIVE))
		return PG_INT64_MAX;
	members_ms = cq_members_expire(row);
	at = plan(row, members_ms);
	if (row->retry_ms > cq_clock_ms())
		at = Max(at, row->retry_ms);
	row->plan_ms = Min(row->plan_ms, at);
	at = row->plan_ms;
	cq_topic_unlock(row);
	return at;
}

/* ---- all topics ------------------------------------------------------ */

/* Open the topic, so that it has its row. */
static void
open_topic(const void *name)
{
	(void) cq_topic_open(name, CQ_TOPIC_NONE);
}

/* A row as it was before the definitions were read. */
typedef struct Known
{
	int32		topic_id;		/* 0: none of this database */
	uint32		generation;
	bool		committed;		/* the topic's creation has ended */
} Known;

static Known
note_row(CqTopicRow *row)
{
	Known		known = {0};
	TransactionId xid;

	LWLockAcquire(&row->lock, LW_SHARED);
	if (row->key.database == MyDatabaseId && row->key.id > 0)
		known.topic_id = row->key.id;
	known.generation = row->key.generation;
	known.committed = !row->creating;
	xid = row->creating_xid;
	cq_topic_unlock(row);
	if (!known.committed && TransactionIdIsValid(xid))
		known.committed = !TransactionIdIsInProgress(xid);
	return known;
}

/* Free the row if its topic is gone. */
static void
check_row(CqTopicRow *row, const Known *known, List *defs)
{
	bool		found = false;
	bool		same;
	ListCell   *cell;

	foreach(cell, defs)
		found |= (((CqTopicDef *) lfirst(cell))->topic_id == known->topic_id);
	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	same = row->key.generation == known->generation;
	if (same && found)
		row->creating = false;
	cq_topic_unlock(row);
	if (same && !found && known->committed)
		cq_topic_row_forget(MyDatabaseId, known->topic_id);
}

/* Free rows whose topic is gone; give every other topic its row. */
static void
sync_rows(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *defs;
	ListCell   *cell;
	Known	   *known;

	cq_step_start();

	/* first: what was committed then is seen in the definitions */
	known = palloc(cq_topics->nrows * sizeof(Known));
	for (int i = 0; i < cq_topics->nrows; i++)
		known[i] = note_row(&cq_topic_rows[i]);
	defs = cq_topics_all();
	for (int i = 0; i < cq_topics->nrows; i++)
	{
		if (known[i].topic_id != 0)
			check_row(&cq_topic_rows[i], &known[i], defs);
	}
	foreach(cell, defs)
	{
		CqTopicDef *def = lfirst(cell);

		/*
		 * An error is no matter here: a dump is being restored, or the memory
		 * is used up.  The topic's lock must not stay, or this could deadlock
		 * with a drop of two topics.
		 */
		if (!def->attached)
			cq_chore_probe(open_topic, def->name);
	}
	cq_step_commit();
	MemoryContextSwitchTo(context);
}

static int
count_rows(void)
{
	return cq_topics->nrows;
}

static CqChores chores = {
	.kind = CQ_OBJECT_TOPIC,
	.sync = sync_rows,
	.count = count_rows,
	.maintain = maintain
};

int64
cq_topic_maintain(void)
{
	return cq_chores_run(&chores);
}

void
cq_topic_maintain_by_hand(void)
{
	cq_chores_run_by_hand(&chores, "topic_maintain()");
	/* plans are for the worker to keep: let it make its own */
	cq_dbworker_wake(MyDatabaseId);
}
