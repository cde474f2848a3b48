/*-------------------------------------------------------------------------
 *
 * channel.c
 *	  Channels: notifications for LISTEN.
 *
 * NOTIFY takes a lock of the whole server when its transaction commits.  So a
 * session that publishes only keeps the notification, as an item of its
 * transaction (xact.c), and leaves it in shared memory (notice.c) at commit; the
 * worker sends all that are there in one transaction.  PostgreSQL drops a
 * notification that its transaction has sent already, so equal ones go into
 * different transactions.  The order is that of the commits.
 *
 * What is too long for a notification is stored in one of two unlogged tables,
 * used in turns of SLOT_S, and the notification says where.  The worker empties
 * the other table when half of a turn has passed, and no snapshot is left from
 * before that (core/horizon.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/async.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/dbworker.h"
#include "core/horizon.h"
#include "core/owner.h"
#include "core/step.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "topic/channel.h"
#include "topic/notice.h"
#include "topic/xact.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* longest payload of a NOTIFY, see commands/async.c */
#define PAYLOAD_BYTES_MAX (BLCKSZ - NAMEDATALEN - 128 - 1)

/* begins what stands for a stored payload */
#define REFERENCE "cq_ref:"

/* seconds that a table of payloads is written to before it is the other's turn */
#define SLOT_S 600

/* a table of payloads that is used, or needed, is looked at again after that */
#define USED_RETRY_S 5

/* notifications sent in one transaction */
#define SEND_MAX 1000

/* ---- publishing ------------------------------------------------------ */

/* Store the payload; returns what stands for it. */
static char *
store_payload(const char *payload)
{
	Oid			types[] = {TEXTOID};
	Datum		values[1];
	int			slot = (int) ((GetCurrentTimestamp() / USECS_PER_SEC / SLOT_S) & 1);
	int32		id;

	values[0] = CStringGetTextDatum(payload);
	id = cq_execute_as_owner(psprintf("INSERT INTO cq.channel_payload_%d (payload) VALUES ($1) "
									  "RETURNING id::int", slot), 1, types, values, NULL);
	return psprintf(REFERENCE "%d", id);
}

/*
 * The state of this database's channels and its generation.  stored: the worker
 * has payloads to look after.
 */
static CqTopicState *
channels_state(bool stored, uint32 *generation)
{
	static CqTopicState *known = NULL;
	static uint32 known_generation;

	while (known == NULL || !cq_state_lock_if_same(known, known_generation, LW_EXCLUSIVE))
	{
		bool		taken;
		bool		same;

		known = cq_topic_state_take(CQ_CHANNELS, InvalidOid, &taken);
		if (!taken)
			LWLockAcquire(&known->lock, LW_SHARED);
		known_generation = known->key.generation;
		same = known->key.database == MyDatabaseId && known->key.id == CQ_CHANNELS;
		cq_topic_unlock(known);
		if (taken)
			cq_dbworker_request();
		if (!same)
			known = NULL;
	}
	known->stored |= stored;
	*generation = known_generation;
	cq_topic_unlock(known);
	return known;
}

void
cq_channel_publish_text(const char *channel, const char *payload)
{
	bool		stored = strlen(payload) > PAYLOAD_BYTES_MAX ||
	strncmp(payload, REFERENCE, strlen(REFERENCE)) == 0;
	CqTopicState *state;
	uint32		generation;
	Size		channel_bytes = strlen(channel) + 1;
	Size		bytes;
	char	   *chars;

	PreventCommandDuringRecovery("channel_publish()");
	PreventCommandIfParallelMode("channel_publish()");
	if (stored)
	{
		PreventCommandIfReadOnly("channel_publish()");
		payload = store_payload(payload);
	}
	state = channels_state(stored, &generation);
	bytes = channel_bytes + strlen(payload) + 1;
	if (cq_topic_items_notice_cells() + CQ_NOTICE_CELLS(bytes) > cq_notice_cells_max())
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("the transaction has published too much to channels"),
				 errdetail("Notifications have at most half of cachequeue.topic_memory."),
				 errhint("Commit more often, or raise cachequeue.topic_memory.")));
	cq_topic_items_reserve(1);
	chars = MemoryContextAlloc(TopTransactionContext, bytes);
	memcpy(chars, channel, channel_bytes);
	strcpy(chars + channel_bytes, payload);
	cq_topic_item_add_notice(state, generation, chars, bytes);
}

/* ---- what was too long ----------------------------------------------- */

