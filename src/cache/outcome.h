/*-------------------------------------------------------------------------
 *
 * outcome.h
 *	  Outcomes of look-ups and sets, and counting them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_OUTCOME_H
#define CQ_CACHE_OUTCOME_H

#include "cache/counters.h"
#include "cache/hot_keys.h"
#include "cache/key.h"
#include "cache/view.h"

/* Outcome of a look-up; in the order of CqCounter. */
typedef enum CqLookup
{
	CQ_LOOKUP_HIT,
	CQ_LOOKUP_ABSENT,
	CQ_LOOKUP_EXPIRED,
	CQ_LOOKUP_INVALIDATED,
	CQ_LOOKUP_SNAPSHOT,
	CQ_LOOKUP_BYPASS
} CqLookup;

typedef enum CqSetResult
{
	CQ_SET_STORED,				/* or will be at commit */
	CQ_SET_REFUSED,				/* the value may be out of date */
	CQ_SET_CONFLICT,			/* the condition does not hold */
	CQ_SET_NO_MEMORY
} CqSetResult;

static inline void
cq_count_hit(const CqKey *key)
{
	cq_count_namespace(key->state, CQ_COUNT_HITS, 1);
	cq_hot_key_hit(&key->engine);
}

static inline void
cq_count_lookup(const CqKey *key, CqLookup result)
{
	StaticAssertStmt(CQ_COUNT_HITS + (int) CQ_LOOKUP_BYPASS ==
					 (int) CQ_COUNT_MISSES_BYPASS,
					 "outcomes and their counters are in one order");
	if (result == CQ_LOOKUP_HIT)
		cq_count_hit(key);
	else
		cq_count_namespace(key->state, (CqCounter) (CQ_COUNT_HITS + (int) result), 1);
}

/* Count a set that was refused for that reason. */
extern void cq_count_refused(const CqKey *key, CqCounter reason);

/* The reason if a set under view p is refused because of slot i of its request. */
extern CqCounter cq_refusal(const CqView *p, int i);

#endif							/* CQ_CACHE_OUTCOME_H */
