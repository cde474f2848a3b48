/*-------------------------------------------------------------------------
 *
 * expiry_heap.c
 *	  The heap of pages by expiry.
 *
 * For each page the heap has a lower bound of the expiries of the records that
 * begin in the page.  It is a binary heap (Williams, Algorithm 232, CACM 1964)
 * with the earliest on top; pages without expiry are not in it.
 *
 * When a record goes, the bound stays and may be too low; then the page is examined
 * once for nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/expiry_heap.h"

static inline int64
expiry_at(CqEngine *engine, uint32 place)
{
	return page_desc(engine, cq_expiry_heap(engine)[place])->u.expires_ms;
}

static inline void
put_at(CqEngine *engine, uint32 place, uint32 page)
{
	cq_expiry_heap(engine)[place] = page;
	page_desc(engine, page)->heap_place = place;
}

static void
sift_up(CqEngine *engine, uint32 place)
{
	uint32		page = cq_expiry_heap(engine)[place];
	int64		expires_ms = page_desc(engine, page)->u.expires_ms;

	for (; place > 1 && expiry_at(engine, place / 2) > expires_ms; place /= 2)
		put_at(engine, place, cq_expiry_heap(engine)[place / 2]);
	put_at(engine, place, page);
}

static void
sift_down(CqEngine *engine, uint32 place)
{
	uint32		page = cq_expiry_heap(engine)[place];
	int64		expires_ms = page_desc(engine, page)->u.expires_ms;
	uint32		child;

	for (; (child = place * 2) <= engine->heap_size; place = child)
	{
		if (child < engine->heap_size &&
			expiry_at(engine, child + 1) < expiry_at(engine, child))
			child++;
		if (expiry_at(engine, child) >= expires_ms)
			break;
		put_at(engine, place, cq_expiry_heap(engine)[child]);
	}
	put_at(engine, place, page);
}

/* Let processes without the lock see the earliest expiry. */
static void
publish_top(CqEngine *engine)
{
	pg_atomic_write_u64(&engine->next_expiry,
						engine->heap_size == 0 ? CQ_NEVER : expiry_at(engine, 1));
}

void
cq_expiry_note(CqEngine *engine, uint32 page, int64 expires_ms)
{
	CqPageDesc *desc = page_desc(engine, page);

	if (expires_ms >= desc->u.expires_ms)
		return;
	desc->u.expires_ms = expires_ms;
	if (desc->heap_place == 0)
		put_at(engine, ++engine->heap_size, page);
	sift_up(engine, desc->heap_place);
	publish_top(engine);
}

void
cq_expiry_forget(CqEngine *engine, uint32 page)
{
	CqPageDesc *desc = page_desc(engine, page);
	uint32		place = desc->heap_place;
	uint32		last;

	desc->u.expires_ms = CQ_NEVER;
	if (place == 0)
		return;
	desc->heap_place = 0;
	last = cq_expiry_heap(engine)[engine->heap_size--];
	if (last != page)
	{
		put_at(engine, place, last);
		sift_up(engine, place);
		sift_down(engine, page_desc(engine, last)->heap_place);
	}
	publish_top(engine);
}

uint32
cq_expiry_due(CqEngine *engine, int64 now_ms)
{
	if (engine->heap_size == 0 || expiry_at(engine, 1) > now_ms)
		return 0;
	return cq_expiry_heap(engine)[1];
}
