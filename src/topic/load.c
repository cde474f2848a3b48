/*-------------------------------------------------------------------------
 *
 * load.c
 *	  Loading topics and groups from the tables into shared memory.
 *
 * What the tables say is read first, without a lock; then the cells are made under
 * the row's lock, unless another session has made them meanwhile.
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

/* Append a partition to the row; false when there is no memory. */
static bool
add_partition(CqTopicRow *row, int number, int64 end, TimestampTz last_time)
{
	uint32		i = cq_cell_take(CQ_CELL_PARTITION);
	uint32	   *link = &row->partitions;

	if (i == CQ_NO_CELL)
		return false;
	CQ_CELL(i)->partition.number = number;
	CQ_CELL(i)->partition.open_head = CQ_CELL(i)->partition.open_tail = CQ_NO_CELL;
	CQ_CELL(i)->partition.end = end;
	CQ_CELL(i)->partition.last_time = last_time;
	while (*link != CQ_NO_CELL)
		link = &CQ_CELL(*link)->next;
	*link = i;
	row->npartitions++;
	return true;
}

/* Append a share to the group; false when there is no memory. */
static bool
add_share(CqTopicRow *row, uint32 group, int number, const CqOffset *offset)
{
	uint32		i = cq_cell_take(CQ_CELL_SHARE);
	uint32	   *link = &CQ_CELL(group)->group.shares;
	CqShare    *share;

	if (i == CQ_NO_CELL)
		return false;
	share = &CQ_CELL(i)->share;
	share->number = number;
	share->partition = cq_row_partition(row, number);
	share->owner = share->target = CQ_NO_CELL;
	if (offset != NULL)
	{
		share->committed = offset->offset;
		share->rewind = offset->rewind;
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
add_prepared_open(CqTopicRow *row, const CqOffset *offset)
{
	uint32		partition = cq_row_partition(row, offset->partition);
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
	row->by_xid++;
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

CqTopicRow *
cq_topic_load(CqTopicDef *def)
{
	/* reading the ends may read the definition again */
	int			npartitions = def->npartitions;
	int64	   *ends = palloc(npartitions * sizeof(int64));
	TimestampTz *times = palloc(npartitions * sizeof(TimestampTz));
	List	   *open = cq_offsets_open(def, CQ_OFFSETS_PREPARED);
	ListCell   *cell;
	CqTopicRow *row;
	bool		taken;
	bool		complete = true;

	for (int p = 0; p < npartitions; p++)
		cq_topic_read_end(def, p, &ends[p], &times[p]);

	row = cq_topic_row_take(def->topic_id, def->sequences[0], &taken);
	if (!taken)
		return row;
	for (int p = 0; p < npartitions && complete; p++)
		complete = add_partition(row, p, ends[p], times[p]);
	foreach(cell, open)
	{
		const CqOffset *offset = lfirst(cell);

		if (complete && offset->partition < npartitions)
			complete = add_prepared_open(row, offset);
	}
	row->creating = def->uncommitted;
	row->current = (def->nsegments == 0) ? 0 : def->segments[def->nsegments - 1].number;
	row->replica = def->replica;
	row->began_ms = cq_clock_ms();
	/* segments, old tables of offsets, limits for others */
	row->limits_due = true;
	row->feed_due = true;
	row->retired_at_ms = 1;		/* now; 0: never */
	row->inserted = 1;			/* not empty; more is not known */
	cq_topic_plan(row, cq_clock_ms());
	cq_topic_unlock(row);
	if (!complete)
	{
		cq_topic_row_forget(MyDatabaseId, def->topic_id);
		cq_topic_memory_full();
	}
	cq_dbworker_request();
	return row;
}

/* Take away the last partition, which has not been used yet, and its shares. */
static void
remove_last_partition(CqTopicRow *row)
{
	int			number = row->npartitions - 1;
	uint32	   *link = &row->partitions;

	for (uint32 g = row->groups; g != CQ_NO_CELL; g = CQ_CELL(g)->next)
	{
		uint32	   *share = &CQ_CELL(g)->group.shares;

		while (*share != CQ_NO_CELL && CQ_CELL(*share)->share.number != number)
			share = &CQ_CELL(*share)->next;
		if (*share != CQ_NO_CELL)
		{
			cq_cell_free(*share);
			*share = CQ_NO_CELL;
		}
	}
	while (CQ_CELL(*link)->partition.number != number)
		link = &CQ_CELL(*link)->next;
	cq_cell_free(*link);
	*link = CQ_NO_CELL;
	row->npartitions--;
}

void
cq_topic_load_partitions(CqTopicDef *def)
{
	CqTopicRow *row = def->row;
	bool		complete = true;

	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	if (row->key.database != MyDatabaseId || row->key.id != def->topic_id)
	{
		/* dropped meanwhile, as the caller will see */
		cq_topic_unlock(row);
		return;
	}
	while (complete && row->npartitions < def->npartitions)
	{
		int			number = row->npartitions;

		complete = add_partition(row, number, 0, 0);
		if (!complete)
			break;
		for (uint32 g = row->groups; complete && g != CQ_NO_CELL; g = CQ_CELL(g)->next)
			complete = add_share(row, g, number, NULL);
		if (!complete)
			remove_last_partition(row);
	}
	for (uint32 g = row->groups; g != CQ_NO_CELL; g = CQ_CELL(g)->next)
		cq_group_rebalance(row, g);
	cq_topic_unlock(row);
	if (!complete)
		cq_topic_memory_full();
}

/* Row locked: offsets that a prepared transaction has committed. */
static bool
add_prepared(CqTopicRow *row, uint32 group, const CqOffset *offset)
{
	uint32		share = cq_assignment_find(row, group, offset->partition);
	uint32		i;
	CqPrepared *prepared;

	if (share == CQ_NO_CELL)
		return true;
	i = cq_cell_take(CQ_CELL_PREPARED);
	if (i == CQ_NO_CELL)
		return false;
	prepared = &CQ_CELL(i)->prepared;
	prepared->share = share;
	prepared->serial = CQ_CELL(share)->serial;
	prepared->epoch = CQ_CELL(share)->share.epoch;
	prepared->xid = offset->xid;
	prepared->commits = true;
	prepared->offset = offset->offset;
	prepared->rewind = offset->rewind;
	CQ_CELL(share)->share.passing++;
	if (offset->rewind > CQ_CELL(share)->share.rewind)
		CQ_CELL(share)->share.seeking++;
	CQ_CELL(i)->next = row->prepared;
	row->prepared = i;
	row->by_xid++;
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
	CqTopicRow *row;
	bool		complete;
	uint32		g;

	for (int p = 0; p < npartitions; p++)
		found[p] = cq_offsets_latest(def, group->group_id, p, &offsets[p]);

	row = cq_topic_lock_if_same(def, LW_EXCLUSIVE);
	if (row == NULL)
		return false;
	if (cq_row_group(row, group->group_id) != CQ_NO_CELL)
	{
		cq_topic_unlock(row);
		return true;
	}
	g = cq_cell_take(CQ_CELL_GROUP);
	complete = (g != CQ_NO_CELL);
	if (complete)
	{
		CQ_CELL(g)->group.group_id = group->group_id;
		CQ_CELL(g)->group.members = CQ_CELL(g)->group.shares = CQ_NO_CELL;
		CQ_CELL(g)->group.assignment = group->assignment;
		CQ_CELL(g)->group.timeout_ms = group->timeout_ms;
		CQ_CELL(g)->next = row->groups;
		row->groups = g;
		for (int p = 0; p < row->npartitions && complete; p++)
			complete = add_share(row, g, p,
								 p < npartitions && found[p] ? &offsets[p] : NULL);
		foreach(cell, open)
			complete = complete && add_prepared(row, g, lfirst(cell));
		if (!complete)
			cq_row_drop_group(row, group->group_id);
	}
	cq_topic_unlock(row);
	if (!complete)
		cq_topic_memory_full();
	return true;
}
