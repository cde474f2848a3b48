/*-------------------------------------------------------------------------
 *
 * send.c
 *	  Sending messages.
 *
 * Under the row's lock a message gets its number, its segment and, if there is
 * room, its entry, which stays OPEN until the transaction ends: an entry exists
 * before anybody can see the message, so a scan that sees it knows whether it
 * is in memory.  Then the row is appended.
 *
 * Numbers come from blocks of CQ_NUMBER_BLOCK that a sequence hands out, and
 * sequences are logged ahead, so that a number is never given out again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/sequence.h"
#include "core/clock.h"
#include "core/settings.h"
#include "miscadmin.h"
#include "queue/entries.h"
#include "queue/send.h"
#include "queue/xact.h"
#include "utils/timestamp.h"

/* messages numbered, and inserted, in one go */
#define RUN_MAX 1000

typedef struct Run
{
	int			n;
	int64		first_id;
	int			segment;
	int			nentries;		/* the first so many have entries */
	uint32		entries[RUN_MAX];
} Run;

/* Take a new block of numbers from the sequence.  No lock held. */
static void
refill_numbers(CqQueueDef *def)
{
	for (;;)
	{
		int64		first = nextval_internal(def->sequence, false);
		CqQueueRow *row = cq_queue_lock(def, LW_EXCLUSIVE);
		bool		done;

		/* blocks must be used in ascending order; skip one that came late */
		if (row->number_next >= row->number_limit && first >= row->number_limit)
		{
			row->number_next = first;
			row->number_limit = first + CQ_NUMBER_BLOCK;
		}
		done = row->number_next < row->number_limit;
		LWLockRelease(&row->lock);
		if (done)
			return;
		CHECK_FOR_INTERRUPTS();
	}
}

/* Row locked: go on to an empty segment when the current one is full. */
static void
choose_segment(CqQueueRow *row, CqEffects *effects)
{
	CqSegment  *old = &row->segment[row->current];

	if (old->inserted < cq_segment_rows)
		return;
	for (int k = 0; k < row->nsegments; k++)
	{
		if (k != row->current && row->segment[k].empty)
		{
			row->segment[k].empty = false;
			row->segment[k].first_id = row->number_next;
			row->current = k;
			if (old->loaded == 0 && old->scan_from == InvalidBlockNumber)
			{
				row->want_truncate = true;
				cq_row_plan(row, row->truncate_ms, effects);
			}
			return;
		}
	}
	if (!row->want_segment && row->nsegments < CQ_SEGMENTS_MAX)
	{
		row->want_segment = true;
		cq_row_plan(row, 0, effects);
	}
}

/* Row locked: numbers and entries for up to n messages. */
static void
take_run(CqQueueDef *def, CqQueueRow *row, const CqNewMessage *messages, int n,
		 Run *run, CqEffects *effects)
{
	choose_segment(row, effects);
	run->n = Min((int64) n, row->number_limit - row->number_next);
	run->first_id = row->number_next;
	run->segment = row->current;
	row->number_next += run->n;
	row->segment[run->segment].inserted += run->n;
	if (row->segment[run->segment].first_id == 0)
		row->segment[run->segment].first_id = run->first_id;

	for (run->nentries = 0; run->nentries < run->n; run->nentries++)
	{
		uint32		i = cq_entry_take(row, true);
		CqMsg	   *msg = CQ_MSG(i);

		if (i == CQ_NONE)
			break;
		msg->msg_id = run->first_id + run->nentries;
		msg->segment = run->segment;
		msg->due = messages[run->nentries].deliver_at;
		cq_entry_link(row, i, CQ_MSG_OPEN);
		cq_item_add_entry(CQ_ITEM_SEND, def, i);
		run->entries[run->nentries] = i;
	}
}

/* Remember messages that got no entry. */
static void
note_unloaded(CqQueueDef *def, int segment, BlockNumber block, TimestampTz due)
{
	CqItem	   *item = cq_item_last(CQ_ITEM_UNLOADED, def);

	if (item == NULL || item->segment != segment || item->due != due)
	{
		cq_items_reserve(1);
		item = cq_item_add(CQ_ITEM_UNLOADED, def);
		item->segment = segment;
		item->due = due;
		item->block = item->last_block = block;
	}
	item->count++;
	item->block = Min(item->block, block);
	item->last_block = Max(item->last_block, block);
}

static void
append_run(CqQueueDef *def, CqNewMessage *messages, const Run *run)
{
	ItemPointerData one;
	ItemPointerData *tids = (run->n == 1) ? &one :
	palloc(run->n * sizeof(ItemPointerData));

	for (int j = 0; j < run->n; j++)
		messages[j].msg_id = run->first_id + j;
	if (run->segment >= def->nsegments)
		cq_queue_refresh(def);
	cq_segment_append(def, run->segment, messages, run->n, tids);

	for (int j = 0; j < run->n; j++)
	{
		BlockNumber block = ItemPointerGetBlockNumber(&tids[j]);

		if (j < run->nentries)
		{
			/* while it is OPEN the place is ours to write */
			CQ_MSG(run->entries[j])->block = block;
			CQ_MSG(run->entries[j])->offset = ItemPointerGetOffsetNumber(&tids[j]);
		}
		else
			note_unloaded(def, run->segment, block, messages[j].deliver_at);
	}
	if (tids != &one)
		pfree(tids);
}

void
cq_queue_send_messages(CqQueueDef *def, CqNewMessage *messages, int n)
{
	int			done = 0;

	PreventCommandIfReadOnly("queue_send()");
	PreventCommandIfParallelMode("queue_send()");

	while (done < n)
	{
		int			want = Min(n - done, RUN_MAX);
		Run			run;
		CqQueueRow *row;
		CqEffects	effects = {0};

		cq_items_reserve(want);
		row = cq_queue_lock(def, LW_EXCLUSIVE);
		if (row->number_next >= row->number_limit)
		{
			LWLockRelease(&row->lock);
			refill_numbers(def);
			continue;
		}
		take_run(def, row, messages + done, want, &run, &effects);
		cq_row_unlock(row, &effects);
		append_run(def, messages + done, &run);
		done += run.n;
	}
}
