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

/* Queue locked: note the transactions that entries of that state wait for. */
static void
note_xids(const CqQueueState *queue, CqMsgState state, CqXids *xids)
{
	for (uint32 i = cq_entries_first(queue, state); i != CQ_NONE; i = cq_entries_next(queue, i))
	{
		if (CQ_MSG(i)->flags & CQ_MSG_BY_XID)
			cq_xids_note(xids, CQ_MSG(i)->xid);
	}
}

/* Queue locked: settle the entries of that state whose transactions have ended. */
static void
settle_ended(CqQueueState *queue, CqMsgState state, const CqXids *xids, CqEffects *effects)
{
	uint32		next;

	for (uint32 i = cq_entries_first(queue, state); i != CQ_NONE; i = next)
	{
		const CqXid *xid = NULL;

		next = cq_entries_next(queue, i);
		if (CQ_MSG(i)->flags & CQ_MSG_BY_XID)
			xid = cq_xids_find(xids, CQ_MSG(i)->xid);
		if (xid == NULL)
			continue;
		if (state == CQ_MSG_OPEN && xid->committed)
			cq_entry_sent(queue, i, effects);
		else if (state == CQ_MSG_OPEN)
			cq_entry_unsent(queue, i, effects);
		else if (xid->committed)
			cq_entry_settle(queue, i, effects);
		else
			cq_entry_unsettle(queue, i, effects);
	}
}

void
cq_queue_settle_prepared(CqQueueState *queue, int32 queue_id)
{
	CqXids		xids = {0};

	do
	{
		CqEffects	effects = {0};

		LWLockAcquire(&queue->lock, LW_SHARED);
		if (queue->key.database == MyDatabaseId && queue->key.id == queue_id)
		{
			note_xids(queue, CQ_MSG_OPEN, &xids);
			note_xids(queue, CQ_MSG_SETTLING, &xids);
		}
		LWLockRelease(&queue->lock);
		if (!cq_xids_decide(&xids))
			continue;

		LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
		if (queue->key.database == MyDatabaseId && queue->key.id == queue_id)
		{
			settle_ended(queue, CQ_MSG_OPEN, &xids, &effects);
			settle_ended(queue, CQ_MSG_SETTLING, &xids, &effects);
			cq_dispatch_trim(queue, &effects);
		}
		cq_queue_unlock(queue, &effects);
	} while (cq_xids_next(&xids));
}
