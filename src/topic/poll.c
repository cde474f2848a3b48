/*-------------------------------------------------------------------------
 *
 * poll.c
 *	  Reading a topic: as a member of a group, or without one.
 *
 * No record may be skipped: a transaction that commits late has records below
 * those that are there already.  So a reader first asks how far the topic is stable
 * (stable.c), under the lock, and then reads what is committed, at every isolation
 * level: all transactions with lower offsets had ended by then.
 *
 * One transaction at a time reads a partition for a group, so that a rollback can
 * give back what it has read before another transaction goes on behind it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/faults.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "topic/assignment.h"
#include "topic/offset_tables.h"
#include "topic/open.h"
#include "topic/poll.h"
#include "topic/stable.h"
#include "topic/xact.h"
#include "utils/timestamp.h"

/* longest sleep in one piece */
#define SLEEP_MS_MAX 3600000

/* ---- reading without a group ----------------------------------------- */

void
cq_topic_read_records(CqTopicDef *def, int partition, int64 from, int max,
					  CqRecordReader reader, void *arg)
{
	CqRecordRange range = {.partition = partition,.from = from,.max = max};

	do
	{
		range.limit = cq_topic_stable_offset(def, partition);
		CQ_PAUSE("topic-read");
		range.max -= cq_records_read(def, &range, reader, arg, &range.from);
	} while (range.max > 0 && range.from < range.limit);
}

/* ---- polling --------------------------------------------------------- */

pg_noreturn static void
not_a_member(const CqTopicDef *def, const char *group, const char *member)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("\"%s\" is not a member of group \"%s\" of topic \"%s\"",
					member, group, def->name),
			 errdetail("It has not joined, has not been heard of for too long, has joined again elsewhere, or the server was restarted."),
			 errhint("Call cq.group_join.")));
}

/* What one look under the lock has found to read. */
typedef struct Job
{
	uint32		assignment;		/* cell */
	uint32		serial;
	uint32		epoch;
	int64		rewind;
	CqRecordRange range;		/* its max is not set */
} Job;

/* State locked: whether the member may read of the assignment now. */
static bool
may_read(const CqAssignment *assignment, uint32 member)
{
	return assignment->owner == member &&
		(assignment->busy == 0 || assignment->busy == MyProcPid) &&
		(assignment->started || assignment->passing == 0 || CQ_FAULT("topic-start-early"));
}

/* State locked: where the owner goes on reading. */
static int64
assignment_position(const CqAssignment *assignment)
{
	return assignment->started ? assignment->position : assignment->committed;
}

static bool
has_news(const CqAssignment *assignment)
{
	return assignment_position(assignment) < cq_partition_stable(&CQ_CELL(assignment->partition)->partition);
}

/* State locked: the assignment of the partition behind that one, or the first. */
static uint32
assignment_behind(uint32 group, int number)
{
	uint32		first = CQ_CELL(group)->group.assignments;
	uint32		i = first;

	while (i != CQ_NO_CELL && CQ_CELL(i)->assignment.number <= number)
		i = CQ_CELL(i)->next;
	return (i == CQ_NO_CELL) ? first : i;
}

/*
 * State locked: take the next assignment from which the member can read, behind its
 * turn, of those that have not been visited.
 */
static bool
take_job(CqTopicDef *def, CqTopicState *state, uint32 group, uint32 member, int *visited,
		 Job *job)
{
	CqMember   *m = &CQ_CELL(member)->member;
	uint32		i = assignment_behind(group, m->turn);

	while (i != CQ_NO_CELL && *visited < state->npartitions)
	{
		CqAssignment *assignment = &CQ_CELL(i)->assignment;
		CqTopicItem *item;

		(*visited)++;
		m->turn = assignment->number;
		if (assignment->number >= def->npartitions || !may_read(assignment, member) ||
			!has_news(assignment) || cq_topic_item_exists(CQ_TOPIC_ITEM_SEEK, def, i))
		{
			i = CQ_CELL(i)->next;
			if (i == CQ_NO_CELL)
				i = CQ_CELL(group)->group.assignments;
			continue;
		}
		job->assignment = i;
		job->serial = CQ_CELL(i)->serial;
		job->range.partition = assignment->number;
		job->range.from = assignment_position(assignment);
		job->range.limit = CQ_FAULT("topic-no-limit") ?
			CQ_CELL(assignment->partition)->partition.end :
			cq_partition_stable(&CQ_CELL(assignment->partition)->partition);
		assignment->position = job->range.from;
		assignment->started = true;
		job->epoch = assignment->epoch;
		job->rewind = assignment->rewind;
		item = cq_topic_item_add(CQ_TOPIC_ITEM_POLLED, def, i);
		item->epoch = assignment->epoch;
		item->offset = job->range.from;
		item->busy = (assignment->busy == 0);
		assignment->busy = MyProcPid;
		return true;
	}
	return false;
}

