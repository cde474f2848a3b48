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
#include "core/catalog.h"
#include "core/clock.h"
#include "core/horizon.h"
#include "core/shmem.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "message/message.h"
#include "miscadmin.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/limits.h"
#include "queue/dispatch/ready.h"
#include "queue/open.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(cq_queue_stats);
PG_FUNCTION_INFO_V1(cq_queue_changed);

PG_FUNCTION_INFO_V1(cq_queue_consumers);
PG_FUNCTION_INFO_V1(cq_queue_segments);

#define STAT_COLUMNS 26
#define COUNTERS 9
#define CONSUMER_COLUMNS 4
#define SEGMENT_COLUMNS 8

/* Counters of a queue, copied under its lock. */
typedef struct QueueSnapshot
{
	int64		ready;
	int64		delayed;
	int64		in_flight;
	int64		blocked;
	int64		open;
	int64		bytes;
	bool		paused;
	uint32		entries;
	int			nsegments;
	int64		counters[COUNTERS];
	double		rates[CQ_RATE_KINDS];
	int64		first_id;		/* next message; 0: none in memory */
	uint8		first_segment;
	ItemPointerData first_tid;
	FullTransactionId mark;		/* lowest one of what is to be truncated; 0:
								 * none */
} QueueSnapshot;

/* The lower one of two marks, either of which may be 0: none. */
static FullTransactionId
lower_mark(FullTransactionId a, FullTransactionId b)
{
	if (!FullTransactionIdIsValid(a))
		return b;
	return (FullTransactionIdIsValid(b) && FullTransactionIdPrecedes(b, a)) ? b : a;
}

static void
take_snapshot(CqQueueDef *def, QueueSnapshot *s)
{
	CqQueueRow *row = cq_queue_lock(def, LW_SHARED);
	uint32		first = cq_ready_first(row);

	memset(s, 0, sizeof(*s));
	s->ready = row->count[CQ_MSG_READY] + row->count[CQ_MSG_PARKED];
	s->delayed = row->count[CQ_MSG_DELAYED];
	s->ready += row->unloaded.n - Min(row->unloaded_delayed, row->unloaded.n);
	s->delayed += Min(row->unloaded_delayed, row->unloaded.n);
	s->in_flight = cq_row_in_flight(row);
	s->blocked = row->count[CQ_MSG_HELD];
	s->open = row->count[CQ_MSG_OPEN] + row->open_unloaded.n;
	s->bytes = cq_row_length(row).bytes;
	s->paused = row->options.paused;
	s->entries = cq_row_entries(row);
	s->nsegments = row->nsegments;
	s->counters[0] = row->sent;
	s->counters[1] = row->delivered;
	s->counters[2] = row->acknowledged;
	s->counters[3] = row->failed;
	s->counters[4] = row->expired;
	s->counters[5] = row->dead_lettered;
	s->counters[6] = row->timed_out;
	s->counters[7] = row->dropped;
	s->counters[8] = row->duplicates;
	for (int i = 0; i < CQ_RATE_KINDS; i++)
		s->rates[i] = cq_rate_per_second(&row->rate[i]);
	if (first != CQ_NONE)
	{
		s->first_id = CQ_MSG(first)->msg_id;
		s->first_segment = CQ_MSG(first)->segment;
		ItemPointerSet(&s->first_tid, CQ_MSG(first)->block, CQ_MSG(first)->offset);
	}
	s->mark = FullTransactionIdFromU64(row->keys_copied);
	for (int k = 0; k < row->nsegments; k++)
		s->mark = lower_mark(s->mark, FullTransactionIdFromU64(row->segment[k].finished));
	LWLockRelease(&row->lock);
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

	if (def->options.dead_letter[0] == '\0' || cq_queue_find(def->options.dead_letter) == NULL)
		return false;
	to = cq_queue_open(def->options.dead_letter, CQ_QUEUE_NONE);
	cq_scan_first(to);
	take_snapshot(to, &s);
	*dead = s.ready + s.delayed + s.in_flight + s.blocked;
	return true;
}

