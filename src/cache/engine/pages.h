/*-------------------------------------------------------------------------
 *
 * pages.h
 *	  Pages of the cache engine's arena, and their lists.
 *
 * The caller holds the allocator's lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_PAGES_H
#define CQ_CACHE_ENGINE_PAGES_H

#include "cache/engine/memory.h"

extern void cq_pages_init(CqEngine *engine);

/*
 * Take a free page, of which there must be one.  Unless it is for the index, it
 * goes into the FIFO, behind the page after, 0: at the end.
 */
extern uint32 cq_page_take(CqEngine *engine, uint32 pool, CqPageKind kind,
						   uint32 after);

/* Free a page that holds no live byte. */
extern void cq_page_free(CqEngine *engine, uint32 page);

/*
 * Move the pages first to last of a FIFO to the FIFO of that kind in the same
 * pool, behind the page after, 0: to the head.
 */
extern void cq_pages_move(CqEngine *engine, uint32 first, uint32 last,
						  CqPageKind kind, uint32 after);

/*
 * Keep a page (0: none) from being freed while its records are settled.  Other
 * processes decrease live bytes at any time, so only _unpin can tell whether the
 * page is empty; it frees the page then, and returns true.
 */
static inline void
cq_page_pin(CqEngine *engine, uint32 page)
{
	if (page != 0)
		pg_atomic_fetch_add_u32(&page_desc(engine, page)->live, 1);
}

extern bool cq_page_unpin(CqEngine *engine, uint32 page);

#endif							/* CQ_CACHE_ENGINE_PAGES_H */
