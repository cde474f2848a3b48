/*-------------------------------------------------------------------------
 *
 * topic_functions.c
 *	  cq.topic_publish, topic_poll and their like: unpack, call, pack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/limits.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "sql/message_rows.h"
#include "sql/topic_args.h"
#include "topic/maintain.h"
#include "topic/poll.h"
#include "topic/position.h"
#include "topic/publish.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(cq_topic_publish);
PG_FUNCTION_INFO_V1(cq_topic_publish_many);
PG_FUNCTION_INFO_V1(cq_topic_poll);
PG_FUNCTION_INFO_V1(cq_topic_commit);
PG_FUNCTION_INFO_V1(cq_topic_seek);
PG_FUNCTION_INFO_V1(cq_topic_offset);
PG_FUNCTION_INFO_V1(cq_topic_read);
PG_FUNCTION_INFO_V1(cq_topic_wait);
PG_FUNCTION_INFO_V1(cq_topic_maintain_now);

/* ---- arguments ------------------------------------------------------- */

static int
max_arg(FunctionCallInfo fcinfo, int arg)
{
	int			max;

	cq_arg_not_null(fcinfo, arg, "max");
	max = PG_GETARG_INT32(arg);
	if (max < 1 || max > CQ_POLL_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max must be between 1 and %d", CQ_POLL_MAX)));
	return max;
}

/* A partition, which the topic must have. */
static int
partition_arg(FunctionCallInfo fcinfo, int arg, const CqTopicDef *def)
{
	int			partition;

	cq_arg_not_null(fcinfo, arg, "partition");
	partition = PG_GETARG_INT32(arg);
	if (partition < 0 || partition >= def->npartitions)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic \"%s\" has no partition %d", def->name, partition),
				 errdetail("Its partitions are 0 to %d.", def->npartitions - 1)));
	return partition;
}

/* ---- publishing ------------------------------------------------------ */

static void
set_key(CqNewMessage *record, Datum value)
{
	text	   *key = DatumGetTextPP(value);

	cq_check_length("key", VARSIZE_ANY_EXHDR(key), CQ_KEY_BYTES_MAX);
	record->group_key = key;
}

static void
set_headers(CqNewMessage *record, Datum headers)
{
	cq_check_headers(headers);
	cq_check_no_dead_letter(headers);
	record->headers = headers;
	record->no_headers = false;
}

/* Once all else is set. */
static void
set_bytes(CqNewMessage *record)
{
	Size		bytes = record->no_body ? 0 : toast_raw_datum_size(record->body);

	if (!record->no_headers)
		bytes += toast_raw_datum_size(record->headers);
	record->bytes = (uint32) Min(bytes, PG_UINT32_MAX);
}

/* Argument partition of both functions. */
static int
wanted_partition(FunctionCallInfo fcinfo, int arg, const CqTopicDef *def)
{
	return PG_ARGISNULL(arg) ? CQ_PARTITION_ANY : partition_arg(fcinfo, arg, def);
}

/* The row type of the result, looked up once for a call site. */
static TupleDesc
result_desc(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		TupleDesc	desc;

		if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		fcinfo->flinfo->fn_extra = BlessTupleDesc(desc);
		MemoryContextSwitchTo(caller);
	}
	return fcinfo->flinfo->fn_extra;
}

/* cq.topic_publish(topic, body, key, headers, partition) → (partition, record_offset) */
Datum
cq_topic_publish(PG_FUNCTION_ARGS)
{
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_PUBLISH);
	CqNewMessage record = {0};
	Datum		values[2];
	bool		nulls[2] = {false, false};

	record.no_body = PG_ARGISNULL(1);
	record.body = record.no_body ? (Datum) 0 : PG_GETARG_DATUM(1);
	record.no_headers = true;
	if (!PG_ARGISNULL(2))
		set_key(&record, PG_GETARG_DATUM(2));
	if (!PG_ARGISNULL(3))
		set_headers(&record, PG_GETARG_DATUM(3));
	record.partition = wanted_partition(fcinfo, 4, def);
	set_bytes(&record);
	cq_topic_publish_records(def, &record, 1);

	values[0] = Int32GetDatum(record.partition);
	values[1] = Int64GetDatum(record.msg_id);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(result_desc(fcinfo), values, nulls)));
}

