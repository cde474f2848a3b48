/*-------------------------------------------------------------------------
 *
 * position.c
 *	  Positions in a topic, and seeking there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "topic/assignment.h"
#include "topic/offset_tables.h"
#include "topic/open.h"
#include "topic/position.h"
#include "topic/record.h"
#include "topic/stable.h"
#include "topic/xact.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Error context callback: what else could have been written. */
static void
hint_at_positions(void *arg)
{
	errhint("A position is earliest, latest, an offset or a time.");
}

/* Raises what timestamptz_in() does, with a hint. */
static TimestampTz
parse_time(const char *text)
{
	ErrorContextCallback callback = {error_context_stack, hint_at_positions, NULL};
	Datum		time;

	error_context_stack = &callback;
	time = DirectFunctionCall3(timestamptz_in, CStringGetDatum(text),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	error_context_stack = callback.previous;
	return DatumGetTimestampTz(time);
}

CqPosition
cq_position_parse(const char *text)
{
	CqPosition	position = {0};

	if (strcmp(text, "earliest") == 0)
		position.kind = CQ_POSITION_EARLIEST;
	else if (strcmp(text, "latest") == 0)
		position.kind = CQ_POSITION_LATEST;
	else if (text[0] != '\0' && strspn(text, "0123456789") == strlen(text))
	{
		position.kind = CQ_POSITION_OFFSET;
		position.offset = DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(text)));
	}
	else
	{
		position.kind = CQ_POSITION_TIME;
		position.time = parse_time(text);
	}
	return position;
}

int64
cq_position_offset(CqTopicDef *def, int partition, const CqPosition *position)
{
	int64		stable = cq_topic_stable_offset(def, partition);
	int64		first;

	switch (position->kind)
	{
		case CQ_POSITION_EARLIEST:
			return cq_records_first(def, partition, &first) ? Min(first, stable) : stable;
		case CQ_POSITION_LATEST:
			return stable;
		case CQ_POSITION_TIME:
			return cq_records_at(def, partition, position->time, stable);
		case CQ_POSITION_OFFSET:
			return position->offset;
	}
	return 0;
}

/* ---- seeking --------------------------------------------------------- */

/* Have the group go on from there in one partition; its cells are there. */
static void
seek_partition(CqTopicDef *def, const CqGroupDef *group, int partition,
			   const CqPosition *position)
{
	CqOffset	offset = {0};
	CqTopicItem *item;
	CqTopicState *state;
	uint32		g;
	uint32		i = CQ_NO_CELL;

	offset.group_id = group->group_id;
	offset.partition = partition;
	offset.offset = cq_position_offset(def, partition, position);
	offset.at = GetCurrentTimestamp();

	cq_topic_items_reserve(1);
	state = cq_topic_lock(def, LW_EXCLUSIVE);
	g = cq_topic_group(state, group->group_id);
	if (g != CQ_NO_CELL)
		i = cq_assignment_find(state, g, partition);
	if (i == CQ_NO_CELL)
	{
		cq_topic_unlock(state);
		elog(ERROR, "group \"%s\" has no partition %d", group->name, partition);
	}
	if (cq_topic_item_exists(CQ_TOPIC_ITEM_SEEK, def, i))
	{
		cq_topic_unlock(state);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot seek twice in one transaction")));
	}
	offset.rewind = CQ_CELL(i)->assignment.rewind + 1;
	item = cq_topic_item_add(CQ_TOPIC_ITEM_SEEK, def, i);
	item->offset = offset.offset;
	item->rewind = offset.rewind;
	cq_topic_unlock(state);
	cq_offsets_append(def, &offset, 1);
}

void
cq_topic_seek_to(CqTopicDef *def, const CqGroupDef *group, int partition,
				 const CqPosition *position)
{
	PreventCommandIfReadOnly("topic_seek()");
	PreventCommandIfParallelMode("topic_seek()");
	if (partition < CQ_PARTITION_ALL || partition >= def->npartitions)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic \"%s\" has no partition %d", def->name, partition)));
	cq_group_open(def, group);
	for (int p = 0; p < def->npartitions; p++)
	{
		if (partition == CQ_PARTITION_ALL || partition == p)
			seek_partition(def, group, p, position);
	}
}
