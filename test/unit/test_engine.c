/*-------------------------------------------------------------------------
 *
 * test_engine.c
 *	  Unit tests of the cache engine, in one process: function by function.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "cache_fixture.h"

#define SMALL_ARENA (512 * 1024)

static CqEngineResult
put_if(CqEngine *engine, const char *name, const char *value,
	   CqEngineCondition condition, uint64 version, int64 now_ms,
	   uint64 *new_version)
{
	CqEngineKey key = key_of(name, strlen(name));
	CqEngineMeta meta = meta_of(strlen(value), 0);
	CqEngineHandle handle = cq_engine_prepare(engine, &key, &meta, NULL,
											  value, now_ms);

	return cq_engine_publish_if(engine, handle, condition, version, now_ms,
								new_version);
}

static bool
drop(CqEngine *engine, const char *name)
{
	CqEngineKey key = key_of(name, strlen(name));

	return cq_engine_remove(engine, &key, 0, false, 0);
}

static void
test_size(void)
{
	for (Size asked = 0; asked < 4 * 1024 * 1024; asked += 1 + asked / 7)
	{
		Size		size = cq_engine_size(asked);

		CHECK(size <= asked);
		CHECK(size > 0 || asked < 128 * 1024);
		/* what is left over is less than a page and its share of the rest */
		CHECK(size == 0 || asked - size < 5 * 1024);
		if (size == 0)
			CHECK(cq_engine_init(NULL, asked, 0) == NULL);
	}
	CHECK(cq_engine_size((Size) 1 << 40) <= (Size) 1 << 40);

	/* the smallest that works at all, works */
	for (Size asked = 0;; asked++)
	{
		Cache		cache;

		if (cq_engine_size(asked) == 0)
			continue;
		cache = new_cache(asked);
		CHECK(put(cache.engine, "k", "v", 0));
		CHECK(has(cache.engine, "k", "v"));
		CHECK(put(cache.engine, "l", "w", 0));
		CHECK(has(cache.engine, "l", "w"));
		end_cache(&cache);
		break;
	}
}

static void
test_empty(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngineKey key = key_of("k", 1);
	CqEngineStats stats;
	int64		result = 5;

	CHECK(absent(cache.engine, "k"));
	CHECK(!cq_engine_remove(cache.engine, &key, 0, false, 0));
	CHECK(cq_engine_touch(cache.engine, &key, 1, 0) == CQ_ENGINE_ABSENT);
	CHECK(cq_engine_incr(cache.engine, &key, TYPE_COUNTER, 1, 0, 0, &result) ==
		  CQ_ENGINE_ABSENT);
	CHECK(result == 5);
	CHECK(cq_engine_next_expiry(cache.engine) == 0);
	CHECK(cq_engine_expire(cache.engine, 1000) == 0);
	CHECK(count_entries(cache.engine, 0) == 0);
	cq_engine_stats(cache.engine, &stats);
	CHECK(stats.arena_bytes == cq_engine_size(SMALL_ARENA));
	CHECK(stats.used_bytes == 0 && stats.entries == 0 && stats.evictions == 0);
	CHECK(stats.expirations == 0 && stats.evicted_bytes == 0);
	end_cache(&cache);
}

/* One value with stamps, read with a buffer that is just or not quite enough. */
static void
check_value(CqEngine *engine, uint32 value_len, uint16 nstamps)
{
	CqEngineKey key = key_of("some key", 8);
	CqEngineMeta meta = meta_of(value_len, 0);
	CqEngineMeta got;
	Size		stamps_len = nstamps * sizeof(CqStamp);
	Size		need = stamps_len + value_len;
	CqStamp    *stamps = malloc(stamps_len + 1);
	char	   *value = malloc(value_len + 1);
	CqEngineHandle handle;

	fill_stamps(stamps, nstamps, 77);
	fill_bytes(value, value_len, value_len);
	meta.nstamps = nstamps;
	meta.flags = nstamps > 0 ? CQ_ENTRY_DEPENDENT : 0;
	meta.expires_ms = 12345;
	handle = cq_engine_prepare(engine, &key, &meta, stamps, value, 0);
	CHECK(handle != 0);
	cq_engine_publish(engine, handle);

	memset(buffer, 0x5a, need + 8);
	if (need > 0)
	{
		memset(&got, 0, sizeof(got));
		CHECK(cq_engine_get(engine, &key, 0, buffer, need - 1, &got) ==
			  CQ_ENGINE_TOO_SMALL);
		CHECK(got.value_len == value_len && got.nstamps == nstamps);
		CHECK(buffer[0] == 0x5a);
	}
	memset(&got, 0, sizeof(got));
	CHECK(cq_engine_get(engine, &key, 0, buffer, need, &got) == CQ_ENGINE_OK);
	CHECK(got.value_len == value_len && got.nstamps == nstamps);
	CHECK(got.type == meta.type && got.flags == meta.flags);
	CHECK(got.expires_ms == 12345 && got.version > 0);
	CHECK(memcmp(buffer, stamps, stamps_len) == 0);
	CHECK(memcmp(buffer + stamps_len, value, value_len) == 0);
	CHECK(buffer[need] == 0x5a);
	free(value);
	free(stamps);
}

