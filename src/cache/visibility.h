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
	CQ_VERDICT_INVALIDATED,		/* changed since, or this is not known */
	CQ_VERDICT_SNAPSHOT			/* newer than the reader's snapshot */
} CqVerdict;

/*
 * The get rule: may a reader with view r be served a value that was recorded
 * under version v of this slot?
 */
extern CqVerdict cq_visibility_get(const CqSlotState *slot, uint64 v,
								   const CqView *r);

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
