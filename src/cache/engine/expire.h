/*-------------------------------------------------------------------------
 *
 * expire.h
 *	  Removing expired entries.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_EXPIRE_H
#define CQ_CACHE_ENGINE_EXPIRE_H

#include "cache/engine/types.h"

/*
 * Remove expired entries.  Returns when to call it again: a lower bound of the
 * earliest expiry left, 0 if nothing can expire.  Holds the allocator's lock
 * for one page at a time.
 */
extern int64 cq_engine_expire(CqEngine *engine, int64 now_ms);

/* A lower bound of the earliest expiry in the cache, 0: none.  Takes no lock. */
extern int64 cq_engine_next_expiry(CqEngine *engine);

#endif							/* CQ_CACHE_ENGINE_EXPIRE_H */
