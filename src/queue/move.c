/*-------------------------------------------------------------------------
 *
 * move.c
 *	  Moving stragglers out of segments that are nearly finished.
 *
 * A message that is delayed for a month, or waits behind higher priorities,
 * would keep its segment, and the ring has only so many.  So when a queue goes
 * on to another segment the worker looks at the older ones; if at most one
 * message in MOVE_SHARE is left of one, these are appended to the current
 * segment, with the same numbers and the attempts so far, and the old rows get
 * an event MOVED, all in one transaction.
 *
 * Only unclaimed messages are moved.  Those with entries are claimed for the
 * transaction (SETTLING with CQ_OUTCOME_MOVED), and their entries get the new place when
 * it commits.  Those without entries cannot be claimed while a scan runs, and this
 * is one.
 *
 * To a snapshot from before the move the old rows are the messages, so they stay
 * while there is one (rotate.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "core/clock.h"
#include "core/step.h"
#include "message/message.h"
#include "miscadmin.h"
#include "queue/claim.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/entry.h"
#include "queue/move.h"
#include "queue/open.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "queue/settle.h"
#include "queue/wake.h"
#include "queue/xact.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* a segment is emptied when at most one message in so many is left of it */
#define MOVE_SHARE 8

/* messages moved in one transaction */
#define MOVE_MAX 20000

/* appended at once */
#define BATCH_ROWS 500

/* when a segment could not be emptied it is looked at again after that */
#define RETRY_MS 60000

/* A message that is being moved. */
typedef struct Straggler
{
	CqClaim		claim;			/* entry CQ_NONE: none */
	int			item;			/* that of the entry */
	TimestampTz due;
} Straggler;

/* Of messages without entries. */
typedef struct Batch
{
	CqUnloaded	place;			/* the new one */
	BlockNumber last_block;		/* highest; place.block is the lowest */
} Batch;

typedef struct Move
{
	CqQueueDef *def;
	int			from;
	int			to;
	Straggler  *stragglers;
	int			n;
	Batch		unloaded[2];	/* without entries: ready, delayed */
} Move;

/* Queue locked: few enough to be moved, and all of them unclaimed? */
static bool
is_worth_it(const CqScan *scan, const CqQueueState *queue, int k)
{
	int64		left = queue->segment[k].loaded;

	for (int64 j = 0; j < scan->ready.n; j++)
		left += !scan->ready.items[j].in_memory;
	for (int64 j = 0; j < scan->delayed.n; j++)
		left += !scan->delayed.items[j].in_memory;
	left += scan->busy.n + scan->pending.n;
	return left > 0 && left <= MOVE_MAX && left * MOVE_SHARE <= scan->seen[k];
}

static void
add_unloaded(Move *move, const CqCandidates *list)
{
	for (int64 j = 0; j < list->n; j++)
	{
		const CqCandidate *c = &list->items[j];
		Straggler  *s = &move->stragglers[move->n];
		CqUnloaded *u;

		if (c->in_memory)
			continue;
		memset(s, 0, sizeof(*s));
		s->claim.msg_id = c->msg_id;
		s->claim.entry = CQ_NONE;
		s->claim.segment = c->segment;
		s->claim.attempts = c->attempts;
		s->claim.tid = c->tid;
		s->due = c->due;
		move->n++;
		u = &move->unloaded[c->due != 0].place;
		if (u->amount.n == 0 || c->due < u->due)
			u->due = c->due;
		u->amount.n++;
		u->amount.bytes += c->bytes;
		u->priorities |= CQ_PRIORITY_BIT(c->priority);
	}
}

