/*-------------------------------------------------------------------------
 *
 * pages.c
 *	  Pages of the cache engine's arena, and their lists.
 *
 * The arena is divided into pages of CQ_PAGE_BYTES, numbered from 1.  A page is
 * free, or in a FIFO of a pool (small or main), or it holds overflow buckets of
 * the index.  All that grows takes pages, one at a time, so nothing ever needs
 * a larger contiguous piece: a record that does not fit into its page goes on
 * in the next one of the list (chain.c).
 *
 * Pages of a live record stay neighbours in their list.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/expiry_heap.h"
#include "cache/engine/pages.h"

static CqFifo *
fifo_of_page(CqEngine *engine, const CqPageDesc *desc)
{
	return fifo_of_kind(engine, desc->pool, desc->kind);
}

static void
push_free(CqEngine *engine, uint32 page)
{
	CqPageDesc *desc = page_desc(engine, page);

	desc->kind = CQ_PAGE_FREE;
	desc->next = engine->free_head;
	engine->free_head = page;
	engine->free_pages++;
}

void
cq_pages_init(CqEngine *engine)
{
	engine->free_head = 0;
	engine->free_pages = 0;
	for (uint32 page = engine->npages; page >= 1; page--)
	{
		CqPageDesc *desc = page_desc(engine, page);

		memset(desc, 0, sizeof(*desc));
		pg_atomic_init_u32(&desc->live, 0);
		push_free(engine, page);
	}
}

/* Put a page into a FIFO behind the page after, 0: at the end. */
static void
link_page(CqEngine *engine, CqFifo *fifo, uint32 page, uint32 after)
{
	CqPageDesc *desc = page_desc(engine, page);

	desc->prev = after != 0 ? after : fifo->tail;
	desc->next = after != 0 ? page_desc(engine, after)->next : 0;
	if (desc->next != 0)
		page_desc(engine, desc->next)->prev = page;
	else
		fifo->tail = page;
	if (desc->prev != 0)
		page_desc(engine, desc->prev)->next = page;
	else
		fifo->head = page;
	fifo->pages++;
}

static void
unlink_page(CqEngine *engine, CqFifo *fifo, uint32 page)
{
	CqPageDesc *desc = page_desc(engine, page);

	if (desc->prev != 0)
		page_desc(engine, desc->prev)->next = desc->next;
	else
		fifo->head = desc->next;
	if (desc->next != 0)
		page_desc(engine, desc->next)->prev = desc->prev;
	else
		fifo->tail = desc->prev;
	if (fifo->hand == page)
		fifo->hand = desc->next;
	fifo->pages--;
}

uint32
cq_page_take(CqEngine *engine, uint32 pool, CqPageKind kind, uint32 after)
{
	uint32		page = engine->free_head;
	CqPageDesc *desc = page_desc(engine, page);

	Assert(page != 0 && desc->kind == CQ_PAGE_FREE);
	Assert(pg_atomic_read_u32(&desc->live) == 0 && desc->heap_place == 0);
	engine->free_head = desc->next;
	engine->free_pages--;

	desc->kind = kind;
	desc->pool = pool;
	desc->large = false;
	desc->first = CQ_PAGE_BYTES;
	desc->used = 0;
	desc->u.expires_ms = CQ_NEVER;
	if (kind != CQ_PAGE_INDEX)
	{
		engine->pools[pool].pages++;
		link_page(engine, fifo_of_page(engine, desc), page, after);
	}
	return page;
}

void
cq_page_free(CqEngine *engine, uint32 page)
{
	CqPageDesc *desc = page_desc(engine, page);
	CqFifo	   *fifo = fifo_of_page(engine, desc);

	Assert(holds_records(desc));
	Assert(pg_atomic_read_u32(&desc->live) == 0);
	if (fifo->open == page)
		fifo->open = 0;
	cq_expiry_forget(engine, page);
	unlink_page(engine, fifo, page);
	engine->pools[desc->pool].pages--;
	push_free(engine, page);
}

/*
 * Readers may be following the links between the pages that are moved, so these
 * links are never broken.
 */
void
cq_pages_move(CqEngine *engine, uint32 first, uint32 last, CqPageKind kind,
			  uint32 after)
{
	CqPageDesc *first_desc = page_desc(engine, first);
	CqPageDesc *last_desc = page_desc(engine, last);
	CqFifo	   *from = fifo_of_page(engine, first_desc);
	CqFifo	   *to = fifo_of_kind(engine, first_desc->pool, kind);
	uint32		end = last_desc->next;

	if (first_desc->prev != 0)
		page_desc(engine, first_desc->prev)->next = end;
	else
		from->head = end;
	if (end != 0)
		page_desc(engine, end)->prev = first_desc->prev;
	else
		from->tail = first_desc->prev;
	for (uint32 page = first;; page = page_desc(engine, page)->next)
	{
		if (from->hand == page)
			from->hand = end;
		page_desc(engine, page)->kind = kind;
		from->pages--;
		to->pages++;
		if (page == last)
			break;
	}

	first_desc->prev = after;
	last_desc->next = after != 0 ? page_desc(engine, after)->next : to->head;
	if (last_desc->next != 0)
		page_desc(engine, last_desc->next)->prev = last;
	else
		to->tail = last;
	if (after != 0)
		page_desc(engine, after)->next = first;
	else
		to->head = first;
}

bool
cq_page_unpin(CqEngine *engine, uint32 page)
{
	if (page == 0 ||
		pg_atomic_sub_fetch_u32(&page_desc(engine, page)->live, 1) > 0)
		return false;
	cq_page_free(engine, page);
	return true;
}
