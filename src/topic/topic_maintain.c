/*-------------------------------------------------------------------------
 *
 * topic_maintain.c
 *	  What the maintenance worker does for the topics of its database.
 *
 * Each row says in plan_ms when the worker has promised to look at it; whoever
 * makes something due earlier lowers that and wakes the worker (cq_topic_plan).
 * A topic in which nothing happens costs nothing, but for its retention.
 *
 * An error in one topic is reported as a warning, that topic is left alone for
 * RETRY_MS, and the others go on.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "core/clock.h"
#include "core/dbworker.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "queue/step.h"
#include "storage/procarray.h"
#include "topic/channel.h"
#include "topic/feed.h"
#include "topic/log_segment.h"
#include "topic/offsets.h"
#include "topic/share.h"
#include "topic/topic_maintain.h"
#include "topic/topic_xact.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/timestamp.h"

#define RETRY_MS 5000

/* the worker's next try while somebody does maintenance by hand */
#define OTHERS_MS 50

/* What there is to do for a topic. */
typedef struct Chores
{
	bool		segment;
	bool		limits;
	bool		feed;
	bool		retain;
	bool		compact;
	bool		retired;
	bool		offsets;
} Chores;

/* Row locked. */
static Chores
look(CqTopicRow *row)
{
	int64		now = cq_clock_ms();
	Chores		chores;

	chores.segment = row->next == 0 && row->segment_at_ms <= now;
	chores.limits = row->limits_due;
	chores.feed = row->feed_due || (row->feed_at_ms != 0 && row->feed_at_ms <= now);
	chores.retain = (row->retain_ms > 0 || row->retain_bytes > 0) &&
		(row->retain_at_ms <= now || cq_step_by_hand());
	chores.compact = row->compact && (row->compact_due || cq_step_by_hand());
	chores.retired = row->retired_at_ms != 0 && row->retired_at_ms <= now;
	chores.offsets = row->offsets_rows >= CQ_OFFSETS_ROWS ||
		(row->offsets_at_ms != 0 && row->offsets_at_ms <= now);
	row->limits_due = row->feed_due = row->compact_due = false;
	return chores;
}

