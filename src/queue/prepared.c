/*-------------------------------------------------------------------------
 *
 * prepared.c
 *	  Prepared transactions that queues wait for.
 *
 * PREPARE TRANSACTION leaves the transaction's id in the entries that its end
 * decides about (xact.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/xids.h"
#include "miscadmin.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/prepared.h"
#include "queue/wake.h"

/* Row locked: note the transactions that entries of that state wait for. */
static void
note_xids(const CqQueueRow *row, CqMsgState state, CqXids *xids)
{
	for (uint32 i = cq_entries_first(row, state); i != CQ_NONE; i = cq_entries_next(row, i))
	{
		if (CQ_MSG(i)->flags & CQ_MSG_BY_XID)
			cq_xids_note(xids, CQ_MSG(i)->xid);
	}
}

/* Row locked: settle the entries of that state whose transactions have ended. */
static void
settle_ended(CqQueueRow *row, CqMsgState state, const CqXids *xids, CqEffects *effects)
{
	uint32		next;

	for (uint32 i = cq_entries_first(row, state); i != CQ_NONE; i = next)
	{
		const CqXid *xid = NULL;

		next = cq_entries_next(row, i);
		if (CQ_MSG(i)->flags & CQ_MSG_BY_XID)
			xid = cq_xids_find(xids, CQ_MSG(i)->xid);
		if (xid == NULL)
			continue;
		if (state == CQ_MSG_OPEN && xid->committed)
			cq_entry_sent(row, i, effects);
		else if (state == CQ_MSG_OPEN)
			cq_entry_unsent(row, i, effects);
		else if (xid->committed)
			cq_entry_settle(row, i, effects);
		else
			cq_entry_unsettle(row, i, effects);
	}
}

void
cq_queue_settle_prepared(CqQueueRow *row, int32 queue_id)
{
	CqXids		xids = {0};

	do
	{
		CqEffects	effects = {0};

		LWLockAcquire(&row->lock, LW_SHARED);
		if (row->key.database == MyDatabaseId && row->key.id == queue_id)
		{
			note_xids(row, CQ_MSG_OPEN, &xids);
			note_xids(row, CQ_MSG_SETTLING, &xids);
		}
		LWLockRelease(&row->lock);
		if (!cq_xids_decide(&xids))
			continue;

		LWLockAcquire(&row->lock, LW_EXCLUSIVE);
		if (row->key.database == MyDatabaseId && row->key.id == queue_id)
		{
			settle_ended(row, CQ_MSG_OPEN, &xids, &effects);
			settle_ended(row, CQ_MSG_SETTLING, &xids, &effects);
			cq_row_trim(row, &effects);
		}
		cq_row_unlock(row, &effects);
	} while (cq_xids_next(&xids));
}
