/*-------------------------------------------------------------------------
 *
 * test_save.c
 *	  Unit tests of the cache engine: out to bytes, and back.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache_fixture.h"

#define ARENA (1024 * 1024)
#define KEYS 3000
#define QUOTA_CLASS 7

/* What a cache was saved to, and how much of it has been read. */
typedef struct Saved
{
	char	   *bytes;
	Size		len;
	Size		room;
	Size		read;
} Saved;

static bool
append_bytes(void *bytes, Size len, void *arg)
{
	Saved	   *saved = arg;

	if (len > saved->room - saved->len)
		return false;
	memcpy(saved->bytes + saved->len, bytes, len);
	saved->len += len;
	return true;
}

static bool
take_bytes(void *bytes, Size len, void *arg)
{
	Saved	   *saved = arg;

	if (len > saved->len - saved->read)
		return false;
	memcpy(bytes, saved->bytes + saved->read, len);
	saved->read += len;
	return true;
}

static Saved
save_cache(CqEngine *engine)
{
	Saved		saved = {.room = 2 * ARENA};

	saved.bytes = malloc(saved.room);
	CHECK(cq_engine_transfer(engine, append_bytes, &saved));
	return saved;
}

static void
name_key(char *name, int i)
{
	snprintf(name, 32, "key number %d", i);
}

/* Values of all sizes, some with stamps, some with an expiry, a class with a
 * quota; and more of them than there is room for. */
static void
fill_cache(CqEngine *engine, uint64 seed)
{
	char	   *value = malloc(200000);
	CqStamp		stamps[5];

	CHECK(cq_engine_set_quota(engine, QUOTA_CLASS, CQ_ENGINE_QUOTA_MIN));
	for (int n = 0; n < 4 * KEYS; n++)
	{
		int			i = next_random(&seed) % KEYS;
		CqEngineMeta meta = meta_of(i % 100 == 0 ? 20000 + i * 50 : i % 997,
									i % 3 == 0 ? 1000 + i : 0);
		char		name[32];
		CqEngineKey key;
		CqEngineHandle handle;

		name_key(name, i);
		key = key_of(name, strlen(name));
		meta.nstamps = i % 6;
		meta.flags = meta.nstamps > 0 ? CQ_ENTRY_DEPENDENT : 0;
		meta.class_id = i % 4 == 0 ? QUOTA_CLASS : 3;
		fill_stamps(stamps, meta.nstamps, i);
		fill_bytes(value, meta.value_len, i);
		handle = cq_engine_prepare(engine, &key, &meta, stamps, value, 0);
		if (handle != 0)
			cq_engine_publish(engine, handle);
	}
	free(value);
}

/* Entries that are the same in both. */
static int
count_equal(CqEngine *a, CqEngine *b)
{
	static char other[sizeof(buffer)] __attribute__((aligned(8)));
	int			equal = 0;

	for (int i = 0; i < KEYS; i++)
	{
		CqEngineMeta meta;
		CqEngineMeta other_meta;
		char		name[32];
		CqEngineKey key;

		name_key(name, i);
		key = key_of(name, strlen(name));
		if (get(a, name, 1, &meta) != CQ_ENGINE_OK)
		{
			CHECK(cq_engine_get(b, &key, 1, other, sizeof(other),
								&other_meta) == CQ_ENGINE_ABSENT);
			continue;
		}
		CHECK(stamps_are(buffer, meta.nstamps, i));
		CHECK(bytes_are(buffer + meta.nstamps * sizeof(CqStamp),
						meta.value_len, i));
		equal += cq_engine_get(b, &key, 1, other, sizeof(other),
							   &other_meta) == CQ_ENGINE_OK &&
			meta.version == other_meta.version &&
			meta.expires_ms == other_meta.expires_ms &&
			meta.class_id == other_meta.class_id &&
			meta.flags == other_meta.flags &&
			meta.value_len == other_meta.value_len &&
			meta.nstamps == other_meta.nstamps &&
			memcmp(buffer, other, meta.nstamps * sizeof(CqStamp) +
				   meta.value_len) == 0;
	}
	return equal;
}

