/*-------------------------------------------------------------------------
 *
 * evict.h
 *	  Making room in the arena.
 *
 * The caller holds the allocator's lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_EVICT_H
#define CQ_CACHE_ENGINE_EVICT_H

#include "cache/engine/memory.h"

/* Would count pages fit into this pool if it held nothing else? */
extern bool cq_evict_possible(CqEngine *engine, uint32 pool, uint32 count);

/*
 * Free pages until count can be taken for this pool and the reserve is left.
 * Returns false if that fails because prepared records hold too many.
 */
extern bool cq_evict_make_room(CqEngine *engine, uint32 pool, uint32 count,
							   int64 now_ms);

#endif							/* CQ_CACHE_ENGINE_EVICT_H */
