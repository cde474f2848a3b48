/*-------------------------------------------------------------------------
 *
 * feed.c
 *	  Shared groups: their queues get the topic's records.
 *
 * The members of a shared group take single records, settle each for itself and
 * get them again when they fail: that is a queue.	The worker copies the records
 * there and commits the group's offset in the same transaction, so each gets
 * there once, in the order of its partition.  It stops while the queue is long:
 * the log keeps the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/step.h"
#include "message/headers.h"
#include "miscadmin.h"
#include "queue/open.h"
#include "queue/send.h"
#include "topic/assignment.h"
#include "topic/feed.h"
#include "topic/offset_tables.h"
#include "topic/offsets.h"
#include "topic/open.h"
#include "topic/record.h"
#include "topic/stable.h"
#include "topic/xact.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* records copied in one transaction */
#define FEED_MAX 1000

/* a queue with so many messages is not fed; looked at again after */
#define QUEUE_LENGTH_MAX 10000
#define FULL_RETRY_MS 100

typedef struct Feed
{
	const char *topic;
	int			partition;
	int			n;
	CqNewMessage messages[FEED_MAX];
} Feed;

/* The record's headers, and where it comes from. */
static Datum
feed_headers(const Feed *feed, TupleTableSlot *slot)
{
	CqMessageHeaders headers;
	bool		isnull;
	Datum		value = slot_getattr(slot, CQ_MESSAGE_HEADERS, &isnull);

	cq_message_headers_begin(&headers, isnull ? NULL : DatumGetJsonbP(value));
	cq_message_headers_add_text(&headers, "cq_topic", feed->topic, strlen(feed->topic));
	cq_message_headers_add_number(&headers, "cq_partition", feed->partition);
	value = slot_getattr(slot, CQ_MESSAGE_ID, &isnull);
	cq_message_headers_add_number(&headers, "cq_offset", DatumGetInt64(value));
	value = slot_getattr(slot, CQ_MESSAGE_KEY, &isnull);
	if (!isnull)
	{
		text	   *key = DatumGetTextPP(value);

		cq_message_headers_add_text(&headers, "cq_key", VARDATA_ANY(key),
									VARSIZE_ANY_EXHDR(key));
	}
	return cq_message_headers_end(&headers);
}

/* CqRecordReader */
static void
collect(TupleTableSlot *slot, void *arg)
{
	Feed	   *feed = arg;
	CqNewMessage *message = &feed->messages[feed->n++];
	bool		isnull;
	Datum		body = slot_getattr(slot, CQ_MESSAGE_BODY, &isnull);
	JsonbValue	null_value = {.type = jbvNull};

	memset(message, 0, sizeof(*message));
	message->exempt = true;		/* of limits: the log is not to stand still */
	message->enqueued_at = GetCurrentTimestamp();
	message->headers = feed_headers(feed, slot);
	/* a tombstone is a JSON null there */
	message->body = isnull ? JsonbPGetDatum(JsonbValueToJsonb(&null_value)) :
		PointerGetDatum(PG_DETOAST_DATUM_COPY(body));
	message->bytes = toast_raw_datum_size(message->body) +
		toast_raw_datum_size(message->headers);
}

/* State locked: whether there is something to be fed to the assignment. */
static bool
has_news(const CqAssignment *assignment)
{
	return assignment->busy == 0 && assignment->passing == 0 &&
		assignment->committed < cq_partition_stable(&CQ_CELL(assignment->partition)->partition);
}

/*
 * Take the assignment of the range's partition for this transaction, and fill in where
 * the range begins and ends.  False when there is nothing to be fed to it.
 */
static bool
take_assignment(CqTopicDef *def, int32 group_id, CqRecordRange *range, CqTopicItem **item)
{
	CqTopicState *state;
	uint32		g;
	uint32		i = CQ_NO_CELL;
	CqAssignment *assignment;
	bool		taken = false;

	cq_topic_items_reserve(1);
	state = cq_topic_lock(def, LW_EXCLUSIVE);
	g = cq_topic_group(state, group_id);
	if (g != CQ_NO_CELL)
		i = cq_assignment_find(state, g, range->partition);
	if (i != CQ_NO_CELL)
	{
		assignment = &CQ_CELL(i)->assignment;
		range->from = assignment->committed;
		range->limit = cq_partition_stable(&CQ_CELL(assignment->partition)->partition);
		taken = has_news(assignment);
	}
	if (taken)
	{
		assignment->busy = MyProcPid;
		*item = cq_topic_item_add(CQ_TOPIC_ITEM_COMMIT, def, i);
		(*item)->epoch = assignment->epoch;
		(*item)->rewind = assignment->rewind;
		(*item)->offset = range->from;
		(*item)->busy = true;
	}
	cq_topic_unlock(state);
	return taken;
}