/* Queue locked: claim those of the segment that have entries and wait. */
static void
add_loaded(Move *move, CqQueueState *queue)
{
	static const CqMsgState states[] = {CQ_MSG_READY, CQ_MSG_HELD, CQ_MSG_DELAYED};

	/* claiming changes the lists that are walked over: find them first */
	for (int s = 0; s < lengthof(states); s++)
	{
		for (uint32 i = cq_entries_first(queue, states[s]);
			 i != CQ_NONE && move->n < MOVE_MAX; i = cq_entries_next(queue, i))
		{
			if (CQ_MSG(i)->segment == move->from)
				move->stragglers[move->n++].claim.entry = i;
		}
	}
	for (int j = 0; j < move->n; j++)
	{
		Straggler  *straggler = &move->stragglers[j];
		CqMsg	   *msg = CQ_MSG(straggler->claim.entry);

		straggler->due = msg->due;
		msg->flags |= CQ_MSG_TAKEN;
		msg->nonce = ++queue->nonce;
		straggler->item = cq_queue_item_number(cq_claim_settling(move->def, queue,
																 straggler->claim.entry, CQ_OUTCOME_MOVED,
																 &straggler->claim));
	}
}

/* Append some, and note their new places. */
static void
append_some(Move *move, CqNewMessage *messages, Straggler **whose, int n)
{
	ItemPointerData tids[BATCH_ROWS];

	cq_segment_append(move->def, move->to, messages, n, tids);
	for (int j = 0; j < n; j++)
	{
		BlockNumber block = ItemPointerGetBlockNumber(&tids[j]);

		if (whose[j]->claim.entry == CQ_NONE)
		{
			Batch	   *batch = &move->unloaded[whose[j]->due != 0];

			batch->place.block = Min(batch->place.block, block);
			batch->last_block = Max(batch->last_block, block);
		}
		else
		{
			CqQueueItem *item = cq_queue_item_at(whose[j]->item);

			item->unloaded.segment = move->to;
			item->unloaded.block = block;
			item->offset = ItemPointerGetOffsetNumber(&tids[j]);
		}
	}
}

/* Read them all and append them to the other segment. */
static void
copy_rows(Move *move)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cachequeue move",
												  ALLOCSET_DEFAULT_SIZES);
	CqNewMessage *messages = palloc(BATCH_ROWS * sizeof(CqNewMessage));
	Straggler **whose = palloc(BATCH_ROWS * sizeof(Straggler *));
	Relation	rel = cq_segment_open(move->def, move->def->messages[move->from],
									  AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	int			n = 0;

	for (int j = 0; j < move->n; j++)
	{
		Straggler  *s = &move->stragglers[j];
		MemoryContext caller = MemoryContextSwitchTo(context);

		CHECK_FOR_INTERRUPTS();
		if (!cq_segment_fetch(rel, &s->claim.tid, s->claim.msg_id, slot))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("message " INT64_FORMAT " of queue \"%s\" is not in its place",
							s->claim.msg_id, move->def->name)));
		cq_message_copy(slot, &messages[n]);
		messages[n].attempts = s->claim.attempts;
		messages[n].deliver_at = s->due;
		whose[n++] = s;
		MemoryContextSwitchTo(caller);
		if (n == BATCH_ROWS || j == move->n - 1)
		{
			append_some(move, messages, whose, n);
			MemoryContextReset(context);
			n = 0;
		}
	}
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	MemoryContextDelete(context);
}

/* The event MOVED for the old rows. */
static void
settle_old(const Move *move)
{
	int64	   *ids = palloc(CQ_RECEIVE_MAX * sizeof(int64));
	int			m = 0;

	for (int j = 0; j < move->n; j++)
	{
		ids[m++] = move->stragglers[j].claim.msg_id;
		if (m == CQ_RECEIVE_MAX || j == move->n - 1)
		{
			cq_segment_event_plain(move->def, move->from, CQ_EVENT_MOVED, ids, m);
			m = 0;
		}
	}
	pfree(ids);
}

/* Queue locked: the new places of those without entries, from the commit on. */
static void
note_unloaded(const Move *move)
{
	for (int j = 0; j < lengthof(move->unloaded); j++)
	{
		const Batch *batch = &move->unloaded[j];
		CqQueueItem *item;

		if (batch->place.amount.n == 0)
			continue;
		item = cq_queue_item_add(CQ_QUEUE_ITEM_MOVED, move->def);
		item->from_segment = move->from;
		item->unloaded = batch->place;
		item->unloaded.segment = move->to;
		item->last_block = batch->last_block;
	}
}

