/*-------------------------------------------------------------------------
 *
 * evict.c
 *	  Making room: S3-FIFO on pages.
 *
 * The algorithm is that of Yang, Zhang, Qiu, Yue, Vigfusson, "FIFO queues are
 * all you need for cache eviction" (SOSP'23), section 4.  A new record goes
 * into the small FIFO, or into the main one if its key is among the ghosts.
 * The small FIFO has a tenth of the pages.  At its end a record that was read
 * since goes on to the main FIFO; any other is dropped, and its key becomes a
 * ghost.  At the end of the main FIFO a record that was read goes back to the
 * start, and counts as read once less; any other is dropped.
 *
 * FIFOs are lists of pages, and eviction takes a page at a time: it settles the
 * records of the page one by one and copies those that stay to the open page of
 * the main FIFO.  Then the page is free.  A page with a prepared record stays
 * where it is, and eviction tries the next one.
 *
 * Dead bytes go before live ones: when more than one in GARBAGE_SHARE bytes of
 * a pool is dead, its pages are compacted.
 *
 * Quotas.  A class with a quota has a pool of its own and, at its limit, makes
 * room in that pool.  When the arena is full, the pool of a random page makes
 * room, so each pool loses in proportion to its size.
 *
 * The work of a call is bounded: after FORCE_AFTER pages without success,
 * records are dropped even if they were read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/compact.h"
#include "cache/engine/evict.h"
#include "cache/engine/pages.h"
#include "cache/engine/record.h"

#define SMALL_SHARE 10			/* one in so many pages */
#define GARBAGE_SHARE 20		/* one in so many bytes */
#define BUSY_PAGES 64			/* pages with prepared records to skip */
#define STUCK_MAX 4				/* calls that found no other page */
#define FORCE_AFTER 64			/* pages */
#define VICTIM_PICKS 8			/* random pages */

static CqRecordAction
small_policy(uint16 *tag)
{
	if (CQ_TAG_USES(*tag) == 0)
		return CQ_DROP;
	*tag &= CQ_TAG_HASH;
	return CQ_MOVE;
}

static CqRecordAction
main_policy(uint16 *tag)
{
	if (CQ_TAG_USES(*tag) == 0)
		return CQ_DROP;
	*tag -= CQ_TAG_USE;
	return CQ_MOVE;
}

static CqRecordAction
forced_policy(uint16 *tag)
{
	(void) tag;
	return CQ_DROP;
}

/*
 * Drop the large record that begins in this page, or move its pages.  The pages
 * of a dead one are moved as well, out of the way: the process that ended it is
 * waiting for the allocator's lock to free them.
 */
static bool
evict_large(CqEngine *engine, uint32 page, CqRecordPolicy policy, int64 now_ms)
{
	uint32		location = location_of(engine, page, 0);
	Size		bytes = record_bytes(engine, record_at(engine, location));
	uint32		last = page;
	CqFifo	   *to;

	switch (cq_record_settle(engine, location, policy, CQ_PAGE_MAIN, NULL,
							 now_ms))
	{
		case CQ_KEPT:
		case CQ_WAS_DEAD:
			break;
		case CQ_IS_PREPARED:
			return false;
		default:
			return true;
	}
	for (; bytes > CQ_PAGE_BYTES; bytes -= CQ_PAGE_BYTES)
		last = page_desc(engine, last)->next;
	to = fifo_of_kind(engine, page_desc(engine, page)->pool, CQ_PAGE_MAIN);
	if (to->tail != last)
		cq_pages_move(engine, page, last, CQ_PAGE_MAIN, to->tail);
	return true;
}

/*
 * Settle the records of a page.  Returns false if the page is still in its place:
 * a prepared record is in it, or one that has died but still has its bytes.
 */
