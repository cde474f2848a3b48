/*-------------------------------------------------------------------------
 *
 * evict.c
 *	  Making room: S3-FIFO on pages.
 *
 * The algorithm is that of Yang, Zhang, Qiu, Yue, Vigfusson, "FIFO queues are
 * all you need for cache eviction" (SOSP'23), section 4.  A new record goes
 * into the small queue, or, if its key is among the ghosts, into the main one.
 * The small queue has a tenth of the pages.  At its end a record that was read
 * meanwhile goes on to the main queue, another one is dropped and becomes a
 * ghost.  At the end of the main queue a record that was read goes back to the
 * start, and counts as read once less; another one is dropped.
 *
 * Queues are lists of pages, and what is looked at is a page: its records are
 * settled one by one, those that stay are copied to where records are made.
 * Then the page is free.  A record whose maker has not linked it yet keeps its
 * page where it is; the next one has to do.
 *
 * Before anything is dropped, what is dead should be gone: when more than one
 * byte of GARBAGE_SHARE in a pool is, its pages are compacted.
 *
 * Quotas.  A class with a quota has a pool of its own.  At its limit it makes
 * room in itself; when the arena is full, a pool is chosen by picking a page at
 * random, so that each loses in proportion to what it has.
 *
 * The work per call is bounded: after FORCE_AFTER pages that came to nothing
 * records are dropped, read or not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/memory.h"

#define SMALL_SHARE 10			/* one in so many pages */
#define GARBAGE_SHARE 20		/* one in so many bytes */
#define BUSY_PAGES 64			/* pages with prepared records to pass by */
#define STUCK_MAX 4				/* times that nothing else was found */
#define FORCE_AFTER 64

static CqFate
small_fate(uint16 *tag)
{
	if (CQ_TAG_USES(*tag) == 0)
		return CQ_DROP;
	*tag &= CQ_TAG_HASH;
	return CQ_MOVE;
}

static CqFate
main_fate(uint16 *tag)
{
	if (CQ_TAG_USES(*tag) == 0)
		return CQ_DROP;
	*tag -= CQ_TAG_USE;
	return CQ_MOVE;
}

static CqFate
forced_fate(uint16 *tag)
{
	(void) tag;
	return CQ_DROP;
}

bool
cq_next_record(CqEngine *engine, uint32 page, uint32 *off, uint32 *location)
{
	CqPage	   *row = page_row(engine, page);

	*off = Max(*off, row->first);
	if (*off + sizeof(CqRecord) > row->used)
		return false;
	*location = location_of(engine, page, *off);
	*off += record_bytes(engine, record_at(engine, *location));
	return true;
}

/* Copy a record and let its slot point to the copy. */
static void
move_record(CqEngine *engine, uint32 bucket, CqSlot slot, uint32 location,
			CqPageKind to, uint32 *open, CqReleased *released)
{
	uint32		pool = page_row(engine, cursor_at(engine, location).page)->pool;
	uint32		copy = cq_append_copy(engine, pool, to, open, location);

	cq_write_begin(engine, bucket);
	slot.bucket->location[slot.i] = copy;
	record_at(engine, location)->state = CQ_RECORD_DEAD;
	cq_write_end(engine, bucket);
	cq_release_bytes(engine, location, released);
}

CqSettled
cq_settle_record(CqEngine *engine, uint32 location, CqFateOf fate_of,
				 CqPageKind to, uint32 *open, int64 now_ms)
{
	CqRecord   *record = record_at(engine, location);
	uint64		hash = record_hash(record);
	uint32		bucket = bucket_of(engine, hash);
	CqLock	   *lock = partition_lock(engine, bucket);
	Size		bytes = record_bytes(engine, record);
	bool		expired;
	CqFate		fate = CQ_DROP;
	CqReleased	released;
	CqSlot		slot;

	if (record->state == CQ_RECORD_DEAD)
		return CQ_WAS_DEAD;
	if (record->state == CQ_RECORD_PREPARED)
		return CQ_IS_PREPARED;
	cq_lock_acquire(lock, CQ_LEVEL_PARTITION, LW_EXCLUSIVE);
	if (record->state != CQ_RECORD_LINKED)
	{
		CqSettled	settled = record->state == CQ_RECORD_DEAD ? CQ_WAS_DEAD
		: CQ_IS_PREPARED;

		cq_lock_release(lock, CQ_LEVEL_PARTITION);
		return settled;
	}
	slot = cq_index_slot_of(engine, bucket, location);
	expired = record_expired(record, now_ms);
	if (!expired)
		fate = fate_of(&slot.bucket->tag[slot.i]);
	if (fate == CQ_MOVE && open == NULL)
		fate = CQ_KEEP;
	if (fate == CQ_MOVE &&
		engine->free_pages <= bytes / CQ_PAGE_BYTES + 1)
		fate = CQ_DROP;
	if (fate == CQ_MOVE)
		move_record(engine, bucket, slot, location, to, open, &released);
	else if (fate == CQ_DROP)
		cq_unlink(engine, bucket, slot, &released);
	cq_lock_release(lock, CQ_LEVEL_PARTITION);

	if (fate == CQ_KEEP)
		return CQ_KEPT;
	if (fate == CQ_DROP && expired)
		pg_atomic_fetch_add_u64(&engine->expirations, 1);
	else if (fate == CQ_DROP)
	{
		pg_atomic_fetch_add_u64(&engine->evictions, 1);
		pg_atomic_fetch_add_u64(&engine->evicted_bytes, bytes);
		if (page_row(engine, cursor_at(engine, location).page)->kind ==
			CQ_PAGE_SMALL)
			cq_ghost_add(engine, hash);
	}
	cq_free_released(engine, &released, true);
	return fate == CQ_MOVE ? CQ_MOVED : CQ_DROPPED;
}

