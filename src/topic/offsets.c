/*-------------------------------------------------------------------------
 *
 * offsets.c
 *	  Offsets that are written down.
 *
 * Rows are only appended, so committing offsets leaves no dead rows: the latest
 * of a group and partition is the one with the highest (rewind, next_offset)
 * that is committed.  A seek advances rewind; between two seeks offsets only
 * rise, so it does not matter in which order transactions have committed.
 *
 * Two tables are used in turns.  When one has grown the worker has everybody go
 * on to the other, copies what is the latest of each, and truncates it when no
 * snapshot is left that does not see the copies (core/horizon.c): having a row in
 * both tables does no harm.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/horizon.h"
#include "core/object.h"
#include "core/owner.h"
#include "core/step.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "topic/offsets.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define COLUMN_GROUP_ID 1
#define COLUMN_PARTITION 2
#define COLUMN_REWIND 3
#define COLUMN_NEXT_OFFSET 4
#define COLUMN_COMMITTED_AT 5
#define COLUMNS 5

/* between tries to empty a table that is used, or may be */
#define RETRY_MS 1000

/* ---- appending ------------------------------------------------------- */

static void
append(Relation rel, const CqOffset *offsets, int n)
{
	CatalogIndexState indexes = CatalogOpenIndexes(rel);

	for (int i = 0; i < n; i++)
	{
		Datum		values[COLUMNS];
		bool		nulls[COLUMNS] = {0};
		HeapTuple	tuple;

		values[COLUMN_GROUP_ID - 1] = Int32GetDatum(offsets[i].group_id);
		values[COLUMN_PARTITION - 1] = Int32GetDatum(offsets[i].partition);
		values[COLUMN_REWIND - 1] = Int64GetDatum(offsets[i].rewind);
		values[COLUMN_NEXT_OFFSET - 1] = Int64GetDatum(offsets[i].offset);
		values[COLUMN_COMMITTED_AT - 1] = TimestampTzGetDatum(offsets[i].at);
		tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
		CatalogTupleInsertWithInfo(rel, tuple, indexes);
		heap_freetuple(tuple);
	}
	CatalogCloseIndexes(indexes);
}

/*
 * Lock the table that offsets go to.  It may be left before we have the lock;
 * once we have it, it is not emptied before our transaction ends.
 */
static Relation
open_current(CqTopicDef *def, int n)
{
	for (;;)
	{
		CqTopicRow *row = cq_topic_lock(def, LW_SHARED);
		int			k = row->offsets_table;
		Relation	rel;
		bool		same;

		cq_topic_unlock(row);
		rel = table_open(def->offsets[k], RowExclusiveLock);
		row = cq_topic_lock(def, LW_EXCLUSIVE);
		same = (row->offsets_table == k);
		if (same)
		{
			row->offsets_rows += n;
			if (row->offsets_rows >= CQ_OFFSETS_ROWS)
				cq_topic_plan(row, 1);
		}
		cq_topic_unlock(row);
		if (same)
			return rel;
		table_close(rel, RowExclusiveLock);
	}
}

void
cq_offsets_append(CqTopicDef *def, const CqOffset *offsets, int n)
{
	Relation	rel = open_current(def, n);

	append(rel, offsets, n);
	table_close(rel, NoLock);
}

/* ---- looking up ------------------------------------------------------ */

static CqOffset
read_offset(TupleTableSlot *slot)
{
	CqOffset	offset;

	slot_getallattrs(slot);
	offset.group_id = DatumGetInt32(slot->tts_values[COLUMN_GROUP_ID - 1]);
	offset.partition = DatumGetInt32(slot->tts_values[COLUMN_PARTITION - 1]);
	offset.rewind = DatumGetInt64(slot->tts_values[COLUMN_REWIND - 1]);
	offset.offset = DatumGetInt64(slot->tts_values[COLUMN_NEXT_OFFSET - 1]);
	offset.at = DatumGetTimestampTz(slot->tts_values[COLUMN_COMMITTED_AT - 1]);
	offset.xid = InvalidTransactionId;
	return offset;
}