/* Who keeps tables from being truncated; NULL: nobody. */
static char *
held_by(const QueueSnapshot *s)
{
	if (!FullTransactionIdIsValid(s->mark) ||
		cq_horizon_passed(cq_horizon(cq_relation("queue")), s->mark))
		return NULL;
	return cq_horizon_holder(s->mark);
}

static void
put_stats(ReturnSetInfo *rsinfo, CqQueueDef *def)
{
	Datum		values[STAT_COLUMNS];
	bool		nulls[STAT_COLUMNS] = {0};
	QueueSnapshot s;
	TimestampTz sent_at;
	char	   *holder;
	int64		dead = 0;
	int			n = 0;

	cq_scan_first(def);
	take_snapshot(def, &s);
	values[n++] = CStringGetTextDatum(def->name);
	values[n++] = Int64GetDatum(s.ready);
	values[n++] = Int64GetDatum(s.delayed);
	values[n++] = Int64GetDatum(s.in_flight);
	values[n++] = Int64GetDatum(s.blocked);
	nulls[n] = !count_dead(def, &dead);
	values[n++] = Int64GetDatum(dead);
	values[n++] = Int64GetDatum(s.open);
	values[n++] = Int64GetDatum(s.bytes);
	nulls[n] = !first_sent_at(def, &s, &sent_at);
	values[n] = (Datum) 0;
	if (!nulls[n])
		values[n] = DirectFunctionCall2(timestamp_mi,
										TimestampTzGetDatum(GetCurrentTimestamp()),
										TimestampTzGetDatum(sent_at));
	n++;
	values[n++] = BoolGetDatum(s.paused);
	for (int i = 0; i < COUNTERS; i++)
		values[n++] = Int64GetDatum(s.counters[i]);
	for (int i = 0; i < CQ_RATE_KINDS; i++)
		values[n++] = Float8GetDatum(s.rates[i]);
	values[n++] = Int32GetDatum(s.nsegments);
	values[n++] = Int64GetDatum(s.entries);
	nulls[n] = def->options.dead_letter[0] == '\0';
	values[n++] = CStringGetTextDatum(def->options.dead_letter);
	holder = held_by(&s);
	nulls[n] = (holder == NULL);
	values[n++] = (holder == NULL) ? (Datum) 0 : CStringGetTextDatum(holder);
	Assert(n == STAT_COLUMNS);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

typedef void (*PutRows) (ReturnSetInfo *rsinfo, CqQueueDef *def);

/* Rows of each queue that the caller may use. */
static Datum
for_each_queue(FunctionCallInfo fcinfo, const char *view, PutRows put)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	bool		all = has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
	List	   *names = NIL;
	ListCell   *cell;

	cq_require_shared();
	PreventCommandDuringRecovery(view);
	InitMaterializedSRF(fcinfo, 0);
	foreach(cell, cq_queues_all())
	{
		CqQueueDef *def = lfirst(cell);

		if (all || cq_object_allowed(&def->object, CQ_QUEUE_ANY))
			names = lappend(names, pstrdup(def->name));
	}
	foreach(cell, names)
	{
		CqQueueDef *def = cq_queue_open_if_exists(lfirst(cell));

		if (def == NULL)
			continue;
		put(rsinfo, def);
		/* who drops two queues must not meet us between */
		UnlockRelationOid(def->sequence, AccessShareLock);
	}
	return (Datum) 0;
}

/* cq.stat_get_queues() → SETOF record */
Datum
cq_queue_stats(PG_FUNCTION_ARGS)
{
	return for_each_queue(fcinfo, "cq.stat_queues", put_stats);
}

/* Leases of one session. */
typedef struct Consumer
{
	uint32		pid;
	int64		in_flight;
	int64		until;			/* earliest */
} Consumer;

