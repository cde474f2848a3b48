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
 * SnapshotSelf sees what is committed now.  Readers ask for the stable offset first
 * and stop below it, so all transactions that have written there have ended.  That is
 * what is wanted at every isolation level, and it takes no predicate locks.
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
#include "core/catalog.h"
#include "core/compat.h"
#include "core/object.h"
#include "core/owner.h"
#include "miscadmin.h"
#include "topic/record.h"
#include "utils/fmgroids.h"
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
		cq_topic_read_again(def);
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
	s->rel = try_table_open(segment->relation, AccessShareLock);
	if (s->rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("a table of the topic is missing"),
				 errhint("Restore it from a backup, or drop the topic.")));
	s->index = index_open(segment->index, AccessShareLock);
	s->snapshot = snapshot;
	s->slot = table_slot_create(s->rel, NULL);
	s->scan = cq_index_beginscan(s->rel, s->index, snapshot, nkeys);
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
 * Read from one segment, and take what was read off the range.  True when there is
 * no need to look into later segments: a record at or behind the limit was there,
 * or enough have been read.
 */
static bool
read_segment(PartitionScan *s, CqRecordRange *left, CqRecordReader reader, void *arg)
{
	scan_from(s, left->partition, left->from);
	while (index_getnext_slot(s->scan, ForwardScanDirection, s->slot))
	{
		int64		offset = slot_offset(s->slot);

		if (offset >= left->limit)
			return true;
		reader(s->slot, arg);
		left->from = offset + 1;
		if (--left->max == 0)
			return true;
		if ((left->max & 0xff) == 0)
			CHECK_FOR_INTERRUPTS();
	}
	return false;
}

/*
 * Open segment i, which stays what it is from then on.  False when the
 * definition was stale: it has been read again, begin anew.
 */
