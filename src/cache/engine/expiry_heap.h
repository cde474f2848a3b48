/*-------------------------------------------------------------------------
 *
 * expiry_heap.h
 *	  The heap of pages by expiry.
 *
 * The caller holds the allocator's lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_EXPIRY_HEAP_H
#define CQ_CACHE_ENGINE_EXPIRY_HEAP_H

#include "cache/engine/memory.h"

/* The pages of the heap; places count from 1. */
static inline uint32 *
cq_expiry_heap(CqEngine *engine)
{
	return (uint32 *) ((char *) engine + engine->heap) - 1;
}

/* A record of the page expires at that time. */
extern void cq_expiry_note(CqEngine *engine, uint32 page, int64 expires_ms);

/* Take the page out of the heap, if it is there. */
extern void cq_expiry_forget(CqEngine *engine, uint32 page);

/* A page whose expiry is due; 0 if there is none. */
extern uint32 cq_expiry_due(CqEngine *engine, int64 now_ms);

#endif							/* CQ_CACHE_ENGINE_EXPIRY_HEAP_H */
