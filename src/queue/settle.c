/*-------------------------------------------------------------------------
 *
 * settle.c
 *	  Settling deliveries by receipt.
 *
 * Under the queue's lock the receipt is compared with the entry and the entry
 * becomes SETTLING, which stops its lease; the item that undoes this is noted
 * before the lock is released, so an error further on, a rollback or the death
 * of the backend puts it back under its lease.	 Then the event is appended.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "core/clock.h"
#include "core/faults.h"
#include "message/message.h"
#include "miscadmin.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/open.h"
#include "queue/scan.h"
#include "queue/secret.h"
#include "queue/segment.h"
#include "queue/send.h"
#include "queue/settle.h"
#include "queue/wake.h"
#include "queue/xact.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/*
 * Queue locked: the entry of a durable lease, which may be another one than the
 * receipt says if the lease was loaded after a restart.
 */
static uint32
find_durable(CqQueueState *queue, const CqReceipt *receipt)
{
	const CqMsg *msg = CQ_MSG(receipt->entry);

	if (receipt->entry < cq_queues->pool_size && msg->queue == CQ_QUEUE_INDEX(queue) &&
		msg->state == CQ_MSG_LEASED && msg->msg_id == receipt->msg_id)
		return receipt->entry;
	if (queue->durable_loaded == 0)
		return CQ_NONE;
	for (uint32 i = cq_entries_first(queue, CQ_MSG_LEASED); i != CQ_NONE;
		 i = cq_entries_next(queue, i))
	{
		if (CQ_MSG(i)->msg_id == receipt->msg_id)
			return i;
	}
	return CQ_NONE;
}

/*
 * The secret with which receipts of durable leases were made; any number when
 * there are none among these.  If there are, leases from before a restart are in
 * memory then.  No lock held.
 */
static uint64
durable_secret(CqQueueDef *def, const CqReceipt *receipts, int n)
{
	uint64		secret = 0;
	bool		found = false;

	for (int j = 0; j < n && !found; j++)
	{
		if (receipts[j].durable)
		{
			/* after a start, leases are known when the tables have been read */
			cq_scan_first(def);
			if (!cq_queue_secret_find(def, &secret) &&
				!pg_strong_random(&secret, sizeof(secret)))
				elog(ERROR, "could not generate random numbers");
			cq_scan_first(def);
			found = true;
		}
	}
	return secret;
}

/*
 * Queue locked: the entry of a live delivery, or CQ_NONE.  secret is that of the
 * queue, for durable leases.
 */
static uint32
find_live(CqQueueState *queue, const CqReceipt *receipt, uint64 secret, int64 now)
{
	uint32		i = receipt->entry;
	CqMsg	   *msg;

	if (!cq_receipt_is_genuine(receipt, receipt->durable ? secret : queue->salt))
		return CQ_NONE;
	if (receipt->durable)
		i = find_durable(queue, receipt);
	if (i >= cq_queues->pool_size)
		return CQ_NONE;
	msg = CQ_MSG(i);
	if (msg->queue != CQ_QUEUE_INDEX(queue) || msg->state != CQ_MSG_LEASED ||
		msg->msg_id != receipt->msg_id)
		return CQ_NONE;
	if (((msg->flags & CQ_MSG_DURABLE) != 0) != receipt->durable)
		return CQ_NONE;
	if (msg->nonce != receipt->nonce && !CQ_FAULT("queue-no-fence"))
		return CQ_NONE;
	if (msg->until <= now)
		return CQ_NONE;
	return i;
}

CqQueueItem *
cq_claim_settling(CqQueueDef *def, CqQueueState *queue, uint32 i, CqOutcome outcome, CqClaim *claim)
{
	const CqMsg *msg = CQ_MSG(i);
	CqQueueItem *item;

	cq_entry_settling(queue, i, outcome);
	item = cq_queue_item_add_entry(CQ_QUEUE_ITEM_SETTLE, def, i);

	claim->msg_id = msg->msg_id;
	claim->entry = i;
	claim->nonce = msg->nonce;
	claim->segment = msg->segment;
	claim->attempts = msg->attempts;
	claim->durable = (msg->flags & CQ_MSG_DURABLE) != 0;
	ItemPointerSet(&claim->tid, msg->block, msg->offset);
	return item;
}

static void
prevent_where_not_allowed(const char *command)
{
	PreventCommandIfReadOnly(command);
	PreventCommandIfParallelMode(command);
}

