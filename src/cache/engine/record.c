/*-------------------------------------------------------------------------
 *
 * record.c
 *	  Making, moving and ending records.
 *
 * Each FIFO has one open page, at whose end the next record is made.  A record
 * that does not fit into the rest of it goes on in new pages, which are put
 * behind the open page; the last of them becomes the open page.
 *
 * A large record has pages of its own: it begins at the start of the first and
 * nothing follows it in the last.  So it can go to the main FIFO without being
 * copied.
 *
 * When a record is dead its bytes are taken from their pages' live counters
 * first, under its partition's lock; then the pages that became empty are freed,
 * under the allocator's lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/chain.h"
#include "cache/engine/expiry_heap.h"
#include "cache/engine/ghosts.h"
#include "cache/engine/index.h"
#include "cache/engine/pages.h"
#include "cache/engine/record.h"

/* Bytes left in the open page; 0 if a record cannot begin there. */
static uint32
room_in(CqEngine *engine, uint32 open)
{
	uint32		room;

	if (open == 0)
		return 0;
	room = CQ_PAGE_BYTES - page_desc(engine, open)->used;
	return room >= sizeof(CqRecord) ? room : 0;
}

/* Claim up to bytes at the end of a page; returns how many it had. */
static uint32
extend_page(CqEngine *engine, uint32 page, Size bytes)
{
	CqPageDesc *desc = page_desc(engine, page);
	uint32		part = Min(bytes, CQ_PAGE_BYTES - desc->used);

	desc->used += part;
	pg_atomic_fetch_add_u32(&desc->live, part);
	return part;
}

/*
 * Claim bytes from the end of the page *open on, 0: from a new page at the FIFO's
 * end on.  Sets *open to the last page.  Returns the location.
 */
static uint32
extend(CqEngine *engine, uint32 pool, CqPageKind kind, uint32 *open,
	   Size bytes)
{
	uint32		page = *open;
	uint32		location;
	CqPageDesc *desc;

	if (room_in(engine, page) == 0)
	{
		if (page != 0)
			page_desc(engine, page)->used = CQ_PAGE_BYTES;
		page = cq_page_take(engine, pool, kind, page);
	}
	desc = page_desc(engine, page);
	if (desc->first == CQ_PAGE_BYTES)
		desc->first = desc->used;
	location = location_of(engine, page, desc->used);

	bytes -= extend_page(engine, page, bytes);
	while (bytes > 0)
	{
		page = cq_page_take(engine, pool, kind, page);
		bytes -= extend_page(engine, page, bytes);
	}
	*open = page;
	return location;
}

/* Claim bytes in pages of their own; returns the location. */
static uint32
extend_large(CqEngine *engine, uint32 pool, CqPageKind kind, Size bytes)
{
	uint32		first = cq_page_take(engine, pool, kind, 0);
	uint32		page = first;

	page_desc(engine, first)->first = 0;
	for (;;)
	{
		page_desc(engine, page)->large = true;
		bytes -= extend_page(engine, page, bytes);
		if (bytes == 0)
			break;
		page = cq_page_take(engine, pool, kind, page);
	}
	return location_of(engine, first, 0);
}

static void
count_record(CqEngine *engine, uint32 pool, Size bytes)
{
	pg_atomic_fetch_add_u64(&engine->pools[pool].live, bytes);
	pg_atomic_fetch_add_u64(&engine->live, bytes);
}

uint32
cq_record_append(CqEngine *engine, uint32 pool, CqPageKind kind,
				 const CqRecord *header)
{
	CqFifo	   *fifo = fifo_of_kind(engine, pool, kind);
	Size		bytes = record_bytes(engine, header);
	int64		expires_ms = record_expiry(header);
	uint32		location;

	if (bytes >= CQ_LARGE_BYTES)
		location = extend_large(engine, pool, kind, bytes);
	else
		location = extend(engine, pool, kind, &fifo->open, bytes);
	*record_at(engine, location) = *header;
	count_record(engine, pool, bytes);
	if (expires_ms != 0)
		cq_expiry_note(engine, cursor_at(engine, location).page, expires_ms);
	return location;
}

/*
 * Make a copy of a linked record, at the end of the page *open as extend does.
 * Returns its location.
 */
