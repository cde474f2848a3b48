/*-------------------------------------------------------------------------
 *
 * engine.c
 *	  The cache engine: a bounded map from bytes to bytes in shared memory.
 *
 * Layout.  One piece of memory, laid out once and never grown:
 *
 *	+----------+--------------+------------------+------------------------+
 *	| CqEngine | group bounds | hash buckets     | blocks (arena.c)       |
 *	| locks,   | int64 each   | uint32 each      | 128 bytes each         |
 *	| counters |              |                  |                        |
 *	+----------+--------------+------------------+------------------------+
 *
 * All references are block numbers, so the memory may be mapped anywhere.
 *
 * An entry is a chain of blocks; key, stamps and value flow through it:
 *
 *	first block:
 *	  0    4     8    16      24      32    36   40    44   46   48 49 50
 *	  +----+-----+----+-------+-------+-----+----+-----+----+----+--+--+-----
 *	  |next|state|hash|version|expires|chain|tail|value|key |nst.|ty|fl| key,
 *	  |    |     |    |       |  _ms  |     |    |_len |_len|    |pe|ag| ...
 *	  +----+-----+----+-------+-------+-----+----+-----+----+----+--+--+-----
 *	further blocks:
 *	  0    4     8
 *	  +----+-----+-----------------------------------------------------------
 *	  |next|  0  | ... rest of key, stamps, value
 *	  +----+-----+-----------------------------------------------------------
 *
 * Entries of the same bucket are linked by chain, block number by block
 * number.  CQ_GROUP_BUCKETS neighbouring buckets are a group; a group belongs
 * to a partition, and a partition has a lock.
 *
 * An entry is prepared (in no bucket, reachable by its handle only), then
 * published (in its bucket; its state says so), then unlinked, then freed.
 * An entry's contents never change while it is published, but for a counter's
 * value, its version, and the expiry of any.
 *
 * Locks, in this order:
 *	1. a partition's lock, one at a time.  Shared: to look at the bucket chains
 *	   of the partition and to read their entries; nobody frees or changes
 *	   these meanwhile.  Exclusive: to link, unlink or change them.  A process
 *	   that unlinked an entry owns its blocks and frees them after releasing
 *	   the lock.
 *	2. a spinlock: a free list's, or the expiry bound's; never both.
 *
 * Readers copy out under the shared lock.  Apart from the lock they write one
 * bit, if it is not set already.
 *
 * Eviction is in evict.c, expiry in expire.c.
 *
 * Growth.  Never beyond the memory laid out.  Taking blocks fails for an entry
 * that is larger than all blocks together, or when not enough may be evicted
 * because prepared entries hold the rest.  Then whatever was gathered is freed
 * and nothing is stored.
 *
 * Failure.  Nothing here raises an error, and nothing is left half done by
 * one.  A process that dies in the middle takes the server through a restart,
 * which lays the memory out anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/int.h"

#include "cache/entry.h"

#define BLOCKS_PER_BUCKET 2

#ifdef USE_ASSERT_CHECKING
int			cq_locks_held = 0;
#endif

/* How a piece of memory is divided; offsets from its start. */
typedef struct CqLayout
{
	uint32		nblocks;
	uint32		ngroups;
	Size		bounds;
	Size		buckets;
	Size		blocks;
	Size		size;
} CqLayout;

static CqLayout
layout_for_blocks(uint32 nblocks)
{
	CqLayout	layout;

	layout.nblocks = nblocks;
	layout.ngroups = nblocks / (CQ_GROUP_BUCKETS * BLOCKS_PER_BUCKET) + 1;
	layout.bounds = CACHELINEALIGN(sizeof(CqEngine));
	layout.buckets = layout.bounds +
		CACHELINEALIGN(layout.ngroups * sizeof(pg_atomic_uint64));
	layout.blocks = layout.buckets +
		CACHELINEALIGN((Size) layout.ngroups * CQ_GROUP_BUCKETS * sizeof(uint32));
	layout.size = layout.blocks + (Size) nblocks * CQ_BLOCK_BYTES;
	return layout;
}

/* The largest layout that fits into bytes; no blocks if none does. */
static CqLayout
layout_for_bytes(Size bytes)
{
	uint64		low = 0;
	uint64		high = Min(bytes / CQ_BLOCK_BYTES, PG_UINT32_MAX - 1);

	while (low < high)
	{
		uint64		middle = (low + high + 1) / 2;

		if (layout_for_blocks(middle).size <= bytes)
			low = middle;
		else
			high = middle - 1;
	}
	return layout_for_blocks(low);
}

