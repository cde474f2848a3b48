/*-------------------------------------------------------------------------
 *
 * queue_functions.c
 *	  cq.queue_send, queue_receive and their like: unpack, call, pack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "cachequeue.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/shmem.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "queue/admin.h"
#include "queue/claim.h"
#include "queue/queue.h"
#include "queue/receipt.h"
#include "queue/scan.h"
#include "queue/send.h"
#include "queue/settle.h"
#include "queue/wait.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(cq_queue_create);
PG_FUNCTION_INFO_V1(cq_queue_drop);
PG_FUNCTION_INFO_V1(cq_queue_grant);
PG_FUNCTION_INFO_V1(cq_queue_revoke);
PG_FUNCTION_INFO_V1(cq_queue_send);
PG_FUNCTION_INFO_V1(cq_queue_send_many);
PG_FUNCTION_INFO_V1(cq_queue_receive);
PG_FUNCTION_INFO_V1(cq_queue_take);
PG_FUNCTION_INFO_V1(cq_queue_ack);
PG_FUNCTION_INFO_V1(cq_queue_nack);
PG_FUNCTION_INFO_V1(cq_queue_reject);
PG_FUNCTION_INFO_V1(cq_queue_extend);
PG_FUNCTION_INFO_V1(cq_queue_purge);
PG_FUNCTION_INFO_V1(cq_queue_wait);
PG_FUNCTION_INFO_V1(cq_queue_maintain_now);

/* ---- arguments ------------------------------------------------------ */

static void
refuse_null(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be NULL", name)));
}

static char *
queue_name_arg(FunctionCallInfo fcinfo, int arg, const char *name)
{
	cq_require_shared();
	refuse_null(fcinfo, arg, name);
	return cq_queue_name(PG_GETARG_TEXT_PP(arg));
}

static CqQueueDef *
queue_arg(FunctionCallInfo fcinfo, CqQueuePrivilege privilege)
{
	return cq_queue_open(queue_name_arg(fcinfo, 0, "queue"), privilege);
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

	refuse_null(fcinfo, arg, "max");
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
	refuse_null(fcinfo, arg, "receipt");
	cq_receipt_decode(PG_GETARG_TEXT_PP(arg), def->queue_id, receipt);
}

/* Raises 22023 unless headers are a jsonb object. */
static void
check_headers(Datum headers)
{
	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(headers)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("headers must be a JSON object")));
}

/* ---- queues --------------------------------------------------------- */

/* cq.queue_create(queue, lease, max_attempts, dead_letter) → void */
Datum
cq_queue_create(PG_FUNCTION_ARGS)
{
	char	   *name = queue_name_arg(fcinfo, 0, "queue");
	int			max_attempts = 0;

	refuse_null(fcinfo, 1, "lease");
	(void) cq_interval_ms(PG_GETARG_INTERVAL_P(1), 1, "lease");
	if (!PG_ARGISNULL(2))
	{
		max_attempts = PG_GETARG_INT32(2);
		if (max_attempts < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("max_attempts must be greater than zero"),
					 errhint("NULL means any number of attempts.")));
	}
	cq_queue_create_named(name, PG_GETARG_INTERVAL_P(1), max_attempts,
						  PG_ARGISNULL(3) ? NULL : queue_name_arg(fcinfo, 3, "dead_letter"));
	PG_RETURN_VOID();
}

/* cq.queue_drop(queue) → void */
Datum
cq_queue_drop(PG_FUNCTION_ARGS)
{
	cq_queue_drop_named(queue_name_arg(fcinfo, 0, "queue"));
	PG_RETURN_VOID();
}

/* cq.queue_grant(queue, role, privilege) → void */
Datum
cq_queue_grant(PG_FUNCTION_ARGS)
{
	char	   *name = queue_name_arg(fcinfo, 0, "queue");

	refuse_null(fcinfo, 1, "role");
	refuse_null(fcinfo, 2, "privilege");
	cq_queue_grant_to(name, text_to_cstring(PG_GETARG_TEXT_PP(1)),
					  cq_queue_privilege_named(text_to_cstring(PG_GETARG_TEXT_PP(2))));
	PG_RETURN_VOID();
}

