/*-------------------------------------------------------------------------
 *
 * compact.h
 *	  Moving records together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_COMPACT_H
#define CQ_CACHE_ENGINE_COMPACT_H

#include "cache/engine/memory.h"

/*
 * Free at least one page of a FIFO by moving records together.  Returns false if
 * a bounded search found no place where that pays.  The caller holds the
 * allocator's lock.
 */
extern bool cq_compact(CqEngine *engine, uint32 pool, CqPageKind kind,
					   int64 now_ms);

#endif							/* CQ_CACHE_ENGINE_COMPACT_H */
