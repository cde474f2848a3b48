/*-------------------------------------------------------------------------
 *
 * message.c
 *	  The tables of a segment.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "core/object.h"
#include "core/owner.h"
#include "executor/tuptable.h"
#include "message/message.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/smgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* rows handed to the access method at once */
#define BATCH_ROWS 1000

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

static void
store_message(TupleTableSlot *slot, const CqNewMessage *message)
{
	Datum	   *values = slot->tts_values;
	bool	   *nulls = slot->tts_isnull;

	ExecClearTuple(slot);
	memset(nulls, false, CQ_MESSAGE_COLUMNS * sizeof(bool));
	values[CQ_MESSAGE_ID - 1] = Int64GetDatum(message->msg_id);
	values[CQ_MESSAGE_ENQUEUED_AT - 1] = TimestampTzGetDatum(message->enqueued_at);
	values[CQ_MESSAGE_DELIVER_AT - 1] = TimestampTzGetDatum(message->deliver_at);
	nulls[CQ_MESSAGE_DELIVER_AT - 1] = (message->deliver_at == 0);
	values[CQ_MESSAGE_EXPIRES_AT - 1] = TimestampTzGetDatum(message->expires_at);
	nulls[CQ_MESSAGE_EXPIRES_AT - 1] = (message->expires_at == 0);
	values[CQ_MESSAGE_PRIORITY - 1] = Int16GetDatum(message->priority);
	values[CQ_MESSAGE_PARTITION - 1] = Int32GetDatum(message->partition);
	values[CQ_MESSAGE_ATTEMPTS - 1] = Int32GetDatum(message->attempts);
	values[CQ_MESSAGE_KEY - 1] = PointerGetDatum(message->group_key);
	nulls[CQ_MESSAGE_KEY - 1] = (message->group_key == NULL);
	values[CQ_MESSAGE_HEADERS - 1] = message->headers;
	nulls[CQ_MESSAGE_HEADERS - 1] = message->no_headers;
	values[CQ_MESSAGE_BODY - 1] = message->body;
	nulls[CQ_MESSAGE_BODY - 1] = message->no_body;
	ExecStoreVirtualTuple(slot);
}

static void
append_many(Relation rel, const CqNewMessage *messages, int n,
			ItemPointerData *tids)
{
	int			nslots = Min(n, BATCH_ROWS);
	TupleTableSlot **slots = palloc(nslots * sizeof(TupleTableSlot *));
	BulkInsertState bistate = (n < BATCH_ROWS) ? NULL : GetBulkInsertState();

	for (int i = 0; i < nslots; i++)
		slots[i] = MakeSingleTupleTableSlot(RelationGetDescr(rel), &TTSOpsVirtual);
	for (int done = 0; done < n; done += nslots)
	{
		nslots = Min(nslots, n - done);
		for (int i = 0; i < nslots; i++)
			store_message(slots[i], &messages[done + i]);
		table_multi_insert(rel, slots, nslots, GetCurrentCommandId(true), 0, bistate);
		for (int i = 0; i < nslots; i++)
			tids[done + i] = slots[i]->tts_tid;
		CHECK_FOR_INTERRUPTS();
	}
	for (int i = 0; i < Min(n, BATCH_ROWS); i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	if (bistate != NULL)
		FreeBulkInsertState(bistate);
	pfree(slots);
}

void
cq_messages_insert(Relation rel, const CqNewMessage *messages, int n,
				   ItemPointerData *tids)
{
	if (n == 1)
	{
		TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel),
														&TTSOpsVirtual);

		store_message(slot, messages);
		table_tuple_insert(rel, slot, GetCurrentCommandId(true), 0, NULL);
		tids[0] = slot->tts_tid;
		ExecDropSingleTupleTableSlot(slot);
	}
	else
		append_many(rel, messages, n, tids);
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
cq_segment_event(const CqQueueDef *def, int segment, char kind,
				 const int64 *ids, int n, int attempt, TimestampTz due,
				 const char *error)
{
	Relation	rel = cq_segment_open(def, def->events[segment], RowExclusiveLock);
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel),
													&TTSOpsVirtual);
	ArrayType  *array = id_array(ids, n);

	ExecClearTuple(slot);
	memset(slot->tts_isnull, false, CQ_EVENT_COLUMNS * sizeof(bool));
	slot->tts_values[CQ_EVENT_KIND - 1] = CharGetDatum(kind);
	slot->tts_values[CQ_EVENT_IDS - 1] = PointerGetDatum(array);
	slot->tts_values[CQ_EVENT_ATTEMPT - 1] = Int32GetDatum(attempt);
	slot->tts_isnull[CQ_EVENT_ATTEMPT - 1] = (kind == 'a' || kind == 'm');
	slot->tts_values[CQ_EVENT_DUE - 1] = TimestampTzGetDatum(due);
	slot->tts_isnull[CQ_EVENT_DUE - 1] = (due == 0);
	slot->tts_isnull[CQ_EVENT_ERROR - 1] = (error == NULL);
	if (error != NULL)
		slot->tts_values[CQ_EVENT_ERROR - 1] = CStringGetTextDatum(error);
	ExecStoreVirtualTuple(slot);

	table_tuple_insert(rel, slot, GetCurrentCommandId(true), 0, NULL);
	ExecDropSingleTupleTableSlot(slot);
	pfree(array);
	table_close(rel, NoLock);
}

