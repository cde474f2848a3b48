/*-------------------------------------------------------------------------
 *
 * pages.c
 *	  The arena of the cache engine: pages, their lists, and bytes in them.
 *
 * The arena is divided into pages of CQ_PAGE_BYTES, numbered from 1.  A page
 * is free, or in a queue of a pool (small or main), or it holds overflow
 * buckets of the index.  Everything lives in pages, so that nothing that
 * grows at the expense of something else is ever short of a larger piece: a
 * record that does not fit into its page goes on in the next one of the list.
 *
 * A page that holds live bytes stays where it is in its list, and no page is
 * put between it and the one in which its last record goes on.  So the list
 * is the chain that a record's readers follow.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/memory.h"

/* The page after this one, read without a lock by those who validate later. */
static inline uint32
next_page(CqEngine *engine, uint32 page)
{
	return *(volatile uint32 *) &page_row(engine, page)->next;
}

/*
 * Where the cursor points to, and in *len how much of it is there, at most the
 * *len asked for; NULL for a broken chain.  Moves the cursor behind it.
 */
static inline char *
piece(CqEngine *engine, CqCursor *cursor, Size *len)
{
	char	   *at;

	if (cursor->off == CQ_PAGE_BYTES)
	{
		cursor->page = next_page(engine, cursor->page);
		cursor->off = 0;
		if (unlikely(cursor->page == 0 || cursor->page > engine->npages))
			return NULL;
	}
	at = page_bytes(engine, cursor->page) + cursor->off;
	*len = Min(*len, CQ_PAGE_BYTES - cursor->off);
	cursor->off += *len;
	return at;
}

bool
cq_copy_out(CqEngine *engine, CqCursor *cursor, char *to, Size len)
{
	while (len > 0)
	{
		Size		part = len;
		char	   *at = piece(engine, cursor, &part);

		if (unlikely(at == NULL))
			return false;
		memcpy(to, at, part);
		to += part;
		len -= part;
	}
	return true;
}

bool
cq_copy_in(CqEngine *engine, CqCursor *cursor, const char *from, Size len)
{
	while (len > 0)
	{
		Size		part = len;
		char	   *at = piece(engine, cursor, &part);

		if (unlikely(at == NULL))
			return false;
		memcpy(at, from, part);
		from += part;
		len -= part;
	}
	return true;
}

bool
cq_bytes_equal(CqEngine *engine, CqCursor *cursor, const char *bytes, Size len)
{
	while (len > 0)
	{
		Size		part = len;
		char	   *at = piece(engine, cursor, &part);

		if (unlikely(at == NULL) || memcmp(at, bytes, part) != 0)
			return false;
		bytes += part;
		len -= part;
	}
	return true;
}

bool
cq_cursor_skip(CqEngine *engine, CqCursor *cursor, Size len)
{
	while (len > 0)
	{
		Size		part = len;

		if (unlikely(piece(engine, cursor, &part) == NULL))
			return false;
		len -= part;
	}
	return true;
}

static CqQueue *
queue_of_page(CqEngine *engine, const CqPage *row)
{
	return queue_of_kind(engine, row->pool, row->kind);
}

static void
push_free(CqEngine *engine, uint32 page)
{
	CqPage	   *row = page_row(engine, page);

	row->kind = CQ_PAGE_FREE;
	row->next = engine->free_head;
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
		CqPage	   *row = page_row(engine, page);

		memset(row, 0, sizeof(*row));
		pg_atomic_init_u32(&row->live, 0);
		push_free(engine, page);
	}
}

/* Put a page into a queue, behind after or, if that is 0, at the end. */
static void
link_page(CqEngine *engine, CqQueue *queue, uint32 page, uint32 after)
{
	CqPage	   *row = page_row(engine, page);

	row->prev = after != 0 ? after : queue->tail;
	row->next = after != 0 ? page_row(engine, after)->next : 0;
	if (row->next != 0)
		page_row(engine, row->next)->prev = page;
	else
		queue->tail = page;
	if (row->prev != 0)
		page_row(engine, row->prev)->next = page;
	else
		queue->head = page;
	queue->pages++;
}

static void
unlink_page(CqEngine *engine, CqQueue *queue, uint32 page)
{
	CqPage	   *row = page_row(engine, page);

	if (row->prev != 0)
		page_row(engine, row->prev)->next = row->next;
	else
		queue->head = row->next;
	if (row->next != 0)
		page_row(engine, row->next)->prev = row->prev;
	else
		queue->tail = row->prev;
	if (queue->hand == page)
		queue->hand = row->next;
	queue->pages--;
}

uint32
cq_page_take(CqEngine *engine, uint32 pool, CqPageKind kind, uint32 after)
{
	uint32		page = engine->free_head;
	CqPage	   *row = page_row(engine, page);

	Assert(page != 0 && row->kind == CQ_PAGE_FREE);
	Assert(pg_atomic_read_u32(&row->live) == 0 && row->heap_place == 0);
	engine->free_head = row->next;
	engine->free_pages--;

	row->kind = kind;
	row->pool = pool;
	row->large = false;
	row->first = CQ_PAGE_BYTES;
	row->used = 0;
	row->u.expires_ms = CQ_NEVER;
	if (kind != CQ_PAGE_INDEX)
	{
		engine->pools[pool].pages++;
		link_page(engine, queue_of_page(engine, row), page, after);
	}
	return page;
}

void
cq_page_free(CqEngine *engine, uint32 page)
{
	CqPage	   *row = page_row(engine, page);
	CqQueue    *queue = queue_of_page(engine, row);

	Assert(row->kind == CQ_PAGE_SMALL || row->kind == CQ_PAGE_MAIN);
	Assert(pg_atomic_read_u32(&row->live) == 0);
	if (queue->open == page)
		queue->open = 0;
	cq_expiry_forget(engine, page);
	unlink_page(engine, queue, page);
	engine->pools[row->pool].pages--;
	push_free(engine, page);
}

/*
 * The links between the pages that are moved are never broken, since readers
 * may be following them.
 */
void
cq_pages_move(CqEngine *engine, uint32 first, uint32 last, CqPageKind kind,
			  uint32 after)
{
	CqPage	   *first_row = page_row(engine, first);
	CqPage	   *last_row = page_row(engine, last);
	CqQueue    *from = queue_of_page(engine, first_row);
	CqQueue    *to = queue_of_kind(engine, first_row->pool, kind);
	uint32		end = last_row->next;

	if (first_row->prev != 0)
		page_row(engine, first_row->prev)->next = end;
	else
		from->head = end;
	if (end != 0)
		page_row(engine, end)->prev = first_row->prev;
	else
		from->tail = first_row->prev;
	for (uint32 page = first;; page = page_row(engine, page)->next)
	{
		if (from->hand == page)
			from->hand = end;
		page_row(engine, page)->kind = kind;
		from->pages--;
		to->pages++;
		if (page == last)
			break;
	}

	first_row->prev = after;
	last_row->next = after != 0 ? page_row(engine, after)->next : to->head;
	if (last_row->next != 0)
		page_row(engine, last_row->next)->prev = last;
	else
		to->tail = last;
	if (after != 0)
		page_row(engine, after)->next = first;
	else
		to->head = first;
}

bool
cq_page_unpin(CqEngine *engine, uint32 page)
{
	if (page == 0 ||
		pg_atomic_sub_fetch_u32(&page_row(engine, page)->live, 1) > 0)
		return false;
	cq_page_free(engine, page);
	return true;
}