static int
by_pid(const void *a, const void *b)
{
	uint32		x = ((const Consumer *) a)->pid;
	uint32		y = ((const Consumer *) b)->pid;

	return (x > y) - (x < y);
}

/* All leases of the queue; *n of them. */
static Consumer *
copy_leases(CqQueueDef *def, int64 *n)
{
	static const CqMsgState states[] = {CQ_MSG_LEASED, CQ_MSG_SETTLING};
	int64		capacity = 0;
	Consumer   *leases = NULL;

	for (;;)
	{
		CqQueueRow *row = cq_queue_lock(def, LW_SHARED);
		int64		needed = row->count[CQ_MSG_LEASED] + row->count[CQ_MSG_SETTLING];

		*n = 0;
		for (int s = 0; s < lengthof(states) && needed <= capacity; s++)
		{
			for (uint32 i = cq_entries_first(row, states[s]); i != CQ_NONE;
				 i = cq_entries_next(row, i))
			{
				if (CQ_MSG(i)->flags & CQ_MSG_GONE)
					continue;
				leases[*n].pid = CQ_MSG(i)->holder;
				leases[*n].in_flight = 1;
				leases[(*n)++].until = CQ_MSG(i)->until;
			}
		}
		LWLockRelease(&row->lock);
		if (needed <= capacity)
			return leases;
		capacity = needed + needed / 4 + 64;
		leases = MemoryContextAllocHuge(CurrentMemoryContext, capacity * sizeof(Consumer));
	}
}

static void
put_consumers(ReturnSetInfo *rsinfo, CqQueueDef *def)
{
	int64		n;
	Consumer   *leases = copy_leases(def, &n);
	int64		now_ms = cq_clock_ms();
	TimestampTz now = GetCurrentTimestamp();
	int64		next;

	qsort(leases, n, sizeof(Consumer), by_pid);
	for (int64 j = 0; j < n; j = next)
	{
		Consumer	sum = leases[j];
		Datum		values[CONSUMER_COLUMNS];
		bool		nulls[CONSUMER_COLUMNS] = {0};

		for (next = j + 1; next < n && leases[next].pid == sum.pid; next++)
		{
			sum.in_flight++;
			if (sum.until == 0 || (leases[next].until != 0 && leases[next].until < sum.until))
				sum.until = leases[next].until;
		}
		values[0] = CStringGetTextDatum(def->name);
		values[1] = Int32GetDatum((int32) sum.pid);
		nulls[1] = (sum.pid == 0);
		values[2] = Int64GetDatum(sum.in_flight);
		values[3] = TimestampTzGetDatum(now + (sum.until - now_ms) * 1000);
		nulls[3] = (sum.until == 0);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	if (leases != NULL)
		pfree(leases);
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
	CqSegment	segments[CQ_SEGMENTS_MAX];
	CqQueueRow *row;
	int			current;
	int			n;

	cq_scan_first(def);
	row = cq_queue_lock(def, LW_SHARED);
	memcpy(segments, row->segment, sizeof(segments));
	current = row->current;
	n = Min(row->nsegments, def->nsegments);
	LWLockRelease(&row->lock);
	for (int k = 0; k < n; k++)
	{
		Datum		values[SEGMENT_COLUMNS];
		bool		nulls[SEGMENT_COLUMNS] = {0};

		values[0] = CStringGetTextDatum(def->name);
		values[1] = Int32GetDatum(k);
		values[2] = BoolGetDatum(k == current);
		values[3] = Int64GetDatum(segments[k].inserted);
		values[4] = Int64GetDatum(segments[k].loaded);
		values[5] = BoolGetDatum(segments[k].scan_from != InvalidBlockNumber);
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
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("cq._queue_changed() is a trigger function")));
	cq_definitions_changed(CQ_OBJECT_QUEUE);
	return PointerGetDatum(NULL);
}
