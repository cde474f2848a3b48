/*-------------------------------------------------------------------------
 *
 * cache_fixture.h
 *	  A cache to test, and the check that it ends without a leak.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_FIXTURE_H
#define CQ_CACHE_FIXTURE_H

#include "harness.h"

#define CANARY_BYTES 256
#define CANARY ((char) 0xa5)
#define HEADER_BYTES 24
#define PAGE_BYTES 4096
/* a time by which all that can expire has */
#define END_OF_TIME (PG_INT64_MAX - 1)

#define TYPE_TEXT 1
#define TYPE_COUNTER 7

/* A cache in memory of the right size, and what must not change behind it. */
typedef struct Cache
{
	void	   *mem;
	Size		size;			/* followed by CANARY_BYTES of CANARY */
	CqEngine   *engine;
	uint32		longest;		/* value, when empty */
	uint64		room;			/* whole_room, then */
} Cache;

/* a value as it is read back */
static char buffer[8 * 1024 * 1024] __attribute__((aligned(8)));

static inline Cache
new_cache(Size arena_bytes)
{
	Cache		cache;

	cache.size = cq_engine_size(arena_bytes);
	if (posix_memalign(&cache.mem, PG_CACHE_LINE_SIZE,
					   cache.size + CANARY_BYTES) != 0)
		abort();
	memset(cache.mem, CANARY, cache.size + CANARY_BYTES);
	cache.engine = cq_engine_init(cache.mem, arena_bytes, 0);
	cache.longest = longest_value(cache.engine);
	cache.room = whole_room(cache.engine);
	return cache;
}

static inline bool
canary_lives(const Cache *cache)
{
	const char *canary = (char *) cache->mem + cache->size;

	for (int i = 0; i < CANARY_BYTES; i++)
		if (canary[i] != CANARY)
			return false;
	return true;
}

static inline void
collect_key(const char *key, uint32 key_len, const CqEngineMeta *meta,
			void *arg)
{
	char	  **at = arg;

	(void) meta;
	memcpy(*at, &key_len, sizeof(key_len));
	memcpy(*at + sizeof(key_len), key, key_len);
	*at += sizeof(key_len) + key_len;
}

static inline uint32
remove_everything(CqEngine *engine)
{
	char	   *keys = malloc(16 * 1024 * 1024);
	char	   *end = keys;
	uint32		count = 0;

	cq_engine_expire(engine, END_OF_TIME);
	cq_engine_walk(engine, 0, collect_key, &end);
	for (char *at = keys; at < end; count++)
	{
		CqEngineKey key;
		uint32		len;

		memcpy(&len, at, sizeof(len));
		key = key_of(at + sizeof(len), len);
		CHECK(cq_engine_remove(engine, &key, 0, false, 0));
		at += sizeof(len) + len;
	}
	free(keys);
	return count;
}

/* Nothing may be left behind: neither entries nor pages. */
static inline void
end_cache(Cache *cache)
{
	CqEngineStats stats;

	check_engine(cache->engine);
	remove_everything(cache->engine);
	check_engine(cache->engine);
	cq_engine_stats(cache->engine, &stats);
	CHECK(stats.entries == 0);
	CHECK(stats.used_bytes == 0);
	CHECK(whole_room(cache->engine) == cache->room);
	CHECK(canary_lives(cache));
	free(cache->mem);
}

static inline CqEngineMeta
meta_of(uint32 value_len, int64 expires_ms)
{
	CqEngineMeta meta;

	memset(&meta, 0, sizeof(meta));
	meta.value_len = value_len;
	meta.expires_ms = expires_ms;
	meta.type = TYPE_TEXT;
	return meta;
}

static inline void
count_entry(const char *key, uint32 key_len, const CqEngineMeta *meta,
			void *arg)
{
	(void) key;
	(void) key_len;
	(void) meta;
	++*(int *) arg;
}

static inline int
count_entries(CqEngine *engine, int64 now_ms)
{
	int			count = 0;

	cq_engine_walk(engine, now_ms, count_entry, &count);
	return count;
}

/* Store the value that fill_bytes makes of seed; false if there is no room. */
static inline bool
put_seeded(CqEngine *engine, const char *name, uint32 value_len, uint64 seed,
		   int64 expires_ms)
{
	CqEngineKey key = key_of(name, strlen(name));
	CqEngineMeta meta = meta_of(value_len, expires_ms);
	char	   *value = malloc(value_len + 1);
	CqEngineHandle handle;

	fill_bytes(value, value_len, seed);
	handle = cq_engine_prepare(engine, &key, &meta, NULL, value, 0);
	free(value);
	if (handle == 0)
		return false;
	cq_engine_publish(engine, handle);
	return true;
}

static inline bool
put(CqEngine *engine, const char *name, const char *value, int64 expires_ms)
{
	CqEngineKey key = key_of(name, strlen(name));
	CqEngineMeta meta = meta_of(strlen(value), expires_ms);
	CqEngineHandle handle = cq_engine_prepare(engine, &key, &meta, NULL,
											  value, 0);

	if (handle != 0)
		cq_engine_publish(engine, handle);
	return handle != 0;
}

static inline CqEngineResult
get(CqEngine *engine, const char *name, int64 now_ms, CqEngineMeta *meta)
{
	CqEngineKey key = key_of(name, strlen(name));

	return cq_engine_get(engine, &key, now_ms, buffer, sizeof(buffer), meta);
}

static inline bool
has(CqEngine *engine, const char *name, const char *value)
{
	CqEngineMeta meta;

	return get(engine, name, 0, &meta) == CQ_ENGINE_OK &&
		meta.value_len == strlen(value) &&
		memcmp(buffer, value, meta.value_len) == 0;
}

static inline bool
absent(CqEngine *engine, const char *name)
{
	CqEngineMeta meta;

	return get(engine, name, 0, &meta) == CQ_ENGINE_ABSENT;
}

#endif							/* CQ_CACHE_FIXTURE_H */