static void
fill_meta(const CqEntry *entry, CqEngineMeta *meta)
{
	meta->expires_ms = entry->expires_ms;
	meta->version = entry->version;
	meta->value_len = entry->value_len;
	meta->nstamps = entry->nstamps;
	meta->type = entry->type;
	meta->flags = entry->flags;
}

/*
 * The reference to the entry with this key, expired or not: the bucket's or
 * the previous entry's; NULL if there is none.  *cursor is left after the
 * key.  The caller holds the partition's lock.
 */
static uint32 *
find_entry(CqEngine *engine, const CqPlace *place, const CqEngineKey *key,
		   CqCursor *cursor)
{
	uint32	   *link = place->bucket;

	while (*link != 0)
	{
		CqEntry    *entry = entry_at(engine, *link);

		if (entry->hash == key->hash && entry->key_len == key->len)
		{
			*cursor = cursor_at_key(engine, *link);
			if (cq_cursor_equals(cursor, key->bytes, key->len))
				return link;
		}
		link = &entry->chain;
	}
	return NULL;
}

/* find_entry for what is not expired. */
static uint32 *
find_live_entry(CqEngine *engine, const CqPlace *place,
				const CqEngineKey *key, int64 now_ms, CqCursor *cursor)
{
	uint32	   *link = find_entry(engine, place, key, cursor);

	if (link == NULL || is_expired(entry_at(engine, *link), now_ms))
		return NULL;
	return link;
}

/* Note a reader's interest in a published entry; any lock mode. */
static inline void
mark_used(CqEngine *engine, uint32 number)
{
	pg_atomic_uint32 *state = state_at(engine, number);

	if ((pg_atomic_read_u32(state) & CQ_STATE_USED) == 0)
		pg_atomic_fetch_or_u32(state, CQ_STATE_USED);
}

Size
cq_engine_size(Size arena_bytes)
{
	CqLayout	layout = layout_for_bytes(arena_bytes);

	return layout.nblocks > 0 ? layout.size : 0;
}

CqEngine *
cq_engine_init(void *mem, Size arena_bytes, int tranche)
{
	CqLayout	layout = layout_for_bytes(arena_bytes);
	CqEngine   *engine = mem;

	if (layout.nblocks == 0)
		return NULL;

	memset(mem, 0, layout.blocks);
	engine->arena_bytes = layout.size;
	engine->ngroups = layout.ngroups;
	engine->bounds = layout.bounds;
	engine->buckets = layout.buckets;
	pg_atomic_init_u64(&engine->hand, 0);
	pg_atomic_init_u64(&engine->last_version, 0);
	pg_atomic_init_u64(&engine->entries, 0);
	pg_atomic_init_u64(&engine->evictions, 0);
	pg_atomic_init_u64(&engine->evicted_blocks, 0);
	pg_atomic_init_u64(&engine->expirations, 0);
	SpinLockInit(&engine->expiry_mutex);
	engine->lowered_bound = CQ_NEVER;
	pg_atomic_init_u64(&engine->bound, CQ_NEVER);
	for (int i = 0; i < CQ_PARTITIONS; i++)
		cq_lock_init(&engine->locks[i], tranche);
	for (uint32 i = 0; i < layout.ngroups; i++)
		pg_atomic_init_u64(group_bound(engine, i), CQ_NEVER);
	cq_arena_init(&engine->arena, layout.nblocks,
				  layout.blocks - offsetof(CqEngine, arena));
	return engine;
}

CqEngineResult
cq_engine_get(CqEngine *engine, const CqEngineKey *key, int64 now_ms,
			  char *buf, Size buf_len, CqEngineMeta *meta)
{
	CqPlace		place = place_of(engine, key->hash);
	CqEngineResult result = CQ_ENGINE_OK;
	CqCursor	cursor;
	uint32	   *link;

	cq_lock_acquire(place.lock, LW_SHARED);
	link = find_entry(engine, &place, key, &cursor);
	if (link == NULL)
		result = CQ_ENGINE_ABSENT;
	else if (is_expired(entry_at(engine, *link), now_ms))
		result = CQ_ENGINE_EXPIRED;
	else
	{
		Size		len;

		fill_meta(entry_at(engine, *link), meta);
		len = payload_bytes(meta->value_len, meta->nstamps);
		if (len > buf_len)
			result = CQ_ENGINE_TOO_SMALL;
		else
			cq_cursor_read(&cursor, buf, len);
		mark_used(engine, *link);
	}
	cq_lock_release(place.lock);
	return result;
}