void
cq_claims_settled(CqQueueDef *def, const CqClaim *claims, int n)
{
	int64	   *ids = palloc(Max(n, 1) * sizeof(int64));
	uint64		segments = 0;

	for (int j = 0; j < n; j++)
		segments |= UINT64CONST(1) << claims[j].segment;
	for (int k = 0; segments != 0; k++, segments >>= 1)
	{
		int			m = 0;

		if ((segments & 1) == 0)
			continue;
		for (int j = 0; j < n; j++)
		{
			if (claims[j].segment == k)
				ids[m++] = claims[j].msg_id;
		}
		if (k >= def->nsegments)
			cq_queue_refresh(def);
		cq_segment_event_plain(def, k, CQ_EVENT_SETTLED, ids, m);
	}
	pfree(ids);
}

int64
cq_queue_acknowledge(CqQueueDef *def, const CqReceipt *receipts, int n)
{
	CqClaim    *claims = palloc(Max(n, 1) * sizeof(CqClaim));
	CqQueueState *queue;
	int64		now;
	int			live = 0;
	uint64		secret;

	prevent_where_not_allowed("queue_ack()");
	secret = durable_secret(def, receipts, n);
	cq_queue_items_reserve(n);
	queue = cq_queue_lock(def, LW_EXCLUSIVE);
	now = cq_clock_ms();
	for (int j = 0; j < n; j++)
	{
		uint32		i = find_live(queue, &receipts[j], secret, now);

		if (i != CQ_NONE)
			cq_claim_settling(def, queue, i, CQ_OUTCOME_ACKNOWLEDGED, &claims[live++]);
	}
	LWLockRelease(&queue->lock);

	cq_claims_settled(def, claims, live);
	pfree(claims);
	return live;
}

/* The headers of a dead letter: the message's own, and where it comes from. */
static Datum
dead_letter_headers(const CqQueueDef *def, const CqClaim *claim,
					TupleTableSlot *slot, const char *error)
{
	StringInfoData json;
	bool		isnull;
	Datum		headers = slot_getattr(slot, CQ_MESSAGE_HEADERS, &isnull);
	Datum		origin;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"dead_letter\": {\"queue\": ");
	escape_json(&json, def->name);
	appendStringInfo(&json, ", \"msg_id\": " INT64_FORMAT ", \"attempts\": %d, \"error\": ",
					 claim->msg_id, claim->attempts);
	if (error != NULL)
		escape_json(&json, error);
	else
		appendStringInfoString(&json, "null");
	appendStringInfo(&json, ", \"at\": \"%s\"}}", timestamptz_to_str(GetCurrentTimestamp()));
	origin = DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
	if (isnull)
		return origin;
	return DirectFunctionCall2(jsonb_concat, headers, origin);
}

typedef struct DeadLetter
{
	CqQueueDef *from;
	CqQueueDef *to;
	const char *error;
} DeadLetter;

static void
copy_dead_letter(const CqClaim *claim, TupleTableSlot *slot, void *arg)
{
	DeadLetter *letter = arg;
	CqNewMessage message = {0};
	bool		isnull;
	Datum		key = slot_getattr(slot, CQ_MESSAGE_KEY, &isnull);

	if (!isnull)
	{
		message.group_key = DatumGetTextPP(key);
		message.group_hash = cq_group_hash(message.group_key);
	}
	message.exempt = true;		/* it has to go somewhere */
	message.enqueued_at = GetCurrentTimestamp();
	message.expires_at = cq_options_expiry(&letter->to->options, message.enqueued_at);
	message.headers = dead_letter_headers(letter->from, claim, slot, letter->error);
	message.body = slot_getattr(slot, CQ_MESSAGE_BODY, &isnull);
	message.priority = DatumGetInt16(slot_getattr(slot, CQ_MESSAGE_PRIORITY, &isnull));
	message.bytes = toast_raw_datum_size(message.headers) + toast_raw_datum_size(message.body);
	cq_queue_send_messages(letter->to, &message, 1);
}

static CqQueueDef *
dead_letter_queue(CqQueueDef *def)
{
	if (def->options.dead_letter[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("queue \"%s\" has no dead-letter queue", def->name),
				 errhint("Acknowledge the message instead.")));
	return cq_queue_open(def->options.dead_letter, CQ_QUEUE_NONE);
}