/*
 * The large record that begins with this page: drop it or move its pages.  Those
 * of a dead one move as well: whoever ended it waits for the allocator's lock to
 * give them back, and until then they would be in the way.
 */
static bool
evict_large(CqEngine *engine, uint32 page, CqFateOf fate_of, int64 now_ms)
{
	uint32		location = location_of(engine, page, 0);
	Size		bytes = record_bytes(engine, record_at(engine, location));
	uint32		last = page;
	CqQueue    *to;

	switch (cq_settle_record(engine, location, fate_of, CQ_PAGE_MAIN, NULL,
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
		last = page_row(engine, last)->next;
	to = queue_of_kind(engine, page_row(engine, page)->pool, CQ_PAGE_MAIN);
	if (to->tail != last)
		cq_pages_move(engine, page, last, CQ_PAGE_MAIN, to->tail);
	return true;
}

/*
 * False if the page is still where it was: a prepared record holds it or is in
 * the way, or one that died just now and still has its bytes.
 */
static bool
evict_page(CqEngine *engine, CqQueue *queue, uint32 page, CqFateOf fate_of,
		   int64 now_ms)
{
	CqPage	   *row = page_row(engine, page);
	uint32	   *open;
	uint32		location;
	uint32		off = 0;

	if (row->large)
		return row->first == 0 && evict_large(engine, page, fate_of, now_ms);

	if (queue->open == page)
		queue->open = 0;
	open = &queue_of_kind(engine, row->pool, CQ_PAGE_MAIN)->open;
	cq_page_pin(engine, page);
	while (cq_next_record(engine, page, &off, &location))
		cq_settle_record(engine, location, fate_of, CQ_PAGE_MAIN, open, now_ms);
	return cq_page_unpin(engine, page);
}

static bool
evict_from(CqEngine *engine, uint32 pool, CqPageKind kind, bool force,
		   int64 now_ms)
{
	CqQueue    *queue = queue_of_kind(engine, pool, kind);
	CqFateOf	fate_of = force ? forced_fate
	: kind == CQ_PAGE_SMALL ? small_fate : main_fate;
	uint32		page = queue->head;

	for (int i = 0; i < BUSY_PAGES && page != 0; i++)
	{
		if (evict_page(engine, queue, page, fate_of, now_ms))
			return true;
		page = page_row(engine, page)->next;
	}
	return false;
}

static bool
make_room_in(CqEngine *engine, uint32 number, bool force, int64 now_ms)
{
	CqPool	   *pool = &engine->pools[number];
	CqQueue    *small = queue_of_kind(engine, number, CQ_PAGE_SMALL);
	CqQueue    *main = queue_of_kind(engine, number, CQ_PAGE_MAIN);
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

/* Who has to make room; pools lose in proportion to their size. */
static uint32
choose_victim(CqEngine *engine, uint32 pool)
{
	for (int i = 0; i < 8; i++)
	{
		CqPage	   *row;

		engine->random = engine->random * UINT64CONST(6364136223846793005) +
			UINT64CONST(1442695040888963407);
		row = page_row(engine, 1 + ((engine->random >> 32) * engine->npages >> 32));
		if (row->kind == CQ_PAGE_SMALL || row->kind == CQ_PAGE_MAIN)
			return row->pool;
	}
	return pool;
}

bool
cq_room_possible(CqEngine *engine, uint32 number, uint32 count)
{
	uint32		pages_max = engine->pools[number].pages_max;

	return count + CQ_RESERVE_PAGES + engine->index_pages <= engine->npages &&
		(pages_max == 0 || count <= pages_max);
}

bool
cq_make_room(CqEngine *engine, uint32 number, uint32 count, int64 now_ms)
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
