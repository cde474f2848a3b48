/*-------------------------------------------------------------------------
 *
 * slot.c
 *	  One dependency slot: which transactions changed it, in which order.
 *
 * A slot counts marks.  The ring holds the writers of the last four, whom readers
 * compare with their snapshots one by one (visibility.c).  Of the writers that have
 * left the ring a reader only has to know that its snapshot sees all of them.  Two
 * things tell:
 *
 *	spans	the writers that had not ended when they left the ring.  A bit stands
 *			for 2^s ids; s is as small as 64 bits allow.  A later writer whose
 *			view sees all ids of a span clears it.
 *	gap		of each mark in the ring: when mark n was made, the writers of marks
 *			1 ... n - gap had ended, but for those in spans.
 *
 *	   marks 1 ................. n - gap | n - gap + 1 ... n - 1 | n
 *		   ended, or in spans			 |   in the ring		 |
 *
 * A snapshot that sees the writer of mark n was taken after that writer had ended,
 * so after mark n was made.  It sees whoever had ended by then.  So how old the
 * oldest running transaction is does not matter, unless it marks this slot, too.
 *
 * When a span is cleared, its writers have ended, but not before the older marks
 * were made; so these no longer tell anything.
 *
 * docs/internals/consistency.md has the proof.  Builds without the server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/slot.h"
#include "core/faults.h"
#include "port/pg_bitutils.h"

#define SPANS 64
#define BIT(i) (UINT64CONST(1) << (i))

uint64
cq_slot_spans_unseen(const CqSlotState *slot, const CqView *view)
{
	uint64		base = CQ_WORD_ID(slot->base);
	int			scale = CQ_WORD_TOP(slot->base);
	uint64		unseen = 0;

	if (slot->spans == 0 ||
		base + ((uint64) SPANS << scale) <= view->xmin)
		return 0;

	/* a span is seen only if all of it is below xmax, and has no running id */
	if (view->xmax <= base)
		return slot->spans;
	if ((view->xmax - base) >> scale < SPANS)
		unseen = ~UINT64CONST(0) << ((view->xmax - base) >> scale);
	for (uint32 i = 0; i < view->xcnt; i++)
	{
		uint64		id = cq_view_widen(view, view->xip[i]);

		if (id >= base && (id - base) >> scale < SPANS)
			unseen |= BIT((id - base) >> scale);
	}
	return slot->spans & unseen;
}

/* Add a writer to the spans, which become wider if they have to. */
static void
add_to_spans(CqSlotState *slot, uint64 id)
{
	uint64		old_base = CQ_WORD_ID(slot->base);
	int			old_scale = CQ_WORD_TOP(slot->base);
	uint64		low = id;
	uint64		high = id;
	int			scale = 0;
	uint64		base;
	uint64		spans;

	if (slot->spans != 0)
	{
		int			first = pg_rightmost_one_pos64(slot->spans);
		int			last = pg_leftmost_one_pos64(slot->spans);

		scale = old_scale;
		low = Min(low, old_base + ((uint64) first << scale));
		high = Max(high, old_base + ((uint64) (last + 1) << scale) - 1);
	}
	while ((high >> scale) - (low >> scale) >= SPANS)
		scale++;

	base = low >> scale << scale;
	spans = BIT((id - base) >> scale);
	for (uint64 rest = slot->spans; rest != 0; rest &= rest - 1)
	{
		int			i = pg_rightmost_one_pos64(rest);

		spans |= BIT((old_base + ((uint64) i << old_scale) - base) >> scale);
	}
	slot->base = base | (uint64) scale << CQ_WORD_BITS;
	slot->spans = spans;
}

static void
clear_ended_spans(CqSlotState *slot, const CqView *had_ended)
{
	uint64		unseen = cq_slot_spans_unseen(slot, had_ended);

	if (unseen == slot->spans)
		return;
	slot->spans = unseen;
	for (int i = 0; i < CQ_SLOT_RING && !CQ_FAULT("proof-kept"); i++)
		slot->ring[i] |= (uint64) CQ_GAP_UNKNOWN << CQ_WORD_BITS;
}

void
cq_slot_state_push(CqSlotState *slot, uint64 writer, bool barrier,
				   const CqView *had_ended)
{
	uint64		n = slot->version + 1;
	uint64		known;			/* all up to there had ended, or are in spans */
	uint64		gap;

	if (had_ended != NULL)
		clear_ended_spans(slot, had_ended);

	known = cq_slot_mark_knows(slot, n - 1);
	if (n > CQ_SLOT_RING && known < n - CQ_SLOT_RING)
	{
		uint64		lost = cq_slot_writer(slot, n);

		if ((had_ended == NULL || !cq_view_sees(had_ended, lost)) &&
			!CQ_FAULT("no-spans"))
			add_to_spans(slot, lost);
		known = n - CQ_SLOT_RING;
	}
	while (had_ended != NULL && known < n - 1 &&
		   cq_view_sees(had_ended, cq_slot_writer(slot, known + 1)))
		known++;

	gap = had_ended == NULL ? CQ_GAP_UNKNOWN : n - known;
	slot->ring[n % CQ_SLOT_RING] = writer | gap << CQ_WORD_BITS;
	slot->version = n;
	if (barrier)
		slot->barrier = n;
}