/* The latest in one of the tables, unless *found is later. */
static bool
latest_in(CqTopicDef *def, int k, int32 group_id, int partition, CqOffset *found,
		  bool any)
{
	Relation	rel = table_open(def->offsets[k], AccessShareLock);
	Relation	index = index_open(def->offsets_indexes[k], AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	IndexScanDesc scan = cq_index_beginscan(rel, index, SnapshotSelf, 2);
	ScanKeyData keys[2];

	ScanKeyInit(&keys[0], COLUMN_GROUP_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(group_id));
	ScanKeyInit(&keys[1], COLUMN_PARTITION, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(partition));
	index_rescan(scan, keys, 2, NULL, 0);
	if (index_getnext_slot(scan, BackwardScanDirection, slot))
	{
		CqOffset	offset = read_offset(slot);

		if (!any || offset.rewind > found->rewind ||
			(offset.rewind == found->rewind && offset.offset > found->offset))
			*found = offset;
		any = true;
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return any;
}

bool
cq_offsets_latest(CqTopicDef *def, int32 group_id, int partition, CqOffset *found)
{
	bool		any = false;

	for (int k = 0; k < CQ_OFFSETS_TABLES; k++)
		any = latest_in(def, k, group_id, partition, found, any);
	return any;
}

List *
cq_offsets_open(CqTopicDef *def, int32 group_id)
{
	List	   *result = NIL;

	for (int k = 0; k < CQ_OFFSETS_TABLES; k++)
	{
		Relation	rel = table_open(def->offsets[k], AccessShareLock);
		Relation	index = index_open(def->offsets_indexes[k], AccessShareLock);
		TupleTableSlot *slot = table_slot_create(rel, NULL);
		SnapshotData dirty;
		IndexScanDesc scan;
		ScanKeyData key;

		InitDirtySnapshot(dirty);
		scan = cq_index_beginscan(rel, index, &dirty, 1);
		ScanKeyInit(&key, COLUMN_GROUP_ID, BTEqualStrategyNumber, F_INT4EQ,
					Int32GetDatum(group_id));
		index_rescan(scan, &key, 1, NULL, 0);
		while (index_getnext_slot(scan, ForwardScanDirection, slot))
		{
			CqOffset   *offset;

			CHECK_FOR_INTERRUPTS();
			if (!TransactionIdIsValid(dirty.xmin))
				continue;
			offset = palloc(sizeof(CqOffset));
			*offset = read_offset(slot);
			offset->xid = dirty.xmin;
			result = lappend(result, offset);
		}
		index_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		index_close(index, AccessShareLock);
		table_close(rel, AccessShareLock);
	}
	return result;
}

/* ---- the two tables -------------------------------------------------- */

Oid
cq_offsets_create(int32 topic_id, Oid owner)
{
	for (int k = 0; k < CQ_OFFSETS_TABLES; k++)
	{
		(void) cq_execute_as_owner(psprintf("CREATE TABLE cq.t%d_c%d ("
											"group_id int NOT NULL, "
											"partition int NOT NULL, "
											"rewind bigint NOT NULL, "
											"next_offset bigint NOT NULL, "
											"committed_at timestamptz NOT NULL)"
											" WITH (autovacuum_enabled = false)",
											topic_id, k), 0, NULL, NULL, NULL);
		(void) cq_execute_as_owner(psprintf("CREATE INDEX t%d_c%d_share ON cq.t%d_c%d "
											"(group_id, partition, rewind, next_offset)",
											topic_id, k, topic_id, k), 0, NULL, NULL, NULL);
		cq_carrier_own_relation(owner, psprintf("t%d_c%d", topic_id, k));
	}
	return get_relname_relid(psprintf("t%d_c0", topic_id), get_namespace_oid("cq", false));
}

/* Copy the latest of each group and partition that the table may be alone with. */
static void
copy_latest(CqTopicDef *def, int from, int to)
{
	(void) cq_execute_as_owner(psprintf("INSERT INTO cq.t%d_c%d "
										"SELECT DISTINCT ON (group_id, partition) * "
										"FROM cq.t%d_c%d WHERE group_id = 0 OR "
										"group_id IN (SELECT group_id FROM cq.topic_group) "
										"ORDER BY group_id, partition, rewind DESC, next_offset DESC",
										def->topic_id, to, def->topic_id, from),
							   0, NULL, NULL, NULL);
}

static bool
is_empty(Oid relid)
{
	Relation	rel = table_open(relid, AccessShareLock);
	bool		empty = RelationGetNumberOfBlocks(rel) == 0;

	table_close(rel, AccessShareLock);
	return empty;
}

typedef enum RotateResult
{
	EMPTY,						/* the table that was left is empty now */
	COPIED,						/* what is needed of it has been copied */
	NOT_YET						/* it is used, or needed */
} RotateResult;

/* A step towards an empty table k; *copied: the mark, if that has been done. */
static RotateResult
rotate(CqTopicDef *def, int k, int to, FullTransactionId *copied)
{
	if (is_empty(def->offsets[k]))
		return EMPTY;
	if (!FullTransactionIdIsValid(*copied))
	{
		/* nobody writes to it any more when this lock is to be had */
		if (!ConditionalLockRelationOid(def->offsets[k], ShareLock))
			return NOT_YET;
		copy_latest(def, k, to);
		*copied = cq_horizon_mark();
		return COPIED;
	}
	if (!cq_horizon_passed(cq_horizon(cq_relation("topic")), *copied) ||
		!ConditionalLockRelationOid(def->offsets[k], AccessExclusiveLock))
		return NOT_YET;

	/*
	 * On a replica, limits have gone on coming to it.  Older snapshots lose
	 * the latest of them, but have those that were copied before.
	 */
	if (def->replica)
		copy_latest(def, k, to);
	(void) cq_execute_as_owner(psprintf("TRUNCATE cq.t%d_c%d", def->topic_id, k),
							   0, NULL, NULL, NULL);
	return EMPTY;
}

/* After the transaction: what became of table k.  Returns when to look again. */
static int64
note_result(CqTopicDef *def, int k, RotateResult result, FullTransactionId copied)
{
	CqTopicRow *row = cq_topic_lock_if_same(def, LW_EXCLUSIVE);
	bool		again = result != EMPTY;

	if (row == NULL)
		return 0;
	row->offsets_copied = (result == EMPTY) ? InvalidFullTransactionId : copied;
	if (result == EMPTY && row->offsets_rows >= CQ_OFFSETS_ROWS)
	{
		row->offsets_table = k;
		row->offsets_rows = 0;
		again = true;
	}
	cq_topic_unlock(row);
	return again ? cq_clock_ms() + RETRY_MS : 0;
}

int64
cq_offsets_rotate(int32 topic_id)
{
	RotateResult result;
	int64		at;

	do
	{
		CqTopicDef *def;
		CqTopicRow *row;
		FullTransactionId copied;
		int			k;

		cq_step_start();
		def = cq_topic_by_id(topic_id);
		if (def == NULL)
		{
			cq_step_commit();
			return 0;
		}
		def = cq_topic_open(def->name, CQ_TOPIC_NONE);
		row = cq_topic_lock(def, LW_SHARED);
		k = 1 - row->offsets_table;
		copied = row->offsets_copied;
		cq_topic_unlock(row);

		result = rotate(def, k, 1 - k, &copied);
		cq_step_commit();
		at = note_result(def, k, result, copied);
	} while (result == COPIED);
	return at;
}