/* cq.queue_revoke(queue, role, privilege) → void */
Datum
cq_queue_revoke(PG_FUNCTION_ARGS)
{
	char	   *name = queue_name_arg(fcinfo, 0, "queue");

	refuse_null(fcinfo, 1, "role");
	refuse_null(fcinfo, 2, "privilege");
	cq_queue_revoke_from(name, text_to_cstring(PG_GETARG_TEXT_PP(1)),
						 cq_queue_privilege_named(text_to_cstring(PG_GETARG_TEXT_PP(2))));
	PG_RETURN_VOID();
}

/* ---- sending -------------------------------------------------------- */

/* cq.queue_send(queue, body, headers, delay) → bigint */
Datum
cq_queue_send(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_SEND);
	CqNewMessage message = {0};

	refuse_null(fcinfo, 1, "body");
	message.body = PG_GETARG_DATUM(1);
	message.no_headers = PG_ARGISNULL(2);
	if (!message.no_headers)
	{
		message.headers = PG_GETARG_DATUM(2);
		check_headers(message.headers);
	}
	message.enqueued_at = GetCurrentTimestamp();
	message.deliver_at = delay_arg(fcinfo, 3, message.enqueued_at);

	cq_queue_send_messages(def, &message, 1);
	PG_RETURN_INT64(message.msg_id);
}

/* The headers of the messages, from an array of as many. */
static void
unpack_headers(ArrayType *array, CqNewMessage *messages, int n)
{
	Datum	   *headers;
	bool	   *nulls;
	int			nheaders;

	deconstruct_array(array, JSONBOID, -1, false, TYPALIGN_INT,
					  &headers, &nulls, &nheaders);
	if (nheaders != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d headers for %d bodies", nheaders, n)));
	for (int i = 0; i < n; i++)
	{
		messages[i].no_headers = nulls[i];
		messages[i].headers = headers[i];
		if (!nulls[i])
			check_headers(headers[i]);
	}
}

/* cq.queue_send_many(queue, bodies, headers, delay) → SETOF bigint */
Datum
cq_queue_send_many(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_SEND);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz deliver_at = delay_arg(fcinfo, 3, now);
	CqNewMessage *messages;
	Datum	   *bodies;
	bool	   *nulls;
	int			n;

	refuse_null(fcinfo, 1, "bodies");
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), JSONBOID, -1, false, TYPALIGN_INT,
					  &bodies, &nulls, &n);
	messages = MemoryContextAllocExtended(CurrentMemoryContext,
										  Max(n, 1) * sizeof(CqNewMessage),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("bodies must not contain NULL")));
		messages[i].body = bodies[i];
		messages[i].no_headers = true;
		messages[i].enqueued_at = now;
		messages[i].deliver_at = deliver_at;
	}
	if (!PG_ARGISNULL(2))
		unpack_headers(PG_GETARG_ARRAYTYPE_P(2), messages, n);

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
	bool		leased;			/* rather than taken */
} Delivery;