static void
test_values(void)
{
	static const uint16 nstamps[] = {0, 1, 2, 3, 7, 8, 64, CQ_ENGINE_STAMPS_MAX};
	Cache		cache = new_cache(SMALL_ARENA);

	for (uint32 len = 0; len < 500; len++)
		check_value(cache.engine, len, len % 4);
	for (int i = 0; i < (int) lengthof(nstamps); i++)
		for (uint32 len = 0; len < 60000; len += 1 + len * 3 / 2)
			check_value(cache.engine, len, nstamps[i]);
	end_cache(&cache);

	cache = new_cache(9 * 1024 * 1024);
	for (uint32 len = 1024 * 1024; len <= 7 * 1024 * 1024; len += 1500001)
		check_value(cache.engine, len, 5);
	end_cache(&cache);
}

static void
test_keys(void)
{
	Cache		cache = new_cache(2 * 1024 * 1024);
	char		bytes[CQ_ENGINE_KEY_MAX];
	char		value[32];
	CqEngineMeta meta;

	/* each is the start of the next */
	memset(bytes, 'x', sizeof(bytes));
	for (uint32 len = 1; len <= CQ_ENGINE_KEY_MAX; len++)
	{
		CqEngineKey key = key_of(bytes, len);
		CqEngineHandle handle;

		meta = meta_of(sizeof(value), 0);
		fill_bytes(value, sizeof(value), len);
		handle = cq_engine_prepare(cache.engine, &key, &meta, NULL, value, 0);
		cq_engine_publish(cache.engine, handle);
	}
	CHECK(count_entries(cache.engine, 0) == CQ_ENGINE_KEY_MAX);
	for (uint32 len = 1; len <= CQ_ENGINE_KEY_MAX; len++)
	{
		CqEngineKey key = key_of(bytes, len);

		CHECK(cq_engine_get(cache.engine, &key, 0, buffer, sizeof(buffer),
							&meta) == CQ_ENGINE_OK);
		CHECK(bytes_are(buffer, sizeof(value), len));
		if (len % 2 == 0)
			CHECK(cq_engine_remove(cache.engine, &key, 0, false, 0));
	}
	for (uint32 len = 1; len <= CQ_ENGINE_KEY_MAX; len++)
	{
		CqEngineKey key = key_of(bytes, len);

		CHECK(cq_engine_get(cache.engine, &key, 0, buffer, sizeof(buffer),
							&meta) ==
			  (len % 2 == 0 ? CQ_ENGINE_ABSENT : CQ_ENGINE_OK));
	}
	/* a key of zero bytes is as good as any */
	CHECK(put(cache.engine, "abc", "1", 0));
	{
		CqEngineKey key = key_of("ab\0", 3);

		CHECK(cq_engine_get(cache.engine, &key, 0, buffer, sizeof(buffer),
							&meta) == CQ_ENGINE_ABSENT);
	}
	end_cache(&cache);
}

