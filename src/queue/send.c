/*-------------------------------------------------------------------------
 *
 * send.c
 *	  Sending messages.
 *
 * Under the queue's lock a message gets its number, its segment and, if there is
 * room, its entry, which stays OPEN until the transaction ends: an entry exists
 * before the message is visible, so a scan that sees the message knows whether it
 * is in memory.  Then the row is appended.
 *
 * Numbers come from blocks of CQ_NUMBER_BLOCK that a sequence hands out, and
 * sequences are logged ahead, so that a number is never given out again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/sequence.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/settings.h"
#include "message/message.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/keys.h"
#include "queue/open.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "queue/send.h"
#include "queue/wake.h"
#include "queue/xact.h"

/* messages numbered, and inserted, in one go */
#define RUN_MAX 1000

typedef struct Run
{
	int			n;
	int			segment;
	int			unloaded;		/* item of those without entries, or -1 */
	uint32		entries[RUN_MAX];	/* CQ_NONE: none */
} Run;

/* Take a new block of numbers from the sequence.  No lock held. */
static void
refill_numbers(CqQueueDef *def)
{
	for (;;)
	{
		int64		first = nextval_internal(def->sequence, false);
		CqQueueState *queue = cq_queue_lock(def, LW_EXCLUSIVE);
		bool		done;

		/* blocks must be used in ascending order; skip one that came late */
		if (queue->number_next >= queue->number_limit && first >= queue->number_limit)
		{
			queue->number_next = first;
			queue->number_limit = first + CQ_NUMBER_BLOCK;
		}
		done = queue->number_next < queue->number_limit;
		LWLockRelease(&queue->lock);
		if (done)
			return;
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * Whether a segment of a queue with retention has been written to for half that
 * time: with small segments old messages go sooner.
 */
static bool
has_aged(const CqQueueState *queue, const CqSegment *segment)
{
	return queue->options.retain_ms > 0 && segment->inserted > 0 &&
		cq_clock_ms() - segment->began_ms > Max(queue->options.retain_ms / 2, 1000);
}

/*
 * Queue locked: go on to an empty segment when the current one is full, or has
 * been written to for long.
 */
static void
choose_segment(CqQueueState *queue, CqEffects *effects)
{
	CqSegment  *old = &queue->segment[queue->current];

	if (old->inserted < cq_segment_rows && !has_aged(queue, old))
		return;
	for (int k = 0; k < queue->nsegments; k++)
	{
		if (k != queue->current && queue->segment[k].empty)
		{
			queue->segment[k].empty = false;
			queue->segment[k].first_id = queue->number_next;
			queue->segment[k].began_ms = cq_clock_ms();
			queue->current = k;
			cq_dispatch_want(queue, CQ_WANT_MOVE, queue->move_ms, effects);
			if (cq_segment_is_finished(queue, old - queue->segment))
				cq_dispatch_want(queue, CQ_WANT_TRUNCATE, queue->truncate_ms, effects);
			return;
		}
	}
	if ((queue->wants & CQ_WANT_SEGMENT) == 0 && queue->nsegments < CQ_SEGMENTS_MAX)
		cq_dispatch_want(queue, CQ_WANT_SEGMENT, 0, effects);
}

/* Queue locked: the message has no entry; its place is noted in append_run(). */
static void
note_unloaded(CqQueueDef *def, CqQueueState *queue, const CqNewMessage *message, Run *run)
{
	const CqAmount amount = {1, message->bytes};
	CqUnloaded *u;

	cq_backlog_open(queue, &amount);
	if (run->unloaded < 0)
	{
		CqQueueItem *item = cq_queue_item_add(CQ_QUEUE_ITEM_UNLOADED, def);

		run->unloaded = cq_queue_item_number(item);
		item->unloaded.segment = run->segment;
		item->unloaded.block = InvalidBlockNumber;
		item->unloaded.due = message->deliver_at;
	}
	u = &cq_queue_item_at(run->unloaded)->unloaded;
	u->due = Min(u->due, message->deliver_at);
	u->expires = cq_earlier(u->expires, message->expires_at);
	u->amount.n++;
	u->amount.bytes += message->bytes;
	u->priorities |= CQ_PRIORITY_BIT(message->priority);
}

/* Queue locked: an entry for the message, or CQ_NONE. */
static uint32
take_entry(CqQueueDef *def, CqQueueState *queue, const CqNewMessage *message, Run *run)
{
	uint32		i = cq_entry_take(queue, true, message->group_hash);
	CqMsg	   *msg = CQ_MSG(i);

	if (i == CQ_NONE)
	{
		note_unloaded(def, queue, message, run);
		return CQ_NONE;
	}
	msg->msg_id = message->msg_id;
	msg->segment = run->segment;
	msg->due = message->deliver_at;
	msg->expires = message->expires_at;
	msg->bytes = message->bytes;
	msg->priority = message->priority;
	cq_entry_link(queue, i, CQ_MSG_OPEN);
	cq_queue_item_add_entry(CQ_QUEUE_ITEM_SEND, def, i);
	return i;
}

/*
 * Queue locked: numbers and entries for up to n messages, of which there are as
 * many as there are numbers left in the block.
 */
static void
take_run(CqQueueDef *def, CqQueueState *queue, CqNewMessage *messages, int n,
		 Run *run, CqEffects *effects)
{
	CqSegment  *segment;

	choose_segment(queue, effects);
	run->segment = queue->current;
	run->unloaded = -1;
	segment = &queue->segment[run->segment];
	if (segment->first_id == 0)
	{
		segment->first_id = queue->number_next;
		segment->began_ms = cq_clock_ms();
	}
	for (run->n = 0; run->n < n; run->n++)
	{
		CqNewMessage *message = &messages[run->n];

		if (message->msg_id == 0)
		{
			if (queue->number_next >= queue->number_limit)
				break;
			message->msg_id = queue->number_next++;
		}
		run->entries[run->n] = take_entry(def, queue, message, run);
	}
	segment->inserted += run->n;
}

static void
append_run(CqQueueDef *def, CqNewMessage *messages, const Run *run)
{
	ItemPointerData one;
	ItemPointerData *tids = (run->n == 1) ? &one :
	palloc(run->n * sizeof(ItemPointerData));

	if (run->segment >= def->nsegments)
		cq_queue_refresh(def);
	cq_segment_append(def, run->segment, messages, run->n, tids);

	for (int j = 0; j < run->n; j++)
	{
		BlockNumber block = ItemPointerGetBlockNumber(&tids[j]);
		uint32		i = run->entries[j];

		if (i != CQ_NONE)
		{
			/* while it is OPEN only its sender writes the place */
			CQ_MSG(i)->block = block;
			CQ_MSG(i)->offset = ItemPointerGetOffsetNumber(&tids[j]);
		}
		else
		{
			CqQueueItem *item = cq_queue_item_at(run->unloaded);

			item->unloaded.block = Min(item->unloaded.block, block);
			item->last_block = Max(item->last_block, block);
		}
	}
	if (tids != &one)
		pfree(tids);
}

/* ---- deduplication --------------------------------------------------- */

/* A number for a message that is not sent yet. */
static int64
take_number(CqQueueDef *def)
{
	for (;;)
	{
		CqQueueState *queue = cq_queue_lock(def, LW_EXCLUSIVE);
		int64		number = 0;

		if (queue->number_next < queue->number_limit)
			number = queue->number_next++;
		LWLockRelease(&queue->lock);
		if (number != 0)
			return number;
		refill_numbers(def);
	}
}

/* Number the message, or find the one that it repeats. */
static void
claim_key(CqQueueDef *def, CqNewMessage *message)
{
	CqQueueState *queue;
	int64		number = take_number(def);
	int64		earlier = cq_key_claim_dedup(def, message->dedup_key, number);

	message->msg_id = (earlier != 0) ? earlier : number;
	message->duplicate = (earlier != 0);
	if (earlier == 0)
		return;
	queue = cq_queue_lock(def, LW_EXCLUSIVE);
	queue->duplicates++;
	LWLockRelease(&queue->lock);
}

/* ---- backpressure ---------------------------------------------------- */

static bool
fits(const CqQueueOptions *options, const CqAmount *length, const CqAmount *more)
{
	return (options->max_length == 0 || length->n + more->n <= options->max_length) &&
		(options->max_bytes == 0 || length->bytes + more->bytes <= options->max_bytes);
}

pg_noreturn static void
refuse(const CqQueueDef *def, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("queue \"%s\" is full", def->name),
			 errdetail_internal("%s", detail),
			 errhint("Try again later, or raise max_length or max_bytes of the queue.")));
}

