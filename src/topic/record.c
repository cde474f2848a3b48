/*-------------------------------------------------------------------------
 *
 * record.c
 *	  The records of a topic.
 *
 * All partitions share the segments.  Within a partition the offsets in one
 * segment are all below those in the next one, because offset and segment are
 * chosen under the same lock (publish.c).  So a reader goes through the segments
 * in order, and in each along its index.
 *
 * A segment's time index is the index on offsets: published_at never falls
 * within a partition, so a time is found by binary search.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relation.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "core/owner.h"
#include "miscadmin.h"
#include "topic/record.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* columns of the index */
#define KEY_PARTITION 1
#define KEY_OFFSET 2

/* ---- appending ------------------------------------------------------- */

static Relation
open_for_append(CqTopicDef *def, const CqTopicSegment *segment)
{
	Relation	rel = try_relation_open(segment->relation, RowExclusiveLock);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("topic \"%s\" does not exist", def->name),
				 errdetail("It was dropped a moment ago.")));
	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->trigdesc != NULL ||
		RelationGetNumberOfAttributes(rel) != CQ_MESSAGE_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table %s of topic \"%s\" has been altered",
						RelationGetRelationName(rel), def->name),
				 errdetail("Tables of topics must not have triggers or other columns.")));
	return rel;
}

static const CqTopicSegment *
find_segment(CqTopicDef *def, int64 number)
{
	for (int attempt = 0; attempt < 2; attempt++)
	{
		for (int i = def->nsegments - 1; i >= 0; i--)
		{
			if (def->segments[i].number == number)
				return &def->segments[i];
		}
		cq_topic_refresh(def);
	}
	elog(ERROR, "topic \"%s\" has no segment " INT64_FORMAT, def->name, number);
}

void
cq_records_append(CqTopicDef *def, int64 number, const CqNewMessage *records, int n)
{
	const CqTopicSegment *segment = find_segment(def, number);
	Relation	rel = open_for_append(def, segment);
	Relation	index = index_open(segment->index, RowExclusiveLock);
	IndexInfo  *info = BuildIndexInfo(index);
	ItemPointerData one;
	ItemPointerData *tids = (n == 1) ? &one : palloc(n * sizeof(ItemPointerData));
	bool		nulls[2] = {false, false};

	cq_messages_insert(rel, records, n, tids);
	for (int i = 0; i < n; i++)
	{
		Datum		values[2];

		values[0] = Int32GetDatum(records[i].partition);
		values[1] = Int64GetDatum(records[i].msg_id);
		index_insert(index, values, nulls, &tids[i], rel, UNIQUE_CHECK_NO, false, info);
	}
	if (tids != &one)
		pfree(tids);
	index_close(index, NoLock);
	table_close(rel, NoLock);
}

/* ---- reading --------------------------------------------------------- */

/* A scan of one partition in one segment. */
typedef struct PartitionScan
{
	Relation	rel;
	Relation	index;
	Snapshot	snapshot;
	TupleTableSlot *slot;
	IndexScanDesc scan;
} PartitionScan;

static void
scan_begin(PartitionScan *s, const CqTopicSegment *segment, Snapshot snapshot, int nkeys)
{
	s->rel = table_open(segment->relation, AccessShareLock);
	s->index = index_open(segment->index, AccessShareLock);
	s->snapshot = snapshot;
	s->slot = table_slot_create(s->rel, NULL);
	s->scan = index_beginscan(s->rel, s->index, snapshot, nkeys, 0);
}

/* Go to the first record from that offset on. */
static void
scan_from(PartitionScan *s, int partition, int64 from)
{
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], KEY_PARTITION, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(partition));
	ScanKeyInit(&keys[1], KEY_OFFSET, BTGreaterEqualStrategyNumber, F_INT8GE,
				Int64GetDatum(from));
	index_rescan(s->scan, keys, 2, NULL, 0);
}

static void
scan_end(PartitionScan *s)
{
	index_endscan(s->scan);
	ExecDropSingleTupleTableSlot(s->slot);
	index_close(s->index, AccessShareLock);
	table_close(s->rel, AccessShareLock);
}

