/*-------------------------------------------------------------------------
 *
 * queue_views.c
 *	  What the views of the work queue read, and the trigger that tells of changed
 *	  definitions: pack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/args.h"
#include "core/clock.h"
#include "core/shmem.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "queue/open.h"
#include "queue/stat.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(cq_queue_stats);
PG_FUNCTION_INFO_V1(cq_queue_consumers);
PG_FUNCTION_INFO_V1(cq_queue_segments);
PG_FUNCTION_INFO_V1(cq_queue_changed);

#define STAT_COLUMNS 26
#define CONSUMER_COLUMNS 4
#define SEGMENT_COLUMNS 8

typedef void (*PutRows) (ReturnSetInfo *rsinfo, CqQueueDef *def);

/* Rows of each queue that the caller may see. */
static Datum
for_each_queue(FunctionCallInfo fcinfo, const char *view, PutRows put)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	ListCell   *cell;

	cq_require_shared();
	PreventCommandDuringRecovery(view);
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, cq_queues_visible())
	{
		CqQueueDef *def = cq_queue_open_if_exists(lfirst(cell));

		if (def == NULL)
			continue;
		put(rsinfo, def);
		/* one at a time: not to deadlock with a session that drops two queues */
		UnlockRelationOid(def->sequence, AccessShareLock);
	}
	return (Datum) 0;
}

static void
put_stats(ReturnSetInfo *rsinfo, CqQueueDef *def)
{
	Datum		values[STAT_COLUMNS];
	bool		nulls[STAT_COLUMNS] = {0};
	CqQueueStat s;
	TimestampTz sent_at;
	char	   *holder;
	int64		dead = 0;
	int			n = 0;

	cq_queue_stat(def, &s);
	values[n++] = CStringGetTextDatum(def->name);
	values[n++] = Int64GetDatum(s.ready);
	values[n++] = Int64GetDatum(s.delayed);
	values[n++] = Int64GetDatum(s.in_flight);
	values[n++] = Int64GetDatum(s.blocked);
	nulls[n] = !cq_queue_count_dead(def, &dead);
	values[n++] = Int64GetDatum(dead);
	values[n++] = Int64GetDatum(s.open);
	values[n++] = Int64GetDatum(s.bytes);
	nulls[n] = !cq_queue_first_sent_at(def, &s, &sent_at);
	values[n] = (Datum) 0;
	if (!nulls[n])
		values[n] = DirectFunctionCall2(timestamp_mi,
										TimestampTzGetDatum(GetCurrentTimestamp()),
										TimestampTzGetDatum(sent_at));
	n++;
	values[n++] = BoolGetDatum(s.paused);
	for (int i = 0; i < CQ_QUEUE_COUNTERS; i++)
		values[n++] = Int64GetDatum(s.counters[i]);
	for (int i = 0; i < CQ_RATE_KINDS; i++)
		values[n++] = Float8GetDatum(s.rates[i]);
	values[n++] = Int32GetDatum(s.nsegments);
	values[n++] = Int64GetDatum(s.entries);
	nulls[n] = def->options.dead_letter[0] == '\0';
	values[n++] = CStringGetTextDatum(def->options.dead_letter);
	holder = cq_queue_held_by(&s);
	nulls[n] = (holder == NULL);
	values[n++] = (holder == NULL) ? (Datum) 0 : CStringGetTextDatum(holder);
	Assert(n == STAT_COLUMNS);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* cq.stat_get_queues() → SETOF record */
Datum
cq_queue_stats(PG_FUNCTION_ARGS)
{
	return for_each_queue(fcinfo, "cq.stat_queues", put_stats);
}

static void
put_consumers(ReturnSetInfo *rsinfo, CqQueueDef *def)
{
	CqQueueConsumer *consumers;
	int64		n = cq_queue_consumers_list(def, &consumers);
	int64		now_ms = cq_clock_ms();
	TimestampTz now = GetCurrentTimestamp();

	for (int64 i = 0; i < n; i++)
	{
		const CqQueueConsumer *consumer = &consumers[i];
		Datum		values[CONSUMER_COLUMNS];
		bool		nulls[CONSUMER_COLUMNS] = {0};

		values[0] = CStringGetTextDatum(def->name);
		values[1] = Int32GetDatum((int32) consumer->pid);
		nulls[1] = (consumer->pid == 0);
		values[2] = Int64GetDatum(consumer->in_flight);
		values[3] = TimestampTzGetDatum(now + (consumer->until - now_ms) * 1000);
		nulls[3] = (consumer->until == 0);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	if (consumers != NULL)
		pfree(consumers);
}

/* cq.stat_get_queue_consumers() → SETOF record */
Datum
cq_queue_consumers(PG_FUNCTION_ARGS)
{
	return for_each_queue(fcinfo, "cq.stat_queue_consumers", put_consumers);
}

static void
put_segments(ReturnSetInfo *rsinfo, CqQueueDef *def)
{
	CqSegmentCopy segments[CQ_SEGMENTS_MAX];
	int			n = cq_queue_segments_copy(def, segments);

	for (int k = 0; k < n; k++)
	{
		Datum		values[SEGMENT_COLUMNS];
		bool		nulls[SEGMENT_COLUMNS] = {0};

		values[0] = CStringGetTextDatum(def->name);
		values[1] = Int32GetDatum(k);
		values[2] = BoolGetDatum(segments[k].current);
		values[3] = Int64GetDatum(segments[k].inserted);
		values[4] = Int64GetDatum(segments[k].loaded);
		values[5] = BoolGetDatum(segments[k].backlog);
		values[6] = ObjectIdGetDatum(def->messages[k]);
		values[7] = ObjectIdGetDatum(def->events[k]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

/* cq.stat_get_queue_segments() → SETOF record */
Datum
cq_queue_segments(PG_FUNCTION_ARGS)
{
	return for_each_queue(fcinfo, "cq.queue_segments", put_segments);
}

/* Statement trigger on cq.queue and cq.queue_grant. */
Datum
cq_queue_changed(PG_FUNCTION_ARGS)
{
	cq_arg_trigger(fcinfo, "_queue_changed");
	cq_definitions_changed(CQ_OBJECT_QUEUE);
	return PointerGetDatum(NULL);
}
