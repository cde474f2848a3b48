/*-------------------------------------------------------------------------
 *
 * check.h
 *	  Consistency check of the cache engine's memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_CHECK_H
#define CQ_CACHE_ENGINE_CHECK_H

#include "cache/engine/types.h"

#ifdef USE_ASSERT_CHECKING

/*
 * Returns the first expectation that the memory does not meet, NULL if it meets
 * all.  No other process may use the cache meanwhile.
 */
extern const char *cq_engine_check(CqEngine *engine);

#endif							/* USE_ASSERT_CHECKING */

#endif							/* CQ_CACHE_ENGINE_CHECK_H */