/*
 * Queue locked, and there is no room: see whether to wait.  Unlocks the queue when
 * it raises.
 */
static void
check_full(CqQueueDef *def, CqQueueState *queue, const CqAmount *more)
{
	CqAmount	own;

	if (queue->options.overflow == CQ_OVERFLOW_REJECT)
	{
		LWLockRelease(&queue->lock);
		refuse(def, "Messages that are not acknowledged, or not committed yet, fill it.");
	}
	own = cq_queue_items_length(def);
	if (!fits(&queue->options, &own, more))
	{
		LWLockRelease(&queue->lock);
		refuse(def, "This transaction's own messages would fill it, whatever others do.");
	}
}

/*
 * Queue locked: wait, without the lock, until there is room for so much, and come
 * back with it; raises when there is none in time.  The deadline is computed
 * when it is 0.
 */
static CqQueueState *
await_room(CqQueueDef *def, CqQueueState *queue, const CqAmount *more, int64 *deadline)
{
	bool		waited = false;
	uint32		generation = 0;

	for (;;)
	{
		const CqQueueOptions *options = &queue->options;
		CqAmount	length = cq_dispatch_length(queue);
		int64		now;

		/* unless the state is another queue's by now */
		if (waited && queue->key.generation == generation)
			queue->space_waiters--;
		waited = false;
		if (options->overflow == CQ_OVERFLOW_DROP_OLDEST || fits(options, &length, more))
			break;
		check_full(def, queue, more);
		now = cq_clock_ms();
		if (*deadline == 0)
			*deadline = now + options->overflow_timeout_ms;
		if (now >= *deadline)
		{
			LWLockRelease(&queue->lock);
			ConditionVariableCancelSleep();
			refuse(def, "No room became free in time.");
		}
		queue->space_waiters++;
		generation = queue->key.generation;
		waited = true;
		LWLockRelease(&queue->lock);

		PG_TRY();
		{
			/*
			 * a wake-up before the first sleep must not be lost: look again
			 * then
			 */
			ConditionVariableTimedSleep(&def->state->space_cv, *deadline - now,
										PG_WAIT_EXTENSION);
			queue = cq_queue_lock(def, LW_EXCLUSIVE);
		}
		PG_CATCH();
		{
			queue = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
			if (queue != NULL)
			{
				queue->space_waiters--;
				LWLockRelease(&queue->lock);
			}
			PG_RE_THROW();
		}
		PG_END_TRY();
	}
	return queue;
}

