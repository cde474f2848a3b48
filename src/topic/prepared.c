/*-------------------------------------------------------------------------
 *
 * prepared.c
 *	  Prepared transactions that topics wait for.
 *
 * PREPARE TRANSACTION leaves in shared memory what the end of the transaction
 * decides about (xact.c): its open records, and cells for the offsets that it
 * commits, each with the transaction's id.  No callback tells when it has ended,
 * so the worker looks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/xids.h"
#include "topic/assignment.h"
#include "topic/memory.h"
#include "topic/prepared.h"
#include "utils/timestamp.h"

/* Row locked: a prepared transaction has ended. */
static void
settle_prepared(CqTopicRow *row, const CqPrepared *prepared, bool committed)
{
	CqCell	   *cell = CQ_CELL(prepared->share);
	CqShare    *share = &cell->share;

	if (cell->kind != CQ_CELL_SHARE || cell->serial != prepared->serial)
		return;
	if (prepared->commits)
	{
		share->passing--;
		if (prepared->rewind > share->rewind && share->seeking > 0)
			share->seeking--;
		if (committed)
			cq_assignment_commit(share, prepared->offset, prepared->rewind, GetCurrentTimestamp());
	}
	if (prepared->polled && !committed && share->epoch == prepared->epoch && share->started)
		share->position = Max(prepared->position, share->committed);
	if (prepared->busy && share->epoch == prepared->epoch)
		cq_assignment_end_busy(row, prepared->share);
}

/* Row locked: note the transactions that it waits for. */
static void
note_xids(const CqTopicRow *row, CqXids *xids)
{
	for (uint32 i = row->prepared; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
		cq_xids_note(xids, CQ_CELL(i)->prepared.xid);
	for (uint32 p = row->partitions; p != CQ_NO_CELL; p = CQ_CELL(p)->next)
	{
		for (uint32 i = CQ_CELL(p)->partition.open_head; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
			cq_xids_note(xids, CQ_CELL(i)->open.xid);
	}
}

/* Row locked: all that belongs to that transaction. */
static void
settle_xid(CqTopicRow *row, const CqXid *xid)
{
	uint32	   *link = &row->prepared;

	while (*link != CQ_NO_CELL)
	{
		uint32		i = *link;

		if (CQ_CELL(i)->prepared.xid != xid->xid)
		{
			link = &CQ_CELL(i)->next;
			continue;
		}
		*link = CQ_CELL(i)->next;
		settle_prepared(row, &CQ_CELL(i)->prepared, xid->committed);
		cq_cell_free(i);
		row->by_xid--;
		pg_atomic_fetch_sub_u32(&cq_topics->by_xid, 1);
	}
	for (uint32 p = row->partitions; p != CQ_NO_CELL; p = CQ_CELL(p)->next)
	{
		uint32		i = CQ_CELL(p)->partition.open_head;

		while (i != CQ_NO_CELL)
		{
			uint32		next = CQ_CELL(i)->next;

			if (CQ_CELL(i)->open.xid == xid->xid)
				cq_open_release(row, p, i);
			i = next;
		}
	}
}

/* Settle what the ended transactions of a batch decide about; whether any has. */
static bool
settle_batch(CqTopicRow *row, CqXids *xids)
{
	uint32		generation;

	LWLockAcquire(&row->lock, LW_SHARED);
	generation = row->key.generation;
	note_xids(row, xids);
	cq_topic_unlock(row);
	if (!cq_xids_decide(xids))
		return false;

	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	for (int i = 0; i < xids->n && row->key.generation == generation; i++)
	{
		if (xids->xids[i].ended)
			settle_xid(row, &xids->xids[i]);
	}
	row->limits_due = true;
	row->feed_due = row->feeds > 0;
	cq_topic_plan(row, cq_clock_ms());
	cq_topic_unlock(row);
	cq_row_wake(row);
	return true;
}

bool
cq_topic_settle_prepared(CqTopicRow *row)
{
	CqXids		xids = {0};
	bool		any = false;

	do
		any |= settle_batch(row, &xids);
	while (cq_xids_next(&xids));
	return any;
}
