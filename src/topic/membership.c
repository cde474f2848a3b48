/*-------------------------------------------------------------------------
 *
 * membership.c
 *	  Joining and leaving consumer groups.
 *
 * Members are cells of the topic's state in shared memory.  A session remembers the
 * memberships that are bound to it, and leaves them when it ends.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "topic/admin.h"
#include "topic/assignment.h"
#include "topic/membership.h"
#include "topic/open.h"
#include "topic/xact.h"
#include "utils/memutils.h"

/* A membership that ends with this session. */
typedef struct Bound
{
	uint32		state;
	uint32		generation;
	uint32		member;			/* cell */
	uint32		serial;
} Bound;

static Bound *bound_members = NULL;
static int	nbound = 0;

/* before_shmem_exit callback */
static void
leave_all(int code, Datum arg)
{
	for (int i = 0; i < nbound; i++)
	{
		const Bound *b = &bound_members[i];
		CqTopicState *state = &cq_topic_states[b->state];

		LWLockAcquire(&state->lock, LW_EXCLUSIVE);
		if (state->key.generation == b->generation &&
			CQ_CELL(b->member)->kind == CQ_CELL_MEMBER &&
			CQ_CELL(b->member)->serial == b->serial &&
			CQ_CELL(b->member)->member.pid == MyProcPid)
			cq_member_remove(state, b->member);
		cq_topic_unlock(state);
		cq_topic_wake(state);
	}
	nbound = 0;
}

/* Room for one more. */
static void
reserve_bound(void)
{
	static bool registered = false;
	int			kept = 0;

	if (!registered)
		before_shmem_exit(leave_all, (Datum) 0);
	registered = true;

	/* without those that have ended */
	for (int i = 0; i < nbound; i++)
	{
		if (CQ_CELL(bound_members[i].member)->serial == bound_members[i].serial)
			bound_members[kept++] = bound_members[i];
	}
	nbound = kept;
	if (bound_members == NULL)
		bound_members = MemoryContextAlloc(TopMemoryContext, sizeof(Bound));
	else
		bound_members = repalloc(bound_members, (nbound + 1) * sizeof(Bound));
}

/* The group, created unless it exists; not a shared one. */
static CqGroupDef *
group_to_join(CqTopicDef *def, const char *name)
{
	CqGroupDef *group = cq_group_def_find(def, name);

	if (group == NULL)
	{
		/* another session may be about to create it */
		cq_topic_lock_definition(def);
		group = cq_group_def_find(def, name);
	}
	if (group == NULL)
	{
		CqGroupOptions options;

		cq_group_set_defaults(&options);
		cq_group_create_named(def, name, &options, false);
		group = cq_group_def(def, name);
	}
	cq_group_check(def, group);
	cq_group_refuse_shared(def, group);
	return group;
}

int64
cq_group_join_as(CqTopicDef *def, const char *name, const char *member, bool bound)
{
	CqGroupDef *group;
	int64		generation = 0;
	CqTopicState *state;
	uint32		g;
	uint32		i = CQ_NO_CELL;

	PreventCommandDuringRecovery("group_join()");
	PreventCommandIfParallelMode("group_join()");
	group = group_to_join(def, name);
	if (bound)
		reserve_bound();
	cq_group_open(def, group);
	state = cq_topic_lock(def, LW_EXCLUSIVE);
	(void) cq_members_expire(state);
	g = cq_topic_group(state, group->group_id);
	if (g != CQ_NO_CELL)
		i = cq_member_join(state, g, member, bound ? MyProcPid : 0);
	if (i != CQ_NO_CELL)
	{
		generation = CQ_CELL(i)->member.generation;
		if (bound)
		{
			Bound	   *b = &bound_members[nbound++];

			b->state = CQ_TOPIC_STATE_INDEX(state);
			b->generation = state->key.generation;
			b->member = i;
			b->serial = CQ_CELL(i)->serial;
		}
	}
	cq_topic_unlock(state);
	if (i == CQ_NO_CELL)
		cq_topic_memory_full();
	cq_topic_wake(state);
	return generation;
}

/*
 * Lock the state and find the member; counts as a heartbeat.  The caller unlocks,
 * whether there is one or not.
 */
static CqTopicState *
lock_member(CqTopicDef *def, const char *name, const char *member, int64 generation,
			uint32 *i)
{
	CqGroupDef *group = cq_group_to_consume(def, name);
	CqTopicState *state;
	uint32		g;

	PreventCommandDuringRecovery("group_heartbeat()");
	cq_group_refuse_shared(def, group);
	state = cq_topic_lock(def, LW_EXCLUSIVE);
	g = cq_topic_group(state, group->group_id);
	*i = (g == CQ_NO_CELL) ? CQ_NO_CELL : cq_member_find(state, g, member, generation);
	return state;
}

bool
cq_group_leave_as(CqTopicDef *def, const char *name, const char *member, int64 generation)
{
	CqTopicState *state;
	uint32		i;

	cq_topic_items_reserve(1);
	state = lock_member(def, name, member, generation, &i);
	if (i != CQ_NO_CELL)
		(void) cq_topic_item_add(CQ_TOPIC_ITEM_LEAVE, def, i);
	cq_topic_unlock(state);
	return i != CQ_NO_CELL;
}

bool
cq_group_heartbeat_as(CqTopicDef *def, const char *name, const char *member, int64 generation)
{
	CqTopicState *state;
	uint32		i;

	state = lock_member(def, name, member, generation, &i);
	cq_topic_unlock(state);
	return i != CQ_NO_CELL;
}
