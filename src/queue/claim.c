/*-------------------------------------------------------------------------
 *
 * claim.c
 *	  Claiming messages.
 *
 * A claim is made in shared memory, under the row's lock, and read afterwards:
 * the row was committed before it became ready, so whoever claims it sees it,
 * whatever the snapshot of his transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "core/clock.h"
#include "miscadmin.h"
#include "queue/claim.h"
#include "queue/entries.h"
#include "queue/scan.h"
#include "queue/wait.h"
#include "queue/xact.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* a taken row that a foreign transaction has locked is left alone for that long */
#define LOCKED_RETRY_MS 1000

/* Row locked: claim what is ready. */
static int
claim_ready(CqQueueDef *def, CqQueueRow *row, int max, int64 lease_ms,
			CqClaim *claims, CqEffects *effects)
{
	int64		until = (lease_ms > 0) ? cq_clock_ms_after(lease_ms) : 0;
	TimestampTz lease_until = (lease_ms > 0) ? GetCurrentTimestamp() + lease_ms * 1000 : 0;
	int			n = 0;
	uint32		i;

	cq_entries_release_due(row, effects);
	while (n < max && (i = cq_entry_first_ready(row)) != CQ_NONE)
	{
		CqMsg	   *msg = CQ_MSG(i);
		CqClaim    *claim = &claims[n++];

		msg->attempts++;
		msg->nonce = ++row->nonce;
		msg->until = until;
		msg->due = 0;
		if (lease_ms > 0)
			cq_entry_move(row, i, CQ_MSG_LEASED);
		else
		{
			msg->settle = 'a';
			msg->flags |= CQ_MSG_TAKEN;
			cq_entry_move(row, i, CQ_MSG_SETTLING);
		}
		cq_item_add_entry(lease_ms > 0 ? CQ_ITEM_CLAIM : CQ_ITEM_SETTLE, def, i);

		claim->msg_id = msg->msg_id;
		claim->entry = i;
		claim->nonce = msg->nonce;
		claim->segment = msg->segment;
		claim->attempts = msg->attempts;
		claim->lease_until = lease_until;
		ItemPointerSet(&claim->tid, msg->block, msg->offset);
	}
	row->delivered += n;
	if (n > 0 && lease_ms > 0)
		cq_row_plan(row, until, effects);

	/* who was woken for one of them looks in vain; some may be left for him */
	effects->ready = Min(effects->ready, row->count[CQ_MSG_READY]);
	return n;
}

int
cq_queue_claim(CqQueueDef *def, int max, int64 lease_ms, CqClaim *claims)
{
	PreventCommandDuringRecovery("queue_receive()");
	PreventCommandIfParallelMode("queue_receive()");

	for (int attempt = 0;; attempt++)
	{
		CqQueueRow *row;
		CqEffects	effects = {0};
		bool		refill;
		int			n;

		/*
		 * a scan that is due while messages are ready puts delayed ones in
		 * order
		 */
		cq_items_reserve(max);
		row = cq_queue_lock(def, LW_EXCLUSIVE);
		refill = cq_scan_due(row) && attempt < 2;
		n = refill ? 0 : claim_ready(def, row, max, lease_ms, claims, &effects);
		cq_row_unlock(row, &effects);
		if (n == 0 && refill)
			cq_scan_refill(def);
		else if (n > 0 || attempt >= 2 || !cq_scan_check_growth(def))
		{
			cq_wait_claimed(row);
			return n;
		}
	}
}

/* The message isn't where its entry says: forget the entry, look again. */
static void
give_up(CqQueueDef *def, const CqClaim *claim)
{
	CqQueueRow *row = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
	CqEffects	effects = {0};
	CqMsg	   *msg = CQ_MSG(claim->entry);

	if (row == NULL)
		return;
	if (msg->row == CQ_ROW_INDEX(row) && msg->msg_id == claim->msg_id &&
		msg->nonce == claim->nonce &&
		(msg->state == CQ_MSG_LEASED || msg->state == CQ_MSG_SETTLING))
	{
		cq_entry_free(row, claim->entry);
		row->overflow = true;
		row->segment[claim->segment].scan_from = 0;
	}
	cq_row_unlock(row, &effects);
}