CqEngineHandle
cq_engine_prepare(CqEngine *engine, const CqEngineKey *key,
				  const CqEngineMeta *meta, const CqStamp *stamps,
				  const char *value, int64 now_ms)
{
	uint64		want = blocks_for(key->len + payload_bytes(meta->value_len,
														   meta->nstamps));
	CqChain		blocks;
	CqEntry    *entry;
	CqCursor	cursor;

	Assert(key->len >= 1 && key->len <= CQ_ENGINE_KEY_MAX);

	if (want > engine->arena.nblocks)
		return 0;
	blocks = cq_evict_for(engine, stripe_hint(key->hash), want, now_ms);
	if (blocks.count == 0)
		return 0;

	entry = entry_at(engine, blocks.head);
	entry->hash = key->hash;
	entry->version = 0;
	entry->expires_ms = meta->expires_ms;
	entry->chain = 0;
	entry->tail = blocks.tail;
	entry->value_len = meta->value_len;
	entry->key_len = key->len;
	entry->nstamps = meta->nstamps;
	entry->type = meta->type;
	entry->flags = meta->flags;

	cursor = cursor_at_key(engine, blocks.head);
	cq_cursor_write(&cursor, key->bytes, key->len);
	cq_cursor_write(&cursor, (const char *) stamps,
					meta->nstamps * sizeof(CqStamp));
	cq_cursor_write(&cursor, value, meta->value_len);
	return blocks.head;
}

/* live: the entry that the key holds and that is not expired, or NULL. */
static bool
condition_holds(CqEngineCondition condition, uint64 version,
				const CqEntry *live)
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
			return live != NULL && live->version == version;
	}
	return false;
}

CqEngineResult
cq_engine_publish_if(CqEngine *engine, CqEngineHandle handle,
					 CqEngineCondition condition, uint64 version,
					 int64 now_ms, uint64 *new_version)
{
	CqEntry    *entry = entry_at(engine, handle);
	CqPlace		place = place_of(engine, entry->hash);
	char		key_bytes[CQ_ENGINE_KEY_MAX];
	CqEngineKey key;
	CqCursor	cursor;
	CqEntry    *live = NULL;
	uint32		old = 0;
	uint32	   *link;

	/* contiguous, for comparison with the others of the bucket */
	key.hash = entry->hash;
	key.bytes = key_bytes;
	key.len = entry->key_len;
	cursor = cursor_at_key(engine, handle);
	cq_cursor_read(&cursor, key_bytes, key.len);

	cq_lock_acquire(place.lock, LW_EXCLUSIVE);
	link = find_entry(engine, &place, &key, &cursor);
	if (link != NULL && !is_expired(entry_at(engine, *link), now_ms))
		live = entry_at(engine, *link);
	if (!condition_holds(condition, version, live))
	{
		cq_lock_release(place.lock);
		free_entry(engine, handle);
		return CQ_ENGINE_CONFLICT;
	}

	if (link != NULL)
		old = unlink_entry(engine, link);
	entry->version = pg_atomic_add_fetch_u64(&engine->last_version, 1);
	if (new_version != NULL)
		*new_version = entry->version;
	entry->chain = *place.bucket;
	*place.bucket = handle;
	pg_atomic_write_u32(state_at(engine, handle),
						CQ_STATE_HEAD | place.partition);
	pg_atomic_fetch_add_u64(&engine->entries, 1);
	cq_expire_note(engine, place.group, entry->expires_ms);
	cq_lock_release(place.lock);

	if (old != 0)
		free_entry(engine, old);
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
	Assert(pg_atomic_read_u32(state_at(engine, handle)) == 0);
	free_entry(engine, handle);
}

bool
cq_engine_remove(CqEngine *engine, const CqEngineKey *key, uint64 if_version,
				 bool only_plain, int64 now_ms)
{
	CqPlace		place = place_of(engine, key->hash);
	CqCursor	cursor;
	uint32		removed = 0;
	uint32	   *link;

	cq_lock_acquire(place.lock, LW_EXCLUSIVE);
	link = find_live_entry(engine, &place, key, now_ms, &cursor);
	if (link != NULL)
	{
		CqEntry    *entry = entry_at(engine, *link);

		if ((if_version == 0 || entry->version == if_version) &&
			!(only_plain && (entry->flags & CQ_ENTRY_DEPENDENT) != 0))
			removed = unlink_entry(engine, link);
	}
	cq_lock_release(place.lock);

	if (removed != 0)
		free_entry(engine, removed);
	return removed != 0;
}

/*
 * The part of cq_engine_incr that is done to a live entry, under its
 * partition's exclusive lock.  cursor is after the key.
 */
