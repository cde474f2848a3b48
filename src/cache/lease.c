/*-------------------------------------------------------------------------
 *
 * lease.c
 *	  Leases of misses: a bigint that stands for a view on this server start.
 *
 *	 63   62      43 42      39 38                       0
 *	+---+-----------+----------+--------------------------+
 *	| 0 | salt      | distance | xmax - base + 1          |	 the last part is 0 in a
 *	+---+-----------+----------+--------------------------+	 lease always refused
 *
 * The view itself is in a record (lease_record.c) at [xmax % 4096] of a table, until
 * one with a greater xmax takes its place: for 4,096 transactions, at least.  A record
 * never makes way for one with a lower xmax.  So the record that a lease names, if it
 * is still there, has been there all the time.
 *
 * If the record is not there, the lease stands for a snapshot that sees the ids below
 * xmin.  That refuses whatever has changed since the oldest running transaction began.
 * Of xmin the lease knows a power of two that its distance from xmax does not exceed.
 *
 * base is F0 when the first lease of this server start was issued.  It is constant,
 * so that a number never comes to mean another id.
 *
 * Locking: a record is a line (core/line.h).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "cache/lease.h"
#include "cache/lease_record.h"
#include "cache/marks.h"
#include "cache/state.h"
#include "core/compat.h"
#include "core/faults.h"
#include "core/line.h"
#include "core/shmem.h"

#define CQ_LEASE_RECORDS 4096

#define CQ_LEASE_ID_BITS 39
#define CQ_LEASE_ID_MAX ((UINT64CONST(1) << CQ_LEASE_ID_BITS) - 1)
#define CQ_LEASE_DISTANCE_UNKNOWN 15	/* 0: none; n: at most 2^(n-1) */
#define CQ_LEASE_SALT_SHIFT (CQ_LEASE_ID_BITS + 4)
#define CQ_LEASE_SALT_MASK UINT64CONST(0xfffff)

StaticAssertDecl(sizeof(CqLeaseRecord) == CQ_LINE_WORDS * sizeof(uint64),
				 "a record is a line");

Size
cq_leases_size(void)
{
	return CQ_LEASE_RECORDS * sizeof(CqLine);
}

void
cq_leases_init(void *mem)
{
	for (int i = 0; i < CQ_LEASE_RECORDS; i++)
		cq_line_init((CqLine *) mem + i);
}

static CqLine *
place_of(uint64 xmax)
{
	return (CqLine *) CQ_SHARED_PART(leases) + xmax % CQ_LEASE_RECORDS;
}

/* Never 0, so that no lease is. */
static uint64
lease_salt(void)
{
	return (cq_cache_state->lease_salt & CQ_LEASE_SALT_MASK) | 1;
}

/* The first caller fixes it. */
static uint64
lease_base(void)
{
	uint64		base = pg_atomic_read_u64(&cq_cache_state->lease_base);

	if (unlikely(base == 0))
	{
		uint64		first = cq_view_first_xid();

		if (pg_atomic_compare_exchange_u64(&cq_cache_state->lease_base, &base,
										   first))
			base = first;
	}
	return CQ_FAULT("moving-base") ? cq_next_full_xid_unlocked() : base;
}

/* Keep a record, unless a newer one has its place. */
static void
keep(const CqLeaseRecord *record)
{
	CqLine	   *line = place_of(record->snapshot_xmax);

	for (;;)
	{
		CqLeaseRecord kept;
		CqLeaseRecord merged;
		uint64		seq = cq_line_read(line, (uint64 *) &kept);

		merged = *record;
		if (kept.snapshot_xmax > record->snapshot_xmax &&
			!CQ_FAULT("lease-for-newer"))
			return;
		if (kept.snapshot_xmax == record->snapshot_xmax)
		{
			merged = kept;
			cq_lease_record_merge(&merged, record);
			if (memcmp(&merged, &kept, sizeof(kept)) == 0)
				return;
		}
		if (cq_line_write(line, (uint64 *) &merged, seq))
			return;
	}
}

/* The form in which a lease has the distance of xmin from xmax. */
static int
distance_form(uint64 distance)
{
	int			form = 0;

	while (form < CQ_LEASE_DISTANCE_UNKNOWN && UINT64CONST(1) << form < 2 * distance)
		form++;
	return form;
}

int64
cq_lease_issue(struct SnapshotData *snapshot)
{
	uint64		lease = lease_salt() << CQ_LEASE_SALT_SHIFT;
	uint64		own;
	uint64		distance;
	uint64		offset;
	CqView		view;

	if (!cq_view_of_miss(snapshot, &view))
		return (int64) lease;
	if (!CQ_FAULT("no-lease-mark"))
		cq_marks_push_all();

	distance = view.snapshot_xmax - view.xmin;
	offset = view.snapshot_xmax - lease_base();
	if (offset >= CQ_LEASE_ID_MAX)
		return (int64) lease;
	if (distance > 0)
	{
		CqLeaseRecord record;

		own = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());
		cq_lease_record_make(&record, &view, own);
		keep(&record);
	}
	return (int64) (lease | (uint64) distance_form(distance) << CQ_LEASE_ID_BITS |
					(offset + 1));
}

/* The view of a lease with that xmax, without a record; false: there is none. */
static bool
view_by_distance(uint64 snapshot_xmax, int form, CqView *view)
{
	uint64		distance = form == 0 ? 0 : UINT64CONST(1) << (form - 1);

	if (form == CQ_LEASE_DISTANCE_UNKNOWN || distance > snapshot_xmax)
		return false;
	view->xmin = view->xmax = snapshot_xmax - distance;
	view->snapshot_xmax = snapshot_xmax;
	view->xcnt = 0;
	view->xip = NULL;
	view->curcid = 0;
	return true;
}

static bool
view_of_record(uint64 snapshot_xmax, CqView *view)
{
	static uint32 running[CQ_LEASE_RUNNING_MAX];
	CqLeaseRecord record;

	(void) cq_line_read(place_of(snapshot_xmax), (uint64 *) &record);
	if (record.snapshot_xmax != snapshot_xmax && !CQ_FAULT("lease-of-another"))
		return false;
	cq_lease_record_view(&record, view, running);
	return true;
}

bool
cq_lease_view(int64 lease, CqView *view)
{
	uint64		offset = (uint64) lease & CQ_LEASE_ID_MAX;
	int			form = ((uint64) lease >> CQ_LEASE_ID_BITS) & CQ_LEASE_DISTANCE_UNKNOWN;
	uint64		xmax;

	if ((((uint64) lease >> CQ_LEASE_SALT_SHIFT) != lease_salt() &&
		 !CQ_FAULT("no-salt")) ||
		offset == 0 || RecoveryInProgress() || IsolationIsSerializable())
		return false;

	xmax = lease_base() + offset - 1;
	if (xmax > cq_next_full_xid_unlocked() ||
		(!(form != 0 && view_of_record(xmax, view)) &&
		 !view_by_distance(xmax, form, view)))
		return false;
	return view->xmin >= cq_view_first_xid();
}