/* A stored value that outlives the segment it came from. */
static Datum
copy_jsonb(TupleTableSlot *slot, int column, bool *isnull)
{
	Datum		value = slot_getattr(slot, column, isnull);

	if (*isnull || !VARATT_IS_EXTERNAL(DatumGetPointer(value)))
		return value;
	return PointerGetDatum(PG_DETOAST_DATUM(value));
}

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

		receipt.salt = cq_queues->salt;
		receipt.queue_id = delivery->def->queue_id;
		receipt.entry = claim->entry;
		receipt.nonce = claim->nonce;
		receipt.msg_id = claim->msg_id;
		values[2] = PointerGetDatum(cq_receipt_encode(&receipt));
	}
	values[3] = Int32GetDatum(claim->attempts);
	values[4] = Int32GetDatum(DatumGetInt16(slot_getattr(slot, CQ_MESSAGE_PRIORITY, &nulls[4])));
	values[5] = slot_getattr(slot, CQ_MESSAGE_KEY, &nulls[5]);
	values[6] = slot_getattr(slot, CQ_MESSAGE_ENQUEUED_AT, &nulls[6]);
	values[7] = TimestampTzGetDatum(claim->lease_until);
	nulls[7] = !delivery->leased;
	values[8] = copy_jsonb(slot, CQ_MESSAGE_HEADERS, &nulls[8]);
	values[9] = copy_jsonb(slot, CQ_MESSAGE_BODY, &nulls[9]);
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

	InitMaterializedSRF(fcinfo, 0);
	n = cq_queue_claim(def, max, lease_ms, claims);
	if (lease_ms == 0)
		n = cq_claims_settle(def, claims, n);

	delivery.def = def;
	delivery.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	delivery.queue = CStringGetTextDatum(def->name);
	delivery.leased = (lease_ms > 0);
	cq_claims_read(def, claims, n, put_message, &delivery);
	pfree(claims);
}

/* cq.queue_receive(queue, max, lease) → SETOF cq.message */
Datum
cq_queue_receive(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_CONSUME);

	deliver(fcinfo, def, max_arg(fcinfo, 1), lease_arg(fcinfo, 2, def->lease_ms));
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
	CqReceipt  *receipts;
	Datum	   *texts;
	bool	   *nulls;
	int			n;

	refuse_null(fcinfo, 1, "receipts");
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
					  &texts, &nulls, &n);
	receipts = palloc(Max(n, 1) * sizeof(CqReceipt));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("receipts must not contain NULL")));
		cq_receipt_decode(DatumGetTextPP(texts[i]), def->queue_id, &receipts[i]);
	}
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
	PG_RETURN_BOOL(cq_queue_prolong(def, &receipt, lease_arg(fcinfo, 2, def->lease_ms)));
}

/* cq.queue_purge(queue) → bigint */
Datum
cq_queue_purge(PG_FUNCTION_ARGS)
{
	CqQueueDef *def = queue_arg(fcinfo, CQ_QUEUE_MANAGE);

	PreventCommandIfReadOnly("queue_purge()");
	PG_RETURN_INT64(cq_queue_purge_all(def));
}

/* Raises 25001 unless the procedure may end its caller's transaction. */
static void
refuse_atomic(FunctionCallInfo fcinfo, const char *procedure, const char *why)
{
	if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
		castNode(CallContext, fcinfo->context)->atomic)
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("%s cannot run inside a transaction block or a function", procedure),
				 errdetail_internal("%s", why),
				 errhint("CALL it as a statement of its own, or from a DO block or a procedure outside a transaction block.")));
}

/* CALL cq.queue_maintain() */
Datum
cq_queue_maintain_now(PG_FUNCTION_ARGS)
{
	refuse_atomic(fcinfo, "queue_maintain", "It uses transactions of its own.");
	cq_queue_maintain_by_hand();
	PG_RETURN_VOID();
}

/* CALL cq.queue_wait(queue, timeout, INOUT ready) */
Datum
cq_queue_wait(PG_FUNCTION_ARGS)
{
	char	   *name = queue_name_arg(fcinfo, 0, "queue");
	int64		timeout_ms = -1;
	TupleDesc	desc;
	Datum		value;
	bool		isnull = false;

	if (!PG_ARGISNULL(1))
		timeout_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(1), 0, "timeout");
	refuse_atomic(fcinfo, "queue_wait",
				  "It would keep the transaction open for as long as it waits.");

	value = BoolGetDatum(cq_queue_wait_until_ready(name, timeout_ms));

	/* after the wait: it may have ended the transaction */
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, &value, &isnull)));
}