void
cq_dead_letter(CqQueueDef *def, CqClaim *claims, int n, const char *error)
{
	DeadLetter	letter;

	letter.from = def;
	letter.to = dead_letter_queue(def);
	letter.error = error;
	cq_claims_read(def, claims, n, copy_dead_letter, &letter);
	cq_claims_settled(def, claims, n);
}

/* Find and start to settle one delivery. */
static bool
settle_one(CqQueueDef *def, const CqReceipt *receipt, CqOutcome outcome,
		   TimestampTz due, bool last_attempt_dies, CqClaim *claim, bool *dies)
{
	uint64		secret = durable_secret(def, receipt, 1);
	CqQueueState *queue;
	uint32		i;

	cq_queue_items_reserve(1);
	queue = cq_queue_lock(def, LW_EXCLUSIVE);
	i = find_live(queue, receipt, secret, cq_clock_ms());
	if (i != CQ_NONE)
	{
		*dies = outcome == CQ_OUTCOME_REJECTED ||
			(last_attempt_dies && cq_dispatch_max_attempts(queue) > 0 &&
			 CQ_MSG(i)->attempts >= cq_dispatch_max_attempts(queue));
		CQ_MSG(i)->due = due;
		if (*dies && outcome == CQ_OUTCOME_FAILED)
			outcome = CQ_OUTCOME_FAILED_LAST;
		cq_claim_settling(def, queue, i, outcome, claim);
	}
	LWLockRelease(&queue->lock);
	return i != CQ_NONE;
}

/* Attempts of a live delivery, 0 when it isn't live. */
static int
live_attempts(CqQueueDef *def, const CqReceipt *receipt)
{
	uint64		secret = durable_secret(def, receipt, 1);
	CqQueueState *queue = cq_queue_lock(def, LW_SHARED);
	uint32		i = find_live(queue, receipt, secret, cq_clock_ms());
	int			attempts = (i == CQ_NONE) ? 0 : CQ_MSG(i)->attempts;

	LWLockRelease(&queue->lock);
	return attempts;
}

bool
cq_queue_fail(CqQueueDef *def, const CqReceipt *receipt, int64 delay_ms,
			  const char *error)
{
	CqClaim		claim;
	TimestampTz due = 0;
	bool		dies = false;

	prevent_where_not_allowed("queue_nack()");
	if (delay_ms < 0)
		delay_ms = cq_backoff_ms(&def->options, live_attempts(def, receipt));
	if (delay_ms > 0)
		due = GetCurrentTimestamp() + delay_ms * 1000;
	if (!settle_one(def, receipt, CQ_OUTCOME_FAILED, due, def->options.dead_letter[0] != '\0', &claim,
					&dies))
		return false;

	if (dies)
		cq_dead_letter(def, &claim, 1, error);
	else
		cq_claims_event(def, &claim, 1, CQ_EVENT_FAILED, due, error);
	return true;
}

bool
cq_queue_refuse(CqQueueDef *def, const CqReceipt *receipt, const char *error)
{
	CqClaim		claim;
	bool		dies;

	prevent_where_not_allowed("queue_reject()");
	(void) dead_letter_queue(def);
	if (!settle_one(def, receipt, CQ_OUTCOME_REJECTED, 0, true, &claim, &dies))
		return false;
	cq_dead_letter(def, &claim, 1, error);
	return true;
}

bool
cq_queue_prolong(CqQueueDef *def, const CqReceipt *receipt, int64 lease_ms)
{
	uint64		secret = durable_secret(def, receipt, 1);
	CqQueueState *queue = cq_queue_lock(def, LW_EXCLUSIVE);
	int64		now = cq_clock_ms();
	uint32		i = find_live(queue, receipt, secret, now);
	CqEffects	effects = {0};
	CqClaim		claim = {0};

	if (i != CQ_NONE)
	{
		cq_entry_extend_lease(queue, i, cq_clock_ms_after(lease_ms), &effects);
		claim.msg_id = CQ_MSG(i)->msg_id;
		claim.segment = CQ_MSG(i)->segment;
		claim.attempts = CQ_MSG(i)->attempts;
		claim.durable = (CQ_MSG(i)->flags & CQ_MSG_DURABLE) != 0;
	}
	cq_queue_unlock(queue, &effects);
	if (claim.durable)
		cq_claims_event(def, &claim, 1, CQ_EVENT_LEASED,
						GetCurrentTimestamp() + lease_ms * 1000,
						psprintf("%u", receipt->nonce));
	return i != CQ_NONE;
}
