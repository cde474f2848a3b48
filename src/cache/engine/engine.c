/*-------------------------------------------------------------------------
 *
 * engine.c
 *	  The cache engine: a bounded map from bytes to bytes in shared memory.
 *
 * Layout.  One piece of memory, laid out once, which never grows:
 *
 *	+----------+-------------+---------+----------+----------+-----------------+
 *	| CqEngine | page        | heap of | ghosts   | buckets  | arena: pages of |
 *	| locks,   | descriptors | expiry  | 16 bytes | 64 bytes | 4096 bytes      |
 *	| counters | 32 bytes    | 4 bytes | each     | each     |                 |
 *	+----------+-------------+---------+----------+----------+-----------------+
 *
 * All references are numbers, so processes may map the memory anywhere.
 * docs/internals/engine.md has the byte layouts.
 *
 * An entry is a record in the arena: header, key, stamps, value.  Records are
 * only appended (record.c), each to the end of a FIFO of its pool.  While a
 * record can be found, nothing in it changes except its expiry and, of a
 * counter, value and version.  A slot of the index (index.c) holds the record's
 * location, 14 bits of the key's hash, and how often it was read.
 *
 * A record is first prepared: its bytes are claimed, and its creator fills them.
 * Then it is linked: a slot refers to it.  At last it is dead: its bytes are
 * garbage.  A linked record may be copied elsewhere (evict.c, compact.c): the
 * copy becomes linked in the instant in which the original dies.  A page without
 * live bytes is free.
 *
 * Locks, in this order:
 *	1. the allocator's lock: lists of pages, the heap, ghosts, open pages.  While
 *	   room is made it is held for a bounded number of pages at a time.
 *	2. a partition's lock: the buckets of the partition and the contents of their
 *	   records.  Exclusive to change any of these; a process holds one at most.
 *	3. the spinlock of the overflow buckets.
 * The live bytes of a page, a pool and a class are atomic counters.  A process
 * that takes the last live byte from a page then takes the allocator's lock and
 * frees the page.
 *
 * Readers take no lock.  Each bucket has a sequence number, shared with the
 * buckets of the same number modulo CQ_SEQUENCES, which is odd while one of them
 * is being changed.  A reader reads it, looks the key up, copies the record out,
 * and reads it again.  If it is the same, the slot referred to the record all the
 * time; hence the record was linked, none of its pages was free, and nothing in
 * it was written.  Otherwise the copy may be garbage, and the reader tries again,
 * a bounded number of times; then it is a miss.  Because of that garbage, numbers
 * of pages and buckets are checked before they are followed, and lengths before
 * bytes are copied.  A reader that dies at any instruction leaves nothing behind.
 * All that a reader writes is the number of reads in the slot, up to
 * CQ_USES_MAX, so reading a hot key writes nothing.
 *
 * Growth.  The memory never grows.  Preparing a record fails if it is larger than
 * what can be freed.
 *
 * Failure.  Nothing here raises an error, so none leaves anything half done.  If
 * a process dies in the middle, the server restarts and lays the memory out anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/chain.h"
#include "cache/engine/engine.h"
#include "cache/engine/evict.h"
#include "cache/engine/expiry_heap.h"
#include "cache/engine/ghosts.h"
#include "cache/engine/index.h"
#include "cache/engine/pages.h"
#include "cache/engine/record.h"
#include "common/int.h"

#define CLAIM_PAGES 64			/* freed before the lock is released */

/* How the memory is divided; offsets are relative to its start. */
typedef struct CqLayout
{
	uint32		npages;
	Size		pages;
	Size		heap;
	Size		ghosts;
	Size		buckets;
	Size		arena;
	Size		size;
} CqLayout;