/* Copy some records of a partition; true when there may be more. */
static bool
feed_partition(CqTopicDef *def, CqQueueDef *queue, int32 group_id, int partition)
{
	Feed	   *feed = palloc(sizeof(Feed));
	CqOffset	offset = {0};
	CqTopicItem *item;
	CqRecordRange range = {.partition = partition,.max = FEED_MAX};
	int64		next;

	if (!take_assignment(def, group_id, &range, &item))
		return false;
	offset.group_id = group_id;
	offset.partition = partition;
	offset.rewind = item->rewind;
	feed->topic = def->name;
	feed->partition = partition;
	feed->n = 0;
	(void) cq_records_read(def, &range, collect, feed, &next);
	item->offset = offset.offset = next;
	offset.at = GetCurrentTimestamp();
	for (int i = 0; i < feed->n; i++)
		feed->messages[i].expires_at = cq_options_expiry(&queue->options,
														 feed->messages[i].enqueued_at);
	if (feed->n > 0)
		cq_queue_send_messages(queue, feed->messages, feed->n);
	cq_offsets_append(def, &offset, 1);
	return next < range.limit;
}

/* An assignment that has news. */
typedef struct Job
{
	int32		group_id;
	int			partition;
} Job;

/* Add jobs of a group, whose cells have been loaded. */
static List *
add_jobs(CqTopicDef *def, const CqGroupDef *group, List *jobs)
{
	int			n = 0;
	int		   *partitions = palloc(CQ_PARTITIONS_MAX * sizeof(int));
	CqTopicState *state = cq_topic_lock(def, LW_SHARED);
	uint32		g = cq_topic_group(state, group->group_id);
	uint32		i = (g == CQ_NO_CELL) ? CQ_NO_CELL : CQ_CELL(g)->group.assignments;

	for (; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
	{
		if (has_news(&CQ_CELL(i)->assignment))
			partitions[n++] = CQ_CELL(i)->assignment.number;
	}
	cq_topic_unlock(state);
	for (int p = 0; p < n; p++)
	{
		Job		   *job = palloc(sizeof(Job));

		job->group_id = group->group_id;
		job->partition = partitions[p];
		jobs = lappend(jobs, job);
	}
	pfree(partitions);
	return jobs;
}

/*
 * The queue gets what the owner of the group may consume; asked each time, as the
 * privilege may be taken away.
 */
static bool
owner_may_consume(const CqTopicDef *def, const CqGroupDef *group)
{
	Oid			owner = cq_relation_owner(group->object.carrier);

	return OidIsValid(owner) &&
		cq_carrier_allows(def->object.carrier, owner, CQ_TOPIC_CONSUME | CQ_TOPIC_ALTER);
}

/*
 * What there is to be fed, in one transaction.	 *full: and some of it not now,
 * since its queue is long.
 */
static List *
find_jobs(int32 topic_id, bool *full)
{
	MemoryContext context = CurrentMemoryContext;
	List	   *jobs = NIL;
	CqTopicDef *def;

	*full = false;
	cq_step_start();
	def = cq_topic_open_by_id(topic_id);
	for (int p = 0; def != NULL && def->replica && p < def->npartitions; p++)
		(void) cq_topic_stable_offset(def, p);
	for (int i = 0; def != NULL && i < def->ngroups; i++)
	{
		const CqGroupDef *group = &def->groups[i];
		CqQueueDef *queue = group->shared ? cq_queue_by_id(group->queue_id) : NULL;
		MemoryContext old;
		int			before = list_length(jobs);

		if (queue == NULL || !owner_may_consume(def, group))
			continue;
		cq_group_open(def, group);
		old = MemoryContextSwitchTo(context);
		jobs = add_jobs(def, group, jobs);
		MemoryContextSwitchTo(old);
		if (list_length(jobs) > before &&
			cq_queue_length(cq_queue_open(queue->name, CQ_QUEUE_NONE)) >= QUEUE_LENGTH_MAX)
		{
			*full = true;
			jobs = list_truncate(jobs, before);
		}
	}
	cq_step_commit();
	return jobs;
}

/* One transaction for one partition of one group; true when there may be more. */
static bool
feed_step(int32 topic_id, const Job *job)
{
	CqTopicDef *def;
	CqQueueDef *queue = NULL;
	bool		more = false;

	cq_step_start();
	def = cq_topic_open_by_id(topic_id);
	for (int i = 0; def != NULL && i < def->ngroups; i++)
	{
		if (def->groups[i].group_id == job->group_id &&
			owner_may_consume(def, &def->groups[i]))
			queue = cq_queue_by_id(def->groups[i].queue_id);
	}
	if (queue != NULL)
		more = feed_partition(def, cq_queue_open(queue->name, CQ_QUEUE_NONE),
							  job->group_id, job->partition);
	cq_step_commit();
	return more;
}

int64
cq_feed_groups(int32 topic_id)
{
	bool		full;
	bool		more = false;
	List	   *jobs = find_jobs(topic_id, &full);
	ListCell   *cell;

	foreach(cell, jobs)
	{
		CHECK_FOR_INTERRUPTS();
		more |= feed_step(topic_id, lfirst(cell));
	}
	list_free_deep(jobs);
	if (more)
		return cq_clock_ms();
	return full ? cq_clock_ms() + FULL_RETRY_MS : PG_INT64_MAX;
}
