/*-------------------------------------------------------------------------
 *
 * publish.c
 *	  Publishing to a topic.
 *
 * Under the state's lock a record gets its offset, the time, and its segment, and
 * the transaction is registered with the lowest offset that it was given in the
 * partition: readers stop below it until the transaction has ended.  Then the
 * row is appended.
 *
 * Offsets come from blocks of CQ_OFFSET_BLOCK that a sequence hands out, and
 * sequences are logged ahead, so that an offset is never given out again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/sequence.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/settings.h"
#include "miscadmin.h"
#include "topic/load.h"
#include "topic/open.h"
#include "topic/partitioner.h"
#include "topic/publish.h"
#include "topic/record.h"
#include "topic/segment.h"
#include "topic/xact.h"
#include "utils/timestamp.h"

/* records that get their offsets, and are inserted, in one go */
#define RUN_MAX 1000

/* a topic with retention goes on to its next segment after that part of it */
#define RETAIN_PARTS 8

/* ---- partitions ------------------------------------------------------ */

/*
 * Records without a key: those of one transaction go to the same partition, so
 * that they are read in their order; each transaction takes the next one.
 */
static int
sticky_partition(CqTopicDef *def)
{
	LocalTransactionId xact = cq_local_transaction();

	if (def->sticky_xact != xact)
	{
		/* not all sessions at once in the same */
		def->sticky = (def->sticky_xact == InvalidLocalTransactionId) ?
			MyProcPid % def->npartitions : (def->sticky + 1) % def->npartitions;
		def->sticky_xact = xact;
	}
	return def->sticky % def->npartitions;
}

static void
choose_partition(CqTopicDef *def, CqNewMessage *record)
{
	if (record->group_key == NULL && (def->compact || record->no_body))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 record->no_body
				 ? errmsg("a record without a body needs a key")
				 : errmsg("records of topic \"%s\" need a key", def->name),
				 record->no_body
				 ? errdetail("It says that what was published under that key is deleted.")
				 : errdetail("The topic is compacted: the latest record of each key is kept.")));
	if (record->partition == CQ_PARTITION_ANY)
	{
		record->partition = (record->group_key == NULL) ? sticky_partition(def) :
			cq_partition_of(VARDATA_ANY(record->group_key),
							VARSIZE_ANY_EXHDR(record->group_key), def->npartitions);
	}
	if (record->partition < 0 || record->partition >= def->npartitions)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic \"%s\" has no partition %d", def->name, record->partition),
				 errdetail("Its partitions are 0 to %d.", def->npartitions - 1)));
}

/* ---- offsets --------------------------------------------------------- */

/* Take a new block of offsets from the partition's sequence.  No lock held. */
static void
refill_offsets(CqTopicDef *def, int partition)
{
	int64		end = 0;
	TimestampTz last_time = 0;

	/* rows may have come otherwise: restored, or replicated */
	if (CQ_CELL(def->partitions[partition])->partition.offset_limit == 0)
		cq_topic_read_end(def, partition, &end, &last_time);
	for (;;)
	{
		int64		first = nextval_internal(def->sequences[partition], false);
		CqTopicState *state = cq_topic_lock(def, LW_EXCLUSIVE);
		CqPartition *p = &CQ_CELL(def->partitions[partition])->partition;
		bool		done;

		/*
		 * Blocks must be used in ascending order, above whatever is there (a
		 * sequence may have been restored without its value).
		 */
		p->end = Max(p->end, end);
		p->last_time = Max(p->last_time, last_time);
		if (p->offset_next >= p->offset_limit && first >= Max(p->offset_limit, p->end))
		{
			p->offset_next = first;
			p->offset_limit = first + CQ_OFFSET_BLOCK;
		}
		done = p->offset_next < p->offset_limit;
		cq_topic_unlock(state);
		if (done)
			return;
		CHECK_FOR_INTERRUPTS();
	}
}

/* State locked: go on to the next segment when the current one is full or old. */
static void
choose_segment(CqTopicState *state)
{
	int64		now = cq_clock_ms();
	bool		full = state->inserted >= cq_segment_rows ||
	(state->retain_bytes > 0 && state->bytes >= state->retain_bytes / RETAIN_PARTS) ||
	(state->retain_ms > 0 && now - state->began_ms >= Max(state->retain_ms / RETAIN_PARTS, 1000));

	if (state->inserted == 0)
		state->began_ms = now;
	else if (full && state->next != 0)
		cq_topic_next_segment(state);
}

/* State locked: the transaction has published so many to the partition. */
static void
note_published(CqTopicDef *def, CqTopicState *state, int partition, int64 offset)
{
	CqTopicItem *item = cq_topic_item_open(def, partition);
	uint32		cell = def->partitions[partition];

	if (item == NULL)
	{
		uint32		open = cq_open_register(state, cell, offset, state->current);

		item = cq_topic_item_add(CQ_TOPIC_ITEM_OPEN, def, open);
		item->partition = cell;
		item->offset = offset;
	}
	else if (item->head.level != GetCurrentTransactionNestLevel())
	{
		item = cq_topic_item_add(CQ_TOPIC_ITEM_COUNT, def, CQ_NO_CELL);
		item->partition = cell;
	}
	item->count++;
}

/*
 * State locked: offsets for as many of the records as there are before a partition
 * runs out of them; *refill is that partition, or -1.
 */
static int
take_run(CqTopicDef *def, CqTopicState *state, CqNewMessage *records, int n,
		 TimestampTz now, int *refill)
{
	int			i;

	*refill = -1;
	choose_segment(state);
	for (i = 0; i < n; i++)
	{
		CqNewMessage *record = &records[i];
		CqPartition *p = &CQ_CELL(def->partitions[record->partition])->partition;

		if (p->offset_next >= p->offset_limit)
		{
			*refill = record->partition;
			break;
		}
		record->msg_id = p->offset_next++;
		p->end = p->offset_next;
		p->last_time = record->enqueued_at = Max(now, p->last_time);
		state->bytes += record->bytes;
		note_published(def, state, record->partition, record->msg_id);
	}
	state->inserted += i;
	return i;
}

void
cq_topic_publish_records(CqTopicDef *def, CqNewMessage *records, int n)
{
	TimestampTz now = GetCurrentTimestamp();
	int			done = 0;

	PreventCommandIfReadOnly("topic_publish()");
	PreventCommandIfParallelMode("topic_publish()");
	if (def->replica)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("topic \"%s\" is a replica", def->name),
				 errdetail("Its records come by logical replication."),
				 errhint("Publish to the topic that it is a replica of, or call cq.topic_replica_promote.")));
	for (int i = 0; i < n; i++)
		choose_partition(def, &records[i]);

	while (done < n)
	{
		CqTopicState *state;
		int64		segment;
		int			refill;
		int			run;

		cq_topic_items_reserve(Min(Min(n - done, RUN_MAX), def->npartitions));
		state = cq_topic_lock(def, LW_EXCLUSIVE);
		run = take_run(def, state, records + done, Min(n - done, RUN_MAX), now, &refill);
		segment = state->current;
		cq_topic_unlock(state);
		if (run > 0)
			cq_records_append(def, segment, records + done, run);
		if (refill >= 0)
			refill_offsets(def, refill);
		done += run;
	}
}