static CqLayout
layout_for_pages(uint32 npages)
{
	Size		nbuckets = (Size) npages * CQ_BUCKETS_PER_PAGE;
	CqLayout	layout;

	layout.npages = npages;
	layout.pages = CACHELINEALIGN(sizeof(CqEngine));
	/* pages are numbered from 1 */
	layout.heap = layout.pages +
		CACHELINEALIGN(((Size) npages + 1) * sizeof(CqPageDesc));
	layout.ghosts = layout.heap + CACHELINEALIGN((Size) npages * sizeof(uint32));
	layout.buckets = layout.ghosts +
		CACHELINEALIGN(nbuckets * CQ_GHOSTS * sizeof(uint16));
	layout.arena = layout.buckets + CACHELINEALIGN(nbuckets * sizeof(CqIndexBucket));
	layout.size = layout.arena + (Size) npages * CQ_PAGE_BYTES;
	return layout;
}

/* The largest layout that fits into bytes; without pages if none fits. */
static CqLayout
layout_for_bytes(Size bytes)
{
	uint64		low = 0;
	uint64		high = Min(bytes / CQ_PAGE_BYTES, PG_UINT32_MAX / 128);

	while (low < high)
	{
		uint64		middle = (low + high + 1) / 2;

		if (layout_for_pages(middle).size <= bytes)
			low = middle;
		else
			high = middle - 1;
	}
	return layout_for_pages(low);
}

Size
cq_engine_size(Size arena_bytes)
{
	CqLayout	layout = layout_for_bytes(arena_bytes);

	return layout.npages >= CQ_PAGES_MIN ? layout.size : 0;
}

static void
init_counters(CqEngine *engine)
{
	pg_atomic_init_u64(&engine->last_version, 0);
	pg_atomic_init_u64(&engine->entries, 0);
	pg_atomic_init_u64(&engine->live, 0);
	pg_atomic_init_u64(&engine->evictions, 0);
	pg_atomic_init_u64(&engine->evicted_bytes, 0);
	pg_atomic_init_u64(&engine->expirations, 0);
	pg_atomic_init_u64(&engine->next_expiry, CQ_NEVER);
	for (int i = 0; i < CQ_POOLS; i++)
		pg_atomic_init_u64(&engine->pools[i].live, 0);
	for (int i = 0; i < CQ_CLASSES; i++)
	{
		pg_atomic_init_u64(&engine->classes[i].entries, 0);
		pg_atomic_init_u64(&engine->classes[i].bytes, 0);
	}
	for (int i = 0; i < CQ_SEQUENCES; i++)
		pg_atomic_init_u32(&engine->sequences[i], 0);
}

CqEngine *
cq_engine_init(void *mem, Size arena_bytes, int tranche)
{
	CqLayout	layout = layout_for_bytes(arena_bytes);
	CqEngine   *engine = mem;

	if (layout.npages < CQ_PAGES_MIN)
		return NULL;

	memset(mem, 0, layout.arena);
	engine->arena_bytes = layout.size;
	engine->npages = layout.npages;
	engine->nbuckets = layout.npages * CQ_BUCKETS_PER_PAGE;
	engine->pages = layout.pages;
	engine->heap = layout.heap;
	engine->ghosts = layout.ghosts;
	engine->buckets = layout.buckets;
	engine->arena = layout.arena;

	/* a location has 32 bits */
	engine->align_shift = 2;
	while (((uint64) layout.npages + 1) * CQ_PAGE_BYTES >>
		   engine->align_shift > PG_UINT32_MAX)
		engine->align_shift++;
	engine->align = 1 << engine->align_shift;

	SpinLockInit(&engine->index_mutex);
	cq_lock_init(&engine->allocator, tranche);
	for (int i = 0; i < CQ_PARTITIONS; i++)
		cq_lock_init(&engine->locks[i], tranche);
	engine->random = 1;
	init_counters(engine);
	cq_pages_init(engine);
	return engine;
}

/*
 * The kind of the page of this key's record, if it is in this pool; else 0.  This
 * is a hint: the record may have moved by the time it is replaced.
 */
