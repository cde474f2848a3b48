/*-------------------------------------------------------------------------
 *
 * chain.c
 *	  Bytes that go on from page to page.
 *
 * A record that does not fit into the rest of its page goes on in the next page
 * of the list.  While it is live, no page is put between the two, so the list is
 * the chain that its readers follow.
 *
 * A process that reads without a lock may follow a chain that others change.
 * So each page number is read once and checked before it is used.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/chain.h"

/* The page after this one. */
static inline uint32
next_page(CqEngine *engine, uint32 page)
{
	return *(volatile uint32 *) &page_desc(engine, page)->next;
}

/*
 * The address of the cursor, which moves behind the bytes found there.  Reduces
 * *len to their number.  Returns NULL if the chain is broken.
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
cq_chain_read(CqEngine *engine, CqCursor *cursor, char *to, Size len)
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
cq_chain_write(CqEngine *engine, CqCursor *cursor, const char *from, Size len)
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
cq_chain_equals(CqEngine *engine, CqCursor *cursor, const char *bytes, Size len)
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
cq_chain_skip(CqEngine *engine, CqCursor *cursor, Size len)
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