/* cq.topic_publish_many(topic, bodies, keys, headers, partition) → SETOF (partition, record_offset) */
Datum
cq_topic_publish_many(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_PUBLISH);
	CqNewMessage *records;
	Datum	   *bodies;
	Datum	   *values;
	bool	   *body_nulls;
	bool	   *nulls;
	int			n;
	int			partition = wanted_partition(fcinfo, 4, def);

	cq_arg_not_null(fcinfo, 1, "bodies");
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), JSONBOID, -1, false, TYPALIGN_INT,
					  &bodies, &body_nulls, &n);
	records = MemoryContextAllocExtended(CurrentMemoryContext,
										 Max(n, 1) * sizeof(CqNewMessage),
										 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < n; i++)
	{
		records[i].no_body = body_nulls[i];
		records[i].body = bodies[i];
		records[i].no_headers = true;
		records[i].partition = partition;
	}
	if (!PG_ARGISNULL(2))
	{
		cq_unpack_array(fcinfo, 2, TEXTOID, n, "keys", &values, &nulls);
		for (int i = 0; i < n; i++)
		{
			if (!nulls[i])
				set_key(&records[i], values[i]);
		}
	}
	if (!PG_ARGISNULL(3))
	{
		cq_unpack_array(fcinfo, 3, JSONBOID, n, "headers", &values, &nulls);
		for (int i = 0; i < n; i++)
		{
			if (!nulls[i])
				set_headers(&records[i], values[i]);
		}
	}
	for (int i = 0; i < n; i++)
		set_bytes(&records[i]);
	cq_topic_publish_records(def, records, n);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (int i = 0; i < n; i++)
	{
		Datum		row[2];
		bool		row_nulls[2] = {false, false};

		row[0] = Int32GetDatum(records[i].partition);
		row[1] = Int64GetDatum(records[i].msg_id);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row, row_nulls);
	}
	PG_RETURN_NULL();
}

/* ---- reading --------------------------------------------------------- */

#define RECORD_COLUMNS 7

typedef struct Reading
{
	ReturnSetInfo *rsinfo;
	Datum		topic;			/* name */
} Reading;

/* CqRecordReader: one row of cq.record. */
static void
put_record(TupleTableSlot *slot, void *arg)
{
	Reading    *reading = arg;
	Datum		values[RECORD_COLUMNS];
	bool		nulls[RECORD_COLUMNS] = {0};

	slot_getallattrs(slot);
	values[0] = reading->topic;
	values[1] = slot->tts_values[CQ_MESSAGE_PARTITION - 1];
	values[2] = slot->tts_values[CQ_MESSAGE_ID - 1];
	values[3] = slot->tts_values[CQ_MESSAGE_KEY - 1];
	nulls[3] = slot->tts_isnull[CQ_MESSAGE_KEY - 1];
	values[4] = slot->tts_values[CQ_MESSAGE_ENQUEUED_AT - 1];
	values[5] = cq_copy_jsonb(slot, CQ_MESSAGE_HEADERS, &nulls[5]);
	values[6] = cq_copy_jsonb(slot, CQ_MESSAGE_BODY, &nulls[6]);
	tuplestore_putvalues(reading->rsinfo->setResult, reading->rsinfo->setDesc, values, nulls);
}

static void
begin_reading(FunctionCallInfo fcinfo, const CqTopicDef *def, Reading *reading)
{
	cq_begin_rows(fcinfo);
	reading->rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	reading->topic = CStringGetTextDatum(def->name);
}

/* cq.topic_poll(topic, group_name, member, max, generation, auto_commit) → SETOF cq.record */
Datum
cq_topic_poll(PG_FUNCTION_ARGS)
{
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_NONE);
	char	   *group = cq_topic_name_arg(fcinfo, 1, "group_name");
	CqPollRequest request;
	Reading		reading;

	request.member = cq_member_arg(fcinfo, 2);
	request.max = max_arg(fcinfo, 3);
	request.generation = cq_generation_arg(fcinfo, 4);
	cq_arg_not_null(fcinfo, 5, "auto_commit");
	request.auto_commit = PG_GETARG_BOOL(5);
	begin_reading(fcinfo, def, &reading);
	cq_topic_poll_records(def, cq_group_to_consume(def, group), &request, put_record,
						  &reading);
	PG_RETURN_NULL();
}