static CqPageKind
kind_of_present(CqEngine *engine, uint32 pool, const CqEngineKey *key)
{
	uint32		bucket = bucket_of(engine, key->hash);
	CqLock	   *lock = partition_lock(engine, bucket);
	CqPageKind	kind = 0;
	CqIndexSlot slot;

	cq_lock_acquire(lock, CQ_LEVEL_PARTITION, LW_SHARED);
	slot = cq_index_find(engine, bucket, key);
	if (slot.bucket != NULL)
	{
		CqCursor	at = cursor_at(engine, slot.bucket->location[slot.i]);

		if (page_desc(engine, at.page)->pool == pool)
			kind = page_desc(engine, at.page)->kind;
	}
	cq_lock_release(lock, CQ_LEVEL_PARTITION);
	return kind;
}

/*
 * Reserve an overflow bucket; the index is given a page for more of them if it
 * needs one.  The caller holds the allocator's lock, and there is a free page.
 */
static void
reserve_bucket(CqEngine *engine)
{
	if (cq_index_reserve(engine))
		return;
	cq_index_give_page(engine, cq_page_take(engine, 0, CQ_PAGE_INDEX, 0));
	cq_index_reserve(engine);
}

/*
 * Claim the bytes of a record, and an overflow bucket for it; returns the
 * location, 0 if there is no room.  The allocator's lock is held for a bounded
 * number of pages at a time.
 */
static uint32
claim(CqEngine *engine, const CqEngineKey *key, const CqRecord *header,
	  int64 now_ms)
{
	/* for its bytes, for its beginning within a page, and for the index */
	uint32		count = record_bytes(engine, header) / CQ_PAGE_BYTES + 2;
	uint32		location = 0;
	uint32		pool = *(volatile uint8 *) &engine->class_pool[header->class_id];
	CqPageKind	kind = kind_of_present(engine, pool, key);
	bool		room;

	cq_lock_acquire(&engine->allocator, CQ_LEVEL_ALLOCATOR, LW_EXCLUSIVE);
	room = cq_evict_possible(engine, pool, count);
	for (uint32 part = CLAIM_PAGES; room && part < count; part += CLAIM_PAGES)
	{
		room = cq_evict_make_room(engine, pool, part, now_ms);
		cq_lock_release(&engine->allocator, CQ_LEVEL_ALLOCATOR);
		cq_lock_acquire(&engine->allocator, CQ_LEVEL_ALLOCATOR, LW_EXCLUSIVE);
	}
	if (kind == 0)
		kind = cq_ghost_remove(engine, key->hash) ? CQ_PAGE_MAIN : CQ_PAGE_SMALL;
	if (room && cq_evict_make_room(engine, pool, count, now_ms))
	{
		reserve_bucket(engine);
		location = cq_record_append(engine, pool, kind, header);
	}
	cq_lock_release(&engine->allocator, CQ_LEVEL_ALLOCATOR);
	return location;
}

/* Write key, stamps and value of a prepared record. */
static void
fill_record(CqEngine *engine, uint32 location, const CqEngineKey *key,
			const CqEngineMeta *meta, const CqStamp *stamps, const char *value)
{
	CqCursor	cursor = cursor_at(engine, location);

	cursor.off += sizeof(CqRecord);
	cq_chain_write(engine, &cursor, key->bytes, key->len);
	for (int i = 0; i < meta->nstamps; i++)
	{
		char		packed[CQ_ENGINE_STAMP_BYTES];

		memcpy(packed, &stamps[i].version, sizeof(uint64));
		memcpy(packed + sizeof(uint64), &stamps[i].slot, sizeof(uint32));
		cq_chain_write(engine, &cursor, packed, sizeof(packed));
	}
	cq_chain_write(engine, &cursor, value, meta->value_len);
}

