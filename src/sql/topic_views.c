/*-------------------------------------------------------------------------
 *
 * topic_views.c
 *	  What the views of topics read, and the trigger that tells of changed
 *	  definitions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/horizon.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "topic/assignment.h"
#include "topic/open.h"
#include "topic/stable.h"
#include "topic/record.h"
#include "utils/acl.h"
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

/* Whether the user may see all of the topic. */
static bool
sees_topic(CqTopicDef *def)
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

/* Report each topic that the user may use in some way. */
static Datum
for_each_topic(FunctionCallInfo fcinfo, const char *view, TopicReporter report)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	List	   *names = NIL;
	ListCell   *cell;

	cq_require_shared();
	PreventCommandDuringRecovery(view);
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, cq_topics_all())
	{
		CqTopicDef *def = lfirst(cell);

		if (sees_topic(def) || sees_a_group(def))
			names = lappend(names, def->name);
	}
	foreach(cell, names)
	{
		CqTopicDef *def = cq_topic_open_if_exists(lfirst(cell));

		if (def != NULL)
			report(rsinfo, def);
	}
	PG_RETURN_NULL();
}

/* ---- cq.stat_topics -------------------------------------------------- */

static int64
relation_bytes(Oid relid)
{
	return DatumGetInt64(DirectFunctionCall1(pg_total_relation_size, ObjectIdGetDatum(relid)));
}

static int64
topic_bytes(const CqTopicDef *def)
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

/* Who keeps tables of the topic from being truncated; NULL: nobody. */
static char *
held_by(CqTopicDef *def)
{
	CqTopicRow *row = cq_topic_lock(def, LW_SHARED);
	FullTransactionId mark = row->retired;

	if (!FullTransactionIdIsValid(mark))
		mark = row->offsets_copied;
	LWLockRelease(&row->lock);
	if (!FullTransactionIdIsValid(mark) ||
		cq_horizon_passed(cq_horizon(cq_relation("topic")), mark))
		return NULL;
	return cq_horizon_holder(mark);
}