static CqEngineResult
add_to_counter(CqEngine *engine, uint32 number, CqCursor cursor,
			   uint8 counter_type, int64 by, int64 *result)
{
	CqEntry    *entry = entry_at(engine, number);
	CqCursor	at_value = cursor;
	int64		value;

	if (entry->type != counter_type || entry->value_len != sizeof(int64) ||
		entry->nstamps != 0 || (entry->flags & CQ_ENTRY_DEPENDENT) != 0)
		return CQ_ENGINE_WRONG_TYPE;
	cq_cursor_read(&cursor, (char *) &value, sizeof(value));
	if (pg_add_s64_overflow(value, by, &value))
		return CQ_ENGINE_OVERFLOW;
	cq_cursor_write(&at_value, (const char *) &value, sizeof(value));
	entry->version = pg_atomic_add_fetch_u64(&engine->last_version, 1);
	*result = value;
	return CQ_ENGINE_OK;
}

CqEngineResult
cq_engine_incr(CqEngine *engine, const CqEngineKey *key, uint8 counter_type,
			   int64 by, int64 expires_ms, int64 now_ms, int64 *result)
{
	CqPlace		place = place_of(engine, key->hash);
	CqEngineResult done = CQ_ENGINE_ABSENT;
	CqCursor	cursor;
	uint32	   *link;

	cq_lock_acquire(place.lock, LW_EXCLUSIVE);
	link = find_live_entry(engine, &place, key, now_ms, &cursor);
	if (link != NULL)
		done = add_to_counter(engine, *link, cursor, counter_type, by, result);
	if (done == CQ_ENGINE_OK)
	{
		mark_used(engine, *link);
		if (expires_ms != -1)
		{
			entry_at(engine, *link)->expires_ms = expires_ms;
			cq_expire_note(engine, place.group, expires_ms);
		}
	}
	cq_lock_release(place.lock);
	return done;
}

CqEngineResult
cq_engine_touch(CqEngine *engine, const CqEngineKey *key, int64 expires_ms,
				int64 now_ms)
{
	CqPlace		place = place_of(engine, key->hash);
	CqCursor	cursor;
	uint32	   *link;

	cq_lock_acquire(place.lock, LW_EXCLUSIVE);
	link = find_live_entry(engine, &place, key, now_ms, &cursor);
	if (link != NULL)
	{
		mark_used(engine, *link);
		entry_at(engine, *link)->expires_ms = expires_ms;
		cq_expire_note(engine, place.group, expires_ms);
	}
	cq_lock_release(place.lock);
	return link != NULL ? CQ_ENGINE_OK : CQ_ENGINE_ABSENT;
}

void
cq_engine_stats(CqEngine *engine, CqEngineStats *stats)
{
	stats->arena_bytes = engine->arena_bytes;
	stats->used_bytes = (uint64) cq_arena_used(&engine->arena) * CQ_BLOCK_BYTES;
	stats->entries = pg_atomic_read_u64(&engine->entries);
	stats->evictions = pg_atomic_read_u64(&engine->evictions);
	stats->expirations = pg_atomic_read_u64(&engine->expirations);
	stats->evicted_bytes =
		pg_atomic_read_u64(&engine->evicted_blocks) * CQ_BLOCK_BYTES;
}

/* Visit the live entries of one group; the caller holds its lock. */
static void
walk_group(CqEngine *engine, uint32 group, int64 now_ms,
		   CqEngineVisitor visit, void *arg)
{
	uint32	   *buckets = group_buckets(engine, group);
	char		key[CQ_ENGINE_KEY_MAX];

	for (int i = 0; i < CQ_GROUP_BUCKETS; i++)
	{
		for (uint32 number = buckets[i]; number != 0;
			 number = entry_at(engine, number)->chain)
		{
			CqEntry    *entry = entry_at(engine, number);
			CqCursor	cursor = cursor_at_key(engine, number);
			CqEngineMeta meta;

			if (is_expired(entry, now_ms))
				continue;
			cq_cursor_read(&cursor, key, entry->key_len);
			fill_meta(entry, &meta);
			visit(key, entry->key_len, &meta, arg);
		}
	}
}

void
cq_engine_walk(CqEngine *engine, int64 now_ms, CqEngineVisitor visit,
			   void *arg)
{
	for (uint32 partition = 0; partition < CQ_PARTITIONS; partition++)
	{
		CqLock	   *lock = &engine->locks[partition];

		cq_lock_acquire(lock, LW_SHARED);
		for (uint32 group = partition; group < engine->ngroups;
			 group += CQ_PARTITIONS)
			walk_group(engine, group, now_ms, visit, arg);
		cq_lock_release(lock);
	}
}