CqEngineHandle
cq_engine_prepare(CqEngine *engine, const CqEngineKey *key,
				  const CqEngineMeta *meta, const CqStamp *stamps,
				  const char *value, int64 now_ms)
{
	CqRecord	header = {0};
	uint32		location;

	Assert(key->len >= 1 && key->len <= CQ_ENGINE_KEY_MAX);
	Assert(meta->nstamps <= CQ_ENGINE_STAMPS_MAX && meta->class_id < CQ_CLASSES);

	if (meta->value_len >= engine->arena_bytes)
		return 0;
	header.state = CQ_RECORD_PREPARED;
	set_record_expiry(&header, meta->expires_ms);
	header.type = meta->type;
	header.flags = meta->flags;
	header.class_id = meta->class_id;
	header.nstamps = meta->nstamps;
	header.key_len = key->len;
	header.value_len = meta->value_len;
	header.hash_high = (uint32) (key->hash >> 32);
	header.hash_low = (uint32) key->hash >> 27;

	location = claim(engine, key, &header, now_ms);
	if (location != 0)
		fill_record(engine, location, key, meta, stamps, value);
	return location;
}

/* live: the key's record if it has one that has not expired, else NULL. */
static bool
condition_holds(CqEngineCondition condition, uint64 version,
				const CqRecord *live)
{
	switch (condition)
	{
		case CQ_PUT_ALWAYS:
			return true;
		case CQ_PUT_IF_ABSENT:
			return live == NULL;
		case CQ_PUT_IF_PRESENT:
			return live != NULL;
		case CQ_PUT_IF_VERSION:
			return live != NULL && record_version(live) == version;
	}
	return false;
}

/*
 * Link a prepared record in place of the one in the slot, or in a new slot.  The
 * caller holds the partition's exclusive lock, and calls cq_released_free when it
 * has released that.
 */
static void
link_record(CqEngine *engine, uint32 bucket, CqIndexSlot slot, uint32 location,
			CqReleased *released)
{
	CqRecord   *record = record_at(engine, location);
	uint64		version = pg_atomic_add_fetch_u64(&engine->last_version, 1);
	uint32		old = slot.bucket != NULL ? slot.bucket->location[slot.i] : 0;

	set_record_version(record, version);
	cq_write_begin(engine, bucket);
	record->state = CQ_RECORD_LINKED;
	if (old != 0)
	{
		record_at(engine, old)->state = CQ_RECORD_DEAD;
		slot.bucket->location[slot.i] = location;
	}
	else
		cq_index_add(engine, bucket, tag_of(record_hash(record)), location);
	cq_write_end(engine, bucket);

	cq_class_add(engine, record);
	if (old != 0)
	{
		cq_class_remove(engine, record_at(engine, old));
		cq_record_release(engine, old, released);
	}
	else
		pg_atomic_fetch_add_u64(&engine->entries, 1);
}

CqEngineResult
cq_engine_publish_if(CqEngine *engine, CqEngineHandle handle,
					 CqEngineCondition condition, uint64 version,
					 int64 now_ms, uint64 *new_version)
{
	CqRecord   *record = record_at(engine, handle);
	uint32		bucket = bucket_of(engine, record_hash(record));
	CqLock	   *lock = partition_lock(engine, bucket);
	CqCursor	cursor = cursor_at(engine, handle);
	char		key_bytes[CQ_ENGINE_KEY_MAX];
	CqEngineKey key;
	CqRecord   *live = NULL;
	CqReleased	released = {0};
	CqIndexSlot slot;

	/* in one piece, to be compared with the keys of the bucket */
	key.hash = record_hash(record);
	key.bytes = key_bytes;
	key.len = record->key_len;
	cursor.off += sizeof(CqRecord);
	cq_chain_read(engine, &cursor, key_bytes, key.len);

	cq_lock_acquire(lock, CQ_LEVEL_PARTITION, LW_EXCLUSIVE);
	slot = cq_index_find(engine, bucket, &key);
	if (slot.bucket != NULL)
	{
		live = record_at(engine, slot.bucket->location[slot.i]);
		if (record_expired(live, now_ms))
			live = NULL;
	}
	if (!condition_holds(condition, version, live))
	{
		cq_lock_release(lock, CQ_LEVEL_PARTITION);
		cq_engine_discard(engine, handle);
		return CQ_ENGINE_CONFLICT;
	}
	link_record(engine, bucket, slot, handle, &released);
	if (new_version != NULL)
		*new_version = record_version(record);
	cq_lock_release(lock, CQ_LEVEL_PARTITION);

	cq_index_release(engine);
	cq_released_free(engine, &released, false);
	return CQ_ENGINE_OK;
}

