/*-------------------------------------------------------------------------
 *
 * queue_functions.c
 *	  cq.queue_send, queue_receive and their like: unpack, call, pack.
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
#include "nodes/parsenodes.h"
#include "queue/claim.h"
#include "queue/keys.h"
#include "queue/maintain.h"
#include "queue/open.h"
#include "queue/peek.h"
#include "queue/purge.h"
#include "queue/receipt.h"
#include "queue/redrive.h"
#include "queue/secret.h"
#include "queue/send.h"
#include "queue/settle.h"
#include "queue/wait.h"
#include "sql/message_rows.h"
#include "sql/queue_args.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(cq_queue_send);
PG_FUNCTION_INFO_V1(cq_queue_send_many);
PG_FUNCTION_INFO_V1(cq_queue_receive);
PG_FUNCTION_INFO_V1(cq_queue_take);
PG_FUNCTION_INFO_V1(cq_queue_ack);
PG_FUNCTION_INFO_V1(cq_queue_nack);
PG_FUNCTION_INFO_V1(cq_queue_reject);
PG_FUNCTION_INFO_V1(cq_queue_extend);
PG_FUNCTION_INFO_V1(cq_queue_purge);
PG_FUNCTION_INFO_V1(cq_queue_peek);
PG_FUNCTION_INFO_V1(cq_queue_redrive);
PG_FUNCTION_INFO_V1(cq_queue_once);
PG_FUNCTION_INFO_V1(cq_queue_wait);
PG_FUNCTION_INFO_V1(cq_queue_maintain_now);

/* ---- arguments ------------------------------------------------------ */

static CqQueueDef *
queue_arg(FunctionCallInfo fcinfo, AclMode privileges)
{
	return cq_queue_open(cq_queue_name_arg(fcinfo, 0, "queue"), privileges);
}

/* A positive interval in ms, or the default when it is NULL. */
static int64
lease_arg(FunctionCallInfo fcinfo, int arg, int64 otherwise)
{
	if (PG_ARGISNULL(arg))
		return otherwise;
	return cq_interval_ms(PG_GETARG_INTERVAL_P(arg), 1, "lease");
}

/* The time of delivery that a delay stands for; 0: at once. */
static TimestampTz
delay_arg(FunctionCallInfo fcinfo, int arg, TimestampTz now)
{
	int64		delay_ms;

	if (PG_ARGISNULL(arg))
		return 0;
	delay_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(arg), 0, "delay");
	return (delay_ms == 0) ? 0 : now + delay_ms * 1000;
}

static char *
optional_text_arg(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

static int
max_arg(FunctionCallInfo fcinfo, int arg)
{
	int			max;

	cq_arg_not_null(fcinfo, arg, "max");
	max = PG_GETARG_INT32(arg);
	if (max < 1 || max > CQ_RECEIVE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max must be between 1 and %d", CQ_RECEIVE_MAX)));
	return max;
}

static void
receipt_arg(FunctionCallInfo fcinfo, int arg, const CqQueueDef *def, CqReceipt *receipt)
{
	cq_arg_not_null(fcinfo, arg, "receipt");
	cq_receipt_decode(PG_GETARG_TEXT_PP(arg), def->queue_id, receipt);
}

/* ---- sending -------------------------------------------------------- */

/* What cq.queue_send and queue_send_many say of all messages. */
typedef struct Common
{
	TimestampTz now;
	TimestampTz deliver_at;
	TimestampTz expires_at;
	int			priority;
} Common;

/* Arguments delay, priority and ttl. */
static void
common_args(FunctionCallInfo fcinfo, const CqQueueDef *def, int delay, int priority,
			int ttl, Common *common)
{
	common->now = GetCurrentTimestamp();
	common->expires_at = cq_options_expiry(&def->options, common->now);
	common->deliver_at = delay_arg(fcinfo, delay, common->now);
	cq_arg_not_null(fcinfo, priority, "priority");
	common->priority = PG_GETARG_INT32(priority);
	if (common->priority < CQ_PRIORITY_MIN || common->priority > CQ_PRIORITY_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("priority must be between %d and %d",
						CQ_PRIORITY_MIN, CQ_PRIORITY_MAX)));
	if (!PG_ARGISNULL(ttl))
		common->expires_at = common->now +
			cq_interval_ms(PG_GETARG_INTERVAL_P(ttl), 1, "ttl") * 1000;
}

/* A group or deduplication key; raises 22023 and 54000. */
static text *
check_key(Datum value, const char *name)
{
	text	   *key = DatumGetTextPP(value);
	int			bytes = VARSIZE_ANY_EXHDR(key);

	if (bytes == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be empty", name)));
	cq_check_length(name, bytes, CQ_KEY_BYTES_MAX);
	return key;
}

static void
set_group(CqNewMessage *message, Datum key)
{
	message->group_key = check_key(key, "group_key");
	message->group_hash = cq_group_hash(message->group_key);
	if (message->priority != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a message with a group_key cannot have a priority"),
				 errdetail("The messages of a group are delivered in their order.")));
}

static void
set_headers(CqNewMessage *message, Datum headers)
{
	cq_check_headers(headers);
	cq_check_no_dead_letter(headers);
	message->headers = headers;
	message->no_headers = false;
}

/* A message of that body, and nothing else of its own. */
static void
set_body(CqNewMessage *message, Datum body, const Common *common)
{
	message->body = body;
	message->no_headers = true;
	message->enqueued_at = common->now;
	message->deliver_at = common->deliver_at;
	message->expires_at = common->expires_at;
	message->priority = common->priority;
}

/* Bytes of body and headers, once these are set. */
static void
set_bytes(CqNewMessage *message)
{
	Size		bytes = toast_raw_datum_size(message->body);

	if (!message->no_headers)
		bytes += toast_raw_datum_size(message->headers);
	message->bytes = (uint32) Min(bytes, PG_UINT32_MAX);
}

/* cq.queue_send(queue, body, headers, delay, priority, group_key, dedup_key, ttl) → bigint */
Datum
cq_queue_send(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_SEND);
	CqNewMessage message = {0};
	Common		common;

	cq_arg_not_null(fcinfo, 1, "body");
	common_args(fcinfo, def, 3, 4, 7, &common);
	set_body(&message, PG_GETARG_DATUM(1), &common);
	if (!PG_ARGISNULL(2))
		set_headers(&message, PG_GETARG_DATUM(2));
	if (!PG_ARGISNULL(5))
		set_group(&message, PG_GETARG_DATUM(5));
	if (!PG_ARGISNULL(6))
		message.dedup_key = check_key(PG_GETARG_DATUM(6), "dedup_key");
	set_bytes(&message);

	cq_queue_send_messages(def, &message, 1);
	PG_RETURN_INT64(message.msg_id);
}

