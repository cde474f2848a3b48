/*-------------------------------------------------------------------------
 *
 * redrive.c
 *	  Redrive: sending dead letters back to their queues.
 *
 * The messages are taken as by queue_take, in batches, so that two redrives at
 * a time share them.  Messages that do not match stay taken until the last batch
 * has been looked at, and are given back then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "core/compat.h"
#include "miscadmin.h"
#include "queue/claim.h"
#include "queue/open.h"
#include "queue/redrive.h"
#include "queue/send.h"
#include "queue/settle.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define BATCH 500

typedef struct State
{
	const CqRedrive *redrive;
	MemoryContext batch;		/* lives as long as a batch */
	CqNewMessage *messages;		/* of this batch: those that match ... */
	char	  **targets;		/* ... and where they go; NULL: it does not */
	int			nread;
	int64		sent;
	TimestampTz now;
} State;

/* headers ->> 'dead_letter' ->> name; NULL when there is no such thing. */
static char *
origin(Jsonb *headers)
{
	JsonbValue	value;
	JsonbValue *found;
	JsonbContainer *letter;

	found = getKeyJsonValueFromContainer(&headers->root, "dead_letter",
										 strlen("dead_letter"), &value);
	if (found == NULL || found->type != jbvBinary ||
		!JsonContainerIsObject(found->val.binary.data))
		return NULL;
	letter = found->val.binary.data;
	found = getKeyJsonValueFromContainer(letter, "queue", strlen("queue"), &value);
	if (found == NULL || found->type != jbvString)
		return NULL;
	return pnstrdup(found->val.string.val, found->val.string.len);
}

/* {"headers": ..., "body": ...} @> filter */
static bool
matches(const CqNewMessage *message, Jsonb *filter)
{
	CqJsonbState state = {0};
	JsonbValue	key = {.type = jbvString};
	JsonbValue	value = {.type = jbvBinary};
	Datum		object;

	if (filter == NULL)
		return true;
	cq_jsonb_push(&state, WJB_BEGIN_OBJECT, NULL);
	if (!message->no_headers)
	{
		key.val.string.val = "headers";
		key.val.string.len = strlen("headers");
		cq_jsonb_push(&state, WJB_KEY, &key);
		value.val.binary.data = &DatumGetJsonbP(message->headers)->root;
		value.val.binary.len = VARSIZE(DatumGetJsonbP(message->headers)) - VARHDRSZ;
		cq_jsonb_push(&state, WJB_VALUE, &value);
	}
	key.val.string.val = "body";
	key.val.string.len = strlen("body");
	cq_jsonb_push(&state, WJB_KEY, &key);
	if (JB_ROOT_IS_SCALAR(DatumGetJsonbP(message->body)))
	{
		JsonbValue	scalar;

		JsonbExtractScalar(&DatumGetJsonbP(message->body)->root, &scalar);
		cq_jsonb_push(&state, WJB_VALUE, &scalar);
	}
	else
	{
		value.val.binary.data = &DatumGetJsonbP(message->body)->root;
		value.val.binary.len = VARSIZE(DatumGetJsonbP(message->body)) - VARHDRSZ;
		cq_jsonb_push(&state, WJB_VALUE, &value);
	}
	cq_jsonb_push(&state, WJB_END_OBJECT, NULL);
	object = JsonbPGetDatum(JsonbValueToJsonb(state.result));
	return DatumGetBool(DirectFunctionCall2(jsonb_contains, object, JsonbPGetDatum(filter)));
}

/* CqClaimReader: copy the message, and see where it goes. */
static void
look_at(const CqClaim *claim, TupleTableSlot *slot, void *arg)
{
	State	   *state = arg;
	MemoryContext caller = MemoryContextSwitchTo(state->batch);
	CqNewMessage *message = &state->messages[state->nread];
	char	   *target = NULL;

	cq_message_copy(slot, message);
	if (matches(message, state->redrive->filter))
	{
		if (state->redrive->target != NULL)
			target = pstrdup(state->redrive->target);
		else if (!message->no_headers)
			target = origin(DatumGetJsonbP(message->headers));
	}
	state->targets[state->nread++] = target;
	MemoryContextSwitchTo(caller);
}

/* Send one of the batch to where it goes. */
static void
send_home(State *state, int j)
{
	CqNewMessage *message = &state->messages[j];
	CqQueueDef *to = cq_queue_open(state->targets[j], CQ_QUEUE_SEND);

	message->msg_id = 0;
	message->attempts = 0;
	message->enqueued_at = state->now;
	message->expires_at = cq_options_expiry(&to->options, state->now);
	if (state->redrive->rate > 0)
		message->deliver_at = state->now +
			(TimestampTz) (state->sent * 1000000.0 / state->redrive->rate);
	if (!message->no_headers)
	{
		message->headers = DirectFunctionCall2(jsonb_delete, message->headers,
											   CStringGetTextDatum("dead_letter"));
		message->no_headers = JB_ROOT_COUNT(DatumGetJsonbP(message->headers)) == 0;
	}
	message->bytes = toast_raw_datum_size(message->body) +
		(message->no_headers ? 0 : toast_raw_datum_size(message->headers));
	cq_queue_send_messages(to, message, 1);
	state->sent++;
}

int64
cq_queue_redrive_messages(CqQueueDef *def, const CqRedrive *redrive)
{
	CqClaim    *claims = palloc(BATCH * sizeof(CqClaim));
	CqClaim    *others = NULL;
	int64		nothers = 0;
	State		state = {0};
	int			n;

	state.redrive = redrive;
	state.batch = AllocSetContextCreate(CurrentMemoryContext, "cachequeue redrive",
										ALLOCSET_DEFAULT_SIZES);
	state.messages = palloc(BATCH * sizeof(CqNewMessage));
	state.targets = palloc(BATCH * sizeof(char *));
	state.now = GetCurrentTimestamp();

	while (state.sent < redrive->max &&
		   (n = cq_queue_claim_freely(def, Min(BATCH, redrive->max - state.sent), claims)) > 0)
	{
		int			kept = 0;

		CHECK_FOR_INTERRUPTS();
		state.nread = 0;
		cq_claims_read(def, claims, n, look_at, &state);
		others = (others == NULL) ? palloc(n * sizeof(CqClaim)) :
			repalloc_huge(others, (nothers + n) * sizeof(CqClaim));
		for (int j = 0; j < state.nread; j++)
		{
			/* one that has left its place was not read: all in order */
			while (claims[j].msg_id != state.messages[j].msg_id)
				memmove(&claims[j], &claims[j + 1], (--n - j) * sizeof(CqClaim));
			if (state.targets[j] == NULL)
				others[nothers++] = claims[j];
			else
				claims[kept++] = claims[j];
			if (state.targets[j] != NULL && kept - 1 != j)
			{
				state.messages[kept - 1] = state.messages[j];
				state.targets[kept - 1] = state.targets[j];
			}
		}
		cq_claims_settled(def, claims, kept);
		for (int j = 0; j < kept; j++)
			send_home(&state, j);
		MemoryContextReset(state.batch);
	}
	cq_claims_return(def, others, (int) nothers);
	MemoryContextDelete(state.batch);
	return state.sent;
}
