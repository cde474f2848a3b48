/*-------------------------------------------------------------------------
 *
 * lease_record.c
 *	  What is kept of the views behind leases, in seven words.
 *
 * A record has room for ten running ids.  If there are more, the highest becomes the
 * limit, so that the view sees less than the snapshot did: the ids between are recent,
 * while the oldest one, which may stay for long, is kept apart.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/lease_record.h"
#include "core/faults.h"

/* The full id of a running one. */
static uint64
widen(const CqLeaseRecord *record, uint32 xid)
{
	return record->snapshot_xmax + (int32) (xid - (uint32) record->snapshot_xmax);
}

/* Ids from there on are not seen; so they need not be listed. */
static void
lower_limit(CqLeaseRecord *record, uint64 limit)
{
	if (limit >= record->limit)
		return;
	record->limit = limit;
	for (int i = 0; i < CQ_LEASE_RUNNING_MAX; i++)
	{
		if (record->running[i] != 0 && widen(record, record->running[i]) >= limit)
			record->running[i] = 0;
	}
}

static void
add_running(CqLeaseRecord *record, uint64 id)
{
	int			place = -1;
	uint64		highest = id;

	if (id >= record->limit)
		return;
	for (int i = 0; i < CQ_LEASE_RUNNING_MAX; i++)
	{
		if (record->running[i] == (uint32) id)
			return;
		if (record->running[i] == 0)
			place = i;
		else
			highest = Max(highest, widen(record, record->running[i]));
	}
	if (place < 0)
	{
		lower_limit(record, highest);
		if (highest == id)
			return;
		for (place = 0; record->running[place] != 0;)
			place++;
	}
	record->running[place] = (uint32) id;
}

void
cq_lease_record_make(CqLeaseRecord *record, const CqView *view, uint64 own)
{
	memset(record, 0, sizeof(*record));
	record->snapshot_xmax = view->snapshot_xmax;
	record->limit = view->xmax;
	for (uint32 i = 0; i < view->xcnt; i++)
		add_running(record, widen(record, view->xip[i]));
	if (own != 0 && !CQ_FAULT("lease-with-own"))
		add_running(record, own);
}

void
cq_lease_record_merge(CqLeaseRecord *record, const CqLeaseRecord *other)
{
	Assert(record->snapshot_xmax == other->snapshot_xmax);
	if (CQ_FAULT("no-lease-merge"))
	{
		*record = *other;
		return;
	}
	lower_limit(record, other->limit);
	for (int i = 0; i < CQ_LEASE_RUNNING_MAX; i++)
	{
		if (other->running[i] != 0)
			add_running(record, widen(other, other->running[i]));
	}
}

void
cq_lease_record_view(const CqLeaseRecord *record, CqView *view, uint32 *running)
{
	view->xmin = view->xmax = record->limit;
	view->snapshot_xmax = record->snapshot_xmax;
	view->xcnt = 0;
	view->xip = running;
	view->curcid = 0;
	for (int i = 0; i < CQ_LEASE_RUNNING_MAX; i++)
	{
		if (record->running[i] == 0)
			continue;
		running[view->xcnt++] = record->running[i];
		view->xmin = Min(view->xmin, widen(record, record->running[i]));
	}
}
