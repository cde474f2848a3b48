/*-------------------------------------------------------------------------
 *
 * xids.c
 *	  Prepared transactions that shared memory waits for, and which have ended.
 *
 * No callback runs in the session that has prepared a transaction when it ends,
 * so the maintenance worker looks.  It may not ask about a transaction with a
 * lock on a state held: so it notes ids under the lock, a batch at a time, asks
 * without it, and comes back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/xids.h"
#include "storage/procarray.h"

void
cq_xids_note(CqXids *batch, TransactionId xid)
{
	CqXid	   *xids = batch->xids;
	int			i = batch->n;

	if (!TransactionIdIsValid(xid) || xid <= batch->above)
		return;
	while (i > 0 && xids[i - 1].xid > xid)
		i--;
	if ((i > 0 && xids[i - 1].xid == xid) || i == CQ_XIDS_MAX)
		return;
	batch->n = Min(batch->n + 1, CQ_XIDS_MAX);
	memmove(&xids[i + 1], &xids[i], (batch->n - 1 - i) * sizeof(CqXid));
	xids[i].xid = xid;
}

bool
cq_xids_decide(CqXids *batch)
{
	bool		any = false;

	for (int i = 0; i < batch->n; i++)
	{
		CqXid	   *x = &batch->xids[i];

		/* in this order: see TransactionIdIsInProgress() */
		x->ended = !TransactionIdIsInProgress(x->xid);
		x->committed = x->ended && TransactionIdDidCommit(x->xid);
		any |= x->ended;
	}
	return any;
}

const CqXid *
cq_xids_find(const CqXids *batch, TransactionId xid)
{
	int			low = 0;
	int			high = batch->n;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (batch->xids[middle].xid < xid)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == batch->n || batch->xids[low].xid != xid || !batch->xids[low].ended)
		return NULL;
	return &batch->xids[low];
}

bool
cq_xids_next(CqXids *batch)
{
	bool		more = batch->n == CQ_XIDS_MAX;

	if (more)
		batch->above = batch->xids[batch->n - 1].xid;
	batch->n = 0;
	return more;
}
