/*-------------------------------------------------------------------------
 *
 * assignment.c
 *	  Groups: members, who owns which partition, positions.
 *
 * Members live in shared memory only: they end with the server, and join again.
 * How far a group is done is in the tables (offsets.c), and is read when the group
 * is first used (load.c).
 *
 * Whenever members come or go, each partition gets a target, the member that is to
 * own it.  The target becomes the owner at once, unless the owner is alive and in a
 * transaction that has polled the partition or committed offsets for it: then at
 * the end of that.  Only an owner that is gone loses a partition in the middle of
 * a transaction: it has left, has sent no heartbeat for the group's
 * session_timeout, or its session has ended.  The transaction finds out when it
 * commits, by the epoch of the assignment.
 *
 * The new owner starts from the committed offset, once the transactions that may
 * still change it (passing) have ended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "topic/assignment.h"
#include "utils/timestamp.h"

/* ---- owners ---------------------------------------------------------- */

void
cq_assignment_fence(CqTopicState *state, uint32 i)
{
	CqAssignment *assignment = &CQ_CELL(i)->assignment;

	assignment->epoch++;
	assignment->started = false;
	assignment->busy = 0;
	assignment->owner = assignment->target;
}

void
cq_assignment_end_busy(CqTopicState *state, uint32 i)
{
	CqAssignment *assignment = &CQ_CELL(i)->assignment;

	assignment->busy = 0;
	if (assignment->owner != assignment->target)
		cq_assignment_fence(state, i);
}

void
cq_assignment_commit(CqAssignment *assignment, int64 offset, int64 rewind, TimestampTz at)
{
	if (rewind < assignment->rewind)
		return;
	if (rewind > assignment->rewind)
	{
		assignment->rewind = rewind;
		assignment->committed = offset;
	}
	assignment->committed = Max(assignment->committed, offset);
	assignment->committed_at = at;
}

uint32
cq_assignment_find(const CqTopicState *state, uint32 group, int partition)
{
	uint32		i = CQ_CELL(group)->group.assignments;

	while (i != CQ_NO_CELL && CQ_CELL(i)->assignment.number != partition)
		i = CQ_CELL(i)->next;
	return i;
}

/* ---- assignment ------------------------------------------------------ */

/* Give partitions, in order, to members in the order of their names. */
static void
assign_range(CqGroupState *group, int npartitions)
{
	uint32		member = group->members;
	int			each = npartitions / group->nmembers;
	int			extra = npartitions % group->nmembers;
	int			left = each + (extra-- > 0 ? 1 : 0);

	for (uint32 i = group->assignments; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		while (left == 0)
		{
			member = CQ_CELL(member)->next;
			left = each + (extra-- > 0 ? 1 : 0);
		}
		CQ_CELL(i)->assignment.target = member;
		left--;
	}
}

/* Give partitions to members as evenly as possible, moving as few as possible. */
static void
assign_sticky(CqGroupState *group, int npartitions)
{
	int			each = npartitions / group->nmembers;
	int			extra = npartitions % group->nmembers;
	uint32		member;

	for (member = group->members; member != CQ_NO_CELL; member = CQ_CELL(member)->next)
		CQ_CELL(member)->member.count = 0;
	for (uint32 i = group->assignments; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		if (CQ_CELL(i)->assignment.target != CQ_NO_CELL)
			CQ_CELL(CQ_CELL(i)->assignment.target)->member.count++;
	}

	/* members that have more than their part keep one that is left over */
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

	for (uint32 i = group->assignments; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		CqAssignment *assignment = &CQ_CELL(i)->assignment;

		if (assignment->target != CQ_NO_CELL &&
			CQ_CELL(assignment->target)->member.count > CQ_CELL(assignment->target)->member.allowed)
		{
			CQ_CELL(assignment->target)->member.count--;
			assignment->target = CQ_NO_CELL;
		}
	}
	member = group->members;
	for (uint32 i = group->assignments; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		CqAssignment *assignment = &CQ_CELL(i)->assignment;

		if (assignment->target != CQ_NO_CELL)
			continue;
		while (CQ_CELL(member)->member.count >= CQ_CELL(member)->member.allowed)
			member = CQ_CELL(member)->next;
		assignment->target = member;
		CQ_CELL(member)->member.count++;
	}
}

