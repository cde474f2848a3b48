/*-------------------------------------------------------------------------
 *
 * visibility.c
 *	  The two consistency rules; docs/internals/consistency.md proves them.
 *
 * Terms: mark n of a slot was made by writer w(n), before w(n) committed.  The
 * ring holds the writers of the last CQ_SLOT_RING marks.  An entry carries, for
 * each of its slots, the version v under which it was recorded.
 *
 * Set: every writer so far had ended for P.  So the value reflects all of them,
 * and each writer that marks later was still running at P: "recorded above v" and
 * "not in the value" mean the same.
 *
 * Get: R and the value agree if R sees every writer up to v and none above.
 * Writers are not ordered by id, so all have to be checked.  Those that are no
 * longer in the ring are all seen if R sees the spans, and the writer of a mark that
 * knows of all the others (slot.c).  One's own mark proves nothing: the own id counts
 * as seen although R may be older than the mark.
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

/*
 * The usual case: have all writers ended for everybody?  That none in the ring is
 * running says nothing of the others, but the last mark does.
 */
static inline bool
all_ended(const CqSlotState *slot, const CqView *view)
{
	return slot->spans == 0 &&
		CQ_WORD_ID(slot->ring[0]) < view->xmin &&
		CQ_WORD_ID(slot->ring[1]) < view->xmin &&
		CQ_WORD_ID(slot->ring[2]) < view->xmin &&
		CQ_WORD_ID(slot->ring[3]) < view->xmin &&
		cq_slot_mark_knows(slot, slot->version) >= cq_slot_lost(slot);
}

StaticAssertDecl(CQ_SLOT_RING == 4, "all_ended() looks at the whole ring");

/*
 * Does mark n, whose writer is seen, prove that the writers of marks 1 to last are
 * seen, but for those in spans?
 */
static inline bool
proves(const CqSlotState *slot, uint64 n, uint64 last, uint64 own)
{
	if (own != 0 && cq_slot_writer(slot, n) == own && !CQ_FAULT("own-proof"))
		return false;
	if (CQ_FAULT("any-proof"))
		return CQ_WORD_TOP(slot->ring[n % CQ_SLOT_RING]) != CQ_GAP_UNKNOWN;
	return cq_slot_mark_knows(slot, n) >= last;
}

/*
 * Does the view see every writer up to mark v?  Those that have left the ring need the
 * proof of a mark whose writer the view sees.
 */
static bool
sees_all(const CqSlotState *slot, uint64 v, const CqView *view, uint64 own)
{
	uint64		lost = cq_slot_lost(slot);
	uint64		last = Min(v, lost);
	bool		proven = last == 0 || CQ_FAULT("no-proof");

	for (uint64 n = slot->version; n > lost; n--)
	{
		uint64		writer = cq_slot_writer(slot, n);
		bool		seen = (own != 0 && writer == own) || cq_view_sees(view, writer);

		if (n <= v && !seen && !CQ_FAULT("no-upto"))
			return false;
		if (!proven && (seen || (n > v && CQ_FAULT("proof-above"))))
			proven = proves(slot, n, last, own);
	}
	return proven && (slot->spans == 0 || CQ_FAULT("no-span-check") ||
					  cq_slot_spans_unseen(slot, view) == 0);
}

CqVerdict
cq_visibility_get(const CqSlotState *slot, uint64 v, const CqView *r, uint64 own)
{
	Assert(v <= slot->version);

	if (v < slot->barrier && !CQ_FAULT("no-barrier"))
		return CQ_VERDICT_INVALIDATED;
	if (likely(v == slot->version && all_ended(slot, r)))
		return CQ_VERDICT_HIT;
	if (v < cq_slot_lost(slot))
		return CQ_VERDICT_INVALIDATED;
	for (uint64 n = slot->version; n > v; n--)
	{
		uint64		writer = cq_slot_writer(slot, n);

		if (((own != 0 && writer == own) || cq_view_sees(r, writer)) &&
			!CQ_FAULT("no-after"))
			return CQ_VERDICT_INVALIDATED;
	}
	return sees_all(slot, v, r, own) ? CQ_VERDICT_HIT : CQ_VERDICT_SNAPSHOT;
}

bool
cq_visibility_not_newer(const CqSlotState *slot, uint64 v, const CqView *r)
{
	return CQ_FAULT("no-stale-snapshot") || sees_all(slot, v, r, 0);
}

bool
cq_visibility_set(const CqSlotState *slot, const CqView *p, uint64 own)
{
	if (CQ_FAULT("no-set-rule") || likely(all_ended(slot, p)))
		return true;
	return p->xmax != 0 && sees_all(slot, slot->version, p, own);
}