void
cq_engine_publish(CqEngine *engine, CqEngineHandle handle)
{
	cq_engine_publish_if(engine, handle, CQ_PUT_ALWAYS, 0, 0, NULL);
}

void
cq_engine_discard(CqEngine *engine, CqEngineHandle handle)
{
	CqRecord   *record = record_at(engine, handle);
	uint32		bucket = bucket_of(engine, record_hash(record));
	CqLock	   *lock = partition_lock(engine, bucket);
	CqReleased	released;

	Assert(record->state == CQ_RECORD_PREPARED);
	cq_index_release(engine);
	cq_lock_acquire(lock, CQ_LEVEL_PARTITION, LW_EXCLUSIVE);
	record->state = CQ_RECORD_DEAD;
	cq_record_release(engine, handle, &released);
	cq_lock_release(lock, CQ_LEVEL_PARTITION);
	cq_released_free(engine, &released, false);
}

/* The slot of a key's record; .bucket is NULL if it has expired or is absent. */
static CqIndexSlot
find_live(CqEngine *engine, uint32 bucket, const CqEngineKey *key,
		  int64 now_ms)
{
	CqIndexSlot slot = cq_index_find(engine, bucket, key);

	if (slot.bucket != NULL &&
		record_expired(record_at(engine, slot.bucket->location[slot.i]), now_ms))
		slot.bucket = NULL;
	return slot;
}

bool
cq_engine_remove(CqEngine *engine, const CqEngineKey *key, uint64 if_version,
				 bool only_plain, int64 now_ms)
{
	uint32		bucket = bucket_of(engine, key->hash);
	CqLock	   *lock = partition_lock(engine, bucket);
	CqReleased	released = {0};
	bool		removed = false;
	CqIndexSlot slot;

	cq_lock_acquire(lock, CQ_LEVEL_PARTITION, LW_EXCLUSIVE);
	slot = find_live(engine, bucket, key, now_ms);
	if (slot.bucket != NULL)
	{
		CqRecord   *record = record_at(engine, slot.bucket->location[slot.i]);

		removed = (if_version == 0 || record_version(record) == if_version) &&
			!(only_plain && (record->flags & CQ_ENTRY_DEPENDENT) != 0);
		if (removed)
			cq_record_unlink(engine, bucket, slot, &released);
	}
	cq_lock_release(lock, CQ_LEVEL_PARTITION);

	cq_released_free(engine, &released, false);
	return removed;
}

/*
 * Add to the counter in a record that has not expired; as cq_engine_incr.  The
 * caller holds the partition's exclusive lock.
 */
static CqEngineResult
add_to_counter(CqEngine *engine, uint32 bucket, uint32 location,
			   uint8 counter_type, int64 by, int64 *result)
{
	CqRecord   *record = record_at(engine, location);
	CqCursor	cursor = cursor_at(engine, location);
	CqCursor	at_value;
	int64		value;

	if (record->type != counter_type || record->value_len != sizeof(int64) ||
		record->nstamps != 0 || (record->flags & CQ_ENTRY_DEPENDENT) != 0)
		return CQ_ENGINE_WRONG_TYPE;
	cursor.off += sizeof(CqRecord);
	cq_chain_skip(engine, &cursor, record->key_len);
	at_value = cursor;
	cq_chain_read(engine, &cursor, (char *) &value, sizeof(value));
	if (pg_add_s64_overflow(value, by, &value))
		return CQ_ENGINE_OVERFLOW;

	cq_write_begin(engine, bucket);
	cq_chain_write(engine, &at_value, (const char *) &value, sizeof(value));
	set_record_version(record,
					   pg_atomic_add_fetch_u64(&engine->last_version, 1));
	cq_write_end(engine, bucket);
	*result = value;
	return CQ_ENGINE_OK;
}

