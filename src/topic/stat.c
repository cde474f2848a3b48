/*-------------------------------------------------------------------------
 *
 * stat.c
 *	  The state of topics and groups, for the views.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "core/catalog.h"
#include "core/horizon.h"
#include "core/object.h"
#include "executor/tuptable.h"
#include "message/message.h"
#include "miscadmin.h"
#include "topic/assignment.h"
#include "topic/open.h"
#include "topic/record.h"
#include "topic/stable.h"
#include "topic/stat.h"
#include "utils/acl.h"
#include "utils/builtins.h"

bool
cq_topic_visible(CqTopicDef *def)
{
	return cq_object_allowed(&def->object, CQ_TOPIC_ANY) ||
		has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
}

static bool
sees_a_group(CqTopicDef *def)
{
	for (int i = 0; i < def->ngroups; i++)
	{
		if (cq_group_visible(&def->groups[i]))
			return true;
	}
	return false;
}

List *
cq_topics_visible(void)
{
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, cq_topics_all())
	{
		CqTopicDef *def = lfirst(cell);

		if (cq_topic_visible(def) || sees_a_group(def))
			names = lappend(names, pstrdup(def->name));
	}
	return names;
}

static int64
relation_bytes(Oid relid)
{
	return DatumGetInt64(DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(relid)));
}

int64
cq_topic_bytes(const CqTopicDef *def)
{
	int64		bytes = 0;

	for (int k = 0; k < def->ntables; k++)
	{
		Oid			relid = cq_record_table(def, k);

		if (!OidIsValid(relid))
			break;
		bytes += relation_bytes(relid);
	}
	for (int k = 0; k < CQ_OFFSETS_TABLES; k++)
		bytes += relation_bytes(def->offsets[k]);
	return bytes;
}

char *
cq_topic_held_by(CqTopicDef *def)
{
	CqTopicState *state = cq_topic_lock(def, LW_SHARED);
	FullTransactionId mark = state->retired;

	if (!FullTransactionIdIsValid(mark))
		mark = state->offsets_copied;
	LWLockRelease(&state->lock);
	if (!FullTransactionIdIsValid(mark) ||
		cq_horizon_passed(cq_horizon(cq_relation("topic")), mark))
		return NULL;
	return cq_horizon_holder(mark);
}

void
cq_partition_stat(CqTopicDef *def, int partition, CqPartitionStat *stat)
{
	int64		stable = cq_topic_stable_offset(def, partition);
	CqTopicState *state = cq_topic_lock(def, LW_SHARED);
	CqPartition copy = CQ_CELL(def->partitions[partition])->partition;

	stat->open = copy.untracked;
	for (uint32 i = copy.open_head; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
		stat->open++;
	LWLockRelease(&state->lock);
	stat->end = copy.end;
	stat->stable = Min(stable, copy.end);
	stat->published = copy.published;
	stat->first = 0;
	stat->has_first = cq_records_first(def, partition, &stat->first);
}

bool
cq_assignment_stat(CqTopicDef *def, int32 group_id, int partition, CqAssignmentStat *copy)
{
	CqTopicState *state = cq_topic_lock(def, LW_SHARED);
	uint32		g = cq_topic_group(state, group_id);
	uint32		i = (g == CQ_NO_CELL) ? CQ_NO_CELL : cq_assignment_find(state, g, partition);

	if (i != CQ_NO_CELL)
	{
		const CqPartition *p = &CQ_CELL(CQ_CELL(i)->assignment.partition)->partition;

		copy->assignment = CQ_CELL(i)->assignment;
		if (copy->assignment.owner != CQ_NO_CELL)
			copy->owner = CQ_CELL(copy->assignment.owner)->member;
		copy->end = p->end;
		copy->stable = cq_partition_stable(p);
	}
	LWLockRelease(&state->lock);
	return i != CQ_NO_CELL;
}

/* CqRecordReader */
static void
note_published_at(TupleTableSlot *slot, void *arg)
{
	bool		isnull;

	*(TimestampTz *) arg = DatumGetTimestampTz(slot_getattr(slot, CQ_MESSAGE_ENQUEUED_AT, &isnull));
}

TimestampTz
cq_assignment_lag_since(CqTopicDef *def, int partition, const CqAssignmentStat *stat)
{
	TimestampTz at = 0;
	CqRecordRange range = {.partition = partition,.from = stat->assignment.committed,
	.limit = stat->stable,.max = 1};

	do
		(void) cq_records_read(def, &range, note_published_at, &at, &range.from);
	while (at == 0 && range.from < range.limit);
	return at;
}

bool
cq_member_stat(CqTopicDef *def, int32 group_id, int n, CqMemberStat *stat)
{
	CqTopicState *state = cq_topic_lock(def, LW_SHARED);
	uint32		g = cq_topic_group(state, group_id);
	uint32		i = (g == CQ_NO_CELL) ? CQ_NO_CELL : CQ_CELL(g)->group.members;

	while (i != CQ_NO_CELL && n-- > 0)
		i = CQ_CELL(i)->next;
	stat->npartitions = 0;
	if (i != CQ_NO_CELL)
	{
		stat->member = CQ_CELL(i)->member;
		for (uint32 s = CQ_CELL(g)->group.assignments; s != CQ_NO_CELL; s = CQ_CELL(s)->next)
		{
			if (CQ_CELL(s)->assignment.owner == i && stat->npartitions < CQ_PARTITIONS_MAX)
				stat->partitions[stat->npartitions++] = CQ_CELL(s)->assignment.number;
		}
	}
	LWLockRelease(&state->lock);
	return i != CQ_NO_CELL;
}
