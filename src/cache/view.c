/*-------------------------------------------------------------------------
 *
 * view.c
 *	  What a snapshot sees of top-level transactions.
 *
 * F0 is the next transaction id when the server came out of recovery, or a little
 * later.  It stays when the cache is kept over a restart (warm.c).  Transactions
 * below it may have changed data without a mark in the slots: before a crash;
 * prepared before a start with an empty cache; replayed during recovery.  So
 * nothing dependent is stored or served under a snapshot whose xmin is below F0.
 *
 * A set has to fear one more thing: a transaction whose DDL the snapshot sees, and
 * this process's catalog caches don't (ddl_window.c).  In its view such a transaction
 * counts as running.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "cache/ddl_window.h"
#include "cache/state.h"
#include "cache/view.h"
#include "core/compat.h"
#include "core/faults.h"
#include "storage/procarray.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

uint64
cq_view_first_xid(void)
{
	uint64		f0 = pg_atomic_read_u64(&cq_cache_state->f0);

	if (unlikely(f0 == 0))
	{
		uint64		next = U64FromFullTransactionId(ReadNextFullTransactionId());

		if (pg_atomic_compare_exchange_u64(&cq_cache_state->f0, &f0, next))
			f0 = next;
	}
	return f0;
}

void
cq_cache_out_of_recovery(void)
{
	Assert(!RecoveryInProgress());
	(void) cq_view_first_xid();
}

static void
fill_view(CqView *view, Snapshot snapshot)
{
	view->xmax = cq_widen_xid(snapshot->xmax, cq_next_full_xid_unlocked());
	view->xmin = view->xmax - (uint32) (snapshot->xmax - snapshot->xmin);
	view->snapshot_xmax = view->xmax;
	view->xcnt = snapshot->xcnt;
	view->xip = snapshot->xip;
	view->curcid = snapshot->curcid;
}

/*
 * Take DDL that others may not know of as running; the list lives as long as the
 * transaction.  Frees ids.
 */
static void
hide_ddl(CqView *view, uint64 *ids, int n)
{
	uint32	   *xip;

	if (n == 0)
		return;
	xip = MemoryContextAlloc(TopTransactionContext, (view->xcnt + n) * sizeof(uint32));
	if (view->xcnt > 0)
		memcpy(xip, view->xip, view->xcnt * sizeof(uint32));
	view->xip = xip;
	for (int i = 0; i < n; i++)
	{
		if (!cq_view_sees(view, ids[i]))
			continue;
		xip[view->xcnt++] = (uint32) ids[i];
		view->xmin = Min(view->xmin, ids[i]);
	}
	pfree(ids);
}

bool
cq_view_of_snapshot(Snapshot snapshot, CqView *view)
{
	if (IsolationIsSerializable() && !CQ_FAULT("no-serializable"))
		return false;
	if (snapshot == NULL || snapshot->snapshot_type != SNAPSHOT_MVCC ||
		RecoveryInProgress() || snapshot->takenDuringRecovery)
		return false;

	fill_view(view, snapshot);
	return view->xmin >= cq_view_first_xid() || CQ_FAULT("no-f0");
}

bool
cq_view_of_miss(Snapshot snapshot, CqView *view)
{
	bool		result = cq_view_of_snapshot(snapshot, view);
	uint64	   *ddl;
	int			nddl;

	CQ_PAUSE("miss");
	nddl = cq_ddl_windows_read(&ddl);
	if (!CQ_FAULT("no-accept"))
		AcceptInvalidationMessages();
	if (result && CQ_FAULT("no-command-id"))
		view->curcid = GetCurrentCommandId(false) + 1;
	if (!result || CQ_FAULT("no-ddl-window"))
		return result;
	hide_ddl(view, ddl, nddl);
	return view->xmin >= cq_view_first_xid() || CQ_FAULT("no-f0");
}

bool
cq_view_for_marks(CqView *view)
{
	/* not one of snapmgr.c, whose callers may still need it */
	static SnapshotData snapshot = {.snapshot_type = SNAPSHOT_MVCC};
	uint64	   *ddl;
	int			nddl;

	if (!IsTransactionState())
		return false;
	(void) GetSnapshotData(&snapshot);
	fill_view(view, &snapshot);
	nddl = cq_ddl_windows_read(&ddl);
	if (!CQ_FAULT("no-mark-window"))
		hide_ddl(view, ddl, nddl);
	return true;
}
