/*-------------------------------------------------------------------------
 *
 * open.c
 *	  Opening a topic, or a group: privileges, relations, the row in shared memory.
 *
 * The row is loaded from the tables by the session that first opens the topic.
 * Functions below this file (record.c, assignment.c) may find that a definition is
 * stale.  They read it again without the row, which detaches it; cq_topic_lock()
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

/* Row locked: what the row knows of the definition. */
static void
set_row(CqTopicDef *def, CqTopicRow *row)
{
	uint32		i = row->partitions;

	def->generation = row->key.generation;
	for (int p = 0; p < def->npartitions && i != CQ_NO_CELL; p++)
	{
		def->partitions[p] = i;
		i = CQ_CELL(i)->next;
	}
	if (!def->uncommitted || row->creating)
	{
		if (row->retain_ms != def->retain_ms || row->retain_bytes != def->retain_bytes)
		{
			row->retain_at_ms = CQ_AT_ONCE;
			cq_topic_plan(row, cq_clock_ms());
		}
		row->retain_ms = def->retain_ms;
		row->retain_bytes = def->retain_bytes;
		row->compact_due |= def->compact && !row->compact;
		row->compact = def->compact;
		row->replica = def->replica;
	}
	row->feeds = 0;
	for (int g = 0; g < def->ngroups; g++)
	{
		row->feeds += def->groups[g].shared ? 1 : 0;
		i = cq_row_group(row, def->groups[g].group_id);
		if (i != CQ_NO_CELL)
		{
			CQ_CELL(i)->group.timeout_ms = def->groups[g].timeout_ms;
			CQ_CELL(i)->group.assignment = def->groups[g].assignment;
		}
	}
}

/*
 * Find the topic's row in shared memory, and give it the options.  False when it is
 * another topic's by now.
 */
static bool
attach(CqTopicDef *def)
{
	CqTopicRow *row;

	def->row = NULL;
	if (RecoveryInProgress())
	{
		def->attached = true;
		return true;
	}
	row = cq_topic_row_find(def->topic_id, def->sequences[0]);
	if (row == NULL)
		row = cq_topic_load(def);
	def->row = row;
	if (row->npartitions < def->npartitions)
	{
		/* the others must not see what may be rolled back */
		if (def->uncommitted && row->npartitions > 0 && !row->creating)
			def->npartitions = row->npartitions;
		else
			cq_topic_load_partitions(def);
	}
	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	if (row->key.database == MyDatabaseId && row->key.id == def->topic_id &&
		row->npartitions >= def->npartitions)
	{
		set_row(def, row);
		def->attached = true;
	}
	cq_topic_unlock(row);
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
	if ((!def->attached || (def->row == NULL && !RecoveryInProgress())) && !attach(def))
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

CqTopicRow *
cq_topic_lock(CqTopicDef *def, LWLockMode mode)
{
	CqTopicRow *row;

	while ((row = cq_topic_lock_if_same(def, mode)) == NULL)
	{
		CHECK_FOR_INTERRUPTS();
		/* there are no rows */
		PreventCommandDuringRecovery("this function");

		/* it may have been read again a moment ago */
		if (def->attached || !def->located || !attach(def))
			cq_topic_refresh(def);
	}
	return row;
}

void
cq_group_open(CqTopicDef *def, const CqGroupDef *group)
{
	bool		loaded;

	do
	{
		CqTopicRow *row = cq_topic_lock(def, LW_SHARED);

		loaded = cq_row_group(row, group->group_id) != CQ_NO_CELL;
		cq_topic_unlock(row);
	} while (!loaded && !cq_topic_load_group(def, group));
}
