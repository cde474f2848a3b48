/*-------------------------------------------------------------------------
 *
 * sweep.c
 *	  What goes with the carriers of topics and groups (see core/object.h).
 *
 * A topic whose carrier is gone has been dropped, and its groups with it; so has
 * a group whose carrier is gone, or whose queue is if it is a shared one.  What
 * is left of them, a carrier of a group or queues of a shared one among it, is
 * deleted here.  Tables may be missing already: nothing here needs them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/catalog.h"
#include "core/owner.h"
#include "queue/admin.h"
#include "queue/definition.h"
#include "storage/lmgr.h"
#include "topic/open.h"
#include "topic/record.h"
#include "topic/sweep.h"
#include "topic/xact.h"

/* The carrier is gone: delete what is left of the topic. */
static void
forget_topic(int32 topic_id)
{
	CqTopicDef *def = cq_topic_by_id(topic_id);

	if (def == NULL)
		return;
	cq_record_relations_drop(topic_id, def->npartitions);
	(void) cq_execute_with_int("DELETE FROM cq.topic_group WHERE topic_id = $1", topic_id);
	(void) cq_execute_with_int("DELETE FROM cq.topic_segment WHERE topic_id = $1", topic_id);
	(void) cq_execute_with_int("DELETE FROM cq.topic WHERE topic_id = $1", topic_id);
	CommandCounterIncrement();
	cq_topic_items_reserve(1);
	def->state = &cq_topic_states[0];
	cq_topic_item_add(CQ_TOPIC_ITEM_DROPPED, def, CQ_NO_CELL)->offset = topic_id;
	def->attached = false;
}

/* The carrier is gone: delete what is left of the group. */
static void
forget_group(int32 topic_id, int32 group_id)
{
	CqTopicDef *def = cq_topic_by_id(topic_id);

	(void) cq_execute_with_int("DELETE FROM cq.topic_group WHERE group_id = $1", group_id);
	CommandCounterIncrement();
	def = (def == NULL) ? NULL : cq_topic_open_if_exists(def->name);
	if (def == NULL)
		return;
	cq_topic_items_reserve(1);
	cq_topic_item_add(CQ_TOPIC_ITEM_GROUP_DROPPED, def, CQ_NO_CELL)->offset = group_id;
}

/*
 * Whether there is a queue by that number which has not been dropped.  During a
 * restore there may be its carrier and no definition yet.
 */
static bool
has_queue(int32 queue_id)
{
	CqQueueDef *queue = cq_queue_by_id(queue_id);

	if (queue == NULL)
		return OidIsValid(cq_carrier_by_id(CQ_OBJECT_QUEUE, queue_id));
	return OidIsValid(cq_relation_owner(queue->object.carrier));
}

/* A group goes with its carrier, and a shared one with its queue. */
static bool
group_is_gone(const CqGroupDef *group)
{
	return !OidIsValid(cq_relation_owner(group->object.carrier)) ||
		(group->shared && !has_queue(group->queue_id));
}

/* Drop the queues of a group that are left. */
static void
drop_group_queues(int32 queue_id, int32 dead_letter_id)
{
	if (queue_id != 0)
		cq_queue_drop_by_id(queue_id);
	if (dead_letter_id != 0)
		cq_queue_drop_by_id(dead_letter_id);
}

/* Topics without carriers, whose groups go with them. */
static void
sweep_topics(void)
{
	ListCell   *cell;

	foreach(cell, cq_objects_without_carrier(CQ_OBJECT_TOPIC))
	{
		CqTopicDef *def = cq_topic_by_id(lfirst_int(cell));

		for (int i = 0; def != NULL && i < def->ngroups; i++)
		{
			cq_carrier_drop(def->groups[i].object.carrier);
			drop_group_queues(def->groups[i].queue_id, def->groups[i].dead_letter_id);
		}
		forget_topic(lfirst_int(cell));
	}
}

/* Groups that are gone; a list of numbers, the topic's and the group's. */
static List *
groups_gone(void)
{
	List	   *gone = NIL;
	ListCell   *cell;

	foreach(cell, cq_topics_all())
	{
		CqTopicDef *def = lfirst(cell);

		for (int i = 0; i < def->ngroups; i++)
		{
			if (group_is_gone(&def->groups[i]))
				gone = lappend(gone, list_make2_int(def->topic_id, def->groups[i].group_id));
		}
	}
	return gone;
}

static void
sweep_group(int32 topic_id, int32 group_id)
{
	CqTopicDef *def = cq_topic_by_id(topic_id);

	for (int i = 0; def != NULL && i < def->ngroups; i++)
	{
		const CqGroupDef *group = &def->groups[i];

		if (group->group_id != group_id)
			continue;
		cq_carrier_drop(group->object.carrier);
		drop_group_queues(group->queue_id, group->dead_letter_id);
		break;
	}
	forget_group(topic_id, group_id);
}

void
cq_topics_sweep(void)
{
	ListCell   *cell;

	if (cq_objects_without_carrier(CQ_OBJECT_TOPIC) != NIL || groups_gone() != NIL)
	{
		LockRelationOid(cq_relation("topic"), ShareUpdateExclusiveLock);
		sweep_topics();
		foreach(cell, groups_gone())
			sweep_group(linitial_int(lfirst(cell)), lsecond_int(lfirst(cell)));
	}
	cq_queues_sweep();
}

/* The queue of a shared group goes with the group only. */
static void
check_queue_drop(const CqQueueDef *queue)
{
	ListCell   *cell;

	foreach(cell, cq_topics_all())
	{
		CqTopicDef *def = lfirst(cell);

		for (int i = 0; i < def->ngroups; i++)
		{
			const CqGroupDef *group = &def->groups[i];

			if (group->shared && group->queue_id == queue->queue_id &&
				OidIsValid(cq_relation_owner(group->object.carrier)))
				ereport(ERROR,
						(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
						 errmsg("queue \"%s\" belongs to group \"%s\" of topic \"%s\"",
								queue->name, group->name, def->name),
						 errhint("Drop the group with cq.group_drop.")));
		}
	}
}

void
cq_topic_sweep_init(void)
{
	cq_queue_check_drop_hook = check_queue_drop;
}