/* ---- all of it ------------------------------------------------------- */

static CqAmount
amount_of(const CqNewMessage *messages, int n)
{
	CqAmount	amount = {n, 0};

	for (int j = 0; j < n; j++)
		amount.bytes += messages[j].bytes;
	return amount;
}

/* Send n messages, none of them a duplicate. */
static void
send_all(CqQueueDef *def, CqNewMessage *messages, int n)
{
	int64		deadline = 0;
	int			done = 0;

	/* after a start the queue's length is not known before a scan */
	if (n > 0 && (def->options.max_length > 0 || def->options.max_bytes > 0))
		cq_scan_first(def);
	while (done < n)
	{
		int			want = Min(n - done, RUN_MAX);
		Run			run;
		CqQueueState *queue;
		CqEffects	effects = {0};

		cq_queue_items_reserve(want);
		queue = cq_queue_lock(def, LW_EXCLUSIVE);
		if ((queue->options.max_length > 0 || queue->options.max_bytes > 0) &&
			!messages[done].exempt)
		{
			CqAmount	more = amount_of(messages + done, n - done);

			queue = await_room(def, queue, &more, &deadline);
		}
		if (queue->number_next >= queue->number_limit)
		{
			LWLockRelease(&queue->lock);
			refill_numbers(def);
			continue;
		}
		take_run(def, queue, messages + done, want, &run, &effects);
		cq_queue_unlock(queue, &effects);
		append_run(def, messages + done, &run);
		done += run.n;
	}
	ConditionVariableCancelSleep();
}

void
cq_queue_send_messages(CqQueueDef *def, CqNewMessage *messages, int n)
{
	int			from = 0;
	bool		keys = false;

	PreventCommandIfReadOnly("queue_send()");
	PreventCommandIfParallelMode("queue_send()");

	/* keys are claimed with numbers: then all are numbered here, in order */
	for (int j = 0; j < n; j++)
		keys |= (messages[j].dedup_key != NULL);
	for (int j = 0; j < n && keys; j++)
	{
		if (messages[j].dedup_key != NULL)
			claim_key(def, &messages[j]);
		else
			messages[j].msg_id = take_number(def);
	}

	/* runs between duplicates */
	for (int j = 0; j <= n; j++)
	{
		if (j < n && !messages[j].duplicate)
			continue;
		send_all(def, messages + from, j - from);
		from = j + 1;
	}
}