/*
 * Lock the state and find the member; raises, with no lock held, when it is none.
 */
static CqTopicState *
lock_member(CqTopicDef *def, const CqGroupDef *group, const char *name,
			int64 generation, uint32 *g, uint32 *member)
{
	CqTopicState *state = cq_topic_lock(def, LW_EXCLUSIVE);

	*member = CQ_NO_CELL;
	*g = cq_topic_group(state, group->group_id);
	if (*g != CQ_NO_CELL)
		*member = cq_member_find(state, *g, name, generation);
	if (*member == CQ_NO_CELL)
	{
		cq_topic_unlock(state);
		not_a_member(def, group->name, name);
	}
	return state;
}

/* Go on behind what was read; returns false when the assignment was lost meanwhile. */
static bool
advance(CqTopicDef *def, const Job *job, int64 next)
{
	CqTopicState *state = cq_topic_lock(def, LW_EXCLUSIVE);
	CqCell	   *cell = CQ_CELL(job->assignment);
	bool		same = cell->kind == CQ_CELL_ASSIGNMENT && cell->serial == job->serial &&
	cell->assignment.epoch == job->epoch;

	if (same)
		cell->assignment.position = next;
	cq_topic_unlock(state);
	return same;
}

/* Commit the offset of an assignment, in this transaction; an item is reserved. */
static void
commit_assignment(CqTopicDef *def, const CqGroupDef *group, const Job *job, int64 next, bool busy)
{
	CqTopicItem *item;
	CqOffset	offset = {0};

	offset.group_id = group->group_id;
	offset.partition = job->range.partition;
	offset.rewind = job->rewind;
	offset.offset = next;
	offset.at = GetCurrentTimestamp();

	/* with the item first, an error in writing undoes what it stands for */
	item = cq_topic_item_add(CQ_TOPIC_ITEM_COMMIT, def, job->assignment);
	item->epoch = job->epoch;
	item->rewind = job->rewind;
	item->offset = next;
	item->busy = busy;
	cq_offsets_append(def, &offset, 1);
}

/* Read up to max records of the job; its limit rises when the definition was stale. */
static int
read_job(CqTopicDef *def, Job *job, int max, CqRecordReader reader, void *arg, int64 *next)
{
	CqRecordRange range = job->range;
	int			found;

	range.max = max;
	found = cq_records_read(def, &range, reader, arg, next);
	while (found < max && *next < range.limit)
	{
		range.from = *next;
		range.max = max - found;
		range.limit = Max(range.limit, cq_topic_stable_offset(def, range.partition));
		found += cq_records_read(def, &range, reader, arg, next);
	}
	job->range.limit = range.limit;
	return found;
}

void
cq_topic_poll_records(CqTopicDef *def, const CqGroupDef *group,
					  const CqPollRequest *request, CqRecordReader reader, void *arg)
{
	int			visited = 0;
	int			n = 0;

	PreventCommandDuringRecovery("topic_poll()");
	PreventCommandIfParallelMode("topic_poll()");
	cq_group_refuse_shared(def, group);
	if (request->auto_commit)
		PreventCommandIfReadOnly("topic_poll()");
	cq_topic_follow(def);
	while (n < request->max)
	{
		CqTopicState *state;
		uint32		g;
		uint32		m;
		Job			job;
		bool		any;
		int			found;
		int64		next;

		cq_topic_items_reserve(2);
		state = lock_member(def, group, request->member, request->generation, &g, &m);
		any = take_job(def, state, g, m, &visited, &job);
		cq_topic_unlock(state);
		if (!any)
			break;
		CQ_PAUSE("topic-poll");
		found = read_job(def, &job, request->max - n, reader, arg, &next);
		n += found;
		if (!advance(def, &job, next))
		{
			/* as if it had not been read: its new owner will */
			if (found == 0)
				continue;
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("the member has lost a partition while it polled"),
					 errhint("Retry the transaction.")));
		}
		if (request->auto_commit && next > job.range.from)
			commit_assignment(def, group, &job, next, false);
	}
}

