/*-------------------------------------------------------------------------
 *
 * load.c
 *	  Loading topics and groups from the tables into shared memory.
 *
 * What the tables say is read first, without a lock; then the cells are made under
 * the state's lock, unless another session has made them meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/dbworker.h"
#include "miscadmin.h"
#include "topic/assignment.h"
#include "topic/load.h"
#include "topic/offsets.h"
#include "topic/record.h"

/* Append a partition to the state; false when there is no memory. */
static bool
add_partition(CqTopicState *state, int number, int64 end, TimestampTz last_time)
{
	uint32		i = cq_cell_take(CQ_CELL_PARTITION);
	uint32	   *link = &state->partitions;

	if (i == CQ_NO_CELL)
		return false;
	CQ_CELL(i)->partition.number = number;
	CQ_CELL(i)->partition.open_head = CQ_CELL(i)->partition.open_tail = CQ_NO_CELL;
	CQ_CELL(i)->partition.end = end;
	CQ_CELL(i)->partition.last_time = last_time;
	while (*link != CQ_NO_CELL)
		link = &CQ_CELL(*link)->next;
	*link = i;
	state->npartitions++;
	return true;
}

/* Append an assignment to the group; false when there is no memory. */
static bool
add_assignment(CqTopicState *state, uint32 group, int number, const CqOffset *offset)
{
	uint32		i = cq_cell_take(CQ_CELL_ASSIGNMENT);
	uint32	   *link = &CQ_CELL(group)->group.assignments;
	CqAssignment *assignment;

	if (i == CQ_NO_CELL)
		return false;
	assignment = &CQ_CELL(i)->assignment;
	assignment->number = number;
	assignment->partition = cq_topic_partition(state, number);
	assignment->owner = assignment->target = CQ_NO_CELL;
	if (offset != NULL)
	{
		assignment->committed = offset->offset;
		assignment->rewind = offset->rewind;
	}
	while (*link != CQ_NO_CELL)
		link = &CQ_CELL(*link)->next;
	*link = i;
	return true;
}

/*
 * Note that a prepared transaction has published; the cells of a partition are
 * in the order of their offsets.  False when there is no memory.
 */
static bool
add_prepared_open(CqTopicState *state, const CqOffset *offset)
{
	uint32		partition = cq_topic_partition(state, offset->partition);
	CqPartition *p = &CQ_CELL(partition)->partition;
	uint32		i = cq_cell_take(CQ_CELL_OPEN);
	uint32		before;
	CqOpen	   *open;

	if (i == CQ_NO_CELL)
		return false;
	open = &CQ_CELL(i)->open;
	open->partition = partition;
	open->lowest = offset->offset;
	open->xid = offset->xid;
	state->by_xid++;
	pg_atomic_fetch_add_u32(&cq_topics->by_xid, 1);

	before = p->open_tail;
	while (before != CQ_NO_CELL && CQ_CELL(before)->open.lowest > open->lowest)
		before = CQ_CELL(before)->open.prev;
	open->prev = before;
	if (before == CQ_NO_CELL)
	{
		CQ_CELL(i)->next = p->open_head;
		p->open_head = i;
	}
	else
	{
		CQ_CELL(i)->next = CQ_CELL(before)->next;
		CQ_CELL(before)->next = i;
	}
	if (CQ_CELL(i)->next == CQ_NO_CELL)
		p->open_tail = i;
	else
		CQ_CELL(CQ_CELL(i)->next)->open.prev = i;
	return true;
}

void
cq_topic_read_end(CqTopicDef *def, int partition, int64 *end, TimestampTz *last_time)
{
	CqOffset	limit;
	int64		last;

	*end = 0;
	*last_time = 0;
	if (cq_records_last(def, partition, &last, last_time))
		*end = last + 1;
	/* the last record may have gone, by retention or compaction */
	if (cq_offsets_latest(def, CQ_OFFSETS_STABLE, partition, &limit))
		*end = Max(*end, limit.offset);
}

CqTopicState *
cq_topic_load(CqTopicDef *def)
{
	/* reading the ends may read the definition again */
	int			npartitions = def->npartitions;
	int64	   *ends = palloc(npartitions * sizeof(int64));
	TimestampTz *times = palloc(npartitions * sizeof(TimestampTz));
	List	   *open = cq_offsets_open(def, CQ_OFFSETS_PREPARED);
	ListCell   *cell;
	CqTopicState *state;
	bool		taken;
	bool		complete = true;

	for (int p = 0; p < npartitions; p++)
		cq_topic_read_end(def, p, &ends[p], &times[p]);

	state = cq_topic_state_take(def->topic_id, def->sequences[0], &taken);
	if (!taken)
		return state;
	for (int p = 0; p < npartitions && complete; p++)
		complete = add_partition(state, p, ends[p], times[p]);
	foreach(cell, open)
	{
		const CqOffset *offset = lfirst(cell);

		if (complete && offset->partition < npartitions)
			complete = add_prepared_open(state, offset);
	}
	state->creating = def->uncommitted;
	state->current = (def->nsegments == 0) ? 0 : def->segments[def->nsegments - 1].number;
	state->replica = def->replica;
	state->began_ms = cq_clock_ms();
	/* segments, old tables of offsets, limits for others */
	state->limits_due = true;
	state->feed_due = true;
	state->retired_at_ms = 1;	/* now; 0: never */
	state->inserted = 1;		/* not empty; more is not known */
	cq_topic_plan(state, cq_clock_ms());
	cq_topic_unlock(state);
	if (!complete)
	{
		cq_topic_state_forget(MyDatabaseId, def->topic_id);
		cq_topic_memory_full();
	}
	cq_dbworker_request();
	return state;
}

