/*-------------------------------------------------------------------------
 *
 * slot.h
 *	  One dependency slot: which transactions changed it, in which order.
 *
 * slot.c explains what the fields are for.  Builds without the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_SLOT_H
#define CQ_CACHE_SLOT_H

#include "cache/view.h"

#define CQ_SLOT_RING 4

/* A word is a 56-bit transaction id, with something else in the top byte. */
#define CQ_WORD_BITS 56
#define CQ_WORD_ID(word) ((word) & ((UINT64CONST(1) << CQ_WORD_BITS) - 1))
#define CQ_WORD_TOP(word) ((word) >> CQ_WORD_BITS)

/* In the top byte of a mark: it says nothing about those before it. */
#define CQ_GAP_UNKNOWN 255

typedef struct CqSlotState
{
	uint64		version;		/* marks received so far */
	uint64		barrier;		/* entries stamped below it always miss */
	uint64		base;			/* of the spans; top byte: log2 of their width */
	uint64		spans;			/* bit i: see slot.c */
	uint64		ring[CQ_SLOT_RING]; /* mark n at [n % RING]: its writer; top
									 * byte: n - what it knows, or unknown */
} CqSlotState;

/*
 * All writers of marks 1 to this one, but for those in the spans, had ended when
 * mark n was made.
 */
static inline uint64
cq_slot_mark_knows(const CqSlotState *slot, uint64 n)
{
	uint64		gap = CQ_WORD_TOP(slot->ring[n % CQ_SLOT_RING]);

	return gap == CQ_GAP_UNKNOWN ? 0 : n - gap;
}

/* The writer of mark n, which is in the ring. */
static inline uint64
cq_slot_writer(const CqSlotState *slot, uint64 n)
{
	return CQ_WORD_ID(slot->ring[n % CQ_SLOT_RING]);
}

/* The number of marks that have left the ring. */
static inline uint64
cq_slot_lost(const CqSlotState *slot)
{
	return slot->version > CQ_SLOT_RING ? slot->version - CQ_SLOT_RING : 0;
}

/*
 * Add a mark.  had_ended: a view that the writer has taken before, while it was
 * running, as it still is; NULL if it has none, or is no longer running, or there is
 * no writer (0).  With barrier, all entries recorded before are misses.  The caller
 * has exclusive access to the slot.
 */
extern void cq_slot_state_push(CqSlotState *slot, uint64 writer, bool barrier,
							   const CqView *had_ended);

/* The spans that hold an id which the view does not see. */
extern uint64 cq_slot_spans_unseen(const CqSlotState *slot, const CqView *view);

#endif							/* CQ_CACHE_SLOT_H */
