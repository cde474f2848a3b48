/*-------------------------------------------------------------------------
 *
 * ghosts.h
 *	  Ghosts: keys that were evicted from a small FIFO recently.
 *
 * The caller holds the allocator's lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_GHOSTS_H
#define CQ_CACHE_ENGINE_GHOSTS_H

#include "cache/engine/memory.h"

extern void cq_ghost_add(CqEngine *engine, uint64 hash);

/* Returns whether the key was a ghost; it is none afterwards. */
extern bool cq_ghost_remove(CqEngine *engine, uint64 hash);

#endif							/* CQ_CACHE_ENGINE_GHOSTS_H */