/* Arguments headers, group_keys and dedup_keys. */
static void
unpack_own(FunctionCallInfo fcinfo, CqNewMessage *messages, int n)
{
	Datum	   *values;
	bool	   *nulls;

	if (!PG_ARGISNULL(2))
	{
		cq_unpack_array(fcinfo, 2, JSONBOID, n, "headers", &values, &nulls);
		for (int i = 0; i < n; i++)
		{
			if (!nulls[i])
				set_headers(&messages[i], values[i]);
		}
	}
	if (!PG_ARGISNULL(5))
	{
		cq_unpack_array(fcinfo, 5, TEXTOID, n, "group_keys", &values, &nulls);
		for (int i = 0; i < n; i++)
		{
			if (!nulls[i])
				set_group(&messages[i], values[i]);
		}
	}
	if (!PG_ARGISNULL(6))
	{
		cq_unpack_array(fcinfo, 6, TEXTOID, n, "dedup_keys", &values, &nulls);
		for (int i = 0; i < n; i++)
		{
			if (!nulls[i])
				messages[i].dedup_key = check_key(values[i], "dedup_key");
		}
	}
}

/* cq.queue_send_many(queue, bodies, headers, delay, priority, group_keys,
 * dedup_keys, ttl) → SETOF bigint */
Datum
cq_queue_send_many(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_SEND);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CqNewMessage *messages;
	Common		common;
	Datum	   *bodies;
	int			n;

	cq_arg_not_null(fcinfo, 1, "bodies");
	common_args(fcinfo, def, 3, 4, 7, &common);
	bodies = cq_arg_elements(fcinfo, 1, "bodies", &n);
	messages = MemoryContextAllocExtended(CurrentMemoryContext,
										  Max(n, 1) * sizeof(CqNewMessage),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < n; i++)
		set_body(&messages[i], bodies[i], &common);
	unpack_own(fcinfo, messages, n);
	for (int i = 0; i < n; i++)
		set_bytes(&messages[i]);

	cq_queue_send_messages(def, messages, n);

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	for (int i = 0; i < n; i++)
	{
		Datum		value = Int64GetDatum(messages[i].msg_id);
		bool		isnull = false;

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
	}
	PG_RETURN_NULL();
}

/* ---- consuming ------------------------------------------------------ */

#define MESSAGE_COLUMNS 10

typedef struct Delivery
{
	CqQueueDef *def;
	ReturnSetInfo *rsinfo;
	Datum		queue;			/* name */
	bool		leased;			/* rather than taken: has a receipt */
	uint64		secret;			/* for receipts of durable leases */
} Delivery;

