/*-------------------------------------------------------------------------
 *
 * compact.c
 *	  Moving records together, so that what died between them can be used.
 *
 * Records die in any order: replaced, deleted, expired.  A page that holds
 * nothing else is free at once; the holes in the others are gathered here.  A
 * hand goes round each queue and looks for a run of at most RUN_PAGES pages
 * that would fit into one page less.  Their records are copied, in order, into
 * new pages that take the run's place in the queue, so that records keep their
 * age.
 *
 *	  before   W [aaaa bb][b.cc .. d][dd ....ee]  N
 *	  after    W [aaaabbbb ccdd d ee]             N
 *
 * The record that goes on from the page before into the run comes along, and
 * so does the whole of the one that goes on behind it; hence both neighbours
 * may lose bytes, but are kept until the new pages are in place.  If that record
 * is dead, whoever ended it may still be taking its bytes from its pages, one
 * after the other, and nothing may come between these; but he does so under the
 * lock of its partition.
 *
 * The cost is bounded by RUN_PAGES pages of copying for each page gained, and
 * by LOOK_PAGES rows looked at in vain.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/memory.h"

#define RUN_PAGES 16
#define LOOK_PAGES 64

typedef struct CqRun
{
	uint32		first;
	uint32		last;
	uint32		pages;
	Size		live;
} CqRun;

static CqFate
move_fate(uint16 *tag)
{
	(void) tag;
	return CQ_MOVE;
}

/* The record of the page before that goes on in this page; 0 if none does. */
static uint32
record_into(CqEngine *engine, uint32 page)
{
	uint32		before = page_row(engine, page)->prev;
	uint32		location = 0;
	uint32		off = 0;

	if (before == 0 || page_row(engine, page)->first == 0)
		return 0;
	while (cq_next_record(engine, before, &off, &location))
		;
	return off > CQ_PAGE_BYTES ? location : 0;
}

/*
 * Does what is live in the run, with the records that reach out of it, fit
 * into one page less?
 */
static bool
run_pays(CqEngine *engine, const CqRun *run)
{
	Size		bytes = run->live;
	Size		target = (Size) (run->pages - 1) * CQ_PAGE_BYTES;
	uint32		next = page_row(engine, run->last)->next;
	CqPage	   *first = page_row(engine, run->first);

	if (next != 0)
	{
		/* it would take part of a longer record: not here */
		if (page_row(engine, next)->first == CQ_PAGE_BYTES)
			return false;
		bytes += page_row(engine, next)->first;
	}
	if (bytes > target)
		return false;
	if (first->first != 0 && first->prev != 0)
	{
		uint32		location;

		if (page_row(engine, first->prev)->first == CQ_PAGE_BYTES)
			return false;
		location = record_into(engine, run->first);
		if (location != 0)
			bytes += CQ_PAGE_BYTES - cursor_at(engine, location).off;
	}
	/* a header never crosses the end of a page */
	return bytes + run->pages * sizeof(CqRecord) <= target;
}

/* Find a run from the hand on. */
static bool
find_run(CqEngine *engine, CqQueue *queue, CqRun *run)
{
	uint32		page = queue->hand != 0 ? queue->hand : queue->head;

	memset(run, 0, sizeof(*run));
	for (int i = 0; i < LOOK_PAGES && page != 0; i++)
	{
		CqPage	   *row = page_row(engine, page);

		if (row->large || page == queue->open)
			run->pages = 0;
		else
		{
			if (run->pages == RUN_PAGES)
			{
				run->live -= Min(run->live,
								 pg_atomic_read_u32(&page_row(engine, run->first)->live));
				run->first = page_row(engine, run->first)->next;
				run->pages--;
			}
			if (run->pages == 0)
			{
				run->first = page;
				run->live = 0;
			}
			run->last = page;
			run->pages++;
			run->live += pg_atomic_read_u32(&row->live);
			if (run->pages > 1 && run_pays(engine, run))
				return true;
		}
		page = row->next;
	}
	/* go on there, from a little before */
	queue->hand = page != 0 && run->pages > 0 ? run->first : page;
	return false;
}

/* Move the record that goes on in the run; false if it is prepared. */
static bool
move_into(CqEngine *engine, uint32 location, CqPageKind kind, uint32 *open,
		  int64 now_ms)
{
	switch (cq_settle_record(engine, location, move_fate, kind, open, now_ms))
	{
		case CQ_IS_PREPARED:
			return false;
		case CQ_WAS_DEAD:
			cq_wait_for_release(engine, location);
			return true;
		default:
			return true;
	}
}

/* Move the records of a page; false if a prepared one is in the way. */
static bool
move_page(CqEngine *engine, uint32 page, CqPageKind kind, uint32 *open,
		  int64 now_ms)
{
	uint32		location;
	uint32		off = 0;

	while (cq_next_record(engine, page, &off, &location))
		if (cq_settle_record(engine, location, move_fate, kind, open,
							 now_ms) == CQ_IS_PREPARED)
			return false;
	return true;
}

/*
 * Move the records of the pages from first, which is pinned and is not any more
 * then, up to end.  The pages between may go while they are moved: what begins
 * in one may be all that there is in the next ones.
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
		next = page_row(engine, page)->next;
		cq_page_pin(engine, next);
		cq_page_unpin(engine, page);
		page = next;
	}
	cq_page_unpin(engine, page);
}

bool
cq_compact(CqEngine *engine, uint32 pool, CqPageKind kind, int64 now_ms)
{
	CqQueue    *queue = queue_of_kind(engine, pool, kind);
	uint32		open;
	uint32		made;
	uint32		before;
	uint32		after;
	uint32		into;
	uint32		free_pages = engine->free_pages;
	CqRun		run;

	if (free_pages < CQ_RESERVE_PAGES / 2 || !find_run(engine, queue, &run))
		return false;
	before = page_row(engine, run.first)->prev;
	after = page_row(engine, run.last)->next;
	cq_page_pin(engine, before);
	cq_page_pin(engine, after);
	cq_page_pin(engine, run.first);

	made = open = cq_page_take(engine, pool, kind, 0);
	cq_page_pin(engine, made);
	into = record_into(engine, run.first);
	if (into == 0 || move_into(engine, into, kind, &open, now_ms))
	{
		/* the new pages follow the run if it is the last */
		move_pages(engine, run.first, after != 0 ? after : made, kind, &open,
				   now_ms);
		cq_pages_move(engine, made, open, kind, before);
	}
	else
		cq_page_unpin(engine, run.first);
	queue->hand = after;
	cq_page_unpin(engine, made);
	cq_page_unpin(engine, before);
	cq_page_unpin(engine, after);
	return engine->free_pages > free_pages;
}