/*
 * Whether the table has that block.  It does not shrink while we hold a lock on
 * it (truncation makes a new file), so the last length that anybody here has
 * asked for is a lower bound that costs no system call.
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

uint32
cq_message_bytes(TupleTableSlot *slot)
{
	bool		isnull;
	Size		bytes;
	Datum		headers;

	bytes = toast_raw_datum_size(slot_getattr(slot, CQ_MESSAGE_BODY, &isnull));
	headers = slot_getattr(slot, CQ_MESSAGE_HEADERS, &isnull);
	if (!isnull)
		bytes += toast_raw_datum_size(headers);
	return (uint32) Min(bytes, PG_UINT32_MAX);
}

uint64
cq_group_hash(const text *key)
{
	uint64		hash = DatumGetUInt64(hash_any_extended((unsigned char *) VARDATA_ANY(key),
														VARSIZE_ANY_EXHDR(key), 0));

	return (hash == 0) ? 1 : hash;
}

void
cq_message_copy(TupleTableSlot *slot, CqNewMessage *message)
{
	bool		isnull;
	Datum		value;

	memset(message, 0, sizeof(*message));
	message->msg_id = DatumGetInt64(slot_getattr(slot, CQ_MESSAGE_ID, &isnull));
	message->enqueued_at = DatumGetTimestampTz(slot_getattr(slot, CQ_MESSAGE_ENQUEUED_AT, &isnull));
	value = slot_getattr(slot, CQ_MESSAGE_EXPIRES_AT, &isnull);
	message->expires_at = isnull ? 0 : DatumGetTimestampTz(value);
	message->priority = DatumGetInt16(slot_getattr(slot, CQ_MESSAGE_PRIORITY, &isnull));
	value = slot_getattr(slot, CQ_MESSAGE_KEY, &isnull);
	if (!isnull)
	{
		message->group_key = DatumGetTextPCopy(value);
		message->group_hash = cq_group_hash(message->group_key);
	}
	value = slot_getattr(slot, CQ_MESSAGE_HEADERS, &message->no_headers);
	if (!message->no_headers)
		message->headers = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
	message->body = PointerGetDatum(PG_DETOAST_DATUM_COPY(slot_getattr(slot, CQ_MESSAGE_BODY, &isnull)));
	message->bytes = cq_message_bytes(slot);
}

static void
execute(const char *command)
{
	(void) cq_execute_as_owner(command, 0, NULL, NULL, NULL);
}

void
cq_segment_create(int32 queue_id, Oid sequence, int k)
{
	/* rows are never updated or deleted: nothing for autovacuum to do */
	static const char *const options =
	" WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false)";

	execute(psprintf("CREATE TABLE cq.q%d_s%d ("
					 "msg_id bigint NOT NULL, "
					 "enqueued_at timestamptz NOT NULL, "
					 "deliver_at timestamptz, "
					 "expires_at timestamptz, "
					 "priority smallint NOT NULL, "
					 "partition int NOT NULL, "
					 "attempts int NOT NULL, "
					 "key text, headers jsonb, "
					 "body jsonb NOT NULL)%s",
					 queue_id, k, options));
	execute(psprintf("CREATE TABLE cq.q%d_e%d ("
					 "kind \"char\" NOT NULL, "
					 "ids bigint[] NOT NULL, "
					 "attempt int, due timestamptz, error text)%s",
					 queue_id, k, options));
	cq_carrier_own_relation(sequence, psprintf("q%d_s%d", queue_id, k));
	cq_carrier_own_relation(sequence, psprintf("q%d_e%d", queue_id, k));
}

Oid
cq_common_tables_create(int32 queue_id, Oid carrier)
{
	Oid			sequence;

	execute(psprintf("CREATE SEQUENCE cq.q%d_id INCREMENT BY %d",
					 queue_id, CQ_NUMBER_BLOCK));
	cq_carrier_own_relation(carrier, psprintf("q%d_id", queue_id));
	sequence = get_relname_relid(psprintf("q%d_id", queue_id), get_namespace_oid("cq", false));
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