/* All keys in one bucket, told apart by their bytes only. */
static void
test_colliding_hashes(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngineMeta meta;
	uint32		names[100];

	for (uint32 i = 0; i < lengthof(names); i++)
	{
		CqEngineKey key = {42, (char *) &names[i], sizeof(uint32)};

		names[i] = i;
		meta = meta_of(sizeof(uint32), 0);
		cq_engine_publish(cache.engine,
						  cq_engine_prepare(cache.engine, &key, &meta, NULL,
											(char *) &i, 0));
	}
	for (uint32 i = 0; i < lengthof(names); i += 3)
	{
		CqEngineKey key = {42, (char *) &names[i], sizeof(uint32)};

		CHECK(cq_engine_remove(cache.engine, &key, 0, false, 0));
	}
	for (uint32 i = 0; i < lengthof(names); i++)
	{
		CqEngineKey key = {42, (char *) &names[i], sizeof(uint32)};
		CqEngineResult result = cq_engine_get(cache.engine, &key, 0, buffer,
											  sizeof(buffer), &meta);

		CHECK(result == (i % 3 == 0 ? CQ_ENGINE_ABSENT : CQ_ENGINE_OK));
		if (result == CQ_ENGINE_OK)
		{
			CHECK(memcmp(buffer, &i, sizeof(i)) == 0);
			CHECK(cq_engine_remove(cache.engine, &key, 0, false, 0));
		}
	}
	end_cache(&cache);
}

static void
test_replace(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngineMeta meta;
	CqEngineStats stats;
	uint64		version = 0;

	for (uint32 len = 0; len < 20000; len += 499)
	{
		uint32		value_len = len % 2 == 0 ? len : 20000 - len;

		CHECK(put_seeded(cache.engine, "k", value_len, len, 0));
		CHECK(get(cache.engine, "k", 0, &meta) == CQ_ENGINE_OK);
		CHECK(meta.value_len == value_len);
		CHECK(bytes_are(buffer, value_len, len));
		CHECK(meta.version > version);
		version = meta.version;
		cq_engine_stats(cache.engine, &stats);
		CHECK(stats.entries == 1);
		CHECK(stats.used_bytes >= value_len + 1 + HEADER_BYTES);
		CHECK(stats.used_bytes < value_len + 1 + HEADER_BYTES + 4);
	}
	CHECK(stats.evictions == 0);
	CHECK(drop(cache.engine, "k"));
	CHECK(used_bytes(cache.engine) == 0);
	end_cache(&cache);
}

static void
test_first_version_is_1(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	uint64		version = 0;

	CHECK(put_if(cache.engine, "a", "", CQ_PUT_ALWAYS, 0, 0, &version) ==
		  CQ_ENGINE_OK);
	CHECK(version == 1);
	CHECK(put_if(cache.engine, "b", "", CQ_PUT_ALWAYS, 0, 0, &version) ==
		  CQ_ENGINE_OK);
	CHECK(version == 2);
	end_cache(&cache);
}

static void
test_conditions(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngine   *engine = cache.engine;
	uint64		version;
	uint64		other;
	uint64		used;

	CHECK(put_if(engine, "k", "1", CQ_PUT_IF_PRESENT, 0, 0, NULL) ==
		  CQ_ENGINE_CONFLICT);
	CHECK(put_if(engine, "k", "1", CQ_PUT_IF_VERSION, 0, 0, NULL) ==
		  CQ_ENGINE_CONFLICT);
	CHECK(absent(engine, "k") && used_bytes(engine) == 0);
	CHECK(put_if(engine, "k", "2", CQ_PUT_IF_ABSENT, 0, 0, &version) ==
		  CQ_ENGINE_OK);
	CHECK(has(engine, "k", "2"));
	used = used_bytes(engine);
	other = 99;
	CHECK(put_if(engine, "k", "3", CQ_PUT_IF_ABSENT, 0, 0, &other) ==
		  CQ_ENGINE_CONFLICT);
	CHECK(other == 99);
	CHECK(put_if(engine, "k", "3", CQ_PUT_IF_VERSION, version + 1, 0, NULL) ==
		  CQ_ENGINE_CONFLICT);
	CHECK(put_if(engine, "k", "3", CQ_PUT_IF_VERSION, 0, 0, NULL) ==
		  CQ_ENGINE_CONFLICT);
	CHECK(has(engine, "k", "2"));
	CHECK(used_bytes(engine) == used);
	CHECK(put_if(engine, "k", "4", CQ_PUT_IF_VERSION, version, 0, &other) ==
		  CQ_ENGINE_OK);
	CHECK(other > version && has(engine, "k", "4"));
	CHECK(put_if(engine, "k", "5", CQ_PUT_IF_PRESENT, 0, 0, NULL) ==
		  CQ_ENGINE_OK);
	CHECK(has(engine, "k", "5"));
	CHECK(put_if(engine, "k", "6", CQ_PUT_ALWAYS, 0, 0, NULL) == CQ_ENGINE_OK);
	CHECK(has(engine, "k", "6"));
	CHECK(used_bytes(engine) == used);
	end_cache(&cache);
}