/* cq.topic_read(topic, partition, from_offset, max) → SETOF cq.record */
Datum
cq_topic_read(PG_FUNCTION_ARGS)
{
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_CONSUME | CQ_TOPIC_READ);
	int			partition = partition_arg(fcinfo, 1, def);
	int			max = max_arg(fcinfo, 3);
	Reading		reading;

	cq_arg_not_null(fcinfo, 2, "from_offset");
	begin_reading(fcinfo, def, &reading);
	cq_topic_read_records(def, partition, Max(PG_GETARG_INT64(2), 0), max, put_record,
						  &reading);
	PG_RETURN_NULL();
}

/* cq.topic_commit(topic, group_name, member, partition, record_offset, generation) → boolean */
Datum
cq_topic_commit(PG_FUNCTION_ARGS)
{
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_NONE);
	char	   *group = cq_topic_name_arg(fcinfo, 1, "group_name");
	char	   *member = cq_member_arg(fcinfo, 2);
	int			partition = partition_arg(fcinfo, 3, def);

	cq_arg_not_null(fcinfo, 4, "record_offset");
	PG_RETURN_BOOL(cq_topic_commit_offset(def, cq_group_to_consume(def, group),
										  member, cq_generation_arg(fcinfo, 5), partition,
										  PG_GETARG_INT64(4)));
}

/* ---- positions ------------------------------------------------------- */

static CqPosition
position_arg(FunctionCallInfo fcinfo, int arg)
{
	return cq_position_parse(cq_arg_text(fcinfo, arg, "position"));
}

/* cq.topic_seek(topic, group_name, to_position, partition) → void */
Datum
cq_topic_seek(PG_FUNCTION_ARGS)
{
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_NONE);
	char	   *group = cq_topic_name_arg(fcinfo, 1, "group_name");
	CqPosition	position = position_arg(fcinfo, 2);
	int			partition = PG_ARGISNULL(3) ? CQ_PARTITION_ALL : partition_arg(fcinfo, 3, def);

	cq_topic_seek_to(def, cq_group_to_consume(def, group), partition, &position);
	PG_RETURN_VOID();
}

/* cq.topic_offset(topic, partition, at_position) → bigint */
Datum
cq_topic_offset(PG_FUNCTION_ARGS)
{
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_CONSUME | CQ_TOPIC_READ);
	CqPosition	position = position_arg(fcinfo, 2);

	PG_RETURN_INT64(cq_position_offset(def, partition_arg(fcinfo, 1, def), &position));
}

/* ---- procedures ------------------------------------------------------ */

/* CALL cq.topic_wait(topic, group_name, member, timeout, INOUT ready, generation) */
Datum
cq_topic_wait(PG_FUNCTION_ARGS)
{
	char	   *topic = cq_topic_name_arg(fcinfo, 0, "topic");
	char	   *group = cq_topic_name_arg(fcinfo, 1, "group_name");
	char	   *member = cq_member_arg(fcinfo, 2);
	int64		timeout_ms = -1;
	int64		generation = cq_generation_arg(fcinfo, 5);
	TupleDesc	desc;
	Datum		value;
	bool		isnull = false;

	if (!PG_ARGISNULL(3))
		timeout_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(3), 0, "timeout");
	cq_refuse_atomic(fcinfo, "topic_wait",
					 "It would keep the transaction open for as long as it waits.");
	value = BoolGetDatum(cq_topic_wait_for(topic, group, member, generation, timeout_ms));

	/* after the wait: it may have ended the transaction */
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, &value, &isnull)));
}

/* CALL cq.topic_maintain() */
Datum
cq_topic_maintain_now(PG_FUNCTION_ARGS)
{
	cq_refuse_atomic(fcinfo, "topic_maintain", "It uses transactions of its own.");
	cq_topic_maintain_by_hand();
	PG_RETURN_VOID();
}
