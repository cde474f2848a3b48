/*-------------------------------------------------------------------------
 *
 * maintain.c
 *	  What the maintenance worker does for the topics of its database.
 *
 * Each state says in plan_ms when the worker is going to look at it; a session that
 * makes something due earlier lowers that and wakes the worker (cq_topic_plan).
 * A topic in which nothing happens costs nothing, but for its retention.
 *
 * Chores run without the state's lock.  What they leave in the state is written under
 * it, if the state is still the same topic's; and what has become due meanwhile
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

/* State locked: which of them are due; they count as begun. */
static void
look(CqTopicState *state, bool *due)
{
	bool		by_hand = cq_step_by_hand();

	due[CHORE_SEGMENT] = state->next == 0 && (state->segment_at_ms <= cq_clock_ms() || by_hand);
	due[CHORE_LIMITS] = state->limits_due && state->limits_at_ms <= cq_clock_ms();
	due[CHORE_FEED] = state->feed_due || is_due(state->feed_at_ms) ||
		(state->feeds > 0 && (by_hand || state->replica));
	due[CHORE_RETAIN] = (state->retain_ms > 0 || state->retain_bytes > 0) &&
		(state->retain_at_ms <= cq_clock_ms() || by_hand);
	due[CHORE_COMPACT] = state->compact && (state->compact_due || by_hand);
	due[CHORE_RETIRED] = state->retired_at_ms != 0 && (is_due(state->retired_at_ms) || by_hand);
	due[CHORE_OFFSETS] = state->offsets_rows >= CQ_OFFSETS_ROWS || is_due(state->offsets_at_ms) ||
		(state->offsets_at_ms != 0 && by_hand);
	if (state->replica)
	{
		/* what it is a replica of has a worker of its own */
		due[CHORE_SEGMENT] = due[CHORE_LIMITS] = due[CHORE_RETAIN] = false;
		due[CHORE_COMPACT] = due[CHORE_RETIRED] = false;
	}
	state->limits_due &= !due[CHORE_LIMITS];
	state->feed_due = state->compact_due = false;
	if (due[CHORE_LIMITS])
		state->limits_at_ms = cq_clock_ms() + CQ_LIMITS_MS;
	if (due[CHORE_SEGMENT])
		state->segment_at_ms = CQ_BEGUN;
	if (due[CHORE_RETAIN])
		state->retain_at_ms = CQ_BEGUN;
}