static void
test_expired_counts_as_absent(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngine   *engine = cache.engine;
	CqEngineKey key = key_of("k", 1);
	CqEngineMeta meta;
	int64		result;

	CHECK(put(engine, "k", "old", 100));
	CHECK(get(engine, "k", 100, &meta) == CQ_ENGINE_EXPIRED);
	CHECK(!cq_engine_remove(engine, &key, 0, false, 100));
	CHECK(cq_engine_touch(engine, &key, 500, 100) == CQ_ENGINE_ABSENT);
	CHECK(cq_engine_incr(engine, &key, TYPE_TEXT, 1, 0, 100, &result) ==
		  CQ_ENGINE_ABSENT);
	CHECK(put_if(engine, "k", "x", CQ_PUT_IF_PRESENT, 0, 100, NULL) ==
		  CQ_ENGINE_CONFLICT);
	CHECK(put_if(engine, "k", "x", CQ_PUT_IF_VERSION, 1, 100, NULL) ==
		  CQ_ENGINE_CONFLICT);
	CHECK(put_if(engine, "k", "x", CQ_PUT_IF_ABSENT, 0, 99, NULL) ==
		  CQ_ENGINE_CONFLICT);
	CHECK(count_entries(engine, 99) == 1 && count_entries(engine, 100) == 0);
	CHECK(put_if(engine, "k", "new", CQ_PUT_IF_ABSENT, 0, 100, NULL) ==
		  CQ_ENGINE_OK);
	CHECK(has(engine, "k", "new"));
	CHECK(count_entries(engine, 100) == 1);
	end_cache(&cache);
}

static void
test_remove(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngine   *engine = cache.engine;
	CqEngineKey key = key_of("k", 1);
	CqEngineMeta meta;
	CqStamp		stamp = {1, 2, 0};

	CHECK(put(engine, "k", "v", 0));
	CHECK(put(engine, "other", "w", 0));
	CHECK(get(engine, "k", 0, &meta) == CQ_ENGINE_OK);
	CHECK(!cq_engine_remove(engine, &key, meta.version + 1, false, 0));
	CHECK(has(engine, "k", "v"));
	CHECK(cq_engine_remove(engine, &key, meta.version, true, 0));
	CHECK(absent(engine, "k"));
	CHECK(!cq_engine_remove(engine, &key, 0, false, 0));

	meta = meta_of(1, 0);
	meta.nstamps = 1;
	meta.flags = CQ_ENTRY_DEPENDENT;
	cq_engine_publish(engine,
					  cq_engine_prepare(engine, &key, &meta, &stamp, "d", 0));
	CHECK(!cq_engine_remove(engine, &key, 0, true, 0));
	CHECK(get(engine, "k", 0, &meta) == CQ_ENGINE_OK);
	CHECK(!cq_engine_remove(engine, &key, meta.version, true, 0));
	CHECK(cq_engine_remove(engine, &key, meta.version, false, 0));
	CHECK(absent(engine, "k"));
	CHECK(has(engine, "other", "w"));
	end_cache(&cache);
}

static void
put_counter(CqEngine *engine, const char *name, int64 value, int64 expires_ms)
{
	CqEngineKey key = key_of(name, strlen(name));
	CqEngineMeta meta = meta_of(sizeof(value), expires_ms);

	meta.type = TYPE_COUNTER;
	cq_engine_publish(engine, cq_engine_prepare(engine, &key, &meta, NULL,
												(char *) &value, 0));
}

static CqEngineResult
incr(CqEngine *engine, const char *name, int64 by, int64 expires_ms,
	 int64 now_ms, int64 *result)
{
	CqEngineKey key = key_of(name, strlen(name));

	return cq_engine_incr(engine, &key, TYPE_COUNTER, by, expires_ms, now_ms,
						  result);
}

