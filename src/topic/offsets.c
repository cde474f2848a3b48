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
 * A row may be in both tables of the topic: see offset_tables.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "core/catalog.h"
#include "core/compat.h"
#include "core/object.h"
#include "core/owner.h"
#include "miscadmin.h"
#include "topic/offsets.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* ---- looking up ------------------------------------------------------ */

static CqOffset
read_offset(TupleTableSlot *slot)
{
	CqOffset	offset;

	slot_getallattrs(slot);
	offset.group_id = DatumGetInt32(slot->tts_values[CQ_OFFSET_GROUP_ID - 1]);
	offset.partition = DatumGetInt32(slot->tts_values[CQ_OFFSET_PARTITION - 1]);
	offset.rewind = DatumGetInt64(slot->tts_values[CQ_OFFSET_REWIND - 1]);
	offset.offset = DatumGetInt64(slot->tts_values[CQ_OFFSET_NEXT_OFFSET - 1]);
	offset.at = DatumGetTimestampTz(slot->tts_values[CQ_OFFSET_COMMITTED_AT - 1]);
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

	ScanKeyInit(&keys[0], CQ_OFFSET_GROUP_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(group_id));
	ScanKeyInit(&keys[1], CQ_OFFSET_PARTITION, BTEqualStrategyNumber, F_INT4EQ,
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
		ScanKeyInit(&key, CQ_OFFSET_GROUP_ID, BTEqualStrategyNumber, F_INT4EQ,
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

/* ---- relations ------------------------------------------------------- */

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
	return cq_relation_if_exists("t%d_c0", topic_id);
}
