/*-------------------------------------------------------------------------
 *
 * segment.c
 *	  The tables of a queue's segments.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "core/catalog.h"
#include "core/object.h"
#include "core/owner.h"
#include "executor/tuptable.h"
#include "queue/segment.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

Relation
cq_segment_open(const CqQueueDef *def, Oid relid, LOCKMODE lockmode)
{
	Relation	rel = try_relation_open(relid, lockmode);
	int			natts;

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", def->name),
				 errdetail("It was dropped a moment ago.")));
	natts = RelationGetNumberOfAttributes(rel);
	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rel->relhasindex ||
		rel->trigdesc != NULL ||
		(natts != CQ_MESSAGE_COLUMNS && natts != CQ_EVENT_COLUMNS))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table %s of queue \"%s\" has been altered",
						RelationGetRelationName(rel), def->name),
				 errdetail("Tables of queues must not have indexes, triggers or other columns.")));
	return rel;
}

void
cq_segment_append(const CqQueueDef *def, int segment,
				  const CqNewMessage *messages, int n, ItemPointerData *tids)
{
	Relation	rel = cq_segment_open(def, def->messages[segment], RowExclusiveLock);

	cq_messages_insert(rel, messages, n, tids);
	table_close(rel, NoLock);
}

/* An array of message numbers. */
static ArrayType *
id_array(const int64 *ids, int n)
{
	Size		bytes = ARR_OVERHEAD_NONULLS(1) + n * sizeof(int64);
	ArrayType  *array = palloc0(bytes);

	SET_VARSIZE(array, bytes);
	array->ndim = 1;
	array->dataoffset = 0;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = n;
	ARR_LBOUND(array)[0] = 1;
	memcpy(ARR_DATA_PTR(array), ids, n * sizeof(int64));
	return array;
}

void
cq_segment_event(const CqQueueDef *def, int segment, const CqEvent *event)
{
	Relation	rel = cq_segment_open(def, def->events[segment], RowExclusiveLock);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel),
													&TTSOpsVirtual);
	ArrayType  *array = id_array(event->ids, event->n);

	ExecClearTuple(slot);
	memset(slot->tts_isnull, false, CQ_EVENT_COLUMNS * sizeof(bool));
	slot->tts_values[CQ_EVENT_KIND - 1] = CharGetDatum((char) event->kind);
	slot->tts_values[CQ_EVENT_IDS - 1] = PointerGetDatum(array);
	slot->tts_values[CQ_EVENT_ATTEMPT - 1] = Int32GetDatum(event->attempt);
	slot->tts_isnull[CQ_EVENT_ATTEMPT - 1] = (event->kind == CQ_EVENT_SETTLED ||
											  event->kind == CQ_EVENT_MOVED);
	slot->tts_values[CQ_EVENT_DUE - 1] = TimestampTzGetDatum(event->due);
	slot->tts_isnull[CQ_EVENT_DUE - 1] = (event->due == 0);
	slot->tts_isnull[CQ_EVENT_ERROR - 1] = (event->error == NULL);
	if (event->error != NULL)
		slot->tts_values[CQ_EVENT_ERROR - 1] = CStringGetTextDatum(event->error);
	ExecStoreVirtualTuple(slot);

	table_tuple_insert(rel, slot, GetCurrentCommandId(true), 0, NULL);
	ExecDropSingleTupleTableSlot(slot);
	pfree(array);
	table_close(rel, NoLock);
}

void
cq_segment_event_plain(const CqQueueDef *def, int segment, CqEventKind kind,
					   const int64 *ids, int n)
{
	CqEvent		event = {.kind = kind,.ids = ids,.n = n};

	cq_segment_event(def, segment, &event);
}

/*
 * Whether the table has that block.  It does not shrink while this session holds a
 * lock on it (truncation makes a new file), so the length that the session has
 * asked for last is a lower bound that costs no system call.
 */
static bool
has_block(Relation rel, BlockNumber block)
{
	BlockNumber known = RelationGetSmgr(rel)->smgr_cached_nblocks[MAIN_FORKNUM];

	return (known != InvalidBlockNumber && block < known) ||
		block < RelationGetNumberOfBlocks(rel);
}

bool
cq_segment_fetch(Relation rel, ItemPointer tid, int64 msg_id,
				 TupleTableSlot *slot)
{
	bool		isnull;

	/*
	 * SnapshotSelf sees what is committed now, which is later than the claim
	 * and what is wanted at every isolation level; it takes no predicate
	 * lock.
	 */
	if (!has_block(rel, ItemPointerGetBlockNumber(tid)) ||
		!table_tuple_fetch_row_version(rel, tid, SnapshotSelf, slot))
		return false;
	return DatumGetInt64(slot_getattr(slot, CQ_MESSAGE_ID, &isnull)) == msg_id;
}

static void
execute(const char *command)
{
	(void) cq_execute_as_owner(command, 0, NULL, NULL, NULL);
}

void
cq_segment_create(int32 queue_id, Oid sequence, int k)
{
	char	   *events = psprintf("q%d_e%d", queue_id, k);

	cq_messages_table_create(sequence, psprintf("q%d_s%d", queue_id, k), true);
	execute(psprintf("CREATE TABLE cq.%s ("
					 "kind \"char\" NOT NULL, "
					 "ids bigint[] NOT NULL, "
					 "attempt int, due timestamptz, error text)"
					 " WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false)",
					 events));
	cq_carrier_own_relation(sequence, events);
}

Oid
cq_common_tables_create(int32 queue_id, Oid carrier)
{
	Oid			sequence;

	execute(psprintf("CREATE SEQUENCE cq.q%d_id INCREMENT BY %d",
					 queue_id, CQ_NUMBER_BLOCK));
	cq_carrier_own_relation(carrier, psprintf("q%d_id", queue_id));
	sequence = cq_relation_if_exists("q%d_id", queue_id);
	for (int k = 0; k < CQ_KEY_TABLES; k++)
	{
		execute(psprintf("CREATE TABLE cq.q%d_k%d ("
						 "key text COLLATE \"C\" NOT NULL, "
						 "msg_id bigint NOT NULL, "
						 "until timestamptz NOT NULL)"
						 " WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false)",
						 queue_id, k));
		execute(psprintf("CREATE INDEX q%d_k%d_key ON cq.q%d_k%d (key, msg_id)",
						 queue_id, k, queue_id, k));
		cq_carrier_own_relation(sequence, psprintf("q%d_k%d", queue_id, k));
	}
	return sequence;
}

void
cq_segments_drop(int32 queue_id)
{
	cq_drop_if_exists("SEQUENCE", psprintf("q%d_id", queue_id));
	for (int k = 0; k < CQ_KEY_TABLES; k++)
		cq_drop_if_exists("TABLE", psprintf("q%d_k%d", queue_id, k));
	for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
	{
		cq_drop_if_exists("TABLE", psprintf("q%d_s%d", queue_id, k));
		cq_drop_if_exists("TABLE", psprintf("q%d_e%d", queue_id, k));
	}
}