/*
 * Give a linked record another expiry.  The caller holds the partition's exclusive
 * lock.
 */
static void
change_expiry(CqEngine *engine, uint32 bucket, uint32 location,
			  int64 expires_ms)
{
	cq_write_begin(engine, bucket);
	set_record_expiry(record_at(engine, location), expires_ms);
	cq_write_end(engine, bucket);
}

/*
 * After a change of a record's expiry: let its page expire in time.  If the record
 * has moved since, its new page has the expiry already, and the old one will be
 * examined for nothing.
 */
static void
note_expiry(CqEngine *engine, uint32 location, int64 expires_ms)
{
	uint32		page = cursor_at(engine, location).page;
	CqPageDesc *desc = page_desc(engine, page);

	if (expires_ms == 0)
		return;
	cq_lock_acquire(&engine->allocator, CQ_LEVEL_ALLOCATOR, LW_EXCLUSIVE);
	if (holds_records(desc))
		cq_expiry_note(engine, page, Min(expires_ms, CQ_ENGINE_EXPIRES_MAX));
	cq_lock_release(&engine->allocator, CQ_LEVEL_ALLOCATOR);
}

CqEngineResult
cq_engine_incr(CqEngine *engine, const CqEngineKey *key, uint8 counter_type,
			   int64 by, int64 expires_ms, int64 now_ms, int64 *result)
{
	uint32		bucket = bucket_of(engine, key->hash);
	CqLock	   *lock = partition_lock(engine, bucket);
	CqEngineResult done = CQ_ENGINE_ABSENT;
	uint32		location = 0;
	CqIndexSlot slot;

	cq_lock_acquire(lock, CQ_LEVEL_PARTITION, LW_EXCLUSIVE);
	slot = find_live(engine, bucket, key, now_ms);
	if (slot.bucket != NULL)
	{
		location = slot.bucket->location[slot.i];
		done = add_to_counter(engine, bucket, location, counter_type, by,
							  result);
	}
	if (done == CQ_ENGINE_OK)
	{
		cq_index_note_use(&slot.bucket->tag[slot.i], slot.bucket->tag[slot.i]);
		if (expires_ms != -1)
			change_expiry(engine, bucket, location, expires_ms);
	}
	cq_lock_release(lock, CQ_LEVEL_PARTITION);

	if (done == CQ_ENGINE_OK && expires_ms != -1)
		note_expiry(engine, location, expires_ms);
	return done;
}

CqEngineResult
cq_engine_touch(CqEngine *engine, const CqEngineKey *key, int64 expires_ms,
				int64 now_ms)
{
	uint32		bucket = bucket_of(engine, key->hash);
	CqLock	   *lock = partition_lock(engine, bucket);
	uint32		location = 0;
	CqIndexSlot slot;

	cq_lock_acquire(lock, CQ_LEVEL_PARTITION, LW_EXCLUSIVE);
	slot = find_live(engine, bucket, key, now_ms);
	if (slot.bucket != NULL)
	{
		location = slot.bucket->location[slot.i];
		cq_index_note_use(&slot.bucket->tag[slot.i], slot.bucket->tag[slot.i]);
		change_expiry(engine, bucket, location, expires_ms);
	}
	cq_lock_release(lock, CQ_LEVEL_PARTITION);

	if (location == 0)
		return CQ_ENGINE_ABSENT;
	note_expiry(engine, location, expires_ms);
	return CQ_ENGINE_OK;
}

