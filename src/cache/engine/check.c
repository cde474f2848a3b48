/*-------------------------------------------------------------------------
 *
 * check.c
 *	  Consistency check of the cache engine's memory.  Builds with assertions
 *	  only.
 *
 * Counts everything again and compares.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/check.h"
#include "cache/engine/expiry_heap.h"
#include "cache/engine/record.h"

#ifdef USE_ASSERT_CHECKING

#define EXPECT(condition) \
	do { \
		if (!(condition)) \
			return #condition; \
	} while (0)

typedef struct CqCount
{
	uint64		pages;
	uint64		entries;
	uint64		live;
	uint64		pool_live;
	uint32		prepared;
} CqCount;

/*
 * Count the records that begin in a page.  *going_on: bytes of the last record
 * before it that go on in this page; set to those that go on in the next one.
 * Returns the live bytes of the page.
 */
static uint32
count_page(CqEngine *engine, uint32 page, Size *going_on, CqCount *count)
{
	uint32		live = Min(*going_on, CQ_PAGE_BYTES);
	uint32		location;
	uint32		off = 0;

	*going_on -= live;
	while (cq_record_next(engine, page, &off, &location))
	{
		CqRecord   *record = record_at(engine, location);
		Size		bytes = record_bytes(engine, record);
		uint32		begin = off - bytes;

		if (record->state == CQ_RECORD_DEAD)
			continue;
		count->entries += record->state == CQ_RECORD_LINKED;
		count->prepared += record->state == CQ_RECORD_PREPARED;
		count->pool_live += bytes;
		live += Min(bytes, CQ_PAGE_BYTES - begin);
		*going_on = bytes - Min(bytes, CQ_PAGE_BYTES - begin);
	}
	return live;
}

static const char *
check_fifo(CqEngine *engine, uint32 pool, CqPageKind kind, CqCount *count)
{
	CqFifo	   *fifo = fifo_of_kind(engine, pool, kind);
	uint32		prev = 0;
	uint32		pages = 0;
	Size		going_on = 0;
	bool		saw_open = fifo->open == 0;
	bool		saw_hand = fifo->hand == 0;

	for (uint32 page = fifo->head; page != 0; page = page_desc(engine, page)->next)
	{
		CqPageDesc *desc = page_desc(engine, page);

		EXPECT(desc->kind == kind && desc->pool == pool && desc->prev == prev);
		EXPECT(count_page(engine, page, &going_on, count) ==
			   pg_atomic_read_u32(&desc->live));
		EXPECT(pg_atomic_read_u32(&desc->live) > 0);
		saw_open |= page == fifo->open;
		saw_hand |= page == fifo->hand;
		prev = page;
		EXPECT(++pages <= engine->npages);
	}
	EXPECT(prev == fifo->tail && pages == fifo->pages && going_on == 0);
	EXPECT(saw_open && saw_hand);
	count->pages += pages;
	return NULL;
}

static const char *
check_index(CqEngine *engine)
{
	uint64		entries = 0;

	for (uint32 i = 0; i < engine->nbuckets; i++)
	{
		bool		full = true;

		for (uint32 number = i;;)
		{
			CqIndexBucket *bucket = bucket_at(engine, number);

			for (int j = 0; j < CQ_BUCKET_SLOTS; j++)
			{
				CqRecord   *record;

				if (bucket->location[j] == 0)
				{
					full = false;
					continue;
				}
				EXPECT(full);
				record = record_at(engine, bucket->location[j]);
				EXPECT(record->state == CQ_RECORD_LINKED);
				EXPECT(bucket_of(engine, record_hash(record)) == i);
				EXPECT(tag_of(record_hash(record)) ==
					   (bucket->tag[j] & CQ_TAG_HASH));
				entries++;
			}
			if (bucket->next == 0)
				break;
			EXPECT(full);
			number = bucket->next;
		}
	}
	EXPECT(entries == pg_atomic_read_u64(&engine->entries));
	EXPECT(engine->free_buckets >= engine->outstanding);
	return NULL;
}

static const char *
check_heap(CqEngine *engine)
{
	uint32	   *heap = cq_expiry_heap(engine);

	for (uint32 i = 1; i <= engine->heap_size; i++)
	{
		CqPageDesc *desc = page_desc(engine, heap[i]);

		EXPECT(desc->heap_place == i);
		EXPECT(desc->u.expires_ms != CQ_NEVER);
		EXPECT(i == 1 || desc->u.expires_ms >=
			   page_desc(engine, heap[i / 2])->u.expires_ms);
	}
	return NULL;
}

static const char *
check_free_pages(CqEngine *engine)
{
	uint32		pages = 0;

	for (uint32 page = engine->free_head; page != 0; page = page_desc(engine, page)->next)
	{
		CqPageDesc *desc = page_desc(engine, page);

		EXPECT(desc->kind == CQ_PAGE_FREE && desc->heap_place == 0);
		EXPECT(pg_atomic_read_u32(&desc->live) == 0);
		EXPECT(++pages <= engine->npages);
	}
	EXPECT(pages == engine->free_pages);
	return NULL;
}

const char *
cq_engine_check(CqEngine *engine)
{
	CqCount		count = {0};
	const char *fault;
	uint64		class_entries = 0;
	uint64		class_bytes = 0;

	for (uint32 pool = 0; pool < CQ_POOLS; pool++)
	{
		uint64		pages = count.pages;

		count.pool_live = 0;
		if ((fault = check_fifo(engine, pool, CQ_PAGE_SMALL, &count)) != NULL ||
			(fault = check_fifo(engine, pool, CQ_PAGE_MAIN, &count)) != NULL)
			return fault;
		EXPECT(count.pages - pages == engine->pools[pool].pages);
		EXPECT(count.pool_live ==
			   pg_atomic_read_u64(&engine->pools[pool].live));
		count.live += count.pool_live;
	}
	if ((fault = check_free_pages(engine)) != NULL)
		return fault;
	EXPECT(count.pages + engine->free_pages + engine->index_pages ==
		   engine->npages);
	EXPECT(count.live == pg_atomic_read_u64(&engine->live));
	EXPECT(count.entries == pg_atomic_read_u64(&engine->entries));
	EXPECT(count.prepared == engine->outstanding);
	for (int i = 0; i < CQ_CLASSES; i++)
	{
		class_entries += pg_atomic_read_u64(&engine->classes[i].entries);
		class_bytes += pg_atomic_read_u64(&engine->classes[i].bytes);
	}
	EXPECT(class_entries == count.entries);
	EXPECT(class_bytes <= count.live);
	if ((fault = check_index(engine)) != NULL)
		return fault;
	return check_heap(engine);
}

#endif							/* USE_ASSERT_CHECKING */