/* CqClaimReader: one row of cq.message. */
static void
put_message(const CqClaim *claim, TupleTableSlot *slot, void *arg)
{
	Delivery   *delivery = arg;
	Datum		values[MESSAGE_COLUMNS];
	bool		nulls[MESSAGE_COLUMNS] = {0};

	values[0] = delivery->queue;
	values[1] = Int64GetDatum(claim->msg_id);
	nulls[2] = !delivery->leased;
	if (!nulls[2])
	{
		CqReceipt	receipt;

		receipt.durable = claim->durable;
		receipt.queue_id = delivery->def->queue_id;
		receipt.entry = claim->entry;
		receipt.nonce = claim->nonce;
		receipt.msg_id = claim->msg_id;
		values[2] = PointerGetDatum(cq_receipt_encode(&receipt, claim->durable ?
													  delivery->secret : delivery->def->salt));
	}
	values[3] = Int32GetDatum(claim->attempts);
	values[4] = Int32GetDatum(DatumGetInt16(slot_getattr(slot, CQ_MESSAGE_PRIORITY, &nulls[4])));
	values[5] = slot_getattr(slot, CQ_MESSAGE_KEY, &nulls[5]);
	values[6] = slot_getattr(slot, CQ_MESSAGE_ENQUEUED_AT, &nulls[6]);
	values[7] = TimestampTzGetDatum(claim->lease_until);
	nulls[7] = claim->lease_until == 0;
	values[8] = cq_copy_jsonb(slot, CQ_MESSAGE_HEADERS, &nulls[8]);
	values[9] = cq_copy_jsonb(slot, CQ_MESSAGE_BODY, &nulls[9]);
	tuplestore_putvalues(delivery->rsinfo->setResult, delivery->rsinfo->setDesc,
						 values, nulls);
}

/* Claim, and return what was claimed as a set of cq.message. */
static void
deliver(FunctionCallInfo fcinfo, CqQueueDef *def, int max, int64 lease_ms)
{
	CqClaim    *claims = palloc(max * sizeof(CqClaim));
	Delivery	delivery;
	int			n;

	cq_begin_rows(fcinfo);
	n = cq_queue_claim(def, max, lease_ms, claims);
	if (lease_ms == 0)
		n = cq_claims_settle(def, claims, n);

	delivery.def = def;
	delivery.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	delivery.queue = CStringGetTextDatum(def->name);
	delivery.leased = (lease_ms > 0);
	delivery.secret = (n > 0 && claims[0].durable) ? cq_queue_secret(def) : 0;
	cq_claims_read(def, claims, n, put_message, &delivery);
	pfree(claims);
}

/* cq.queue_receive(queue, max, lease) → SETOF cq.message */
Datum
cq_queue_receive(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_CONSUME);

	deliver(fcinfo, def, max_arg(fcinfo, 1), lease_arg(fcinfo, 2, def->options.lease_ms));
	PG_RETURN_NULL();
}

/* cq.queue_take(queue, max) → SETOF cq.message */
Datum
cq_queue_take(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_CONSUME);

	PreventCommandIfReadOnly("queue_take()");
	deliver(fcinfo, def, max_arg(fcinfo, 1), 0);
	PG_RETURN_NULL();
}

/* cq.queue_ack(queue, VARIADIC receipts) → bigint */
Datum
cq_queue_ack(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_CONSUME);
	int			n;
	Datum	   *texts = cq_arg_elements(fcinfo, 1, "receipts", &n);
	CqReceipt  *receipts = palloc(Max(n, 1) * sizeof(CqReceipt));

	for (int i = 0; i < n; i++)
		cq_receipt_decode(DatumGetTextPP(texts[i]), def->queue_id, &receipts[i]);
	PG_RETURN_INT64(cq_queue_acknowledge(def, receipts, n));
}

/* cq.queue_nack(queue, receipt, delay, error) → boolean */
Datum
cq_queue_nack(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_CONSUME);
	CqReceipt	receipt;
	int64		delay_ms = -1;

	receipt_arg(fcinfo, 1, def, &receipt);
	if (!PG_ARGISNULL(2))
		delay_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(2), 0, "delay");
	PG_RETURN_BOOL(cq_queue_fail(def, &receipt, delay_ms,
								 optional_text_arg(fcinfo, 3)));
}

/* cq.queue_reject(queue, receipt, error) → boolean */
Datum
cq_queue_reject(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_CONSUME);
	CqReceipt	receipt;

	receipt_arg(fcinfo, 1, def, &receipt);
	PG_RETURN_BOOL(cq_queue_refuse(def, &receipt, optional_text_arg(fcinfo, 2)));
}

/* cq.queue_extend(queue, receipt, lease) → boolean */
Datum
cq_queue_extend(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_CONSUME);
	CqReceipt	receipt;

	receipt_arg(fcinfo, 1, def, &receipt);
	PG_RETURN_BOOL(cq_queue_prolong(def, &receipt, lease_arg(fcinfo, 2, def->options.lease_ms)));
}