text *
cq_channel_fetch_text(const text *payload)
{
	char	   *reference = text_to_cstring(payload);
	Oid			types[] = {INT4OID};
	Datum		values[1];
	CqRoleScope scope;
	char	   *end;
	long		id;
	char	   *found = NULL;
	MemoryContext caller = CurrentMemoryContext;

	if (strncmp(reference, REFERENCE, strlen(REFERENCE)) != 0)
		return (text *) payload;
	errno = 0;
	id = strtol(reference + strlen(REFERENCE), &end, 10);
	if (errno != 0 || *end != '\0' || id < 1 || id > PG_INT32_MAX)
		return NULL;
	values[0] = Int32GetDatum((int32) id);
	cq_role_begin(&scope, cq_extension_owner());
	SPI_connect();
	if (SPI_execute_with_args("SELECT payload FROM cq.channel_payload_0 WHERE id = $1 "
							  "UNION ALL SELECT payload FROM cq.channel_payload_1 WHERE id = $1",
							  1, types, values, NULL, true, 1) < 0)
		elog(ERROR, "SPI_execute_with_args failed");
	if (SPI_processed > 0)
		found = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0],
														 SPI_tuptable->tupdesc, 1));
	SPI_finish();
	cq_role_end(&scope);
	return (found == NULL) ? NULL : cstring_to_text(found);
}

/* Whether no snapshot is left from before that turn's table was to be emptied. */
static bool
needed_by_none(CqTopicState *state, uint32 generation, Oid relid, int64 turn)
{
	FullTransactionId horizon = cq_horizon(relid);
	bool		passed;

	if (!cq_state_lock_if_same(state, generation, LW_EXCLUSIVE))
		return false;
	if (state->retired_turn != turn)
	{
		state->retired_turn = turn;
		state->retired = cq_horizon_mark();
	}
	passed = cq_horizon_passed(horizon, state->retired);
	cq_topic_unlock(state);
	return passed;
}

/*
 * Empty the table whose turn is next, once half of this turn has passed; returns
 * when to look again.
 */
static int64
empty_payloads(CqTopicState *state, uint32 generation)
{
	int64		now_s = GetCurrentTimestamp() / USECS_PER_SEC;
	int64		into_slot = now_s % SLOT_S;
	int64		turn = now_s / SLOT_S + 1;
	char	   *name = psprintf("channel_payload_%d", (int) (turn & 1));
	Oid			relid;
	int64		again_s = SLOT_S + SLOT_S / 2 - into_slot;

	if (into_slot < SLOT_S / 2)
		return cq_clock_ms() + (SLOT_S / 2 - into_slot) * 1000 + 1000;
	cq_step_start();
	relid = cq_relation(name);
	if (!needed_by_none(state, generation, relid, turn) ||
		!ConditionalLockRelationOid(relid, AccessExclusiveLock))
		again_s = USED_RETRY_S;
	else
		(void) cq_execute_as_owner(psprintf("TRUNCATE cq.%s", name), 0, NULL, NULL, NULL);
	cq_step_commit();
	return cq_clock_ms() + again_s * 1000;
}

/* ---- sending --------------------------------------------------------- */

/* Both parts of a notification. */
typedef struct Notice
{
	char	   *channel;
	char	   *payload;
} Notice;

/* Send notifications, in one transaction where none is equal to another. */
static void
send_notices(const Notice *notices, int n)
{
	int			began = 0;

	cq_step_start();
	for (int i = 0; i < n; i++)
	{
		bool		equal = false;

		for (int j = began; j < i && !equal; j++)
			equal = strcmp(notices[i].payload, notices[j].payload) == 0 &&
				strcmp(notices[i].channel, notices[j].channel) == 0;
		if (equal)
		{
			cq_step_commit();
			cq_step_start();
			began = i;
		}
		Async_Notify(notices[i].channel, notices[i].payload);
	}
	cq_step_commit();
}

/* Send up to SEND_MAX; returns how many there were. */
static int
send_some(CqTopicState *state, uint32 generation)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "cachequeue notifications",
												  ALLOCSET_DEFAULT_SIZES);
	Notice	   *notices;
	uint32		i;
	int			n;

	MemoryContextSwitchTo(context);
	notices = palloc(SEND_MAX * sizeof(Notice));
	i = cq_notices_take(state, generation, SEND_MAX, &n);
	for (int j = 0; j < n; j++)
	{
		uint32		next = CQ_CELL(i)->notice.next_notice;

		notices[j].channel = cq_notice_copy(i);
		notices[j].payload = notices[j].channel + strlen(notices[j].channel) + 1;
		cq_cells_free_list(i);
		i = next;
	}
	if (n > 0)
		send_notices(notices, n);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(context);
	return n;
}

void
cq_channels_maintain(CqTopicState *state, uint32 generation)
{
	MemoryContext context = CurrentMemoryContext;
	int64		at;
	bool		stored;

	if (!cq_state_lock_if_same(state, generation, LW_SHARED))
		return;
	stored = state->stored;
	cq_topic_unlock(state);
	while (send_some(state, generation) == SEND_MAX)
		CHECK_FOR_INTERRUPTS();
	if (!stored)
		return;
	at = empty_payloads(state, generation);
	MemoryContextSwitchTo(context);
	if (!cq_state_lock_if_same(state, generation, LW_EXCLUSIVE))
		return;
	state->plan_ms = Min(state->plan_ms, at);
	cq_topic_unlock(state);
}