static uint32
append_copy(CqEngine *engine, uint32 pool, CqPageKind kind, uint32 *open,
			uint32 location)
{
	const CqRecord *record = record_at(engine, location);
	Size		bytes = record_bytes(engine, record);
	int64		expires_ms = record_expiry(record);
	CqCursor	from = cursor_at(engine, location);
	uint32		copy = extend(engine, pool, kind, open, bytes);
	CqCursor	to = cursor_at(engine, copy);

	while (bytes > 0)
	{
		char	   *at;
		Size		part;

		if (from.off == CQ_PAGE_BYTES)
		{
			from.page = page_desc(engine, from.page)->next;
			from.off = 0;
		}
		at = page_bytes(engine, from.page) + from.off;
		part = Min(bytes, CQ_PAGE_BYTES - from.off);
		cq_chain_write(engine, &to, at, part);
		from.off += part;
		bytes -= part;
	}
	count_record(engine, pool, record_bytes(engine, record));
	if (expires_ms != 0)
		cq_expiry_note(engine, cursor_at(engine, copy).page, expires_ms);
	return copy;
}

/* Free a page if it is still in a FIFO and holds no live byte. */
static void
free_if_empty(CqEngine *engine, uint32 page)
{
	CqPageDesc *desc = page_desc(engine, page);

	if (holds_records(desc) && pg_atomic_read_u32(&desc->live) == 0)
		cq_page_free(engine, page);
}

/*
 * Take part of a record's bytes from the live bytes of *page, and set *page to
 * the next one.  Returns whether no live byte is left.
 */
static inline bool
release_part(CqEngine *engine, uint32 *page, uint32 part)
{
	CqPageDesc *desc = page_desc(engine, *page);

	/* without these bytes the page may be freed at once */
	*page = desc->next;
	Assert(pg_atomic_read_u32(&desc->live) >= part);
	Assert(holds_records(desc));
	return pg_atomic_sub_fetch_u32(&desc->live, part) == 0;
}

void
cq_record_release(CqEngine *engine, uint32 location, CqReleased *released)
{
	CqCursor	cursor = cursor_at(engine, location);
	Size		bytes = record_bytes(engine, record_at(engine, location));
	uint32		page = cursor.page;
	uint32		off = cursor.off;
	uint32		pool = page_desc(engine, page)->pool;

	pg_atomic_fetch_sub_u64(&engine->pools[pool].live, bytes);
	pg_atomic_fetch_sub_u64(&engine->live, bytes);
	released->npages = 0;
	released->large_page = 0;
	if (bytes >= CQ_LARGE_BYTES)
	{
		released->large_page = page;
		released->large_bytes = bytes;
		return;
	}
	while (bytes > 0)
	{
		uint32		part = Min(bytes, CQ_PAGE_BYTES - off);
		uint32		this_page = page;

		if (release_part(engine, &page, part))
			released->pages[released->npages++] = this_page;
		bytes -= part;
		off = 0;
	}
}

/* The caller holds the allocator's lock. */
static void
free_released(CqEngine *engine, const CqReleased *released)
{
	uint32		page = released->large_page;
	Size		bytes = released->large_bytes;

	for (uint32 i = 0; i < released->npages; i++)
		free_if_empty(engine, released->pages[i]);
	while (page != 0 && bytes > 0)
	{
		uint32		part = Min(bytes, CQ_PAGE_BYTES);
		uint32		this_page = page;

		if (release_part(engine, &page, part))
			free_if_empty(engine, this_page);
		bytes -= part;
	}
}

void
cq_released_free(CqEngine *engine, const CqReleased *released, bool locked)
{
	if (released->npages == 0 && released->large_page == 0)
		return;
	if (!locked)
		cq_lock_acquire(&engine->allocator, CQ_LEVEL_ALLOCATOR, LW_EXCLUSIVE);
	free_released(engine, released);
	if (!locked)
		cq_lock_release(&engine->allocator, CQ_LEVEL_ALLOCATOR);
}

void
cq_record_unlink(CqEngine *engine, uint32 bucket, CqIndexSlot slot, CqReleased *released)
{
	uint32		location = slot.bucket->location[slot.i];
	CqRecord   *record = record_at(engine, location);

	cq_write_begin(engine, bucket);
	record->state = CQ_RECORD_DEAD;
	cq_index_remove(engine, bucket, slot);
	cq_write_end(engine, bucket);
	pg_atomic_fetch_sub_u64(&engine->entries, 1);
	cq_class_remove(engine, record);
	cq_record_release(engine, location, released);
}

void
cq_record_wait_released(CqEngine *engine, uint32 location)
{
	uint64		hash = record_hash(record_at(engine, location));
	CqLock	   *lock = partition_lock(engine, bucket_of(engine, hash));

	cq_lock_acquire(lock, CQ_LEVEL_PARTITION, LW_SHARED);
	cq_lock_release(lock, CQ_LEVEL_PARTITION);
}

