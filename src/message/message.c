/*-------------------------------------------------------------------------
 *
 * message.c
 *	  Layout and insertion of messages.
 *
 * A queue's segment and a topic's segment are tables of the same columns.  They
 * have neither constraints nor triggers, and rows are only ever appended,
 * straight through the table access method.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/heapam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "core/object.h"
#include "core/owner.h"
#include "message/message.h"
#include "miscadmin.h"
#include "utils/rel.h"

/* rows handed to the access method at once */
#define BATCH_ROWS 1000

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

void
cq_messages_table_create(Oid owner, const char *name, bool body_required)
{
	/* rows are never updated or deleted: nothing for autovacuum to do */
	(void) cq_execute_as_owner(psprintf("CREATE TABLE cq.%s ("
										"msg_id bigint NOT NULL, "
										"enqueued_at timestamptz NOT NULL, "
										"deliver_at timestamptz, "
										"expires_at timestamptz, "
										"priority smallint NOT NULL, "
										"partition int NOT NULL, "
										"attempts int NOT NULL, "
										"key text, headers jsonb, body jsonb%s)"
										" WITH (autovacuum_enabled = false, "
										"toast.autovacuum_enabled = false)",
										name, body_required ? " NOT NULL" : ""),
							   0, NULL, NULL, NULL);
	cq_carrier_own_relation(owner, name);
}