/* cq.queue_purge(queue) → bigint */
Datum
cq_queue_purge(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_PURGE);

	PreventCommandIfReadOnly("queue_purge()");
	PG_RETURN_INT64(cq_queue_purge_all(def));
}

/* A state by name; NULL: all that are not settled. */
static CqPeekState
state_arg(FunctionCallInfo fcinfo, int arg)
{
	char	   *name = optional_text_arg(fcinfo, arg);

	if (name == NULL)
		return CQ_PEEK_UNSETTLED;
	if (strcmp(name, "ready") == 0)
		return CQ_PEEK_READY;
	if (strcmp(name, "delayed") == 0)
		return CQ_PEEK_DELAYED;
	if (strcmp(name, "in_flight") == 0)
		return CQ_PEEK_IN_FLIGHT;
	if (strcmp(name, "archived") == 0)
		return CQ_PEEK_ARCHIVED;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown state \"%s\"", name),
			 errhint("States are ready, delayed, in_flight and archived; NULL: all but the last.")));
	return CQ_PEEK_UNSETTLED;
}

/* cq.queue_peek(queue, max, state) → SETOF cq.message */
Datum
cq_queue_peek(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_CONSUME | CQ_QUEUE_PEEK);
	int			max = max_arg(fcinfo, 1);
	CqPeekState state = state_arg(fcinfo, 2);
	Delivery	delivery;

	PreventCommandDuringRecovery("queue_peek()");
	cq_begin_rows(fcinfo);
	delivery.def = def;
	delivery.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	delivery.queue = CStringGetTextDatum(def->name);
	delivery.leased = false;
	cq_queue_peek_messages(def, state, max, put_message, &delivery);
	PG_RETURN_NULL();
}

/* cq.queue_redrive(queue, max, filter, rate, target) → bigint */
Datum
cq_queue_redrive(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_CONSUME | CQ_QUEUE_ALTER);
	CqRedrive	redrive = {.max = PG_INT32_MAX};

	PreventCommandIfReadOnly("queue_redrive()");
	if (!PG_ARGISNULL(1))
	{
		redrive.max = PG_GETARG_INT32(1);
		if (redrive.max < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("max must be greater than zero")));
	}
	if (!PG_ARGISNULL(2))
		redrive.filter = PG_GETARG_JSONB_P(2);
	if (!PG_ARGISNULL(3))
	{
		redrive.rate = PG_GETARG_FLOAT8(3);
		if (!(redrive.rate >= 1e-6 && redrive.rate <= 1e9))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("rate must be between %g and %g", 1e-6, 1e9)));
	}
	if (!PG_ARGISNULL(4))
	{
		redrive.target = cq_queue_name_arg(fcinfo, 4, "target");
		(void) cq_queue_open(redrive.target, CQ_QUEUE_SEND);
		if (strcmp(redrive.target, def->name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("target must be another queue")));
	}
	PG_RETURN_INT64(cq_queue_redrive_messages(def, &redrive));
}

/* cq.queue_once(consumer, queue, msg_id) → boolean */
Datum
cq_queue_once(PG_FUNCTION_ARGS)
{
	CqQueueDef *def;
	text	   *consumer;

	cq_arg_not_null(fcinfo, 0, "consumer");
	def = cq_queue_open(cq_queue_name_arg(fcinfo, 1, "queue"), CQ_QUEUE_CONSUME);
	cq_arg_not_null(fcinfo, 2, "msg_id");
	consumer = check_key(PG_GETARG_DATUM(0), "consumer");
	if (PG_GETARG_INT64(2) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("msg_id must be greater than zero")));
	PG_RETURN_BOOL(cq_key_claim_once(def, consumer, PG_GETARG_INT64(2)));
}

/* CALL cq.queue_maintain() */
Datum
cq_queue_maintain_now(PG_FUNCTION_ARGS)
{
	cq_refuse_atomic(fcinfo, "queue_maintain", "It uses transactions of its own.");
	cq_queue_maintain_by_hand();
	PG_RETURN_VOID();
}

/* CALL cq.queue_wait(queue, timeout, INOUT ready) */
Datum
cq_queue_wait(PG_FUNCTION_ARGS)
{
	char	   *name = cq_queue_name_arg(fcinfo, 0, "queue");
	int64		timeout_ms = -1;
	TupleDesc	desc;
	Datum		value;
	bool		isnull = false;

	if (!PG_ARGISNULL(1))
		timeout_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(1), 0, "timeout");
	cq_refuse_atomic(fcinfo, "queue_wait",
					 "It would keep the transaction open for as long as it waits.");

	value = BoolGetDatum(cq_queue_wait_until_ready(name, timeout_ms));

	/* after the wait: it may have ended the transaction */
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, &value, &isnull)));
}
