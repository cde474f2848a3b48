/*-------------------------------------------------------------------------
 *
 * expire.c
 *	  Removing expired entries, and knowing when there will be any.
 *
 * Each page has a lower bound of the expiries of the records that begin in it,
 * and the pages with one stand in a heap (Williams, Algorithm 232, CACM 1964),
 * the earliest on top.  What is due is found there without a look at any page
 * in which nothing is; a page in which something is costs a look at its
 * records, at most CQ_PAGE_BYTES / sizeof(CqRecord) of them.
 *
 * A record that goes leaves the bound too low, which costs a look in vain.
 *
 * Readers never see an expired entry, swept or not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/memory.h"

static uint32 *
heap_of(CqEngine *engine)
{
	/* places count from 1 */
	return (uint32 *) ((char *) engine + engine->heap) - 1;
}

static inline int64
expiry_at(CqEngine *engine, uint32 place)
{
	return page_row(engine, heap_of(engine)[place])->u.expires_ms;
}

static inline void
put_at(CqEngine *engine, uint32 place, uint32 page)
{
	heap_of(engine)[place] = page;
	page_row(engine, page)->heap_place = place;
}

static void
sift_up(CqEngine *engine, uint32 place)
{
	uint32		page = heap_of(engine)[place];
	int64		expires_ms = page_row(engine, page)->u.expires_ms;

	for (; place > 1 && expiry_at(engine, place / 2) > expires_ms; place /= 2)
		put_at(engine, place, heap_of(engine)[place / 2]);
	put_at(engine, place, page);
}

static void
sift_down(CqEngine *engine, uint32 place)
{
	uint32		page = heap_of(engine)[place];
	int64		expires_ms = page_row(engine, page)->u.expires_ms;
	uint32		child;

	for (; (child = place * 2) <= engine->heap_size; place = child)
	{
		if (child < engine->heap_size &&
			expiry_at(engine, child + 1) < expiry_at(engine, child))
			child++;
		if (expiry_at(engine, child) >= expires_ms)
			break;
		put_at(engine, place, heap_of(engine)[child]);
	}
	put_at(engine, place, page);
}

static void
publish_top(CqEngine *engine)
{
	pg_atomic_write_u64(&engine->next_expiry,
						engine->heap_size == 0 ? CQ_NEVER : expiry_at(engine, 1));
}

void
cq_expiry_note(CqEngine *engine, uint32 page, int64 expires_ms)
{
	CqPage	   *row = page_row(engine, page);

	if (expires_ms >= row->u.expires_ms)
		return;
	row->u.expires_ms = expires_ms;
	if (row->heap_place == 0)
		put_at(engine, ++engine->heap_size, page);
	sift_up(engine, row->heap_place);
	publish_top(engine);
}

void
cq_expiry_forget(CqEngine *engine, uint32 page)
{
	CqPage	   *row = page_row(engine, page);
	uint32		place = row->heap_place;
	uint32		last;

	row->u.expires_ms = CQ_NEVER;
	if (place == 0)
		return;
	row->heap_place = 0;
	last = heap_of(engine)[engine->heap_size--];
	if (last != page)
	{
		put_at(engine, place, last);
		sift_up(engine, place);
		sift_down(engine, page_row(engine, last)->heap_place);
	}
	publish_top(engine);
}

static CqFate
keep_fate(uint16 *tag)
{
	(void) tag;
	return CQ_KEEP;
}

/* Drop what is expired in a page, and make its bound exact. */
static void
expire_page(CqEngine *engine, uint32 page, int64 now_ms)
{
	int64		bound = CQ_NEVER;
	uint32		location;
	uint32		off = 0;

	cq_expiry_forget(engine, page);
	cq_page_pin(engine, page);
	while (cq_next_record(engine, page, &off, &location))
	{
		CqSettled	settled = cq_settle_record(engine, location, keep_fate,
											   CQ_PAGE_MAIN, NULL, now_ms);

		if (settled == CQ_KEPT || settled == CQ_IS_PREPARED)
		{
			int64		expires_ms = record_expiry(record_at(engine, location));

			/* what is prepared stays, expired or not: look again later */
			if (expires_ms != 0)
				bound = Min(bound, Max(expires_ms, now_ms + 1));
		}
	}
	if (bound != CQ_NEVER)
		cq_expiry_note(engine, page, bound);
	cq_page_unpin(engine, page);
}

int64
cq_engine_expire(CqEngine *engine, int64 now_ms)
{
	bool		due = true;

	while (due && (int64) pg_atomic_read_u64(&engine->next_expiry) <= now_ms)
	{
		cq_lock_acquire(&engine->allocator, CQ_LEVEL_ALLOCATOR, LW_EXCLUSIVE);
		due = engine->heap_size > 0 && expiry_at(engine, 1) <= now_ms;
		if (due)
			expire_page(engine, heap_of(engine)[1], now_ms);
		cq_lock_release(&engine->allocator, CQ_LEVEL_ALLOCATOR);
	}
	return cq_engine_next_expiry(engine);
}

int64
cq_engine_next_expiry(CqEngine *engine)
{
	int64		next = pg_atomic_read_u64(&engine->next_expiry);

	return next == CQ_NEVER ? 0 : next;
}