bool
cq_record_next(CqEngine *engine, uint32 page, uint32 *off, uint32 *location)
{
	CqPageDesc *desc = page_desc(engine, page);

	*off = Max(*off, desc->first);
	if (*off + sizeof(CqRecord) > desc->used)
		return false;
	*location = location_of(engine, page, *off);
	*off += record_bytes(engine, record_at(engine, *location));
	return true;
}

/*
 * Copy a record and let its slot refer to the copy.  The caller holds the
 * allocator's lock and the exclusive lock of the partition.
 */
static void
move_record(CqEngine *engine, uint32 bucket, CqIndexSlot slot, uint32 location,
			CqPageKind to, uint32 *open, CqReleased *released)
{
	uint32		pool = page_desc(engine, cursor_at(engine, location).page)->pool;
	uint32		copy = append_copy(engine, pool, to, open, location);

	cq_write_begin(engine, bucket);
	slot.bucket->location[slot.i] = copy;
	record_at(engine, location)->state = CQ_RECORD_DEAD;
	cq_write_end(engine, bucket);
	cq_record_release(engine, location, released);
}

/* A record that is not linked, as a result of cq_record_settle. */
static CqSettled
not_linked(const CqRecord *record)
{
	return record->state == CQ_RECORD_DEAD ? CQ_WAS_DEAD : CQ_IS_PREPARED;
}

/*
 * What to do with a linked record.  A record is moved only if there are pages
 * for it.
 */
static CqRecordAction
choose_action(CqEngine *engine, const CqRecord *record, uint16 *tag,
			  CqRecordPolicy policy, bool may_move)
{
	CqRecordAction action = policy(tag);

	if (action == CQ_MOVE && !may_move)
		return CQ_KEEP;
	if (action == CQ_MOVE &&
		engine->free_pages <= record_bytes(engine, record) / CQ_PAGE_BYTES + 1)
		return CQ_DROP;
	return action;
}

/*
 * Count a record that was dropped; an evicted one from a small FIFO becomes a
 * ghost.
 */
static void
count_dropped(CqEngine *engine, uint32 location, bool expired)
{
	const CqRecord *record = record_at(engine, location);
	uint32		page = cursor_at(engine, location).page;

	if (expired)
	{
		pg_atomic_fetch_add_u64(&engine->expirations, 1);
		return;
	}
	pg_atomic_fetch_add_u64(&engine->evictions, 1);
	pg_atomic_fetch_add_u64(&engine->evicted_bytes, record_bytes(engine, record));
	if (page_desc(engine, page)->kind == CQ_PAGE_SMALL)
		cq_ghost_add(engine, record_hash(record));
}

CqSettled
cq_record_settle(CqEngine *engine, uint32 location, CqRecordPolicy policy,
				 CqPageKind to, uint32 *open, int64 now_ms)
{
	CqRecord   *record = record_at(engine, location);
	uint32		bucket = bucket_of(engine, record_hash(record));
	CqLock	   *lock = partition_lock(engine, bucket);
	CqRecordAction action = CQ_DROP;
	bool		expired;
	CqReleased	released;
	CqIndexSlot slot;

	if (record->state != CQ_RECORD_LINKED)
		return not_linked(record);
	cq_lock_acquire(lock, CQ_LEVEL_PARTITION, LW_EXCLUSIVE);
	if (record->state != CQ_RECORD_LINKED)
	{
		CqSettled	settled = not_linked(record);

		cq_lock_release(lock, CQ_LEVEL_PARTITION);
		return settled;
	}
	slot = cq_index_slot_of(engine, bucket, location);
	expired = record_expired(record, now_ms);
	if (!expired)
		action = choose_action(engine, record, &slot.bucket->tag[slot.i],
							   policy, open != NULL);
	if (action == CQ_MOVE)
		move_record(engine, bucket, slot, location, to, open, &released);
	else if (action == CQ_DROP)
		cq_record_unlink(engine, bucket, slot, &released);
	cq_lock_release(lock, CQ_LEVEL_PARTITION);

	if (action == CQ_KEEP)
		return CQ_KEPT;
	if (action == CQ_DROP)
		count_dropped(engine, location, expired);
	cq_released_free(engine, &released, true);
	return action == CQ_MOVE ? CQ_MOVED : CQ_DROPPED;
}