void
cq_engine_stats(CqEngine *engine, CqEngineStats *stats)
{
	stats->arena_bytes = engine->arena_bytes;
	stats->page_bytes = (uint64) (engine->npages -
								  *(volatile uint32 *) &engine->free_pages) *
		CQ_PAGE_BYTES;
	stats->index_bytes = (uint64) *(volatile uint32 *) &engine->index_pages *
		CQ_PAGE_BYTES;
	stats->used_bytes = pg_atomic_read_u64(&engine->live);
	stats->entries = pg_atomic_read_u64(&engine->entries);
	stats->evictions = pg_atomic_read_u64(&engine->evictions);
	stats->expirations = pg_atomic_read_u64(&engine->expirations);
	stats->evicted_bytes = pg_atomic_read_u64(&engine->evicted_bytes);
}

void
cq_engine_class_usage(CqEngine *engine, uint16 class_id, uint64 *entries,
					  uint64 *bytes)
{
	*entries = pg_atomic_read_u64(&engine->classes[class_id].entries);
	*bytes = pg_atomic_read_u64(&engine->classes[class_id].bytes);
}

/* The pool of a class, assigned if it has none; 0 if none is left. */
static uint32
pool_of_class(CqEngine *engine, uint16 class_id)
{
	uint32		number = engine->class_pool[class_id];

	for (uint32 i = 1; i < CQ_POOLS && number == 0; i++)
	{
		CqPool	   *pool = &engine->pools[i];

		if (pool->pages_max == 0 && pool->pages == 0)
		{
			engine->class_pool[pool->class_id] = 0;
			pool->class_id = class_id;
			engine->class_pool[class_id] = number = i;
		}
	}
	return number;
}

bool
cq_engine_set_quota(CqEngine *engine, uint16 class_id, uint64 bytes)
{
	uint32		number;

	Assert(class_id > 0 && class_id < CQ_CLASSES);
	cq_lock_acquire(&engine->allocator, CQ_LEVEL_ALLOCATOR, LW_EXCLUSIVE);
	number = bytes == 0 ? engine->class_pool[class_id]
		: pool_of_class(engine, class_id);
	if (number != 0)
		engine->pools[number].pages_max = bytes == 0 ? 0
			: Min(Max(bytes, CQ_ENGINE_QUOTA_MIN) / CQ_PAGE_BYTES, engine->npages);
	cq_lock_release(&engine->allocator, CQ_LEVEL_ALLOCATOR);
	return number != 0 || bytes == 0;
}

/*
 * Visit the entries of a bucket that have not expired.  The caller holds the
 * partition's lock.
 */
static void
walk_bucket(CqEngine *engine, uint32 number, int64 now_ms,
			CqEngineVisitor visit, void *arg)
{
	char		key[CQ_ENGINE_KEY_MAX];

	do
	{
		CqIndexBucket *bucket = bucket_at(engine, number);

		for (int i = 0; i < CQ_BUCKET_SLOTS && bucket->location[i] != 0; i++)
		{
			CqRecord   *record = record_at(engine, bucket->location[i]);
			CqCursor	cursor = cursor_at(engine, bucket->location[i]);
			CqEngineMeta meta;

			if (record_expired(record, now_ms))
				continue;
			cursor.off += sizeof(CqRecord);
			cq_chain_read(engine, &cursor, key, record->key_len);
			record_meta(record, &meta);
			visit(key, record->key_len, &meta, arg);
		}
		number = bucket->next;
	} while (number != 0);
}

void
cq_engine_walk(CqEngine *engine, int64 now_ms, CqEngineVisitor visit,
			   void *arg)
{
	for (uint32 partition = 0; partition < CQ_PARTITIONS; partition++)
	{
		CqLock	   *lock = &engine->locks[partition];

		cq_lock_acquire(lock, CQ_LEVEL_PARTITION, LW_SHARED);
		for (uint32 bucket = partition; bucket < engine->nbuckets;
			 bucket += CQ_PARTITIONS)
			walk_bucket(engine, bucket, now_ms, visit, arg);
		cq_lock_release(lock, CQ_LEVEL_PARTITION);
	}
}
