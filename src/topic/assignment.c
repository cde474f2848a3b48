/*-------------------------------------------------------------------------
 *
 * assignment.c
 *	  Groups: members, who owns which partition, positions.
 *
 * Membership lives in shared memory only: it ends with the server, and who was a
 * member joins again.  What a group is done with is in the tables (offsets.c) and
 * is read when the group is first used.
 *
 * Whenever members come or go, each partition gets a target.  The target becomes
 * the owner at once, unless the owner is alive and in a transaction that has
 * polled the partition or committed offsets for it: then at its end.  Only an
 * owner that is gone (it left, was not heard of for the group's session_timeout,
 * its session has ended) loses a partition in mid-transaction; that transaction
 * finds out when it commits, by the share's epoch.
 *
 * The new owner starts from the committed offset, once the transactions that may
 * still change it (passing) have ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/dbworker.h"
#include "miscadmin.h"
#include "topic/assignment.h"
#include "topic/offsets.h"
#include "topic/record.h"
#include "utils/timestamp.h"

/* ---- owners ---------------------------------------------------------- */

void
cq_share_fence(CqTopicRow *row, uint32 i)
{
	CqShare    *share = &CQ_CELL(i)->share;

	share->epoch++;
	share->started = false;
	share->busy = 0;
	share->owner = share->target;
}

void
cq_share_end_busy(CqTopicRow *row, uint32 i)
{
	CqShare    *share = &CQ_CELL(i)->share;

	share->busy = 0;
	if (share->owner != share->target)
		cq_share_fence(row, i);
}

void
cq_share_commit(CqShare *share, int64 offset, int64 rewind, TimestampTz at)
{
	if (rewind < share->rewind)
		return;
	if (rewind > share->rewind)
	{
		share->rewind = rewind;
		share->committed = offset;
	}
	share->committed = Max(share->committed, offset);
	share->committed_at = at;
}

/* ---- assignment ------------------------------------------------------ */

/* Each partition's target, by number, to the members in order of their names. */
static void
assign_range(CqLogGroup *group, int npartitions)
{
	uint32		member = group->members;
	int			each = npartitions / group->nmembers;
	int			extra = npartitions % group->nmembers;
	int			left = each + (extra-- > 0 ? 1 : 0);

	for (uint32 i = group->shares; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		while (left == 0)
		{
			member = CQ_CELL(member)->next;
			left = each + (extra-- > 0 ? 1 : 0);
		}
		CQ_CELL(i)->share.target = member;
		left--;
	}
}

/* As even as possible, moving as few as possible. */
static void
assign_sticky(CqLogGroup *group, int npartitions)
{
	int			each = npartitions / group->nmembers;
	int			extra = npartitions % group->nmembers;
	uint32		member;

	for (member = group->members; member != CQ_NO_CELL; member = CQ_CELL(member)->next)
		CQ_CELL(member)->member.count = 0;
	for (uint32 i = group->shares; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		if (CQ_CELL(i)->share.target != CQ_NO_CELL)
			CQ_CELL(CQ_CELL(i)->share.target)->member.count++;
	}

	/* those who have more than their part keep one that is left over */
	for (member = group->members; member != CQ_NO_CELL; member = CQ_CELL(member)->next)
	{
		CqMember   *m = &CQ_CELL(member)->member;

		m->allowed = each;
		if (m->count > each && extra > 0)
		{
			m->allowed++;
			extra--;
		}
	}
	for (member = group->members; member != CQ_NO_CELL && extra > 0; member = CQ_CELL(member)->next)
	{
		CqMember   *m = &CQ_CELL(member)->member;

		if (m->allowed == each)
		{
			m->allowed++;
			extra--;
		}
	}

	for (uint32 i = group->shares; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		CqShare    *share = &CQ_CELL(i)->share;

		if (share->target != CQ_NO_CELL &&
			CQ_CELL(share->target)->member.count > CQ_CELL(share->target)->member.allowed)
		{
			CQ_CELL(share->target)->member.count--;
			share->target = CQ_NO_CELL;
		}
	}
	member = group->members;
	for (uint32 i = group->shares; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		CqShare    *share = &CQ_CELL(i)->share;

		if (share->target != CQ_NO_CELL)
			continue;
		while (CQ_CELL(member)->member.count >= CQ_CELL(member)->member.allowed)
			member = CQ_CELL(member)->next;
		share->target = member;
		CQ_CELL(member)->member.count++;
	}
}

