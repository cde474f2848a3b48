/*-------------------------------------------------------------------------
 *
 * topic_views.c
 *	  What the views of topics read, and the trigger that tells of changed
 *	  definitions: pack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "topic/open.h"
#include "topic/stat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(cq_topic_stats);
PG_FUNCTION_INFO_V1(cq_group_stats);
PG_FUNCTION_INFO_V1(cq_group_members);
PG_FUNCTION_INFO_V1(cq_topic_changed);

#define TOPIC_COLUMNS 10
#define GROUP_COLUMNS 12
#define MEMBER_COLUMNS 8

typedef void (*TopicReporter) (ReturnSetInfo *rsinfo, CqTopicDef *def);

/* Report each topic of which the caller may see anything. */
static Datum
for_each_topic(FunctionCallInfo fcinfo, const char *view, TopicReporter report)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	cq_require_shared();
	PreventCommandDuringRecovery(view);
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, cq_topics_visible())
	{
		CqTopicDef *def = cq_topic_open_if_exists(lfirst(cell));

		if (def != NULL)
			report(rsinfo, def);
	}
	PG_RETURN_NULL();
}

/* ---- cq.stat_topics -------------------------------------------------- */

static void
put_topic(ReturnSetInfo *rsinfo, CqTopicDef *def)
{
	int64		bytes;
	char	   *holder;

	if (!cq_topic_visible(def))
		return;
	bytes = cq_topic_bytes(def);
	holder = cq_topic_held_by(def);
	for (int p = 0; p < def->npartitions; p++)
	{
		Datum		values[TOPIC_COLUMNS];
		bool		nulls[TOPIC_COLUMNS] = {0};
		CqPartitionStat stat;

		cq_partition_stat(def, p, &stat);
		values[0] = CStringGetTextDatum(def->name);
		values[1] = Int32GetDatum(p);
		nulls[2] = !stat.has_first;
		values[2] = Int64GetDatum(stat.first);
		values[3] = Int64GetDatum(stat.end);
		values[4] = Int64GetDatum(stat.stable);
		values[5] = Int64GetDatum(stat.open);
		values[6] = Int64GetDatum(stat.published);
		values[7] = Int32GetDatum(def->nsegments);
		values[8] = Int64GetDatum(bytes);
		nulls[9] = (holder == NULL);
		values[9] = nulls[9] ? (Datum) 0 : CStringGetTextDatum(holder);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* cq.stat_get_topics() → SETOF record */
Datum
cq_topic_stats(PG_FUNCTION_ARGS)
{
	return for_each_topic(fcinfo, "cq.stat_topics", put_topic);
}

/* ---- cq.stat_groups -------------------------------------------------- */

static void
put_group(ReturnSetInfo *rsinfo, CqTopicDef *def, const CqGroupDef *group)
{
	for (int p = 0; p < def->npartitions; p++)
	{
		Datum		values[GROUP_COLUMNS];
		bool		nulls[GROUP_COLUMNS] = {0};
		CqAssignmentStat copy;
		TimestampTz since;

		if (!cq_assignment_stat(def, group->group_id, p, &copy))
			continue;
		values[0] = CStringGetTextDatum(def->name);
		values[1] = CStringGetTextDatum(group->name);
		values[2] = CStringGetTextDatum(group->shared ? "shared" : "exclusive");
		values[3] = Int32GetDatum(p);
		nulls[4] = nulls[5] = (copy.assignment.owner == CQ_NO_CELL);
		if (!nulls[4])
		{
			values[4] = CStringGetTextDatum(copy.owner.name);
			values[5] = Int64GetDatum(copy.owner.generation);
		}
		values[6] = Int64GetDatum(copy.assignment.position);
		nulls[6] = !copy.assignment.started;
		values[7] = Int64GetDatum(copy.assignment.committed);
		values[8] = Int64GetDatum(copy.end);
		values[9] = Int64GetDatum(Max(copy.end - copy.assignment.committed, 0));
		since = cq_assignment_lag_since(def, p, &copy);
		values[10] = DirectFunctionCall2(timestamp_mi,
										 TimestampTzGetDatum(since == 0 ? 0 : GetCurrentTimestamp()),
										 TimestampTzGetDatum(since));
		values[11] = TimestampTzGetDatum(copy.assignment.committed_at);
		nulls[11] = (copy.assignment.committed_at == 0);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

static void
put_groups(ReturnSetInfo *rsinfo, CqTopicDef *def)
{
	int			n = def->ngroups;
	CqGroupDef *groups = def->groups;

	for (int i = 0; i < n; i++)
	{
		if (!cq_topic_visible(def) && !cq_group_visible(&groups[i]))
			continue;
		cq_group_open(def, &groups[i]);
		put_group(rsinfo, def, &groups[i]);
	}
}

/* cq.stat_get_groups() → SETOF record */
Datum
cq_group_stats(PG_FUNCTION_ARGS)
{
	return for_each_topic(fcinfo, "cq.stat_groups", put_groups);
}

/* ---- cq.stat_group_members ------------------------------------------- */

static void
put_members_of(ReturnSetInfo *rsinfo, CqTopicDef *def, const CqGroupDef *group)
{
	CqMemberStat *stat = palloc(sizeof(CqMemberStat));
	Datum	   *partitions = palloc(CQ_PARTITIONS_MAX * sizeof(Datum));

	for (int i = 0; cq_member_stat(def, group->group_id, i, stat); i++)
	{
		const CqMember *member = &stat->member;
		Datum		values[MEMBER_COLUMNS];
		bool		nulls[MEMBER_COLUMNS] = {0};

		for (int p = 0; p < stat->npartitions; p++)
			partitions[p] = Int32GetDatum(stat->partitions[p]);
		values[0] = CStringGetTextDatum(def->name);
		values[1] = CStringGetTextDatum(group->name);
		values[2] = CStringGetTextDatum(member->name);
		values[3] = Int64GetDatum(member->generation);
		values[4] = TimestampTzGetDatum(member->joined_at);
		values[5] = TimestampTzGetDatum(GetCurrentTimestamp() +
										(member->until_ms - cq_clock_ms()) * 1000);
		values[6] = Int32GetDatum(member->pid);
		nulls[6] = (member->pid == 0);
		values[7] = PointerGetDatum(construct_array(partitions, stat->npartitions, INT4OID,
													sizeof(int32), true, TYPALIGN_INT));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

static void
put_members(ReturnSetInfo *rsinfo, CqTopicDef *def)
{
	int			n = def->ngroups;
	CqGroupDef *groups = def->groups;

	for (int i = 0; i < n; i++)
	{
		if (cq_topic_visible(def) || cq_group_visible(&groups[i]))
			put_members_of(rsinfo, def, &groups[i]);
	}
}

/* cq.stat_get_group_members() → SETOF record */
Datum
cq_group_members(PG_FUNCTION_ARGS)
{
	return for_each_topic(fcinfo, "cq.stat_group_members", put_members);
}

/* ---- definitions ----------------------------------------------------- */

/* Statement trigger on cq.topic and what belongs to it. */
Datum
cq_topic_changed(PG_FUNCTION_ARGS)
{
	cq_arg_trigger(fcinfo, "_topic_changed");
	cq_definitions_changed(CQ_OBJECT_TOPIC);
	return PointerGetDatum(NULL);
}
