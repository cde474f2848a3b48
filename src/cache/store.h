/*-------------------------------------------------------------------------
 *
 * store.h
 *	  Setting, deleting and invalidating.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_STORE_H
#define CQ_CACHE_STORE_H

#include "cache/engine/engine.h"
#include "cache/outcome.h"
#include "cache/request.h"
#include "cache/view.h"

/*
 * Set.  p is the view under which the value was read, NULL for a plain entry and
 * only then.  The value becomes visible to others when the transaction commits.
 */
extern CqSetResult cq_cache_set(const CqSetRequest *request, const CqView *p);

/*
 * The same, visible to all at once: for a transaction without an id, and for
 * conditional sets (version is for CQ_PUT_IF_VERSION).  Refused if this
 * transaction has changed a dependency.
 */
extern CqSetResult cq_cache_set_now(const CqSetRequest *request,
									const CqView *p,
									CqEngineCondition condition,
									uint64 version);

/* Remove at commit, and mark the key; false if there was nothing to remove. */
extern bool cq_cache_delete(const CqKey *key);

/*
 * Make all entries of a namespace a miss: at commit; on a hot standby at once.
 * A later set of the namespace in this transaction is refused.  Returns how often
 * the namespace has been cleared, including this time.
 */
extern uint64 cq_cache_clear(uint32 name_space);

/*
 * Invalidate a slot: at commit, for which this assigns a transaction id; on a hot
 * standby at once, for all sessions there.
 */
extern void cq_cache_mark(uint32 slot);

#endif							/* CQ_CACHE_STORE_H */