static void
test_incr(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngine   *engine = cache.engine;
	CqEngineMeta meta;
	uint64		version;
	int64		result = 0;
	int64		stored;

	put_counter(engine, "n", 40, 0);
	CHECK(get(engine, "n", 0, &meta) == CQ_ENGINE_OK);
	version = meta.version;
	CHECK(incr(engine, "n", 2, -1, 0, &result) == CQ_ENGINE_OK);
	CHECK(result == 42);
	CHECK(incr(engine, "n", -100, -1, 0, &result) == CQ_ENGINE_OK);
	CHECK(result == -58);
	CHECK(get(engine, "n", 0, &meta) == CQ_ENGINE_OK);
	memcpy(&stored, buffer, sizeof(stored));
	CHECK(stored == -58 && meta.version > version && meta.expires_ms == 0);

	/* the range of int64, and nothing done beyond it */
	put_counter(engine, "n", PG_INT64_MAX - 1, 0);
	CHECK(incr(engine, "n", 1, -1, 0, &result) == CQ_ENGINE_OK);
	CHECK(result == PG_INT64_MAX);
	CHECK(get(engine, "n", 0, &meta) == CQ_ENGINE_OK);
	version = meta.version;
	result = 7;
	CHECK(incr(engine, "n", 1, 50, 0, &result) == CQ_ENGINE_OVERFLOW);
	CHECK(result == 7);
	CHECK(get(engine, "n", 0, &meta) == CQ_ENGINE_OK);
	CHECK(meta.version == version && meta.expires_ms == 0);
	CHECK(incr(engine, "n", PG_INT64_MIN, -1, 0, &result) == CQ_ENGINE_OK);
	CHECK(result == -1);
	CHECK(incr(engine, "n", PG_INT64_MIN, -1, 0, &result) ==
		  CQ_ENGINE_OVERFLOW);

	/* expiry: left, set, cleared */
	put_counter(engine, "n", 0, 100);
	CHECK(incr(engine, "n", 1, -1, 0, &result) == CQ_ENGINE_OK);
	CHECK(get(engine, "n", 0, &meta) == CQ_ENGINE_OK && meta.expires_ms == 100);
	CHECK(incr(engine, "n", 1, 50, 0, &result) == CQ_ENGINE_OK);
	CHECK(get(engine, "n", 0, &meta) == CQ_ENGINE_OK && meta.expires_ms == 50);
	CHECK(cq_engine_next_expiry(engine) == 50);
	CHECK(incr(engine, "n", 1, 0, 49, &result) == CQ_ENGINE_OK);
	CHECK(get(engine, "n", 999, &meta) == CQ_ENGINE_OK && meta.expires_ms == 0);
	CHECK(result == 3);
	CHECK(incr(engine, "n", 1, 60, 50, &result) == CQ_ENGINE_OK);
	CHECK(incr(engine, "n", 1, -1, 60, &result) == CQ_ENGINE_ABSENT);
	end_cache(&cache);
}

static void
test_incr_wrong_type(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngine   *engine = cache.engine;
	CqEngineKey key = key_of("k", 1);
	CqEngineMeta meta;
	CqStamp		stamp = {1, 2, 0};
	int64		result = 7;

	CHECK(put(engine, "k", "12345678", 0));
	CHECK(incr(engine, "k", 1, -1, 0, &result) == CQ_ENGINE_WRONG_TYPE);
	CHECK(has(engine, "k", "12345678"));

	for (uint32 len = 0; len < 20; len++)
	{
		meta = meta_of(len, 0);
		meta.type = TYPE_COUNTER;
		cq_engine_publish(engine,
						  cq_engine_prepare(engine, &key, &meta, NULL,
											"0123456789012345678901", 0));
		CHECK((incr(engine, "k", 0, -1, 0, &result) == CQ_ENGINE_OK) ==
			  (len == 8));
	}

	meta = meta_of(8, 0);
	meta.type = TYPE_COUNTER;
	meta.flags = CQ_ENTRY_DEPENDENT;
	meta.nstamps = 1;
	cq_engine_publish(engine, cq_engine_prepare(engine, &key, &meta, &stamp,
												"12345678", 0));
	CHECK(incr(engine, "k", 1, -1, 0, &result) == CQ_ENGINE_WRONG_TYPE);
	end_cache(&cache);
}

