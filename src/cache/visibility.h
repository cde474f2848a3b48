/*-------------------------------------------------------------------------
 *
 * visibility.h
 *	  The two consistency rules: may this value be stored, may it be served?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_VISIBILITY_H
#define CQ_CACHE_VISIBILITY_H

#include "cache/slot.h"
#include "cache/view.h"

typedef enum CqVerdict
{
	CQ_VERDICT_HIT,
	CQ_VERDICT_INVALIDATED,		/* changed since; the snapshot sees all before */
	CQ_VERDICT_SNAPSHOT			/* newer than the snapshot, or this is not
								 * known */
} CqVerdict;

/*
 * The get rule: may a reader with view r be served a value that was recorded
 * under version v of this slot?  own is the reader's transaction id, 0: none.
 */
extern CqVerdict cq_visibility_get(const CqSlotState *slot, uint64 v,
								   const CqView *r, uint64 own);

/*
 * Half of the get rule: is a value that was recorded under version v certainly not
 * newer than view r?  It may be older.
 */
extern bool cq_visibility_not_newer(const CqSlotState *slot, uint64 v,
									const CqView *r);

/*
 * The set rule: may a value that was read under view p, or later, be recorded
 * under the slot's current version?  own is a writer that counts as seen, 0: none.
 */
extern bool cq_visibility_set(const CqSlotState *slot, const CqView *p, uint64 own);

#endif							/* CQ_CACHE_VISIBILITY_H */