/* Members have come or gone. */
static void
rebalance(CqTopicRow *row, uint32 g)
{
	CqLogGroup *group = &CQ_CELL(g)->group;

	if (group->nmembers == 0)
	{
		for (uint32 i = group->shares; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
			CQ_CELL(i)->share.target = CQ_NO_CELL;
	}
	else if (group->assignment == CQ_ASSIGN_RANGE)
		assign_range(group, row->npartitions);
	else
		assign_sticky(group, row->npartitions);

	for (uint32 i = group->shares; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		CqShare    *share = &CQ_CELL(i)->share;

		if (share->owner != share->target &&
			(share->busy == 0 || share->owner == CQ_NO_CELL))
			cq_share_fence(row, i);
	}
}

/* ---- members --------------------------------------------------------- */

static void
heard_of(CqTopicRow *row, CqMember *member)
{
	member->until_ms = cq_clock_ms_after(CQ_CELL(member->group)->group.timeout_ms);
	cq_topic_plan(row, member->until_ms);
}

uint32
cq_member_find(CqTopicRow *row, uint32 group, const char *name, int64 generation)
{
	uint32		i = CQ_CELL(group)->group.members;

	while (i != CQ_NO_CELL && strcmp(CQ_CELL(i)->member.name, name) != 0)
		i = CQ_CELL(i)->next;
	if (i == CQ_NO_CELL || (generation != 0 && CQ_CELL(i)->member.generation != generation))
		return CQ_NO_CELL;
	if (CQ_CELL(i)->member.until_ms <= cq_clock_ms())
	{
		cq_member_remove(row, i);
		return CQ_NO_CELL;
	}
	heard_of(row, &CQ_CELL(i)->member);
	return i;
}

uint32
cq_member_join(CqTopicRow *row, uint32 g, const char *name, int pid)
{
	CqLogGroup *group = &CQ_CELL(g)->group;
	uint32	   *link = &group->members;
	uint32		i;
	CqMember   *member;
	bool		new;

	while (*link != CQ_NO_CELL && strcmp(CQ_CELL(*link)->member.name, name) < 0)
		link = &CQ_CELL(*link)->next;
	i = *link;
	new = (i == CQ_NO_CELL || strcmp(CQ_CELL(i)->member.name, name) != 0);
	if (new)
	{
		i = cq_cell_take(CQ_CELL_MEMBER);
		if (i == CQ_NO_CELL)
			return CQ_NO_CELL;
		CQ_CELL(i)->next = *link;
		*link = i;
		group->nmembers++;
		strlcpy(CQ_CELL(i)->member.name, name, CQ_MEMBER_NAME_BYTES_MAX + 1);
	}
	member = &CQ_CELL(i)->member;
	member->group = g;
	member->pid = pid;
	member->turn = -1;
	member->generation = ((int64) cq_topics->salt << 32) | (uint32) ++row->generations;
	member->joined_at = GetCurrentTimestamp();
	heard_of(row, member);
	if (!new)
	{
		/* what the earlier holder of the name has begun is not ours */
		for (uint32 s = group->shares; s != CQ_NO_CELL; s = CQ_CELL(s)->next)
		{
			if (CQ_CELL(s)->share.owner == i)
				cq_share_fence(row, s);
		}
	}
	rebalance(row, g);
	return i;
}

void
cq_member_remove(CqTopicRow *row, uint32 i)
{
	uint32		g = CQ_CELL(i)->member.group;
	CqLogGroup *group = &CQ_CELL(g)->group;
	uint32	   *link = &group->members;

	while (*link != i)
		link = &CQ_CELL(*link)->next;
	*link = CQ_CELL(i)->next;
	group->nmembers--;
	for (uint32 s = group->shares; s != CQ_NO_CELL; s = CQ_CELL(s)->next)
	{
		CqShare    *share = &CQ_CELL(s)->share;

		if (share->target == i)
			share->target = CQ_NO_CELL;
		if (share->owner == i)
		{
			share->owner = CQ_NO_CELL;
			share->epoch++;
			share->started = false;
			share->busy = 0;
		}
	}
	cq_cell_free(i);
	rebalance(row, g);
}

int64
cq_members_expire(CqTopicRow *row)
{
	int64		now = cq_clock_ms();
	int64		next = PG_INT64_MAX;

	for (uint32 g = row->groups; g != CQ_NO_CELL; g = CQ_CELL(g)->next)
	{
		uint32		i = CQ_CELL(g)->group.members;

		while (i != CQ_NO_CELL)
		{
			uint32		following = CQ_CELL(i)->next;

			if (CQ_CELL(i)->member.until_ms <= now)
				cq_member_remove(row, i);
			else
				next = Min(next, CQ_CELL(i)->member.until_ms);
			i = following;
		}
	}
	return next;
}

/* ---- loading --------------------------------------------------------- */

uint32
cq_share_find(const CqTopicRow *row, uint32 group, int partition)
{
	uint32		i = CQ_CELL(group)->group.shares;

	while (i != CQ_NO_CELL && CQ_CELL(i)->share.number != partition)
		i = CQ_CELL(i)->next;
	return i;
}

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
cq_share_read_end(CqTopicDef *def, int partition, int64 *end, TimestampTz *last_time)
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
cq_share_load_topic(CqTopicDef *def)
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
		cq_share_read_end(def, p, &ends[p], &times[p]);

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
	row->retired_at_ms = 1;
	row->inserted = 1;			/* or so */
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

/* Take away the last partition, which nobody has used yet, and its shares. */
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
cq_share_add_partitions(CqTopicDef *def)
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
		rebalance(row, g);
	cq_topic_unlock(row);
	if (!complete)
		cq_topic_memory_full();
}

/* Row locked: offsets that a prepared transaction has committed. */
static bool
add_prepared(CqTopicRow *row, uint32 group, const CqOffset *offset)
{
	uint32		share = cq_share_find(row, group, offset->partition);
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
cq_share_load_group(CqTopicDef *def, const CqGroupDef *group)
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
