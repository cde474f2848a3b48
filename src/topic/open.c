/*-------------------------------------------------------------------------
 *
 * open.c
 *	  Opening a topic, or a group: privileges, relations, the state in shared memory.
 *
 * The state is loaded from the tables by the session that first opens the topic.
 * Functions below this file (record.c, assignment.c) may find that a definition is
 * stale.  They read it again without the state, which detaches it; cq_topic_lock()
 * attaches it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "topic/assignment.h"
#include "topic/load.h"
#include "topic/open.h"

/* State locked: what the state knows of the definition. */
static void
set_state(CqTopicDef *def, CqTopicState *state)
{
	uint32		i = state->partitions;

	def->generation = state->key.generation;
	for (int p = 0; p < def->npartitions && i != CQ_NO_CELL; p++)
	{
		def->partitions[p] = i;
		i = CQ_CELL(i)->next;
	}
	if (!def->uncommitted || state->creating)
	{
		if (state->retain_ms != def->retain_ms || state->retain_bytes != def->retain_bytes)
		{
			state->retain_at_ms = CQ_AT_ONCE;
			cq_topic_plan(state, cq_clock_ms());
		}
		state->retain_ms = def->retain_ms;
		state->retain_bytes = def->retain_bytes;
		state->compact_due |= def->compact && !state->compact;
		state->compact = def->compact;
		state->replica = def->replica;
	}
	state->feeds = 0;
	for (int g = 0; g < def->ngroups; g++)
	{
		state->feeds += def->groups[g].shared ? 1 : 0;
		i = cq_topic_group(state, def->groups[g].group_id);
		if (i != CQ_NO_CELL)
		{
			CQ_CELL(i)->group.timeout_ms = def->groups[g].timeout_ms;
			CQ_CELL(i)->group.strategy = def->groups[g].strategy;
		}
	}
}

/*
 * Find the topic's state in shared memory, and give it the options.  False when it is
 * another topic's by now.
 */
static bool
attach(CqTopicDef *def)
{
	CqTopicState *state;

	def->state = NULL;
	if (RecoveryInProgress())
	{
		def->attached = true;
		return true;
	}
	state = cq_topic_state_find(def->topic_id, def->sequences[0]);
	if (state == NULL)
		state = cq_topic_load(def);
	def->state = state;
	if (state->npartitions < def->npartitions)
	{
		/* the others must not see what may be rolled back */
		if (def->uncommitted && state->npartitions > 0 && !state->creating)
			def->npartitions = state->npartitions;
		else
			cq_topic_load_partitions(def);
	}
	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	if (state->key.database == MyDatabaseId && state->key.id == def->topic_id &&
		state->npartitions >= def->npartitions)
	{
		set_state(def, state);
		def->attached = true;
	}
	cq_topic_unlock(state);
	return def->attached;
}

/* As cq_topic_open() does; NULL when there is none, or it lacks tables. */
static CqTopicDef *
open_if_exists(const char *name, AclMode privileges, bool missing_ok)
{
	CqTopicDef *def;

	cq_require_shared();
	def = cq_topic_find(name);
	if (def != NULL && def->located)
	{
		cq_topic_enter(def);
		/* there may be news, not least after waiting */
		if (!cq_definition_is_current((CqDefinition *) def))
			def = cq_topic_find(name);
	}
	if (def == NULL)
		return NULL;
	if (privileges == CQ_TOPIC_NONE || !cq_object_allowed(&def->object, privileges))
	{
		if (!OidIsValid(cq_relation_owner(def->object.carrier)))
			return NULL;
		if (privileges != CQ_TOPIC_NONE)
			cq_object_denied(CQ_OBJECT_TOPIC, name, NULL, false);
	}
	if (!def->located && !cq_topic_find_relations(def, missing_ok))
		return NULL;
	if ((!def->attached || (def->state == NULL && !RecoveryInProgress())) && !attach(def))
		return NULL;
	return def;
}

CqTopicDef *
cq_topic_open(const char *name, AclMode privileges)
{
	CqTopicDef *def = open_if_exists(name, privileges, false);

	if (def == NULL)
		cq_object_missing(CQ_OBJECT_TOPIC, name);
	return def;
}

CqTopicDef *
cq_topic_open_by_id(int32 topic_id)
{
	CqTopicDef *def = cq_topic_by_id(topic_id);

	return (def == NULL) ? NULL : cq_topic_open(def->name, CQ_TOPIC_NONE);
}

CqTopicDef *
cq_topic_open_if_exists(const char *name)
{
	return open_if_exists(name, CQ_TOPIC_NONE, true);
}

void
cq_topic_refresh(CqTopicDef *def)
{
	cq_topic_read_again(def);
	if (!attach(def))
		cq_object_missing(CQ_OBJECT_TOPIC, def->name);
}

CqTopicState *
cq_topic_lock(CqTopicDef *def, LWLockMode mode)
{
	CqTopicState *state;

	while ((state = cq_topic_lock_if_same(def, mode)) == NULL)
	{
		CHECK_FOR_INTERRUPTS();
		/* there are no states */
		PreventCommandDuringRecovery("this function");

		/* it may have been read again a moment ago */
		if (def->attached || !def->located || !attach(def))
			cq_topic_refresh(def);
	}
	return state;
}

void
cq_group_open(CqTopicDef *def, const CqGroupDef *group)
{
	bool		loaded;

	do
	{
		CqTopicState *state = cq_topic_lock(def, LW_SHARED);

		loaded = cq_topic_group(state, group->group_id) != CQ_NO_CELL;
		cq_topic_unlock(state);
	} while (!loaded && !cq_topic_load_group(def, group));
}
