/*-------------------------------------------------------------------------
 *
 * stat.c
 *	  The state of queues, for the views.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_authid.h"
#include "core/catalog.h"
#include "core/horizon.h"
#include "core/object.h"
#include "executor/tuptable.h"
#include "message/message.h"
#include "miscadmin.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/limits.h"
#include "queue/dispatch/rate.h"
#include "queue/dispatch/ready.h"
#include "queue/open.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "queue/stat.h"
#include "utils/acl.h"
#include "utils/rel.h"

List *
cq_queues_visible(void)
{
	bool		all = has_privs_of_role(GetUserId(), ROLE_PG_MONITOR);
	List	   *names = NIL;
	ListCell   *cell;

	foreach(cell, cq_queues_all())
	{
		CqQueueDef *def = lfirst(cell);

		if (all || cq_object_allowed(&def->object, CQ_QUEUE_ANY))
			names = lappend(names, pstrdup(def->name));
	}
	return names;
}

/* The lower one of two marks, either of which may be 0: none. */
static FullTransactionId
lower_mark(FullTransactionId a, FullTransactionId b)
{
	if (!FullTransactionIdIsValid(a))
		return b;
	return (FullTransactionIdIsValid(b) && FullTransactionIdPrecedes(b, a)) ? b : a;
}

static void
copy_state(CqQueueDef *def, CqQueueStat *s)
{
	CqQueueState *queue = cq_queue_lock(def, LW_SHARED);
	uint32		first = cq_ready_first(queue);

	memset(s, 0, sizeof(*s));
	s->ready = queue->count[CQ_MSG_READY] + queue->count[CQ_MSG_PARKED];
	s->delayed = queue->count[CQ_MSG_DELAYED];
	s->ready += queue->backlog.amount.n - Min(queue->backlog.delayed, queue->backlog.amount.n);
	s->delayed += Min(queue->backlog.delayed, queue->backlog.amount.n);
	s->in_flight = cq_dispatch_in_flight(queue);
	s->blocked = queue->count[CQ_MSG_HELD];
	s->open = queue->count[CQ_MSG_OPEN] + queue->backlog.open.n;
	s->bytes = cq_dispatch_length(queue).bytes;
	s->paused = queue->options.paused;
	s->entries = cq_dispatch_entries(queue);
	s->nsegments = queue->nsegments;
	s->counters[CQ_QUEUE_SENT] = queue->sent;
	s->counters[CQ_QUEUE_DELIVERED] = queue->delivered;
	s->counters[CQ_QUEUE_ACKNOWLEDGED] = queue->acknowledged;
	s->counters[CQ_QUEUE_FAILED] = queue->failed;
	s->counters[CQ_QUEUE_EXPIRED] = queue->expired;
	s->counters[CQ_QUEUE_DEAD_LETTERED] = queue->dead_lettered;
	s->counters[CQ_QUEUE_TIMED_OUT] = queue->timed_out;
	s->counters[CQ_QUEUE_DROPPED] = queue->dropped;
	s->counters[CQ_QUEUE_DUPLICATES] = queue->duplicates;
	for (int i = 0; i < CQ_RATE_KINDS; i++)
		s->rates[i] = cq_rate_per_second(&queue->rate[i]);
	if (first != CQ_NONE)
	{
		s->first_id = CQ_MSG(first)->msg_id;
		s->first_segment = CQ_MSG(first)->segment;
		ItemPointerSet(&s->first_tid, CQ_MSG(first)->block, CQ_MSG(first)->offset);
	}
	s->mark = FullTransactionIdFromU64(queue->keys_copied);
	for (int k = 0; k < queue->nsegments; k++)
		s->mark = lower_mark(s->mark, FullTransactionIdFromU64(queue->segment[k].finished));
	LWLockRelease(&queue->lock);
}

void
cq_queue_stat(CqQueueDef *def, CqQueueStat *s)
{
	cq_scan_first(def);
	copy_state(def, s);
}