static void
put_topic(ReturnSetInfo *rsinfo, CqTopicDef *def)
{
	int64		bytes;
	char	   *holder;

	if (!sees_topic(def))
		return;
	bytes = topic_bytes(def);
	holder = held_by(def);
	for (int p = 0; p < def->npartitions; p++)
	{
		int64		stable = cq_topic_stable_offset(def, p);
		Datum		values[TOPIC_COLUMNS];
		bool		nulls[TOPIC_COLUMNS] = {0};
		CqTopicRow *row;
		CqPartition copy;
		int64		first = 0;
		int64		open;

		row = cq_topic_lock(def, LW_SHARED);
		copy = CQ_CELL(def->partitions[p])->partition;
		open = copy.crowd;
		for (uint32 i = copy.open_head; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
			open++;
		LWLockRelease(&row->lock);
		values[0] = CStringGetTextDatum(def->name);
		values[1] = Int32GetDatum(p);
		nulls[2] = !cq_records_first(def, p, &first);
		values[2] = Int64GetDatum(first);
		values[3] = Int64GetDatum(copy.end);
		values[4] = Int64GetDatum(Min(stable, copy.end));
		values[5] = Int64GetDatum(open);
		values[6] = Int64GetDatum(copy.published);
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

/* Copied under the row's lock. */
typedef struct ShareCopy
{
	CqShare		share;
	CqMember	owner;			/* if share.owner is a cell */
	int64		end;
	int64		stable;
} ShareCopy;

static bool
copy_share(CqTopicDef *def, int32 group_id, int partition, ShareCopy *copy)
{
	CqTopicRow *row = cq_topic_lock(def, LW_SHARED);
	uint32		g = cq_row_group(row, group_id);
	uint32		i = (g == CQ_NO_CELL) ? CQ_NO_CELL : cq_assignment_find(row, g, partition);

	if (i != CQ_NO_CELL)
	{
		const CqPartition *p = &CQ_CELL(CQ_CELL(i)->share.partition)->partition;

		copy->share = CQ_CELL(i)->share;
		if (copy->share.owner != CQ_NO_CELL)
			copy->owner = CQ_CELL(copy->share.owner)->member;
		copy->end = p->end;
		copy->stable = cq_partition_stable(p);
	}
	LWLockRelease(&row->lock);
	return i != CQ_NO_CELL;
}

/* CqRecordReader */
static void
note_published_at(TupleTableSlot *slot, void *arg)
{
	bool		isnull;

	*(TimestampTz *) arg = DatumGetTimestampTz(slot_getattr(slot, CQ_MESSAGE_ENQUEUED_AT, &isnull));
}

/* Age of the first record that can be read from there on; zero: there is none. */
static Datum
lag_time(CqTopicDef *def, int partition, int64 from, int64 limit)
{
	TimestampTz at = 0;
	CqRecordRange range = {.partition = partition,.from = from,.limit = limit,.max = 1};

	do
		(void) cq_records_read(def, &range, note_published_at, &at, &range.from);
	while (at == 0 && range.from < limit);
	return DirectFunctionCall2(timestamp_mi,
							   TimestampTzGetDatum(at == 0 ? 0 : GetCurrentTimestamp()),
							   TimestampTzGetDatum(at));
}

static void
put_group(ReturnSetInfo *rsinfo, CqTopicDef *def, const CqGroupDef *group)
{
	for (int p = 0; p < def->npartitions; p++)
	{
		Datum		values[GROUP_COLUMNS];
		bool		nulls[GROUP_COLUMNS] = {0};
		ShareCopy	copy;

		if (!copy_share(def, group->group_id, p, &copy))
			continue;
		values[0] = CStringGetTextDatum(def->name);
		values[1] = CStringGetTextDatum(group->name);
		values[2] = CStringGetTextDatum(group->shared ? "shared" : "exclusive");
		values[3] = Int32GetDatum(p);
		nulls[4] = nulls[5] = (copy.share.owner == CQ_NO_CELL);
		if (!nulls[4])
		{
			values[4] = CStringGetTextDatum(copy.owner.name);
			values[5] = Int64GetDatum(copy.owner.generation);
		}
		values[6] = Int64GetDatum(copy.share.position);
		nulls[6] = !copy.share.started;
		values[7] = Int64GetDatum(copy.share.committed);
		values[8] = Int64GetDatum(copy.end);
		values[9] = Int64GetDatum(Max(copy.end - copy.share.committed, 0));
		values[10] = lag_time(def, p, copy.share.committed, copy.stable);
		values[11] = TimestampTzGetDatum(copy.share.committed_at);
		nulls[11] = (copy.share.committed_at == 0);
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
		if (!sees_topic(def) && !cq_group_visible(&groups[i]))
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

/*
 * Copy the n-th member of the group and its partitions; false when there is
 * none.
 */
static bool
copy_member(CqTopicDef *def, int32 group_id, int n, CqMember *member, Datum *partitions,
			int *npartitions)
{
	CqTopicRow *row = cq_topic_lock(def, LW_SHARED);
	uint32		g = cq_row_group(row, group_id);
	uint32		i = (g == CQ_NO_CELL) ? CQ_NO_CELL : CQ_CELL(g)->group.members;

	while (i != CQ_NO_CELL && n-- > 0)
		i = CQ_CELL(i)->next;
	*npartitions = 0;
	if (i != CQ_NO_CELL)
	{
		*member = CQ_CELL(i)->member;
		for (uint32 s = CQ_CELL(g)->group.shares; s != CQ_NO_CELL; s = CQ_CELL(s)->next)
		{
			if (CQ_CELL(s)->share.owner == i && *npartitions < CQ_PARTITIONS_MAX)
				partitions[(*npartitions)++] = Int32GetDatum(CQ_CELL(s)->share.number);
		}
	}
	LWLockRelease(&row->lock);
	return i != CQ_NO_CELL;
}

static void
put_members_of(ReturnSetInfo *rsinfo, CqTopicDef *def, const CqGroupDef *group)
{
	Datum	   *partitions = palloc(CQ_PARTITIONS_MAX * sizeof(Datum));
	CqMember	member;
	int			npartitions;

	for (int i = 0; copy_member(def, group->group_id, i, &member, partitions, &npartitions); i++)
	{
		Datum		values[MEMBER_COLUMNS];
		bool		nulls[MEMBER_COLUMNS] = {0};

		values[0] = CStringGetTextDatum(def->name);
		values[1] = CStringGetTextDatum(group->name);
		values[2] = CStringGetTextDatum(member.name);
		values[3] = Int64GetDatum(member.generation);
		values[4] = TimestampTzGetDatum(member.joined_at);
		values[5] = TimestampTzGetDatum(GetCurrentTimestamp() +
										(member.until_ms - cq_clock_ms()) * 1000);
		values[6] = Int32GetDatum(member.pid);
		nulls[6] = (member.pid == 0);
		values[7] = PointerGetDatum(construct_array(partitions, npartitions, INT4OID,
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
		if (sees_topic(def) || cq_group_visible(&groups[i]))
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
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("cq._topic_changed() is a trigger function")));
	cq_definitions_changed(CQ_OBJECT_TOPIC);
	return PointerGetDatum(NULL);
}
