/*-------------------------------------------------------------------------
 *
 * update.h
 *	  Changing an entry in place, at once: its expiry, or its count.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_UPDATE_H
#define CQ_CACHE_UPDATE_H

#include "cache/key.h"

/* Give an entry another expiry, 0: never; false if there is no such entry. */
extern bool cq_cache_set_expiry(const CqKey *key, int64 expires_ms);

/*
 * Add to a counter, and return the sum.  A counter that does not exist starts at
 * zero with that expiry; renew: an existing one gets it, too.  A plain text value
 * that is an integer becomes a counter.  Raises 55000 if this transaction has set
 * or deleted the key, 42809 for another value, 22P02, 22003 and 53200.
 */
extern int64 cq_cache_add(const CqKey *key, int64 by, int64 expires_ms, bool renew);

#endif							/* CQ_CACHE_UPDATE_H */
