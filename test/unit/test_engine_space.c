/*-------------------------------------------------------------------------
 *
 * test_engine_space.c
 *	  Unit tests of the cache engine: the budget, eviction, prepared entries.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache_fixture.h"

#define SMALL_ARENA (512 * 1024)
#define BUDGET_ARENA (2 * 1024 * 1024)

static void
test_budget(void)
{
	Cache		cache = new_cache(BUDGET_ARENA);
	CqEngineStats stats;
	uint64		random = 1;
	char		name[16];

	for (int i = 0; i < 50000; i++)
	{
		snprintf(name, sizeof(name), "k%d", (int) (next_random(&random) % 20000));
		CHECK(put_seeded(cache.engine, name, next_random(&random) % 3000, i, 0));
		cq_engine_stats(cache.engine, &stats);
		CHECK(stats.used_bytes <= stats.arena_bytes);
		CHECK(stats.page_bytes <= stats.arena_bytes);
		CHECK(stats.arena_bytes <= BUDGET_ARENA);
	}
	CHECK(stats.evictions > 1000);
	CHECK(stats.evicted_bytes >= stats.evictions * HEADER_BYTES);
	CHECK(stats.entries == (uint64) count_entries(cache.engine, 0));
	/* evicting does not empty the cache needlessly */
	CHECK(stats.used_bytes > stats.page_bytes * 9 / 10);
	CHECK(stats.used_bytes > stats.arena_bytes * 8 / 10);
	end_cache(&cache);
}

static void
test_eviction_spares_what_is_read(void)
{
	Cache		cache = new_cache(1024 * 1024);
	CqEngine   *engine = cache.engine;
	CqEngineStats stats;
	CqEngineMeta meta;
	char		name[16];
	int			n = 0;
	int			survived = 0;

	do
	{
		snprintf(name, sizeof(name), "k%d", n++);
		CHECK(put_seeded(engine, name, 150, n, 0));
		cq_engine_stats(engine, &stats);
	} while (stats.evictions == 0);

	/*
	 * Every tenth is read again and again, while as many as half are new. The
	 * first page is gone: pages are evicted as a whole.
	 */
	for (int i = 0; i < n / 2; i++)
	{
		if (i % (n / 10) == 0)
			for (int k = 100; k < n; k += 10)
			{
				snprintf(name, sizeof(name), "k%d", k);
				CHECK(get(engine, name, 0, &meta) == CQ_ENGINE_OK);
				CHECK(bytes_are(buffer, 150, k + 1));
			}
		snprintf(name, sizeof(name), "new%d", i);
		CHECK(put_seeded(engine, name, 150, i, 0));
	}
	for (int k = 100; k < n; k += 10)
	{
		snprintf(name, sizeof(name), "k%d", k);
		survived += get(engine, name, 0, &meta) == CQ_ENGINE_OK;
	}
	CHECK(survived == (n - 91) / 10);
	for (int k = 101; k < n; k += 10)
	{
		snprintf(name, sizeof(name), "k%d", k);
		survived -= get(engine, name, 0, &meta) == CQ_ENGINE_OK;
	}
	CHECK(survived > n / 10 / 3);
	end_cache(&cache);
}

static void
test_expired_go_as_expirations(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngineKey key = key_of("big", 3);
	CqEngineMeta meta = meta_of(cache.longest, 0);
	CqEngineStats stats;
	CqEngineHandle handle;

	meta.value_len -= 100;
	CHECK(put(cache.engine, "old", "v", 100));
	CHECK(put(cache.engine, "good", "v", 0));
	handle = cq_engine_prepare(cache.engine, &key, &meta, NULL, buffer, 100);
	CHECK(handle != 0);
	cq_engine_stats(cache.engine, &stats);
	CHECK(stats.expirations == 1 && stats.evictions == 1);
	cq_engine_discard(cache.engine, handle);
	end_cache(&cache);
}