static int64
slot_offset(TupleTableSlot *slot)
{
	bool		isnull;

	return DatumGetInt64(slot_getattr(slot, CQ_MESSAGE_ID, &isnull));
}

/*
 * Read from one segment.  *beyond: a record at or behind the limit was there, or
 * max was reached: there is no need to look into later segments.
 */
static int
read_segment(PartitionScan *s, int partition, int64 from, int64 limit, int max,
			 CqRecordReader reader, void *arg, int64 *next, bool *beyond)
{
	int			n = 0;

	*beyond = false;
	scan_from(s, partition, from);
	while (index_getnext_slot(s->scan, ForwardScanDirection, s->slot))
	{
		int64		offset = slot_offset(s->slot);

		if (offset >= limit)
		{
			*beyond = true;
			break;
		}
		reader(s->slot, arg);
		*next = offset + 1;
		if (++n == max)
		{
			*beyond = true;
			break;
		}
		if ((n & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return n;
}

/* The first segment that may have records from that offset on. */
static int
first_segment(const CqTopicDef *def, int partition, int64 from)
{
	int			i = 0;

	if (from < def->hint_offset[partition])
		return 0;
	while (i + 1 < def->nsegments && def->segments[i].number < def->hint_segment[partition])
		i++;
	return i;
}

int
cq_records_read(CqTopicDef *def, int partition, int64 from, int64 limit, int max,
				CqRecordReader reader, void *arg, int64 *next)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	int			n = 0;
	bool		beyond = false;
	int			i = first_segment(def, partition, from);

	*next = from;
	while (i < def->nsegments && !beyond && *next < limit)
	{
		int			found;
		PartitionScan s;

		scan_begin(&s, &def->segments[i], snapshot, 2);
		if (def->epoch != cq_topics_epoch())
		{
			/*
			 * the table may have become another segment; now it stays what it
			 * is
			 */
			scan_end(&s);
			cq_topic_refresh(def);
			i = first_segment(def, partition, *next);
			continue;
		}
		found = read_segment(&s, partition, *next, limit, max - n, reader, arg, next, &beyond);
		scan_end(&s);
		if (found > 0)
		{
			/* whatever is in an earlier segment has a lower offset */
			def->hint_offset[partition] = *next;
			def->hint_segment[partition] = def->segments[i].number;
		}
		n += found;
		i++;
	}
	if (n < max)
		*next = limit;
	UnregisterSnapshot(snapshot);
	return n;
}

/* ---- ends ------------------------------------------------------------ */

/* The first or last row of the partition in the segment, whoever wrote it. */
static bool
segment_end(const CqTopicSegment *segment, int partition, ScanDirection direction,
			int64 *offset, TimestampTz *published_at)
{
	PartitionScan s;
	ScanKeyData key;
	bool		found;

	scan_begin(&s, segment, SnapshotAny, 1);
	ScanKeyInit(&key, KEY_PARTITION, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(partition));
	index_rescan(s.scan, &key, 1, NULL, 0);
	found = index_getnext_slot(s.scan, direction, s.slot);
	if (found)
	{
		bool		isnull;

		*offset = slot_offset(s.slot);
		if (published_at != NULL)
			*published_at = DatumGetTimestampTz(slot_getattr(s.slot, CQ_MESSAGE_ENQUEUED_AT,
															 &isnull));
	}
	scan_end(&s);
	return found;
}

bool
cq_records_first(CqTopicDef *def, int partition, int64 *offset)
{
	for (int i = 0; i < def->nsegments; i++)
	{
		if (segment_end(&def->segments[i], partition, ForwardScanDirection, offset, NULL))
			return true;
	}
	return false;
}

bool
cq_segment_last(const CqTopicSegment *segment, int partition, int64 *offset,
				TimestampTz *published_at)
{
	return segment_end(segment, partition, BackwardScanDirection, offset, published_at);
}

bool
cq_records_last(CqTopicDef *def, int partition, int64 *offset, TimestampTz *published_at)
{
	for (int i = def->nsegments - 1; i >= 0; i--)
	{
		if (cq_segment_last(&def->segments[i], partition, offset, published_at))
			return true;
	}
	return false;
}

/* ---- times ----------------------------------------------------------- */

/*
 * The first visible record from that offset on; its published_at.  False when
 * there is none.
 */
static bool
record_from(PartitionScan *s, int partition, int64 *offset, TimestampTz *published_at)
{
	bool		isnull;

	scan_from(s, partition, *offset);
	if (!index_getnext_slot(s->scan, ForwardScanDirection, s->slot))
		return false;
	*offset = slot_offset(s->slot);
	*published_at = DatumGetTimestampTz(slot_getattr(s->slot, CQ_MESSAGE_ENQUEUED_AT, &isnull));
	return true;
}

/* Binary search in one segment, whose last row was published in time. */
static int64
search_segment(PartitionScan *s, int partition, TimestampTz at, int64 low, int64 high)
{
	/* records below low are too old; the answer is not above high */
	while (low < high)
	{
		int64		middle = low + (high - low) / 2;
		int64		offset = middle;
		TimestampTz published_at;

		if (record_from(s, partition, &offset, &published_at) && published_at < at)
			low = offset + 1;
		else
			high = middle;
	}
	return low;
}

int64
cq_records_at(CqTopicDef *def, int partition, TimestampTz at, int64 limit)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	int64		result = limit;

	for (int i = 0; i < def->nsegments && result == limit; i++)
	{
		int64		first;
		int64		last;
		TimestampTz published_at;
		PartitionScan s;

		if (!cq_segment_last(&def->segments[i], partition, &last, &published_at) ||
			published_at < at)
			continue;
		(void) segment_end(&def->segments[i], partition, ForwardScanDirection, &first, NULL);
		scan_begin(&s, &def->segments[i], snapshot, 2);
		first = search_segment(&s, partition, at, first, last);
		/* the record found may be in a later segment: an aborted one is last */
		if (record_from(&s, partition, &first, &published_at))
			result = Min(first, limit);
		scan_end(&s);
	}
	UnregisterSnapshot(snapshot);
	return result;
}

/* ---- relations ------------------------------------------------------- */

void
cq_record_table_create(int32 topic_id, int k)
{
	(void) cq_execute_as_owner(psprintf("CREATE TABLE cq.t%d_s%d ("
										"msg_id bigint NOT NULL, "
										"enqueued_at timestamptz NOT NULL, "
										"deliver_at timestamptz, "
										"expires_at timestamptz, "
										"priority smallint NOT NULL, "
										"partition int NOT NULL, "
										"attempts int NOT NULL, "
										"key text, headers jsonb, body jsonb)"
										" WITH (autovacuum_enabled = false, "
										"toast.autovacuum_enabled = false)",
										topic_id, k), 0, NULL, NULL, NULL);
	(void) cq_execute_as_owner(psprintf("CREATE INDEX t%d_s%d_offset ON cq.t%d_s%d "
										"(partition, msg_id)",
										topic_id, k, topic_id, k), 0, NULL, NULL, NULL);
}

void
cq_record_sequence_create(int32 topic_id, int partition)
{
	(void) cq_execute_as_owner(psprintf("CREATE SEQUENCE cq.t%d_o%d "
										"INCREMENT BY %d MINVALUE 0 START WITH 0",
										topic_id, partition, CQ_OFFSET_BLOCK),
							   0, NULL, NULL, NULL);
}

void
cq_record_relations_drop(int32 topic_id, int npartitions)
{
	/* the first sequence first of all: see enter() in topic_definition.c */
	for (int p = 0; p < npartitions; p++)
		(void) cq_execute_as_owner(psprintf("DROP SEQUENCE IF EXISTS cq.t%d_o%d",
											topic_id, p), 0, NULL, NULL, NULL);
	(void) cq_execute_as_owner(psprintf("DROP TABLE IF EXISTS cq.t%d_c0, cq.t%d_c1",
										topic_id, topic_id), 0, NULL, NULL, NULL);
	for (int k = 0;; k++)
	{
		char	   *name = psprintf("t%d_s%d", topic_id, k);

		if (!OidIsValid(get_relname_relid(name, get_namespace_oid("cq", false))))
			break;
		(void) cq_execute_as_owner(psprintf("DROP TABLE cq.%s", name), 0, NULL, NULL, NULL);
	}
}