static void
test_round_trip(void)
{
	Cache		cache = new_cache(ARENA);
	Cache		loaded = new_cache(ARENA);
	CqEngineStats stats;
	CqEngineStats loaded_stats;
	uint64		entries[2];
	uint64		bytes[2];
	Saved		saved;

	fill_cache(cache.engine, 1);
	saved = save_cache(cache.engine);
	CHECK(cq_engine_transfer(loaded.engine, take_bytes, &saved));
	CHECK(saved.read == saved.len);
	check_engine(loaded.engine);

	cq_engine_stats(cache.engine, &stats);
	cq_engine_stats(loaded.engine, &loaded_stats);
	CHECK(stats.evictions > 100 && stats.entries > 100);
	CHECK(loaded_stats.entries == stats.entries);
	CHECK(loaded_stats.used_bytes == stats.used_bytes);
	CHECK(loaded_stats.page_bytes == stats.page_bytes);
	CHECK(loaded_stats.index_bytes == stats.index_bytes);
	CHECK(count_equal(cache.engine, loaded.engine) == (int) stats.entries);
	CHECK(cq_engine_next_expiry(loaded.engine) ==
		  cq_engine_next_expiry(cache.engine));
	cq_engine_class_usage(cache.engine, QUOTA_CLASS, &entries[0], &bytes[0]);
	cq_engine_class_usage(loaded.engine, QUOTA_CLASS, &entries[1], &bytes[1]);
	CHECK(entries[0] == entries[1] && bytes[0] == bytes[1] && bytes[0] > 0);

	/* the loaded one is as good as any */
	fill_cache(loaded.engine, 2);
	check_engine(loaded.engine);
	cq_engine_class_usage(loaded.engine, QUOTA_CLASS, &entries[1], &bytes[1]);
	CHECK(bytes[1] <= CQ_ENGINE_QUOTA_MIN);
	cq_engine_expire(loaded.engine, 2000);
	check_engine(loaded.engine);

	free(saved.bytes);
	end_cache(&cache);
	end_cache(&loaded);
}

static void
test_empty(void)
{
	Cache		cache = new_cache(ARENA);
	Cache		loaded = new_cache(ARENA);
	Saved		saved = save_cache(cache.engine);

	CHECK(cq_engine_transfer(loaded.engine, take_bytes, &saved));
	CHECK(saved.len < ARENA / 4);	/* no free pages */
	CHECK(put(loaded.engine, "k", "v", 0) && has(loaded.engine, "k", "v"));
	free(saved.bytes);
	end_cache(&cache);
	end_cache(&loaded);
}

/* After a failure the memory is laid out anew, and works. */
static void
check_laid_out_anew(Cache *cache)
{
	cache->engine = cq_engine_init(cache->mem, ARENA, 0);
	CHECK(put(cache->engine, "k", "v", 0) && has(cache->engine, "k", "v"));
	CHECK(canary_lives(cache));
}

static void
test_cut_off(void)
{
	Cache		cache = new_cache(ARENA);
	Cache		loaded = new_cache(ARENA);
	Saved		saved;
	Size		len;

	fill_cache(cache.engine, 3);
	saved = save_cache(cache.engine);
	len = saved.len;
	for (saved.len = 0; saved.len < len; saved.len += saved.len < 2000 ? 1 : 4099)
	{
		saved.read = 0;
		CHECK(!cq_engine_transfer(loaded.engine, take_bytes, &saved));
	}
	saved.len = len - 1;
	saved.read = 0;
	CHECK(!cq_engine_transfer(loaded.engine, take_bytes, &saved));
	check_laid_out_anew(&loaded);

	/* no room to save to */
	saved.room = saved.len;
	saved.len = 0;
	CHECK(!cq_engine_transfer(cache.engine, append_bytes, &saved));

	free(saved.bytes);
	end_cache(&cache);
	end_cache(&loaded);
}

/* Bytes that are wrong are for the caller to notice; they do no harm here. */
static void
test_damaged(void)
{
	Cache		cache = new_cache(ARENA);
	Cache		loaded = new_cache(ARENA);
	uint64		random = 5;
	Saved		saved;

	fill_cache(cache.engine, 4);
	saved = save_cache(cache.engine);
	for (int n = 0; n < 300; n++)
	{
		for (int i = 0; i < 1 << n % 12; i++)
			saved.bytes[next_random(&random) % saved.len] ^=
				1 << next_random(&random) % 8;
		saved.read = 0;
		cq_engine_transfer(loaded.engine, take_bytes, &saved);
		CHECK(canary_lives(&loaded));
		loaded.engine = cq_engine_init(loaded.mem, ARENA, 0);
	}
	check_laid_out_anew(&loaded);
	free(saved.bytes);
	end_cache(&cache);
	end_cache(&loaded);
}

static void
test_other_layout(void)
{
	Cache		cache = new_cache(ARENA);
	Cache		other = new_cache(ARENA + 65536);
	Saved		saved = save_cache(cache.engine);

	CHECK(!cq_engine_transfer(other.engine, take_bytes, &saved));
	free(saved.bytes);
	end_cache(&cache);
	end_cache(&other);
}

int
main(void)
{
	run_test("a cache that is saved and loaded", test_round_trip);
	run_test("an empty one", test_empty);
	run_test("one that is cut off", test_cut_off);
	run_test("one that is damaged", test_damaged);
	run_test("one of another size", test_other_layout);
	return failed_tests == 0 ? 0 : 1;
}