static void
test_prepared_are_not_evicted(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngineKey key;
	CqEngineMeta meta = meta_of(500, 0);
	CqEngineHandle handles[2000];
	CqEngineStats stats;
	char		name[16];
	char		value[500];
	int			n = 0;

	CHECK(put(cache.engine, "k", "v", 0));
	do
	{
		snprintf(name, sizeof(name), "p%d", n);
		fill_bytes(value, sizeof(value), n);
		key = key_of(name, strlen(name));
		handles[n] = cq_engine_prepare(cache.engine, &key, &meta, NULL, value,
									   0);
	} while (handles[n++] != 0);
	n--;
	CHECK((uint32) n > cache.longest / 700);
	CHECK(absent(cache.engine, "k"));
	CHECK(count_entries(cache.engine, 0) == 0);
	CHECK(absent(cache.engine, "p0"));
	cq_engine_stats(cache.engine, &stats);
	CHECK(stats.evictions == 1 && stats.entries == 0);

	/* publish every other one; none has suffered */
	for (int i = 0; i < n; i++)
	{
		if (i % 2 == 0)
			cq_engine_publish(cache.engine, handles[i]);
		else
			cq_engine_discard(cache.engine, handles[i]);
	}
	for (int i = 0; i < n; i++)
	{
		snprintf(name, sizeof(name), "p%d", i);
		if (i % 2 == 0)
		{
			CHECK(get(cache.engine, name, 0, &meta) == CQ_ENGINE_OK);
			CHECK(bytes_are(buffer, 500, i));
		}
		else
			CHECK(absent(cache.engine, name));
	}
	end_cache(&cache);
}

static void
test_no_room(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngine   *engine = cache.engine;
	CqEngineKey key = key_of("big", 3);
	CqEngineMeta meta = meta_of(cache.longest + 200, 0);
	CqEngineHandle half;
	char	   *value = calloc(1, cache.longest + 200);

	/* what can never fit costs the others nothing */
	CHECK(put(engine, "k", "v", 0));
	CHECK(cq_engine_prepare(engine, &key, &meta, NULL, value, 0) == 0);
	CHECK(has(engine, "k", "v"));

	/* what does not fit because of a prepared entry leaves no trace */
	meta.value_len = cache.longest / 2 + 1000;
	half = cq_engine_prepare(engine, &key, &meta, NULL, value, 0);
	CHECK(half != 0);
	CHECK(cq_engine_prepare(engine, &key, &meta, NULL, value, 0) == 0);
	cq_engine_discard(engine, half);
	CHECK(used_bytes(engine) == 0);
	free(value);
	end_cache(&cache);
}

static void
test_one_value_takes_all(void)
{
	Cache		cache = new_cache(6 * 1024 * 1024);
	CqEngineStats stats;
	CqEngineMeta meta;
	uint32		longest;
	char		name[16];

	for (int round = 0; round < 2; round++)
	{
		for (int i = 0; i < 3000; i++)
		{
			snprintf(name, sizeof(name), "k%d", i);
			CHECK(put_seeded(cache.engine, name, 1000, i, 0));
			CHECK(get(cache.engine, name, 0, &meta) == CQ_ENGINE_OK);
		}
		CHECK(cache.longest > 5 * 1024 * 1024);
		cq_engine_stats(cache.engine, &stats);
		longest = cache.room - stats.index_bytes;
		CHECK(put_seeded(cache.engine, "b", longest, 9, 0));
		CHECK(get(cache.engine, "b", 0, &meta) == CQ_ENGINE_OK);
		CHECK(bytes_are(buffer, longest, 9));
		CHECK(count_entries(cache.engine, 0) == 1);
		/* and goes as a whole */
		CHECK(put(cache.engine, "small", "v", 0));
		CHECK(count_entries(cache.engine, 0) == 1);
		CHECK(used_bytes(cache.engine) < 50);
	}
	end_cache(&cache);
}

static void
test_discard(void)
{
	Cache		cache = new_cache(SMALL_ARENA);
	CqEngineKey key = key_of("k", 1);

	CHECK(put(cache.engine, "k", "v", 0));
	for (uint32 len = 0; len < 10000; len += 37)
	{
		CqEngineMeta meta = meta_of(len, 5);
		uint64		before = used_bytes(cache.engine);
		CqEngineHandle handle = cq_engine_prepare(cache.engine, &key, &meta,
												  NULL, buffer, 0);

		CHECK(used_bytes(cache.engine) > before);
		CHECK(has(cache.engine, "k", "v"));
		cq_engine_discard(cache.engine, handle);
		CHECK(used_bytes(cache.engine) == before);
	}
	CHECK(has(cache.engine, "k", "v"));
	CHECK(cq_engine_expire(cache.engine, 5) == 0);
	end_cache(&cache);
}

int
main(void)
{
	run_test("the budget is never exceeded", test_budget);
	run_test("eviction spares what is read", test_eviction_spares_what_is_read);
	run_test("evicting what is expired is no eviction",
			 test_expired_go_as_expirations);
	run_test("prepared entries are not evicted", test_prepared_are_not_evicted);
	run_test("no room: nothing stored, nothing lost", test_no_room);
	run_test("one value in all of the pages", test_one_value_takes_all);
	run_test("discard gives back exactly what it held", test_discard);
	return failed_tests > 0;
}
