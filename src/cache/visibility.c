/*-------------------------------------------------------------------------
 *
 * visibility.c
 *	  The two consistency rules; docs/internals/consistency.md proves them.
 *
 * Terms: mark n of a slot was made by writer w(n), before w(n) committed.  The
 * ring holds the writers of the last CQ_SLOT_RING marks; the floor is the largest
 * of all earlier ones.  An entry carries, for each of its slots, the version v
 * under which it was recorded.
 *
 * Set: every writer so far had ended for P.  So the value reflects all of them,
 * and each writer that marks later was still running at P: "recorded above v" and
 * "not in the value" mean the same.
 *
 * Get: R and the value agree if R sees every writer up to v and none above.
 * Writers are not ordered by id, so all have to be checked.  For those that are
 * no longer in the ring, a floor below R's xmin is enough.
 *
 * An aborted writer counts as a writer: that costs a miss at most.
 *
 * Builds without the server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/visibility.h"
#include "core/faults.h"

CqVerdict
cq_visibility_get(const CqSlotState *slot, uint64 v, const CqView *r)
{
	uint64		oldest;

	Assert(v <= slot->version);

	if (v < slot->barrier && !CQ_FAULT("no-barrier"))
		return CQ_VERDICT_INVALIDATED;
	if (slot->version - v > CQ_SLOT_RING && !CQ_FAULT("no-ring-limit"))
		return CQ_VERDICT_INVALIDATED;
	if (slot->floor >= r->xmin && !CQ_FAULT("no-floor"))
		return CQ_VERDICT_SNAPSHOT;

	oldest = slot->version > CQ_SLOT_RING ? slot->version - CQ_SLOT_RING + 1 : 1;
	for (uint64 n = slot->version; n >= oldest; n--)
	{
		bool		seen = cq_view_sees(r, slot->ring[n % CQ_SLOT_RING]);

		if (n > v)
		{
			if (seen && !CQ_FAULT("no-after"))
				return CQ_VERDICT_INVALIDATED;
		}
		else if (!seen && !CQ_FAULT("no-upto"))
			return CQ_VERDICT_SNAPSHOT;
	}
	return CQ_VERDICT_HIT;
}

bool
cq_visibility_not_newer(const CqSlotState *slot, uint64 v, const CqView *r)
{
	uint64		oldest = slot->version > CQ_SLOT_RING ?
	slot->version - CQ_SLOT_RING + 1 : 1;

	if (CQ_FAULT("no-stale-snapshot"))
		return true;
	if (slot->floor >= r->xmin)
		return false;
	for (uint64 n = oldest; n <= v; n++)
	{
		if (!cq_view_sees(r, slot->ring[n % CQ_SLOT_RING]))
			return false;
	}
	return true;
}

bool
cq_visibility_set(const CqSlotState *slot, const CqView *p, uint64 own)
{
	if (CQ_FAULT("no-set-rule"))
		return true;
	if (slot->floor >= p->xmin)
		return false;
	for (int i = 0; i < CQ_SLOT_RING; i++)
	{
		if (slot->ring[i] != own && !cq_view_sees(p, slot->ring[i]))
			return false;
	}
	return true;
}
