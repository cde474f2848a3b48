/*-------------------------------------------------------------------------
 *
 * view.c
 *	  What a snapshot sees of top-level transactions; leases.
 *
 * F0 is the next transaction id when the server came out of recovery, or a little
 * later.  It stays when the cache is kept over a restart (warm.c).  Transactions
 * below it may have changed data without a mark in the slots: before a crash;
 * prepared before a start with an empty cache; replayed during recovery.  So
 * nothing dependent is stored or served under a snapshot whose xmin is below F0.
 *
 * A set has to fear one more thing: a transaction whose DDL the snapshot sees, and
 * this process's catalog caches don't (ddl_window.c).  Its view is cut below such a
 * transaction: the ids from there on count as running.
 *
 * A lease:
 *
 *	 63   62      40 39                0
 *	+---+-----------+-------------------+
 *	| 0 | salt      | xmin - F0 + 1     |	the last part is 0 in a lease that is
 *	+---+-----------+-------------------+	always refused
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "cache/ddl_window.h"
#include "cache/marks.h"
#include "cache/state.h"
#include "cache/view.h"
#include "core/compat.h"
#include "core/faults.h"
#include "utils/inval.h"
#include "utils/snapmgr.h"

#define CQ_LEASE_XID_BITS 40
#define CQ_LEASE_XID_MAX ((UINT64CONST(1) << CQ_LEASE_XID_BITS) - 1)
#define CQ_LEASE_SALT_MASK UINT64CONST(0x7fffff)

/* F0; the first caller after recovery fixes it. */
static uint64
first_xid(void)
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

uint64
cq_view_first_xid(void)
{
	return first_xid();
}

void
cq_cache_out_of_recovery(void)
{
	Assert(!RecoveryInProgress());
	(void) first_xid();
}

bool
cq_view_of_snapshot(Snapshot snapshot, CqView *view)
{
	uint64		next;

	if (IsolationIsSerializable() && !CQ_FAULT("no-serializable"))
		return false;
	if (snapshot == NULL || snapshot->snapshot_type != SNAPSHOT_MVCC ||
		RecoveryInProgress() || snapshot->takenDuringRecovery)
		return false;

	next = cq_next_full_xid_unlocked();
	view->xmax = cq_widen_xid(snapshot->xmax, next);
	view->xmin = view->xmax - (uint32) (snapshot->xmax - snapshot->xmin);
	view->xcnt = snapshot->xcnt;
	view->xip = snapshot->xip;
	view->curcid = snapshot->curcid;
	return view->xmin >= first_xid() || CQ_FAULT("no-f0");
}

bool
cq_view_of_miss(Snapshot snapshot, CqView *view)
{
	bool		result = cq_view_of_snapshot(snapshot, view);
	uint64		oldest;

	CQ_PAUSE("miss");
	oldest = cq_ddl_windows_oldest();
	if (!CQ_FAULT("no-accept"))
		AcceptInvalidationMessages();
	if (result && CQ_FAULT("no-command-id"))
		view->curcid = GetCurrentCommandId(false) + 1;
	if (!result || CQ_FAULT("no-ddl-window"))
		return result;
	view->xmax = Min(view->xmax, oldest);
	view->xmin = Min(view->xmin, oldest);
	return view->xmin >= first_xid() || CQ_FAULT("no-f0");
}

/* Never 0, so that no lease is. */
static uint64
lease_salt(void)
{
	return (cq_cache_state->lease_salt & CQ_LEASE_SALT_MASK) | 1;
}

int64
cq_lease_issue(Snapshot snapshot)
{
	CqView		view;
	uint64		offset = 0;

	if (cq_view_of_miss(snapshot, &view))
	{
		offset = view.xmin - first_xid() + 1;
		if (offset > CQ_LEASE_XID_MAX)
			offset = 0;
		if (!CQ_FAULT("no-lease-mark"))
			cq_marks_push_all();
	}
	return (int64) ((lease_salt() << CQ_LEASE_XID_BITS) | offset);
}

bool
cq_lease_view(int64 lease, CqView *view)
{
	uint64		offset = (uint64) lease & CQ_LEASE_XID_MAX;

	if ((((uint64) lease >> CQ_LEASE_XID_BITS) != lease_salt() &&
		 !CQ_FAULT("no-salt")) ||
		offset == 0 || RecoveryInProgress() || IsolationIsSerializable())
		return false;
	view->xmin = view->xmax = first_xid() + offset - 1;
	view->xcnt = 0;
	view->xip = NULL;
	view->curcid = 0;
	return view->xmax <= cq_next_full_xid_unlocked();
}
