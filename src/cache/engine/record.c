/*-------------------------------------------------------------------------
 *
 * record.c
 *	  Making and ending records.
 *
 * Each queue has one open page, at whose end the next record is made.  A
 * record that does not fit into the rest goes on in new pages, which are put
 * behind the open one; the last of them is open then.
 *
 * A large record has pages of its own, from the first byte of the first to
 * whatever it needs of the last, so that it can go on to the main queue
 * without being copied.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/memory.h"

/* Bytes that a record may have in the open page; 0 if it has to begin anew. */
static uint32
room_in(CqEngine *engine, uint32 open)
{
	uint32		room;

	if (open == 0)
		return 0;
	room = CQ_PAGE_BYTES - page_row(engine, open)->used;
	return room >= sizeof(CqRecord) ? room : 0;
}

/* Claim bytes behind the end of page; returns how many are there. */
static uint32
extend_page(CqEngine *engine, uint32 page, Size bytes)
{
	CqPage	   *row = page_row(engine, page);
	uint32		part = Min(bytes, CQ_PAGE_BYTES - row->used);

	row->used += part;
	pg_atomic_fetch_add_u32(&row->live, part);
	return part;
}

/* Make room for bytes behind *open, 0: at the queue's end; its location. */
static uint32
extend(CqEngine *engine, uint32 pool, CqPageKind kind, uint32 *open,
	   Size bytes)
{
	uint32		page = *open;
	uint32		location;
	CqPage	   *row;

	if (room_in(engine, page) == 0)
	{
		if (page != 0)
			page_row(engine, page)->used = CQ_PAGE_BYTES;
		page = cq_page_take(engine, pool, kind, page);
	}
	row = page_row(engine, page);
	if (row->first == CQ_PAGE_BYTES)
		row->first = row->used;
	location = location_of(engine, page, row->used);

	bytes -= extend_page(engine, page, bytes);
	while (bytes > 0)
	{
		page = cq_page_take(engine, pool, kind, page);
		bytes -= extend_page(engine, page, bytes);
	}
	*open = page;
	return location;
}

static uint32
extend_large(CqEngine *engine, uint32 pool, CqPageKind kind, Size bytes)
{
	uint32		first = cq_page_take(engine, pool, kind, 0);
	uint32		page = first;

	page_row(engine, first)->first = 0;
	for (;;)
	{
		page_row(engine, page)->large = true;
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
cq_append(CqEngine *engine, uint32 pool, CqPageKind kind,
		  const CqRecord *header)
{
	CqQueue    *queue = queue_of_kind(engine, pool, kind);
	Size		bytes = record_bytes(engine, header);
	int64		expires_ms = record_expiry(header);
	uint32		location;

	if (bytes >= CQ_LARGE_BYTES)
		location = extend_large(engine, pool, kind, bytes);
	else
		location = extend(engine, pool, kind, &queue->open, bytes);
	*record_at(engine, location) = *header;
	count_record(engine, pool, bytes);
	if (expires_ms != 0)
		cq_expiry_note(engine, cursor_at(engine, location).page, expires_ms);
	return location;
}

uint32
cq_append_copy(CqEngine *engine, uint32 pool, CqPageKind kind, uint32 *open,
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
			from.page = page_row(engine, from.page)->next;
			from.off = 0;
		}
		at = page_bytes(engine, from.page) + from.off;
		part = Min(bytes, CQ_PAGE_BYTES - from.off);
		cq_copy_in(engine, &to, at, part);
		from.off += part;
		bytes -= part;
	}
	count_record(engine, pool, record_bytes(engine, record));
	if (expires_ms != 0)
		cq_expiry_note(engine, cursor_at(engine, copy).page, expires_ms);
	return copy;
}

/* Give a page back if it is still in a queue and holds nothing. */
static void
free_if_empty(CqEngine *engine, uint32 page)
{
	CqPage	   *row = page_row(engine, page);

	if ((row->kind == CQ_PAGE_SMALL || row->kind == CQ_PAGE_MAIN) &&
		pg_atomic_read_u32(&row->live) == 0)
		cq_page_free(engine, page);
}

/*
 * Take the next bytes of a record from their page, *page, which moves on;
 * returns whether the page is empty now.
 */
static inline bool
release_part(CqEngine *engine, uint32 *page, uint32 part)
{
	CqPage	   *row = page_row(engine, *page);

	/* once its bytes are gone the page may be, too */
	*page = row->next;
	Assert(pg_atomic_read_u32(&row->live) >= part);
	Assert(row->kind == CQ_PAGE_SMALL || row->kind == CQ_PAGE_MAIN);
	return pg_atomic_sub_fetch_u32(&row->live, part) == 0;
}

void
cq_release_bytes(CqEngine *engine, uint32 location, CqReleased *released)
{
	CqCursor	cursor = cursor_at(engine, location);
	Size		bytes = record_bytes(engine, record_at(engine, location));
	uint32		page = cursor.page;
	uint32		off = cursor.off;
	uint32		pool = page_row(engine, page)->pool;

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

/* The allocator's lock is held. */
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
cq_free_released(CqEngine *engine, const CqReleased *released, bool locked)
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
cq_unlink(CqEngine *engine, uint32 bucket, CqSlot slot, CqReleased *released)
{
	uint32		location = slot.bucket->location[slot.i];
	CqRecord   *record = record_at(engine, location);

	cq_write_begin(engine, bucket);
	record->state = CQ_RECORD_DEAD;
	cq_index_remove(engine, bucket, slot);
	cq_write_end(engine, bucket);
	pg_atomic_fetch_sub_u64(&engine->entries, 1);
	cq_class_remove(engine, record);
	cq_release_bytes(engine, location, released);
}

void
cq_wait_for_release(CqEngine *engine, uint32 location)
{
	uint64		hash = record_hash(record_at(engine, location));
	CqLock	   *lock = partition_lock(engine, bucket_of(engine, hash));

	cq_lock_acquire(lock, CQ_LEVEL_PARTITION, LW_SHARED);
	cq_lock_release(lock, CQ_LEVEL_PARTITION);
}