bool
cq_queue_first_sent_at(CqQueueDef *def, const CqQueueStat *s, TimestampTz *at)
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

bool
cq_queue_count_dead(const CqQueueDef *def, int64 *dead)
{
	CqQueueDef *to;
	CqQueueStat s;

	if (def->options.dead_letter[0] == '\0' || cq_queue_find(def->options.dead_letter) == NULL)
		return false;
	to = cq_queue_open(def->options.dead_letter, CQ_QUEUE_NONE);
	cq_queue_stat(to, &s);
	*dead = s.ready + s.delayed + s.in_flight + s.blocked;
	return true;
}

char *
cq_queue_held_by(const CqQueueStat *s)
{
	if (!FullTransactionIdIsValid(s->mark) ||
		cq_horizon_passed(cq_horizon(cq_relation("queue")), s->mark))
		return NULL;
	return cq_horizon_holder(s->mark);
}

static int
by_pid(const void *a, const void *b)
{
	uint32		x = ((const CqQueueConsumer *) a)->pid;
	uint32		y = ((const CqQueueConsumer *) b)->pid;

	return (x > y) - (x < y);
}

/* All leases of the queue; *n of them. */
static CqQueueConsumer *
copy_leases(CqQueueDef *def, int64 *n)
{
	static const CqMsgState states[] = {CQ_MSG_LEASED, CQ_MSG_SETTLING};
	int64		capacity = 0;
	CqQueueConsumer *leases = NULL;

	for (;;)
	{
		CqQueueState *queue = cq_queue_lock(def, LW_SHARED);
		int64		needed = queue->count[CQ_MSG_LEASED] + queue->count[CQ_MSG_SETTLING];

		*n = 0;
		for (int s = 0; s < lengthof(states) && needed <= capacity; s++)
		{
			for (uint32 i = cq_entries_first(queue, states[s]); i != CQ_NONE;
				 i = cq_entries_next(queue, i))
			{
				if (CQ_MSG(i)->flags & CQ_MSG_GONE)
					continue;
				leases[*n].pid = CQ_MSG(i)->holder;
				leases[*n].in_flight = 1;
				leases[(*n)++].until = CQ_MSG(i)->until;
			}
		}
		LWLockRelease(&queue->lock);
		if (needed <= capacity)
			return leases;
		capacity = needed + needed / 4 + 64;
		leases = MemoryContextAllocHuge(CurrentMemoryContext, capacity * sizeof(CqQueueConsumer));
	}
}

int64
cq_queue_consumers_list(CqQueueDef *def, CqQueueConsumer **consumers)
{
	int64		nleases;
	int64		n = 0;
	CqQueueConsumer *list = copy_leases(def, &nleases);

	/* add up the leases of each session, in place */
	qsort(list, nleases, sizeof(CqQueueConsumer), by_pid);
	for (int64 i = 0; i < nleases; i++)
	{
		CqQueueConsumer *sum = n > 0 ? &list[n - 1] : NULL;

		if (sum == NULL || sum->pid != list[i].pid)
		{
			list[n++] = list[i];
			continue;
		}
		sum->in_flight++;
		if (sum->until == 0 || (list[i].until != 0 && list[i].until < sum->until))
			sum->until = list[i].until;
	}
	*consumers = list;
	return n;
}

int
cq_queue_segments_copy(CqQueueDef *def, CqSegmentCopy segments[CQ_SEGMENTS_MAX])
{
	CqQueueState *queue;
	int			n;

	cq_scan_first(def);
	queue = cq_queue_lock(def, LW_SHARED);
	n = Min(queue->nsegments, def->nsegments);
	for (int k = 0; k < n; k++)
	{
		segments[k].current = (k == queue->current);
		segments[k].backlog = cq_backlog_has_segment(queue, k);
		segments[k].inserted = queue->segment[k].inserted;
		segments[k].loaded = queue->segment[k].loaded;
	}
	LWLockRelease(&queue->lock);
	return n;
}
