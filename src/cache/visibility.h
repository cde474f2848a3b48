/*-------------------------------------------------------------------------
 *
 * visibility.h
 *	  The two consistency rules: may this value be stored, may it be served?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_VISIBILITY_H
#define CQ_CACHE_VISIBILITY_H

#include "cache/slots.h"
#include "cache/view.h"

typedef enum CqVerdict
{
	CQ_VERDICT_HIT,
	CQ_VERDICT_INVALIDATED,		/* changed since, or can't be known */
	CQ_VERDICT_SNAPSHOT			/* newer than the reader's snapshot */
} CqVerdict;

/*
 * Get: may a reader with view R be served what was recorded under version v
 * of this slot?
 */
extern CqVerdict cq_judge_get(const CqSlotState *slot, uint64 v,
							  const CqView *r);

/*
 * Set: may a value read under view P (or later) be recorded under the slot's
 * present version?  own: a writer that counts as seen, 0 for none.
 */
extern bool cq_judge_set(const CqSlotState *slot, const CqView *p, uint64 own);

#endif							/* CQ_CACHE_VISIBILITY_H */