void
cq_claims_read(CqQueueDef *def, CqClaim *claims, int n,
			   CqClaimReader reader, void *arg)
{
	Relation	rel = NULL;
	TupleTableSlot *slot = NULL;
	int			segment = -1;

	for (int j = 0; j < n; j++)
	{
		CqClaim    *claim = &claims[j];

		if (segment != claim->segment)
		{
			if (rel != NULL)
			{
				ExecDropSingleTupleTableSlot(slot);
				table_close(rel, AccessShareLock);
			}
			segment = claim->segment;
			if (segment >= def->nsegments)
				cq_queue_refresh(def);
			rel = cq_segment_open(def, def->messages[segment], AccessShareLock);
			slot = table_slot_create(rel, NULL);
		}
		if (cq_segment_fetch(rel, &claim->tid, claim->msg_id, slot))
			reader(claim, slot, arg);
		else
			give_up(def, claim);
		ExecClearTuple(slot);
	}
	if (rel != NULL)
	{
		ExecDropSingleTupleTableSlot(slot);
		table_close(rel, AccessShareLock);
	}
}

/*
 * Lock the row of a taken message.	 Returns false when a foreign transaction
 * has it locked.
 */
static bool
lock_row(Relation rel, CqClaim *claim, TupleTableSlot *slot)
{
	TM_FailureData failure;
	TM_Result	result;

	result = table_tuple_lock(rel, &claim->tid, SnapshotSelf, slot,
							  GetCurrentCommandId(false), LockTupleExclusive,
							  LockWaitSkip, 0, &failure);
	ExecClearTuple(slot);
	return result == TM_Ok;
}

/* A taken message that somebody else holds: leave it alone for a moment. */
static void
put_off(CqQueueDef *def, const CqClaim *claim)
{
	CqQueueRow *row = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
	CqEffects	effects = {0};
	CqMsg	   *msg = CQ_MSG(claim->entry);

	if (row == NULL)
		return;
	if (msg->row == CQ_ROW_INDEX(row) && msg->nonce == claim->nonce &&
		msg->state == CQ_MSG_SETTLING)
	{
		msg->flags &= ~CQ_MSG_TAKEN;
		msg->attempts--;
		msg->due = GetCurrentTimestamp() + LOCKED_RETRY_MS * INT64CONST(1000);
		row->delivered--;
		cq_entry_offer(row, claim->entry, &effects);
	}
	cq_row_unlock(row, &effects);
}

int
cq_claims_settle(CqQueueDef *def, CqClaim *claims, int n)
{
	int64	   *ids = palloc(Max(n, 1) * sizeof(int64));
	int			kept = 0;
	int			next;

	for (int j = 0; j < n; j = next)
	{
		int			segment = claims[j].segment;
		int			nids = 0;
		Relation	rel;
		TupleTableSlot *slot;

		if (segment >= def->nsegments)
			cq_queue_refresh(def);
		rel = cq_segment_open(def, def->messages[segment], RowShareLock);
		slot = table_slot_create(rel, NULL);
		for (next = j; next < n && claims[next].segment == segment; next++)
		{
			if (lock_row(rel, &claims[next], slot))
			{
				claims[kept++] = claims[next];
				ids[nids++] = claims[next].msg_id;
			}
			else
				put_off(def, &claims[next]);
		}
		ExecDropSingleTupleTableSlot(slot);
		table_close(rel, NoLock);
		if (nids > 0)
			cq_segment_event(def, segment, 'a', ids, nids, 0, 0, NULL);
	}
	pfree(ids);
	return kept;
}