static bool
evict_page(CqEngine *engine, CqFifo *fifo, uint32 page, CqRecordPolicy policy,
		   int64 now_ms)
{
	CqPageDesc *desc = page_desc(engine, page);
	uint32	   *open;
	uint32		location;
	uint32		off = 0;

	if (desc->large)
		return desc->first == 0 && evict_large(engine, page, policy, now_ms);

	if (fifo->open == page)
		fifo->open = 0;
	open = &fifo_of_kind(engine, desc->pool, CQ_PAGE_MAIN)->open;
	cq_page_pin(engine, page);
	while (cq_record_next(engine, page, &off, &location))
		cq_record_settle(engine, location, policy, CQ_PAGE_MAIN, open, now_ms);
	return cq_page_unpin(engine, page);
}

/* Evict the oldest page of a FIFO that can be evicted; force: read or not. */
static bool
evict_from(CqEngine *engine, uint32 pool, CqPageKind kind, bool force,
		   int64 now_ms)
{
	CqFifo	   *fifo = fifo_of_kind(engine, pool, kind);
	CqRecordPolicy policy = force ? forced_policy
	: kind == CQ_PAGE_SMALL ? small_policy : main_policy;
	uint32		page = fifo->head;

	for (int i = 0; i < BUSY_PAGES && page != 0; i++)
	{
		if (evict_page(engine, fifo, page, policy, now_ms))
			return true;
		page = page_desc(engine, page)->next;
	}
	return false;
}

/* Free a page of a pool, by compaction or eviction. */
static bool
make_room_in(CqEngine *engine, uint32 number, bool force, int64 now_ms)
{
	CqPool	   *pool = &engine->pools[number];
	CqFifo	   *small = fifo_of_kind(engine, number, CQ_PAGE_SMALL);
	CqFifo	   *main = fifo_of_kind(engine, number, CQ_PAGE_MAIN);
	uint64		bytes = (uint64) pool->pages * CQ_PAGE_BYTES;
	uint64		garbage = bytes - Min(bytes, pg_atomic_read_u64(&pool->live));
	bool		small_first;

	if (garbage > bytes / GARBAGE_SHARE &&
		(cq_compact(engine, number, CQ_PAGE_MAIN, now_ms) ||
		 cq_compact(engine, number, CQ_PAGE_SMALL, now_ms)))
		return true;

	small_first = small->pages > pool->pages / SMALL_SHARE || main->pages == 0;
	return evict_from(engine, number,
					  small_first ? CQ_PAGE_SMALL : CQ_PAGE_MAIN,
					  force, now_ms) ||
		evict_from(engine, number,
				   small_first ? CQ_PAGE_MAIN : CQ_PAGE_SMALL, force, now_ms);
}

/* The pool that has to make room: that of a random page. */
static uint32
choose_victim(CqEngine *engine, uint32 pool)
{
	for (int i = 0; i < VICTIM_PICKS; i++)
	{
		CqPageDesc *desc;

		engine->random = engine->random * UINT64CONST(6364136223846793005) +
			UINT64CONST(1442695040888963407);
		desc = page_desc(engine, 1 + ((engine->random >> 32) * engine->npages >> 32));
		if (holds_records(desc))
			return desc->pool;
	}
	return pool;
}

bool
cq_evict_possible(CqEngine *engine, uint32 number, uint32 count)
{
	uint32		pages_max = engine->pools[number].pages_max;

	return count + CQ_RESERVE_PAGES + engine->index_pages <= engine->npages &&
		(pages_max == 0 || count <= pages_max);
}

bool
cq_evict_make_room(CqEngine *engine, uint32 number, uint32 count, int64 now_ms)
{
	CqPool	   *pool = &engine->pools[number];
	uint32		tries = 0;
	uint32		stuck = 0;

	while (tries < 4 * FORCE_AFTER + 4 * count)
	{
		uint32		victim = number;
		uint32		before = engine->free_pages;

		if (pool->pages_max == 0 || pool->pages + count <= pool->pages_max)
		{
			if (engine->free_pages >= count + CQ_RESERVE_PAGES)
				return true;
			victim = choose_victim(engine, number);
		}
		if (!make_room_in(engine, victim, tries >= FORCE_AFTER, now_ms) &&
			++stuck >= STUCK_MAX)
			return false;
		if (engine->free_pages <= before)
			tries++;
	}
	return false;
}