/*
 * Empty segment k, in a transaction that is open.  False when too much is left
 * in it.
 */
static bool
move_segment(CqQueueDef *def, int k)
{
	CqScan	   *scan = cq_scan_begin(def, true);
	Move	   *move = MemoryContextAllocZero(scan->context, sizeof(Move));
	CqQueueState *queue;
	CqEffects	effects = {0};
	bool		worth_it;

	for (int j = 0; j < CQ_SEGMENTS_MAX; j++)
		scan->from[j] = (j == k) ? 0 : InvalidBlockNumber;
	scan->left.everything = true;
	scan->dirty = true;
	scan->ready.limit = scan->delayed.limit = 0;
	cq_collect(scan);

	cq_queue_items_reserve(MOVE_MAX + lengthof(move->unloaded));
	move->def = def;
	move->from = k;
	move->unloaded[0].place.block = move->unloaded[1].place.block = InvalidBlockNumber;
	move->stragglers = MemoryContextAllocHuge(scan->context,
											  sizeof(Straggler) *
											  (MOVE_MAX + scan->ready.n + scan->delayed.n));

	queue = cq_queue_lock(def, LW_EXCLUSIVE);
	cq_scan_mark_in_memory(scan, queue);
	worth_it = k != queue->current && is_worth_it(scan, queue, k);
	move->to = queue->current;
	if (worth_it)
	{
		add_loaded(move, queue);
		add_unloaded(move, &scan->ready);
		add_unloaded(move, &scan->delayed);
		queue->segment[move->to].inserted += move->n;
	}
	LWLockRelease(&queue->lock);

	if (move->n > 0)
	{
		if (move->to >= def->nsegments)
			cq_queue_refresh(def);
		copy_rows(move);
		settle_old(move);
	}

	queue = cq_queue_lock(def, LW_EXCLUSIVE);
	note_unloaded(move);
	cq_scan_give_back(queue,
					  worth_it && scan->busy.n + scan->pending.n == 0 ? k : -1, &effects);
	cq_queue_unlock(queue, &effects);
	MemoryContextDelete(scan->context);
	return worth_it;
}

/*
 * Queue locked: the first segment from k on that may be emptied, or -1.  One that
 * is finished needs nothing of that.
 */
static int
find_candidate(const CqQueueState *queue, int k)
{
	for (; k < queue->nsegments; k++)
	{
		const CqSegment *segment = &queue->segment[k];

		if (k != queue->current && !segment->empty &&
			(segment->loaded > 0 || cq_backlog_has_segment(queue, k)) &&
			(uint64) segment->loaded * MOVE_SHARE <= segment->inserted)
			return k;
	}
	return -1;
}

void
cq_move_stragglers(int32 queue_id)
{
	int			k = 0;
	bool		all = true;

	do
	{
		CqQueueDef *def;
		CqQueueState *queue;

		cq_step_start();
		def = cq_queue_by_id(queue_id);
		if (def == NULL)
		{
			cq_step_commit();
			return;
		}
		def = cq_queue_open(def->name, CQ_QUEUE_NONE);
		queue = cq_queue_lock(def, LW_EXCLUSIVE);
		k = find_candidate(queue, k);
		if (k < 0)
		{
			queue->wants &= ~CQ_WANT_MOVE;
			if (!all)
				queue->wants |= CQ_WANT_MOVE;
			queue->move_ms = all ? 0 : cq_clock_ms() + RETRY_MS;
			/* what has been emptied is finished */
			queue->wants |= CQ_WANT_TRUNCATE;
		}
		LWLockRelease(&queue->lock);
		if (k >= 0 && k < def->nsegments)
			all &= move_segment(def, k);
		cq_step_commit();
	} while (k++ >= 0);
}
