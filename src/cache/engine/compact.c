/*-------------------------------------------------------------------------
 *
 * compact.c
 *	  Moving records together, so that dead bytes between them can be reused.
 *
 * Records die in any order: replaced, deleted, expired.  A page without live
 * records is free at once.  Compaction gathers the holes in the others.  In each
 * FIFO a hand goes round and looks for a run of at most RUN_PAGES pages whose
 * live records fit into one page less.  These are copied, in order, into new
 * pages that take the place of the run, so records keep their age.
 *
 *	  before   W [aaaa bb][b.cc .. d][dd ....ee]  N
 *	  after    W [aaaabbbb ccdd d ee]             N
 *
 * The record that goes on from the page before into the run is copied too, and
 * so is the record that goes on from the run into the page after it.  Hence both
 * neighbours may lose bytes; they are pinned until the new pages are in place.
 *
 * If the record from the page before is dead, the process that ended it may
 * still be taking its bytes from its pages one after the other, and no page may
 * be put between them meanwhile.  That process holds the lock of the record's
 * partition, so compaction waits for that lock.
 *
 * The cost is bounded: copying RUN_PAGES pages for each page gained, or reading
 * LOOK_PAGES page descriptors if none is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/compact.h"
#include "cache/engine/pages.h"
#include "cache/engine/record.h"

#define RUN_PAGES 16
#define LOOK_PAGES 64

typedef struct CqRun
{
	uint32		first;
	uint32		last;
	uint32		pages;
	Size		live;
} CqRun;

static CqRecordAction
move_policy(uint16 *tag)
{
	(void) tag;
	return CQ_MOVE;
}

/* The record that goes on from the page before in this page; 0: none. */
static uint32
record_into(CqEngine *engine, uint32 page)
{
	uint32		before = page_desc(engine, page)->prev;
	uint32		location = 0;
	uint32		off = 0;

	if (before == 0 || page_desc(engine, page)->first == 0)
		return 0;
	while (cq_record_next(engine, before, &off, &location))
		;
	return off > CQ_PAGE_BYTES ? location : 0;
}

/*
 * Do the live records of the run, with those that cross its ends, fit into one
 * page less?
 */
static bool
run_pays(CqEngine *engine, const CqRun *run)
{
	Size		bytes = run->live;
	Size		target = (Size) (run->pages - 1) * CQ_PAGE_BYTES;
	uint32		next = page_desc(engine, run->last)->next;
	CqPageDesc *first = page_desc(engine, run->first);

	if (next != 0)
	{
		/* the run ends in the middle of a record of several pages */
		if (page_desc(engine, next)->first == CQ_PAGE_BYTES)
			return false;
		bytes += page_desc(engine, next)->first;
	}
	if (bytes > target)
		return false;
	if (first->first != 0 && first->prev != 0)
	{
		uint32		location;

		if (page_desc(engine, first->prev)->first == CQ_PAGE_BYTES)
			return false;
		location = record_into(engine, run->first);
		if (location != 0)
			bytes += CQ_PAGE_BYTES - cursor_at(engine, location).off;
	}
	/* a header never crosses the end of a page */
	return bytes + run->pages * sizeof(CqRecord) <= target;
}

/* Find a run, starting at the hand. */
static bool
find_run(CqEngine *engine, CqFifo *fifo, CqRun *run)
{
	uint32		page = fifo->hand != 0 ? fifo->hand : fifo->head;

	memset(run, 0, sizeof(*run));
	for (int i = 0; i < LOOK_PAGES && page != 0; i++)
	{
		CqPageDesc *desc = page_desc(engine, page);

		if (desc->large || page == fifo->open)
			run->pages = 0;
		else
		{
			if (run->pages == RUN_PAGES)
			{
				run->live -= Min(run->live,
								 pg_atomic_read_u32(&page_desc(engine, run->first)->live));
				run->first = page_desc(engine, run->first)->next;
				run->pages--;
			}
			if (run->pages == 0)
			{
				run->first = page;
				run->live = 0;
			}
			run->last = page;
			run->pages++;
			run->live += pg_atomic_read_u32(&desc->live);
			if (run->pages > 1 && run_pays(engine, run))
				return true;
		}
		page = desc->next;
	}
	/* continue there, with the run so far */
	fifo->hand = page != 0 && run->pages > 0 ? run->first : page;
	return false;
}

/* Move the record that goes on in the run; false if it is a prepared one. */
static bool
move_into(CqEngine *engine, uint32 location, CqPageKind kind, uint32 *open,
		  int64 now_ms)
{
	switch (cq_record_settle(engine, location, move_policy, kind, open, now_ms))
	{
		case CQ_IS_PREPARED:
			return false;
		case CQ_WAS_DEAD:
			cq_record_wait_released(engine, location);
			return true;
		default:
			return true;
	}
}

/* Move the records of a page; stops at a prepared one and returns false. */
static bool
move_page(CqEngine *engine, uint32 page, CqPageKind kind, uint32 *open,
		  int64 now_ms)
{
	uint32		location;
	uint32		off = 0;

	while (cq_record_next(engine, page, &off, &location))
		if (cq_record_settle(engine, location, move_policy, kind, open,
							 now_ms) == CQ_IS_PREPARED)
			return false;
	return true;
}

/*
 * Move the records of the pages from first up to, but not including, end.  The
 * caller has pinned first; this unpins it.  Each page is pinned before the one
 * before it is unpinned: moving a record may empty the pages in which it goes on.
 */
static void
move_pages(CqEngine *engine, uint32 first, uint32 end, CqPageKind kind,
		   uint32 *open, int64 now_ms)
{
	uint32		page = first;
	bool		all = true;

	while (page != end)
	{
		uint32		next;

		all = all && move_page(engine, page, kind, open, now_ms);
		next = page_desc(engine, page)->next;
		cq_page_pin(engine, next);
		cq_page_unpin(engine, page);
		page = next;
	}
	cq_page_unpin(engine, page);
}

bool
cq_compact(CqEngine *engine, uint32 pool, CqPageKind kind, int64 now_ms)
{
	CqFifo	   *fifo = fifo_of_kind(engine, pool, kind);
	uint32		open;
	uint32		made;
	uint32		before;
	uint32		after;
	uint32		into;
	uint32		free_pages = engine->free_pages;
	CqRun		run;

	if (free_pages < CQ_RESERVE_PAGES / 2 || !find_run(engine, fifo, &run))
		return false;
	before = page_desc(engine, run.first)->prev;
	after = page_desc(engine, run.last)->next;
	cq_page_pin(engine, before);
	cq_page_pin(engine, after);
	cq_page_pin(engine, run.first);

	made = open = cq_page_take(engine, pool, kind, 0);
	cq_page_pin(engine, made);
	into = record_into(engine, run.first);
	if (into == 0 || move_into(engine, into, kind, &open, now_ms))
	{
		/* if the run is at the end, the new pages follow it */
		move_pages(engine, run.first, after != 0 ? after : made, kind, &open,
				   now_ms);
		cq_pages_move(engine, made, open, kind, before);
	}
	else
		cq_page_unpin(engine, run.first);
	fifo->hand = after;
	cq_page_unpin(engine, made);
	cq_page_unpin(engine, before);
	cq_page_unpin(engine, after);
	return engine->free_pages > free_pages;
}
