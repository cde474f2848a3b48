/*-------------------------------------------------------------------------
 *
 * save.c
 *	  The memory of the cache engine, written to a file and read back.
 *
 * All references in it are numbers, so it can be loaded into any memory of the
 * same size.  Bytes are transferred as they are, except for locks and sequence
 * numbers, which start anew, the numbers of evictions and expirations, which are
 * statistics, and the bytes of free pages.
 *
 *	+-----------+----------+--------------------------------+-----------------+
 *	| CqEngine, | CqEngine,| page descriptors, heap of      | pages in use,   |
 *	| layout	| state	   | expiry, ghosts, buckets		| by their number |
 *	+-----------+----------+--------------------------------+-----------------+
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/memory.h"
#include "cache/engine/save.h"

/* The bytes from one field of the engine up to another. */
#define TRANSFER_FIELDS(engine, from, to) \
	transfer((char *) (engine) + offsetof(CqEngine, from), \
			 offsetof(CqEngine, to) - offsetof(CqEngine, from), arg)

/* The incoming layout must equal that of this memory. */
static bool
transfer_layout(CqEngine *engine, CqTransfer transfer, void *arg)
{
	char		layout[offsetof(CqEngine, pad1)];

	memcpy(layout, engine, sizeof(layout));
	return transfer(layout, sizeof(layout), arg) &&
		memcmp(layout, engine, sizeof(layout)) == 0;
}

/* Transfer runs of pages in use, as their descriptors say. */
static bool
transfer_pages(CqEngine *engine, CqTransfer transfer, void *arg)
{
	uint32		page = 1;

	while (page <= engine->npages)
	{
		uint32		first;

		while (page <= engine->npages &&
			   page_desc(engine, page)->kind == CQ_PAGE_FREE)
			page++;
		first = page;
		while (page <= engine->npages &&
			   page_desc(engine, page)->kind != CQ_PAGE_FREE)
			page++;
		if (page > first &&
			!transfer(page_bytes(engine, first),
					  (Size) (page - first) * CQ_PAGE_BYTES, arg))
			return false;
	}
	return true;
}

bool
cq_engine_transfer(CqEngine *engine, CqTransfer transfer, void *arg)
{
	return transfer_layout(engine, transfer, arg) &&
		TRANSFER_FIELDS(engine, last_version, pad2) &&
		TRANSFER_FIELDS(engine, entries, evictions) &&
		TRANSFER_FIELDS(engine, index_head, pad4) &&
		TRANSFER_FIELDS(engine, free_head, locks) &&
		transfer((char *) engine + engine->pages,
				 engine->arena - engine->pages, arg) &&
		transfer_pages(engine, transfer, arg);
}