/* Row locked: when there is something to do again, or PG_INT64_MAX. */
static int64
plan(CqTopicRow *row, int64 members_ms)
{
	int64		at = members_ms;

	if (row->next == 0)
		at = Min(at, row->segment_at_ms);
	if (row->limits_due)
		at = Min(at, cq_clock_ms() + CQ_LIMITS_MS);
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
 * Write down how far the log is stable, for those who read it elsewhere.  Whoever
 * sees this sees everything below.
 */
static void
write_limits(int32 topic_id)
{
	CqTopicDef *def;
	CqTopicRow *row;
	CqOffset   *limits;
	int			n = 0;

	cq_step_start();
	def = cq_topic_by_id(topic_id);
	if (def != NULL)
	{
		def = cq_topic_open(def->name, CQ_TOPIC_NONE);
		limits = palloc0(def->npartitions * sizeof(CqOffset));
		row = cq_topic_lock(def, LW_EXCLUSIVE);
		for (int p = 0; p < def->npartitions; p++)
		{
			CqPartition *partition = &CQ_CELL(def->partitions[p])->partition;
			int64		stable = cq_partition_stable(partition);

			if (stable == partition->limit_written)
				continue;
			limits[n].partition = p;
			limits[n].offset = partition->limit_written = stable;
			limits[n].at = GetCurrentTimestamp();
			n++;
		}
		LWLockRelease(&row->lock);
		if (n > 0)
			cq_offsets_append(def, limits, n);
	}
	cq_step_commit();
}

static int64
rotate_offsets(int32 topic_id)
{
	CqTopicDef *def;
	int64		at = 0;

	cq_step_start();
	def = cq_topic_by_id(topic_id);
	if (def != NULL)
		at = cq_offsets_rotate(cq_topic_open(def->name, CQ_TOPIC_NONE));
	cq_step_commit();
	return at;
}

/* PG_INT64_MAX as 0. */
static int64
or_zero(int64 at)
{
	return (at == PG_INT64_MAX) ? 0 : at;
}

static void
do_chores(CqTopicRow *row, int32 topic_id, const Chores *chores)
{
	if (chores->segment)
		row->segment_at_ms = cq_log_add_segment(topic_id);
	if (chores->feed)
		row->feed_at_ms = or_zero(cq_feed_groups(topic_id));
	if (chores->limits)
		write_limits(topic_id);
	if (chores->retain)
		row->retain_at_ms = cq_log_retain(topic_id);
	if (chores->compact)
		cq_log_compact(topic_id);
	if (chores->retired)
		row->retired_at_ms = or_zero(cq_log_truncate_retired(topic_id));
	if (chores->offsets)
		row->offsets_at_ms = rotate_offsets(topic_id);
}

/* The same; an error becomes a warning. */
static void
do_chores_safely(CqTopicRow *row, int32 topic_id, const Chores *chores)
{
	MemoryContext context = CurrentMemoryContext;

	if (cq_step_by_hand())
	{
		do_chores(row, topic_id, chores);
		return;
	}
	PG_TRY();
	{
		do_chores(row, topic_id, chores);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		LWLockReleaseAll();
		RESUME_INTERRUPTS();

		LWLockAcquire(&row->lock, LW_EXCLUSIVE);
		row->retry_ms = cq_clock_ms() + RETRY_MS;
		row->limits_due |= chores->limits;
		row->feed_due |= chores->feed;
		row->compact_due |= chores->compact;
		LWLockRelease(&row->lock);

		/* it may have been dropped a moment ago */
		if (error->sqlerrcode != ERRCODE_UNDEFINED_OBJECT &&
			error->sqlerrcode != ERRCODE_UNDEFINED_TABLE)
			ereport(WARNING,
					(errcode(error->sqlerrcode),
					 errmsg("maintenance of topic %d failed: %s", topic_id, error->message),
					 errhint("It will be tried again in %d seconds.", RETRY_MS / 1000)));
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

/* Returns when the row wants to be looked at again, or PG_INT64_MAX. */
static int64
maintain_row(CqTopicRow *row)
{
	Chores		chores;
	int32		topic_id;
	int64		members_ms;
	int64		at;

	if (row->database == MyDatabaseId && row->topic_id == CQ_CHANNELS)
		return cq_channels_maintain(row);
	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	topic_id = (row->database == MyDatabaseId && !row->creating) ? row->topic_id : 0;
	if (topic_id == 0 || (row->retry_ms > cq_clock_ms() && !cq_step_by_hand()))
	{
		at = (topic_id == 0) ? PG_INT64_MAX : row->retry_ms;
		LWLockRelease(&row->lock);
		return at;
	}
	/* from here on who makes something due wakes us */
	row->plan_ms = PG_INT64_MAX;
	(void) cq_members_expire(row);
	chores = look(row);
	LWLockRelease(&row->lock);
	cq_row_wake(row);

	if (row->by_xid > 0)
		while (cq_topic_settle_prepared(row))
			CHECK_FOR_INTERRUPTS();
	do_chores_safely(row, topic_id, &chores);

	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	at = PG_INT64_MAX;
	if (row->database == MyDatabaseId && row->topic_id == topic_id)
	{
		members_ms = cq_members_expire(row);
		at = plan(row, members_ms);
		if (row->retry_ms > cq_clock_ms())
			at = Max(at, row->retry_ms);
		row->plan_ms = Min(row->plan_ms, at);
		at = row->plan_ms;
	}
	LWLockRelease(&row->lock);
	return at;
}

/* ---- all topics ------------------------------------------------------ */

/* result of the latest pass */
static int64 next_look;

/* Open the topic, so that it has its row; errors don't matter here. */
static void
open_safely(const char *name)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		(void) cq_topic_open(name, CQ_TOPIC_NONE);
		/* without its lock: who drops two topics must not meet us between */
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		/* a dump is being restored, or the memory is used up */
		MemoryContextSwitchTo(context);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}

/* Free the row if its topic is gone. */
static void
check_row(CqTopicRow *row, List *defs)
{
	bool		found = false;
	bool		gone = false;
	int32		topic_id;
	ListCell   *cell;

	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	topic_id = (row->database == MyDatabaseId) ? row->topic_id : 0;
	foreach(cell, defs)
		found |= (((CqTopicDef *) lfirst(cell))->topic_id == topic_id);
	if (topic_id > 0 && found)
		row->creating = false;
	else if (topic_id > 0)
		gone = !row->creating || TransactionIdIsValid(row->creating_xid);
	LWLockRelease(&row->lock);
	if (gone && row->creating && TransactionIdIsInProgress(row->creating_xid))
		gone = false;
	if (gone)
		cq_topic_row_forget(MyDatabaseId, topic_id);
}

/* Free rows whose topic is gone; give every other topic its row. */
static void
take_stock(void)
{
	List	   *defs;
	ListCell   *cell;

	cq_step_start();
	defs = cq_topics_all();
	for (int i = 0; i < cq_topics->nrows; i++)
		check_row(&cq_topic_rows[i], defs);
	foreach(cell, defs)
	{
		CqTopicDef *def = lfirst(cell);

		if (!def->resolved)
			open_safely(def->name);
	}
	cq_step_commit();
}

/* One pass over all topics; next_look is when there is something to do again. */
static void
pass(void)
{
	static uint64 known_epoch = 0;
	uint64		epoch = cq_topics_epoch();

	next_look = PG_INT64_MAX;
	if (known_epoch != epoch)
	{
		take_stock();
		known_epoch = epoch;
	}
	for (int i = 0; i < cq_topics->nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		next_look = Min(next_look, maintain_row(&cq_topic_rows[i]));
	}
}

int64
cq_topic_maintain(void)
{
	if (cq_shared == NULL || RecoveryInProgress())
		return 0;
	if (!cq_step_run_alone(pass, false))
		return cq_clock_ms() + OTHERS_MS;
	return (next_look == PG_INT64_MAX) ? 0 : Max(next_look, 1);
}

void
cq_topic_maintain_by_hand(void)
{
	cq_require_shared();
	PreventCommandDuringRecovery("topic_maintain()");
	(void) cq_step_run_alone(pass, true);
	/* the plans are the worker's promises: let it make its own */
	cq_dbworker_wake(MyDatabaseId);
}