void
cq_group_rebalance(CqTopicState *state, uint32 g)
{
	CqGroupState *group = &CQ_CELL(g)->group;

	if (group->nmembers == 0)
	{
		for (uint32 i = group->assignments; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
			CQ_CELL(i)->assignment.target = CQ_NO_CELL;
	}
	else if (group->strategy == CQ_ASSIGN_RANGE)
		assign_range(group, state->npartitions);
	else
		assign_sticky(group, state->npartitions);

	for (uint32 i = group->assignments; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		CqAssignment *assignment = &CQ_CELL(i)->assignment;

		if (assignment->owner != assignment->target &&
			(assignment->busy == 0 || assignment->owner == CQ_NO_CELL))
			cq_assignment_fence(state, i);
	}
}

/* ---- members --------------------------------------------------------- */

/* It lives for another session_timeout. */
static void
renew(CqTopicState *state, CqMember *member)
{
	member->until_ms = cq_clock_ms_after(CQ_CELL(member->group)->group.timeout_ms);
	cq_topic_plan(state, member->until_ms);
}

uint32
cq_member_find(CqTopicState *state, uint32 group, const char *name, int64 generation)
{
	uint32		i = CQ_CELL(group)->group.members;

	while (i != CQ_NO_CELL && strcmp(CQ_CELL(i)->member.name, name) != 0)
		i = CQ_CELL(i)->next;
	if (i == CQ_NO_CELL || (generation != 0 && CQ_CELL(i)->member.generation != generation))
		return CQ_NO_CELL;
	if (CQ_CELL(i)->member.until_ms <= cq_clock_ms())
	{
		cq_member_remove(state, i);
		return CQ_NO_CELL;
	}
	renew(state, &CQ_CELL(i)->member);
	return i;
}

uint32
cq_member_join(CqTopicState *state, uint32 g, const char *name, int pid)
{
	CqGroupState *group = &CQ_CELL(g)->group;
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
	member->generation = ((int64) cq_topics->salt << 32) | (uint32) ++state->generations;
	member->joined_at = GetCurrentTimestamp();
	renew(state, member);
	if (!new)
	{
		/* what the earlier holder of the name has begun is not ours */
		for (uint32 s = group->assignments; s != CQ_NO_CELL; s = CQ_CELL(s)->next)
		{
			if (CQ_CELL(s)->assignment.owner == i)
				cq_assignment_fence(state, s);
		}
	}
	cq_group_rebalance(state, g);
	return i;
}

void
cq_member_remove(CqTopicState *state, uint32 i)
{
	uint32		g = CQ_CELL(i)->member.group;
	CqGroupState *group = &CQ_CELL(g)->group;
	uint32	   *link = &group->members;

	while (*link != i)
		link = &CQ_CELL(*link)->next;
	*link = CQ_CELL(i)->next;
	group->nmembers--;
	for (uint32 s = group->assignments; s != CQ_NO_CELL; s = CQ_CELL(s)->next)
	{
		CqAssignment *assignment = &CQ_CELL(s)->assignment;

		if (assignment->target == i)
			assignment->target = CQ_NO_CELL;
		if (assignment->owner == i)
		{
			assignment->owner = CQ_NO_CELL;
			assignment->epoch++;
			assignment->started = false;
			assignment->busy = 0;
		}
	}
	cq_cell_free(i);
	cq_group_rebalance(state, g);
}

int64
cq_members_expire(CqTopicState *state)
{
	int64		now = cq_clock_ms();
	int64		next = PG_INT64_MAX;

	for (uint32 g = state->groups; g != CQ_NO_CELL; g = CQ_CELL(g)->next)
	{
		uint32		i = CQ_CELL(g)->group.members;

		while (i != CQ_NO_CELL)
		{
			uint32		following = CQ_CELL(i)->next;

			if (CQ_CELL(i)->member.until_ms <= now)
				cq_member_remove(state, i);
			else
				next = Min(next, CQ_CELL(i)->member.until_ms);
			i = following;
		}
	}
	return next;
}