/* State locked: when there is something to do again, or PG_INT64_MAX. */
static int64
plan(CqTopicState *state, int64 members_ms)
{
	int64		at = members_ms;

	if (state->replica)
	{
		if (state->feeds > 0)
			at = Min(at, cq_clock_ms() + CQ_REPLICA_POLL_MS);
		return (state->offsets_at_ms == 0) ? at : Min(at, state->offsets_at_ms);
	}
	if (state->next == 0)
		at = Min(at, state->segment_at_ms);
	if (state->limits_due)
		at = Min(at, state->limits_at_ms);
	if (state->feed_due || state->compact_due)
		at = Min(at, cq_clock_ms());
	if (state->feed_at_ms != 0)
		at = Min(at, state->feed_at_ms);
	if (state->retain_ms > 0 || state->retain_bytes > 0)
		at = Min(at, state->retain_at_ms);
	if (state->retired_at_ms != 0)
		at = Min(at, state->retired_at_ms);
	if (state->offsets_at_ms != 0)
		at = Min(at, state->offsets_at_ms);
	if (state->by_xid > 0)
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
	CqTopicState *state;
	CqOffset   *limits = NULL;
	int			n = 0;

	cq_step_start();
	def = cq_topic_by_id(topic_id);
	if (def != NULL)
	{
		def = cq_topic_open(def->name, CQ_TOPIC_NONE);
		limits = MemoryContextAllocZero(context, def->npartitions * sizeof(CqOffset));
		state = cq_topic_lock(def, LW_SHARED);
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
		cq_topic_unlock(state);
		if (n > 0)
			cq_offsets_append(def, limits, n);
	}
	cq_step_commit();

	state = (n == 0) ? NULL : cq_topic_lock_if_same(def, LW_EXCLUSIVE);
	if (state != NULL)
	{
		for (int i = 0; i < n; i++)
			CQ_CELL(def->partitions[limits[i].partition])->partition.limit_written =
				limits[i].offset;
		cq_topic_unlock(state);
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

/* A state that is being maintained. */
typedef struct Work
{
	CqTopicState *state;
	int32		topic_id;
	uint32		generation;
} Work;

/* The chore is done: when is the next time? */
static void
plan_chore(const Work *work, Chore chore, int64 at)
{
	CqTopicState *state = work->state;

	if (!cq_state_lock_if_same(state, work->generation, LW_EXCLUSIVE))
		return;
	switch (chore)
	{
		case CHORE_SEGMENT:
			if (state->segment_at_ms != CQ_AT_ONCE)
				state->segment_at_ms = at;
			break;
		case CHORE_FEED:
			state->feed_at_ms = or_zero(at);
			break;
		case CHORE_RETAIN:
			if (state->retain_at_ms != CQ_AT_ONCE)
				state->retain_at_ms = at;
			break;
		case CHORE_RETIRED:
			state->retired_at_ms = or_zero(at);
			break;
		case CHORE_OFFSETS:
			state->offsets_at_ms = at;
			break;
		case CHORE_LIMITS:
		case CHORE_COMPACT:
		case CHORES:
			break;
	}
	cq_topic_unlock(state);
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
	CqTopicState *state = work->state;

	/* another session has sought: again at once */
	bool		again = (chore == CHORE_FEED && sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE);

	if (!cq_state_lock_if_same(state, work->generation, LW_EXCLUSIVE))
		return false;
	if (!again)
		state->retry_ms = cq_clock_ms() + CQ_CHORE_RETRY_MS;
	state->limits_due |= (chore == CHORE_LIMITS);
	state->feed_due |= (chore == CHORE_FEED);
	state->compact_due |= (chore == CHORE_COMPACT);
	cq_topic_unlock(state);

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

	cq_channels_maintain(work->state, work->generation);
}

/* The state of the channels; returns when it is to be looked at again. */
static int64
maintain_channels(Work *work)
{
	ErrorData  *error = cq_chore_run(do_channels, work);
	CqTopicState *state = work->state;
	int64		at = PG_INT64_MAX;

	if (cq_state_lock_if_same(state, work->generation, LW_EXCLUSIVE))
	{
		if (error != NULL)
			state->plan_ms = state->retry_ms = cq_clock_ms() + CQ_CHORE_RETRY_MS;
		at = state->plan_ms;
		cq_topic_unlock(state);
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

	if (!cq_state_lock_if_same(work->state, work->generation, LW_SHARED))
		return false;
	due = is_due(work->state->retired_at_ms);
	cq_topic_unlock(work->state);
	return due;
}

/* Returns when the state is to be looked at again, or PG_INT64_MAX. */
static int64
maintain(int i)
{
	CqTopicState *state = &cq_topic_states[i];
	bool		due[CHORES];
	Work		work = {state};
	int64		members_ms;
	int64		at;

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	work.topic_id = (state->key.database == MyDatabaseId && !state->creating) ? state->key.id : 0;
	work.generation = state->key.generation;
	if (work.topic_id == 0 || (state->retry_ms > cq_clock_ms() && !cq_step_by_hand()))
	{
		at = (work.topic_id == 0) ? PG_INT64_MAX : state->retry_ms;
		cq_topic_unlock(state);
		return at;
	}
	/* from here on a session that makes something due wakes the worker */
	state->plan_ms = PG_INT64_MAX;
	if (work.topic_id == CQ_CHANNELS)
	{
		cq_topic_unlock(state);
		return maintain_channels(&work);
	}
	(void) cq_members_expire(state);
	look(state, due);
	cq_topic_unlock(state);
	cq_topic_wake(state);

	if (state->by_xid > 0)
		while (cq_topic_settle_prepared(state))
			CHECK_FOR_INTERRUPTS();
	for (int chore = 0; chore < CHORES; chore++)
	{
		if (due[chore] || (chore == CHORE_RETIRED && retired_is_due(&work)))
			do_chore_safely(&work, chore);
	}

	if (!cq_state_lock_if_same(state, work.generation, LW_EXCLUSIVE))
		return PG_INT64_MAX;
	members_ms = cq_members_expire(state);
	at = plan(state, members_ms);
	if (state->retry_ms > cq_clock_ms())
		at = Max(at, state->retry_ms);
	state->plan_ms = Min(state->plan_ms, at);
	at = state->plan_ms;
	cq_topic_unlock(state);
	return at;
}

/* ---- all topics ------------------------------------------------------ */

/* Open the topic, so that it has its state. */
static void
open_topic(const void *name)
{
	(void) cq_topic_open(name, CQ_TOPIC_NONE);
}

/* A state as it was before the definitions were read. */
typedef struct Known
{
	int32		topic_id;		/* 0: none of this database */
	uint32		generation;
	bool		committed;		/* the topic's creation has ended */
} Known;

static Known
note_state(CqTopicState *state)
{
	Known		known = {0};
	TransactionId xid;

	LWLockAcquire(&state->lock, LW_SHARED);
	if (state->key.database == MyDatabaseId && state->key.id > 0)
		known.topic_id = state->key.id;
	known.generation = state->key.generation;
	known.committed = !state->creating;
	xid = state->creating_xid;
	cq_topic_unlock(state);
	if (!known.committed && TransactionIdIsValid(xid))
		known.committed = !TransactionIdIsInProgress(xid);
	return known;
}

/* Free the state if its topic is gone. */
static void
check_state(CqTopicState *state, const Known *known, List *defs)
{
	bool		found = false;
	bool		same;
	ListCell   *cell;

	foreach(cell, defs)
		found |= (((CqTopicDef *) lfirst(cell))->topic_id == known->topic_id);
	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	same = state->key.generation == known->generation;
	if (same && found)
		state->creating = false;
	cq_topic_unlock(state);
	if (same && !found && known->committed)
		cq_topic_state_forget(MyDatabaseId, known->topic_id);
}

/* Free states whose topic is gone; give every other topic its state. */
static void
sync_states(void)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *defs;
	ListCell   *cell;
	Known	   *known;

	cq_step_start();

	/* first: what was committed then is seen in the definitions */
	known = palloc(cq_topics->nstates * sizeof(Known));
	for (int i = 0; i < cq_topics->nstates; i++)
		known[i] = note_state(&cq_topic_states[i]);
	defs = cq_topics_all();
	for (int i = 0; i < cq_topics->nstates; i++)
	{
		if (known[i].topic_id != 0)
			check_state(&cq_topic_states[i], &known[i], defs);
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
count_states(void)
{
	return cq_topics->nstates;
}

static CqChores chores = {
	.kind = CQ_OBJECT_TOPIC,
	.sync = sync_states,
	.count = count_states,
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
