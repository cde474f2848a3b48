/*-------------------------------------------------------------------------
 *
 * queue_views.c
 *	  What the views of the work queue read, and the trigger that tells of
 *	  changed definitions.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_authid.h"
#include "commands/trigger.h"
#include "core/shmem.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "queue/entries.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(cq_queue_stats);
PG_FUNCTION_INFO_V1(cq_queue_changed);

#define STAT_COLUMNS 16

/* Counters of a queue, copied under its lock. */
typedef struct QueueSnapshot
{
	int64		ready;
	int64		delayed;
	int64		in_flight;
	int64		open;
	uint32		entries;
	int			nsegments;
	int64		counters[6];
	int64		first_id;		/* next message; 0: none in memory */
	uint8		first_segment;
	ItemPointerData first_tid;
} QueueSnapshot;

static void
take_snapshot(CqQueueDef *def, QueueSnapshot *s)
{
	CqQueueRow *row = cq_queue_lock(def, LW_SHARED);
	uint32		first = cq_entry_first_ready(row);

	memset(s, 0, sizeof(*s));
	s->ready = row->count[CQ_MSG_READY] + row->count[CQ_MSG_PARKED];
	s->delayed = row->count[CQ_MSG_DELAYED];
	if (row->overflow)
		s->ready += row->unloaded;
	else
		s->delayed += row->unloaded;
	s->in_flight = row->count[CQ_MSG_LEASED] + row->count[CQ_MSG_SETTLING];
	s->open = row->count[CQ_MSG_OPEN];
	s->entries = cq_row_entries(row);
	s->nsegments = row->nsegments;
	s->counters[0] = row->sent;
	s->counters[1] = row->delivered;
	s->counters[2] = row->acknowledged;
	s->counters[3] = row->failed;
	s->counters[4] = row->expired;
	s->counters[5] = row->dead_lettered;
	if (first != CQ_NONE)
	{
		s->first_id = CQ_MSG(first)->msg_id;
		s->first_segment = CQ_MSG(first)->segment;
		ItemPointerSet(&s->first_tid, CQ_MSG(first)->block, CQ_MSG(first)->offset);
	}
	LWLockRelease(&row->lock);
}

/* Make sure that the counters are those of the tables. */
static void
load(CqQueueDef *def)
{
	CqQueueRow *row = cq_queue_lock(def, LW_SHARED);
	bool		loaded = row->loaded;

	LWLockRelease(&row->lock);
	if (!loaded)
		cq_scan_refill(def);
}

/* When the next message was sent; false when nobody knows. */
static bool
first_sent_at(CqQueueDef *def, const QueueSnapshot *s, TimestampTz *at)
{
	Relation	rel;
	TupleTableSlot *slot;
	ItemPointerData tid = s->first_tid;
	bool		found;
	bool		isnull;

	if (s->first_id == 0 || s->first_segment >= def->nsegments)
		return false;
	rel = cq_segment_open(def, def->messages[s->first_segment], AccessShareLock);
	slot = table_slot_create(rel, NULL);
	found = cq_segment_fetch(rel, &tid, s->first_id, slot);
	if (found)
		*at = DatumGetTimestampTz(slot_getattr(slot, CQ_MESSAGE_ENQUEUED_AT, &isnull));
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return found;
}

/* Messages in the dead-letter queue; false when there is none. */
static bool
count_dead(const CqQueueDef *def, int64 *dead)
{
	CqQueueDef *to;
	QueueSnapshot s;

	if (def->dead_letter[0] == '\0' || cq_definition_find(def->dead_letter) == NULL)
		return false;
	to = cq_queue_open(def->dead_letter, CQ_QUEUE_NONE);
	load(to);
	take_snapshot(to, &s);
	*dead = s.ready + s.delayed + s.in_flight;
	return true;
}

static void
put_stats(ReturnSetInfo *rsinfo, CqQueueDef *def)
{
	Datum		values[STAT_COLUMNS];
	bool		nulls[STAT_COLUMNS] = {0};
	QueueSnapshot s;
	TimestampTz sent_at;
	int64		dead = 0;
	int			n = 0;

	load(def);
	take_snapshot(def, &s);
	values[n++] = CStringGetTextDatum(def->name);
	values[n++] = Int64GetDatum(s.ready);
	values[n++] = Int64GetDatum(s.delayed);
	values[n++] = Int64GetDatum(s.in_flight);
	nulls[n] = !count_dead(def, &dead);
	values[n++] = Int64GetDatum(dead);
	values[n++] = Int64GetDatum(s.open);
	nulls[n] = !first_sent_at(def, &s, &sent_at);
	values[n] = (Datum) 0;
	if (!nulls[n])
		values[n] = DirectFunctionCall2(timestamp_mi,
										TimestampTzGetDatum(GetCurrentTimestamp()),
										TimestampTzGetDatum(sent_at));
	n++;
	for (int i = 0; i < lengthof(s.counters); i++)
		values[n++] = Int64GetDatum(s.counters[i]);
	values[n++] = Int32GetDatum(s.nsegments);
	values[n++] = Int64GetDatum(s.entries);
	nulls[n] = def->dead_letter[0] == '\0';
	values[n++] = CStringGetTextDatum(def->dead_letter);
	Assert(n == STAT_COLUMNS);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* cq._queue_stats() → SETOF record: of the queues the caller may use */
Datum
cq_queue_stats(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		all = has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
	List	   *names = NIL;
	ListCell   *cell;

	cq_require_shared();
	PreventCommandDuringRecovery("cq.stat_queues");
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, cq_definitions_all())
	{
		CqQueueDef *def = lfirst(cell);

		if (all || cq_queue_allowed(def, CQ_QUEUE_ANY))
			names = lappend(names, pstrdup(def->name));
	}
	foreach(cell, names)
	{
		if (cq_definition_find(lfirst(cell)) != NULL)
			put_stats(rsinfo, cq_queue_open(lfirst(cell), CQ_QUEUE_NONE));
	}
	PG_RETURN_NULL();
}

/* Statement trigger on cq.queue and cq.queue_grant. */
Datum
cq_queue_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("cq._queue_changed() is a trigger function")));
	cq_definitions_changed();
	return PointerGetDatum(NULL);
}