/* A counter's eight bytes may lie in two blocks. */
static void
test_incr_across_pages(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	char		name[301];
	int64		result;

	for (int len = 1; len <= 300; len++)
	{
		memset(name, 'n', len);
		name[len] = '\0';
		put_counter(cache.engine, name, INT64CONST(0x00ffffffffffffff), 0);
		CHECK(incr(cache.engine, name, 1, -1, 0, &result) == CQ_ENGINE_OK);
		CHECK(result == INT64CONST(0x0100000000000000));
		CHECK(incr(cache.engine, name, -1, -1, 0, &result) == CQ_ENGINE_OK);
		CHECK(result == INT64CONST(0x00ffffffffffffff));
	}
	end_cache(&cache);
}

static void
test_touch(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngine   *engine = cache.engine;
	CqEngineKey key = key_of("k", 1);
	CqEngineMeta meta;
	uint64		version;

	CHECK(put(engine, "k", "v", 0));
	CHECK(get(engine, "k", 0, &meta) == CQ_ENGINE_OK);
	version = meta.version;
	CHECK(cq_engine_next_expiry(engine) == 0);
	CHECK(cq_engine_touch(engine, &key, 100, 0) == CQ_ENGINE_OK);
	CHECK(cq_engine_next_expiry(engine) == 100);
	CHECK(get(engine, "k", 99, &meta) == CQ_ENGINE_OK);
	CHECK(meta.expires_ms == 100 && meta.version == version);
	CHECK(get(engine, "k", 100, &meta) == CQ_ENGINE_EXPIRED);
	CHECK(cq_engine_touch(engine, &key, 300, 99) == CQ_ENGINE_OK);
	CHECK(get(engine, "k", 299, &meta) == CQ_ENGINE_OK);
	CHECK(cq_engine_expire(engine, 299) == 300);
	CHECK(cq_engine_touch(engine, &key, 0, 299) == CQ_ENGINE_OK);
	CHECK(cq_engine_expire(engine, END_OF_TIME) == 0);
	CHECK(has(engine, "k", "v"));
	end_cache(&cache);
}

static void
test_expiry_to_the_millisecond(void)
{
	Cache		cache = new_cache(2 * 1024 * 1024);
	CqEngine   *engine = cache.engine;
	CqEngineMeta meta;
	CqEngineStats stats;
	char		name[16];

	/* k1 .. k2000 expire at 1001 .. 3000, in no order; e0 .. e99 never */
	for (int i = 0; i < 2000; i++)
	{
		int			k = i * 1237 % 2000 + 1;

		snprintf(name, sizeof(name), "k%d", k);
		CHECK(put(engine, name, name, 1000 + k));
		snprintf(name, sizeof(name), "e%d", i % 100);
		CHECK(put(engine, name, name, 0));
	}
	CHECK(cq_engine_next_expiry(engine) == 1001);
	CHECK(cq_engine_expire(engine, 1000) == 1001);

	for (int64 now = 1001; now <= 3000; now++)
	{
		snprintf(name, sizeof(name), "k%d", (int) now - 1000);
		CHECK(get(engine, name, now - 1, &meta) == CQ_ENGINE_OK);
		CHECK(get(engine, name, now, &meta) == CQ_ENGINE_EXPIRED);
		if (now % 7 != 0 && now != 3000)
			continue;
		CHECK(cq_engine_expire(engine, now) == (now < 3000 ? now + 1 : 0));
		cq_engine_stats(engine, &stats);
		CHECK(stats.entries == (uint64) (3000 - now) + 100);
		CHECK(stats.expirations == (uint64) now - 1000);
		CHECK(absent(engine, name));
	}
	CHECK(count_entries(engine, END_OF_TIME) == 100);
	CHECK(stats.evictions == 0);
	end_cache(&cache);
}

