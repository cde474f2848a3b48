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

#include "access/transam.h"
#include "core/clock.h"
#include "storage/procarray.h"
#include "topic/assignment.h"
#include "topic/memory.h"
#include "topic/prepared.h"
#include "utils/timestamp.h"

/* prepared transactions looked at per lock of a row */
#define PREPARED_MAX 64

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

/* A transaction that was prepared. */
typedef struct Ended
{
	TransactionId xid;
	bool		ended;
	bool		committed;
} Ended;

/* Keep the lowest PREPARED_MAX of the xids above that one, in order, each once. */
static void
note_xid(Ended *xids, int *n, TransactionId xid, TransactionId above)
{
	int			i = *n;

	if (!TransactionIdIsValid(xid) || xid <= above)
		return;
	while (i > 0 && xids[i - 1].xid > xid)
		i--;
	if ((i > 0 && xids[i - 1].xid == xid) || i == PREPARED_MAX)
		return;
	*n = Min(*n + 1, PREPARED_MAX);
	memmove(&xids[i + 1], &xids[i], (*n - 1 - i) * sizeof(Ended));
	xids[i].xid = xid;
}

/* Row locked: xids that the row waits for, above that one. */
static int
collect_xids(const CqTopicRow *row, Ended *xids, TransactionId above)
{
	int			n = 0;

	for (uint32 i = row->prepared; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
		note_xid(xids, &n, CQ_CELL(i)->prepared.xid, above);
	for (uint32 p = row->partitions; p != CQ_NO_CELL; p = CQ_CELL(p)->next)
	{
		for (uint32 i = CQ_CELL(p)->partition.open_head; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
			note_xid(xids, &n, CQ_CELL(i)->open.xid, above);
	}
	return n;
}

/* Row locked: all that belongs to that transaction. */
static void
settle_xid(CqTopicRow *row, const Ended *xid)
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

/* The lowest PREPARED_MAX above *above, which is set to the highest of them. */
static bool
settle_some(CqTopicRow *row, TransactionId *above, bool *more)
{
	Ended		xids[PREPARED_MAX];
	uint32		generation;
	int			n;
	bool		any = false;

	LWLockAcquire(&row->lock, LW_SHARED);
	generation = row->key.generation;
	n = collect_xids(row, xids, *above);
	cq_topic_unlock(row);

	*more = (n == PREPARED_MAX);
	for (int i = 0; i < n; i++)
	{
		/* in this order: see TransactionIdIsInProgress() */
		xids[i].ended = !TransactionIdIsInProgress(xids[i].xid);
		xids[i].committed = xids[i].ended && TransactionIdDidCommit(xids[i].xid);
		any |= xids[i].ended;
		*above = xids[i].xid;
	}
	if (!any)
		return false;

	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	for (int i = 0; i < n && row->key.generation == generation; i++)
	{
		if (xids[i].ended)
			settle_xid(row, &xids[i]);
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
	TransactionId above = InvalidTransactionId;
	bool		any = false;
	bool		more;

	do
		any |= settle_some(row, &above, &more);
	while (more);
	return any;
}