bool
cq_topic_commit_offset(CqTopicDef *def, const CqGroupDef *group, const char *member,
					   int64 generation, int partition, int64 record_offset)
{
	CqTopicState *state;
	uint32		g;
	uint32		m;
	uint32		i;
	CqAssignment *assignment;
	Job			job;
	bool		mine;
	bool		done;
	bool		busy;

	PreventCommandIfReadOnly("topic_commit()");
	PreventCommandIfParallelMode("topic_commit()");
	cq_group_refuse_shared(def, group);
	if (partition < 0 || partition >= def->npartitions)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic \"%s\" has no partition %d", def->name, partition)));

	cq_topic_items_reserve(1);
	state = cq_topic_lock(def, LW_EXCLUSIVE);
	g = cq_topic_group(state, group->group_id);
	m = (g == CQ_NO_CELL) ? CQ_NO_CELL : cq_member_find(state, g, member, generation);
	if (m == CQ_NO_CELL)
	{
		cq_topic_unlock(state);
		return false;
	}
	i = cq_assignment_find(state, g, partition);
	assignment = &CQ_CELL(i)->assignment;
	mine = assignment->owner == m && assignment->started && record_offset >= 0 &&
		record_offset < assignment->position && record_offset + 1 >= assignment->committed &&
		!cq_topic_item_exists(CQ_TOPIC_ITEM_SEEK, def, i);
	done = mine && record_offset + 1 == assignment->committed;
	busy = mine && !done && assignment->busy == 0;
	if (busy)
		assignment->busy = MyProcPid;
	job.assignment = i;
	job.serial = CQ_CELL(i)->serial;
	job.epoch = assignment->epoch;
	job.range.partition = partition;
	job.rewind = assignment->rewind;
	cq_topic_unlock(state);
	if (mine && !done)
		commit_assignment(def, group, &job, record_offset + 1, busy);
	return mine;
}

/* ---- waiting --------------------------------------------------------- */

typedef enum Readiness
{
	NOTHING,
	READY,
	NO_MEMBER,
	GONE
} Readiness;

/*
 * Whether the member has something to poll.  Counts as a heartbeat; *again_ms is
 * lowered to when the next one should be.
 */
static Readiness
look(CqTopicDef *def, int32 group_id, const char *member, int64 generation,
	 int64 *again_ms)
{
	CqTopicState *state = cq_topic_lock_if_same(def, LW_EXCLUSIVE);
	uint32		g;
	uint32		m = CQ_NO_CELL;
	Readiness	result = NOTHING;

	if (state == NULL)
		return GONE;
	g = cq_topic_group(state, group_id);
	if (g != CQ_NO_CELL)
		m = cq_member_find(state, g, member, generation);
	if (m == CQ_NO_CELL)
		result = NO_MEMBER;
	else
	{
		*again_ms = Min(*again_ms, cq_clock_ms() + CQ_CELL(g)->group.timeout_ms / 3 + 1);
		for (uint32 i = CQ_CELL(g)->group.assignments; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
		{
			if (may_read(&CQ_CELL(i)->assignment, m) && has_news(&CQ_CELL(i)->assignment))
				result = READY;
		}
	}
	cq_topic_unlock(state);
	return result;
}

static Readiness
sleep_until_ready(CqTopicDef *def, int32 group_id, const char *member, int64 generation,
				  int64 timeout_ms)
{
	int64		end = (timeout_ms < 0) ? PG_INT64_MAX : cq_clock_ms() + timeout_ms;
	CqTopicState *state = def->state;
	Readiness	result;

	ConditionVariablePrepareToSleep(&state->cv);
	for (;;)
	{
		int64		until = end;
		int64		now;

		result = look(def, group_id, member, generation, &until);
		now = cq_clock_ms();
		if (result != NOTHING || now >= end)
			break;
		if (state->by_xid > 0)
			until = Min(until, now + CQ_XID_POLL_MS);
		if (def->replica)
			until = Min(until, now + CQ_REPLICA_POLL_MS);
		(void) ConditionVariableTimedSleep(&state->cv, Min(Max(until - now, 1), SLEEP_MS_MAX),
										   PG_WAIT_EXTENSION);
		if (def->replica)
		{
			/* scans may sleep on other condition variables */
			ConditionVariableCancelSleep();
			cq_topic_follow(def);
			ConditionVariablePrepareToSleep(&state->cv);
		}
	}
	ConditionVariableCancelSleep();
	return result;
}

bool
cq_topic_wait_for(const char *topic, const char *group_name, const char *member,
				  int64 generation, int64 timeout_ms)
{
	int64		ignored = PG_INT64_MAX;
	CqTopicDef *def;
	CqGroupDef *group;
	int32		group_id;		/* the definition goes with the transaction */
	Readiness	result;

	PreventCommandDuringRecovery("topic_wait()");
	def = cq_topic_open(topic, CQ_TOPIC_NONE);
	group = cq_group_to_consume(def, group_name);
	group_id = group->group_id;
	cq_group_refuse_shared(def, group);
	cq_group_open(def, group);
	cq_topic_follow(def);
	result = look(def, group_id, member, generation, &ignored);
	if (result == NOTHING)
	{
		/* what holds back vacuum goes with the transaction */
		SPI_connect_ext(SPI_OPT_NONATOMIC);
		SPI_commit();
		SPI_finish();
		result = sleep_until_ready(def, group_id, member, generation, timeout_ms);
	}
	if (result == NO_MEMBER)
		not_a_member(def, group_name, member);
	if (result == GONE)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("topic \"%s\" does not exist", topic),
				 errdetail("It was dropped while waiting for it.")));
	return result == READY;
}