static bool
begin_current(CqTopicDef *def, int i, Snapshot snapshot, int nkeys, PartitionScan *s)
{
	scan_begin(s, &def->segments[i], snapshot, nkeys);
	if (cq_definition_is_current((CqDefinition *) def))
		return true;
	/* the table may have become another segment before we locked it */
	scan_end(s);
	cq_topic_read_again(def);
	return false;
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
cq_records_read(CqTopicDef *def, const CqRecordRange *range, CqRecordReader reader,
				void *arg, int64 *next)
{
	CqRecordRange left = *range;
	int			partition = range->partition;
	bool		done = false;
	int			i = first_segment(def, partition, left.from);

	while (i < def->nsegments && !done && left.from < left.limit)
	{
		int64		from = left.from;
		PartitionScan s;

		/* the definition may know of a compaction that the limit does not */
		if (!begin_current(def, i, SnapshotSelf, 2, &s))
		{
			*next = left.from;
			return range->max - left.max;
		}
		done = read_segment(&s, &left, reader, arg);
		scan_end(&s);
		if (left.from > from)
		{
			/* whatever is in an earlier segment has a lower offset */
			def->hint_offset[partition] = left.from;
			def->hint_segment[partition] = def->segments[i].number;
		}
		i++;
	}
	*next = (left.max > 0) ? left.limit : left.from;
	return range->max - left.max;
}

/* ---- ends ------------------------------------------------------------ */

/*
 * The first or last row of the partition in the segment, whatever became of the
 * transaction that wrote it.
 */
static bool
segment_end(PartitionScan *s, int partition, ScanDirection direction, int64 *offset,
			TimestampTz *published_at)
{
	ScanKeyData key;
	bool		isnull;

	ScanKeyInit(&key, KEY_PARTITION, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(partition));
	index_rescan(s->scan, &key, 1, NULL, 0);
	if (!index_getnext_slot(s->scan, direction, s->slot))
		return false;
	*offset = slot_offset(s->slot);
	*published_at = DatumGetTimestampTz(slot_getattr(s->slot, CQ_MESSAGE_ENQUEUED_AT, &isnull));
	return true;
}

bool
cq_records_segment_last(const CqTopicSegment *segment, int partition, int64 *offset,
						TimestampTz *published_at)
{
	PartitionScan s;
	bool		found;

	scan_begin(&s, segment, SnapshotAny, 1);
	found = segment_end(&s, partition, BackwardScanDirection, offset, published_at);
	scan_end(&s);
	return found;
}

bool
cq_records_first(CqTopicDef *def, int partition, int64 *offset)
{
	TimestampTz ignored;
	bool		found = false;
	int			i = 0;

	while (i < def->nsegments && !found)
	{
		PartitionScan s;

		if (!begin_current(def, i, SnapshotAny, 1, &s))
		{
			i = 0;
			continue;
		}
		found = segment_end(&s, partition, ForwardScanDirection, offset, &ignored);
		scan_end(&s);
		i++;
	}
	return found;
}

bool
cq_records_last(CqTopicDef *def, int partition, int64 *offset, TimestampTz *published_at)
{
	bool		found = false;
	int			i = def->nsegments - 1;

	while (i >= 0 && !found)
	{
		PartitionScan s;

		if (!begin_current(def, i, SnapshotAny, 1, &s))
		{
			i = def->nsegments - 1;
			continue;
		}
		found = segment_end(&s, partition, BackwardScanDirection, offset, published_at);
		scan_end(&s);
		i--;
	}
	return found;
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

/*
 * Look in one segment for the first visible record that was published at that
 * time or later, by binary search.
 */
static bool
search_segment(PartitionScan *s, int partition, TimestampTz at, int64 *offset)
{
	int64		low = 0;
	int64		high = PG_INT64_MAX - 1;
	TimestampTz published_at;

	/* records below low are too old; what we look for is not above high */
	while (low < high)
	{
		int64		middle = low + (high - low) / 2;
		int64		found = middle;

		if (!record_from(s, partition, &found, &published_at) || published_at >= at)
			high = middle;
		else
			low = found + 1;
	}
	*offset = low;
	return record_from(s, partition, offset, &published_at);
}

int64
cq_records_at(CqTopicDef *def, int partition, TimestampTz at, int64 limit)
{
	int64		result = limit;
	bool		found = false;
	int			i = 0;

	while (i < def->nsegments && !found)
	{
		PartitionScan s;
		int64		offset;

		if (!begin_current(def, i, SnapshotSelf, 2, &s))
		{
			i = 0;
			continue;
		}
		found = search_segment(&s, partition, at, &offset);
		if (found)
			result = Min(offset, limit);
		scan_end(&s);
		i++;
	}
	return result;
}

/* ---- relations ------------------------------------------------------- */

Oid
cq_record_table(const CqTopicDef *def, int k)
{
	return cq_relation_if_exists("t%d_s%d", def->topic_id, k);
}

void
cq_record_table_create(int32 topic_id, Oid owner, int k)
{
	cq_messages_table_create(owner, psprintf("t%d_s%d", topic_id, k), false);
	(void) cq_execute_as_owner(psprintf("CREATE INDEX t%d_s%d_offset ON cq.t%d_s%d "
										"(partition, msg_id)",
										topic_id, k, topic_id, k), 0, NULL, NULL, NULL);
}

Oid
cq_record_sequence_create(int32 topic_id, Oid owner, int partition)
{
	(void) cq_execute_as_owner(psprintf("CREATE SEQUENCE cq.t%d_o%d "
										"INCREMENT BY %d MINVALUE 0 START WITH 0",
										topic_id, partition, CQ_OFFSET_BLOCK),
							   0, NULL, NULL, NULL);
	cq_carrier_own_relation(owner, psprintf("t%d_o%d", topic_id, partition));
	return cq_relation_if_exists("t%d_o%d", topic_id, partition);
}

void
cq_record_relations_drop(int32 topic_id, int npartitions)
{
	for (int p = 0; p < npartitions; p++)
		cq_drop_if_exists("SEQUENCE", psprintf("t%d_o%d", topic_id, p));
	for (int k = 0; k < CQ_OFFSETS_TABLES; k++)
		cq_drop_if_exists("TABLE", psprintf("t%d_c%d", topic_id, k));
	for (int k = 0; k < CQ_TOPIC_SEGMENTS_MAX * 2; k++)
		cq_drop_if_exists("TABLE", psprintf("t%d_s%d", topic_id, k));
}