/* Take away the last partition, which has not been used yet, and its assignments. */
static void
remove_last_partition(CqTopicState *state)
{
	int			number = state->npartitions - 1;
	uint32	   *link = &state->partitions;

	for (uint32 g = state->groups; g != CQ_NO_CELL; g = CQ_CELL(g)->next)
	{
		uint32	   *assignment = &CQ_CELL(g)->group.assignments;

		while (*assignment != CQ_NO_CELL && CQ_CELL(*assignment)->assignment.number != number)
			assignment = &CQ_CELL(*assignment)->next;
		if (*assignment != CQ_NO_CELL)
		{
			cq_cell_free(*assignment);
			*assignment = CQ_NO_CELL;
		}
	}
	while (CQ_CELL(*link)->partition.number != number)
		link = &CQ_CELL(*link)->next;
	cq_cell_free(*link);
	*link = CQ_NO_CELL;
	state->npartitions--;
}

void
cq_topic_load_partitions(CqTopicDef *def)
{
	CqTopicState *state = def->state;
	bool		complete = true;

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	if (state->key.database != MyDatabaseId || state->key.id != def->topic_id)
	{
		/* dropped meanwhile, as the caller will see */
		cq_topic_unlock(state);
		return;
	}
	while (complete && state->npartitions < def->npartitions)
	{
		int			number = state->npartitions;

		complete = add_partition(state, number, 0, 0);
		if (!complete)
			break;
		for (uint32 g = state->groups; complete && g != CQ_NO_CELL; g = CQ_CELL(g)->next)
			complete = add_assignment(state, g, number, NULL);
		if (!complete)
			remove_last_partition(state);
	}
	for (uint32 g = state->groups; g != CQ_NO_CELL; g = CQ_CELL(g)->next)
		cq_group_rebalance(state, g);
	cq_topic_unlock(state);
	if (!complete)
		cq_topic_memory_full();
}

/* State locked: offsets that a prepared transaction has committed. */
static bool
add_prepared(CqTopicState *state, uint32 group, const CqOffset *offset)
{
	uint32		assignment = cq_assignment_find(state, group, offset->partition);
	uint32		i;
	CqPrepared *prepared;

	if (assignment == CQ_NO_CELL)
		return true;
	i = cq_cell_take(CQ_CELL_PREPARED);
	if (i == CQ_NO_CELL)
		return false;
	prepared = &CQ_CELL(i)->prepared;
	prepared->assignment = assignment;
	prepared->serial = CQ_CELL(assignment)->serial;
	prepared->epoch = CQ_CELL(assignment)->assignment.epoch;
	prepared->xid = offset->xid;
	prepared->commits = true;
	prepared->offset = offset->offset;
	prepared->rewind = offset->rewind;
	CQ_CELL(assignment)->assignment.passing++;
	if (offset->rewind > CQ_CELL(assignment)->assignment.rewind)
		CQ_CELL(assignment)->assignment.seeking++;
	CQ_CELL(i)->next = state->prepared;
	state->prepared = i;
	state->by_xid++;
	pg_atomic_fetch_add_u32(&cq_topics->by_xid, 1);
	return true;
}

bool
cq_topic_load_group(CqTopicDef *def, const CqGroupDef *group)
{
	int			npartitions = def->npartitions;
	CqOffset   *offsets = palloc(npartitions * sizeof(CqOffset));
	bool	   *found = palloc(npartitions * sizeof(bool));
	List	   *open = cq_offsets_open(def, group->group_id);
	ListCell   *cell;
	CqTopicState *state;
	bool		complete;
	uint32		g;

	for (int p = 0; p < npartitions; p++)
		found[p] = cq_offsets_latest(def, group->group_id, p, &offsets[p]);

	state = cq_topic_lock_if_same(def, LW_EXCLUSIVE);
	if (state == NULL)
		return false;
	if (cq_topic_group(state, group->group_id) != CQ_NO_CELL)
	{
		cq_topic_unlock(state);
		return true;
	}
	g = cq_cell_take(CQ_CELL_GROUP);
	complete = (g != CQ_NO_CELL);
	if (complete)
	{
		CQ_CELL(g)->group.group_id = group->group_id;
		CQ_CELL(g)->group.members = CQ_CELL(g)->group.assignments = CQ_NO_CELL;
		CQ_CELL(g)->group.strategy = group->strategy;
		CQ_CELL(g)->group.timeout_ms = group->timeout_ms;
		CQ_CELL(g)->next = state->groups;
		state->groups = g;
		for (int p = 0; p < state->npartitions && complete; p++)
			complete = add_assignment(state, g, p,
									  p < npartitions && found[p] ? &offsets[p] : NULL);
		foreach(cell, open)
			complete = complete && add_prepared(state, g, lfirst(cell));
		if (!complete)
			cq_topic_drop_group(state, group->group_id);
	}
	cq_topic_unlock(state);
	if (!complete)
		cq_topic_memory_full();
	return true;
}
