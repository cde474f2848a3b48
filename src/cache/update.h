/*-------------------------------------------------------------------------
 *
 * update.h
 *	  Changing an entry in place, at once: its expiry, or the number that it counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_UPDATE_H
#define CQ_CACHE_UPDATE_H

#include "cache/cache.h"

/* Give an entry another expiry (0: never); false when it is not there. */
extern bool cq_cache_set_expiry(const CqKey *key, int64 expires_ms);

/*
 * Add to a counter, and return what it counts then.  One that is not there begins at
 * zero, with that expiry; renew: one that is there gets it, too.  A plain text that
 * spells an integer becomes a counter.  Raises 55000 when this transaction has set or
 * deleted the key, 42809 for another value, 22003 and 53200.
 */
extern int64 cq_cache_add(const CqKey *key, int64 by, int64 expires_ms, bool renew);

#endif							/* CQ_CACHE_UPDATE_H */