static void
test_next_expiry_is_a_lower_bound(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngine   *engine = cache.engine;
	CqEngineKey key = key_of("a", 1);

	CHECK(put(engine, "a", "", 500));
	CHECK(cq_engine_next_expiry(engine) == 500);
	CHECK(put(engine, "b", "", 700));
	CHECK(cq_engine_next_expiry(engine) == 500);
	CHECK(put(engine, "c", "", 300));
	CHECK(cq_engine_next_expiry(engine) == 300);
	CHECK(put(engine, "d", "", 0));
	CHECK(cq_engine_next_expiry(engine) == 300);
	CHECK(drop(engine, "c"));
	CHECK(cq_engine_next_expiry(engine) != 0);
	CHECK(cq_engine_next_expiry(engine) <= 500);
	CHECK(cq_engine_expire(engine, 400) == 500);
	CHECK(cq_engine_next_expiry(engine) == 500);
	CHECK(cq_engine_touch(engine, &key, 900, 400) == CQ_ENGINE_OK);
	CHECK(cq_engine_expire(engine, 600) == 700);
	CHECK(put(engine, "e", "", 650));
	CHECK(cq_engine_next_expiry(engine) == 650);
	CHECK(cq_engine_expire(engine, 650) == 700);
	CHECK(cq_engine_expire(engine, 900) == 0);
	CHECK(count_entries(engine, 0) == 1);
	end_cache(&cache);
}

static void
sum_lengths(const char *key, uint32 key_len, const CqEngineMeta *meta,
			void *arg)
{
	CHECK(key_len == meta->value_len && meta->type == TYPE_TEXT);
	for (uint32 i = 0; i < key_len; i++)
		CHECK(key[i] == 'w');
	*(uint64 *) arg += key_len;
}

static void
test_walk(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	char		name[CQ_ENGINE_KEY_MAX + 1];
	uint64		expected = 0;
	uint64		seen = 0;

	for (int len = 1; len <= CQ_ENGINE_KEY_MAX; len += 11)
	{
		memset(name, 'w', len);
		name[len] = '\0';
		CHECK(put(cache.engine, name, name, len % 3 == 0 ? 10 : 0));
		expected += len % 3 == 0 ? 0 : len;
	}
	cq_engine_walk(cache.engine, 10, sum_lengths, &seen);
	CHECK(seen == expected);
	end_cache(&cache);
}

/* Nothing in it is a pointer: it works wherever it is mapped. */
static void
test_two_mappings(void)
{
	Size		size = cq_engine_size(SMALL_ARENA);
	int			fd = memfd_create("cache", 0);
	void	   *one;
	void	   *two;
	CqEngine   *engine;

	CHECK(ftruncate(fd, size) == 0);
	one = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	two = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(one != MAP_FAILED && two != MAP_FAILED && one != two);
	engine = cq_engine_init(one, SMALL_ARENA, 0);
	CHECK((void *) engine == one);
	CHECK(put(engine, "k", "v", 7));
	engine = two;
	CHECK(has(engine, "k", "v"));
	CHECK(put_seeded(engine, "l", 9999, 1, 0));
	CHECK(drop(engine, "k"));
	engine = one;
	CHECK(absent(engine, "k"));
	CHECK(drop(engine, "l"));
	CHECK(used_bytes(engine) == 0);
	munmap(one, size);
	munmap(two, size);
	close(fd);
}

int
main(void)
{
	run_test("size: never more than asked", test_size);
	run_test("empty cache", test_empty);
	run_test("values of 0 bytes to 7 MB, with and without stamps", test_values);
	run_test("keys of 1 byte to the longest", test_keys);
	run_test("keys with the same hash", test_colliding_hashes);
	run_test("a new value replaces the old", test_replace);
	run_test("versions start at 1", test_first_version_is_1);
	run_test("conditions of publish_if", test_conditions);
	run_test("an expired entry counts as absent", test_expired_counts_as_absent);
	run_test("remove: by version, plain only", test_remove);
	run_test("incr: result, range, expiry", test_incr);
	run_test("incr: wrong type", test_incr_wrong_type);
	run_test("incr: value across pages", test_incr_across_pages);
	run_test("touch", test_touch);
	run_test("expiry to the millisecond", test_expiry_to_the_millisecond);
	run_test("next_expiry is a lower bound", test_next_expiry_is_a_lower_bound);
	run_test("walk sees what is live", test_walk);
	run_test("two mappings of the same memory", test_two_mappings);
	return failed_tests > 0;
}
