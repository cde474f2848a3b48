/*-------------------------------------------------------------------------
 *
 * churn_engine.c
 *	  A day of changing use in a small arena.
 *
 * Values have 16 bytes to more than a megabyte and live from seconds to half a
 * day.  Namespaces prefer different sizes and times to live, and take turns in
 * being the busiest; those with small values get more operations.  So memory that
 * was laid out for one mixture has to serve the next.  Each step checks the budget;
 * each hour checks that nothing was written behind the arena.
 *
 * The use of the arena is measured right after an eviction, when the engine has
 * just found no room.  It counts live bytes: keys, values, stamps, and
 * RECORD_BYTES for each entry, which any engine needs.
 *
 *	churn_engine [STEPS]	prints TAP, with a line for each hour
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "cache_fixture.h"

#define ARENA_BYTES ((Size) 48 * 1024 * 1024)
#define HOURS 24
#define HOUR_MS (3600 * 1000)
#define RECORD_BYTES 24
#define QUICK_STEPS 5000
/* steps between two looks */
#define LOOK_EVERY 5
/* less is a failure; how much more there is, is printed */
#define USE_PERCENT_MIN 87

typedef struct Namespace
{
	uint32		value_min;
	uint32		value_max;
	uint32		ttl_min_s;
	uint32		ttl_max_s;		/* 0: no time to live */
	uint32		keys;
	uint32		burst;			/* operations a step */
} Namespace;

static const Namespace namespaces[] = {
	{16, 200, 600, 12 * 3600, 200000, 400},
	{16, 2000, 0, 0, 50000, 80},
	{100, 20000, 600, 6 * 3600, 8000, 10},
	{1000, 100000, 10, 1800, 1000, 2},
	{5000, 400000, 1800, 4 * 3600, 500, 1},
	{100000, 1500000, 600, 12 * 3600, 100, 1},
};

typedef struct Churn
{
	Cache		cache;
	uint64		random;
	int64		now_ms;
	uint64		hits;
	char		name[64];
	CqEngineKey key;
	const Namespace *ns;
} Churn;

/* What was in use, summed over looks. */
typedef struct Use
{
	int			looks;
	uint64		entries;
	uint64		payload;
	uint64		used;			/* by the engine's own count */
	double		lowest;			/* percent of a single look */
} Use;

static int	steps = QUICK_STEPS;

static uint32
churn_random(Churn *churn, uint32 below)
{
	return (next_random(&churn->random) >> 32) % below;
}

/* From low to high, each order of magnitude as likely as the others. */
static uint32
spread(Churn *churn, uint32 low, uint32 high)
{
	double		unit = churn_random(churn, 1 << 30) / (double) (1 << 30);

	return low * exp(unit * log((double) high / low));
}

/* Half of the steps are in the namespace whose turn it is. */
static void
choose_namespace(Churn *churn)
{
	int			n = churn->now_ms / (2 * HOUR_MS) % lengthof(namespaces);

	if (churn_random(churn, 2) == 0)
		n = churn_random(churn, lengthof(namespaces));
	churn->ns = &namespaces[n];
}

static void
choose_key(Churn *churn)
{
	snprintf(churn->name, sizeof(churn->name), "namespace%d:%u",
			 (int) (churn->ns - namespaces),
			 churn_random(churn, churn->ns->keys));
	churn->key = key_of(churn->name, strlen(churn->name));
}

static void
churn_put(Churn *churn)
{
	const Namespace *ns = churn->ns;
	uint64		seed = next_random(&churn->random);
	CqEngineMeta meta = meta_of(spread(churn, ns->value_min, ns->value_max), 0);
	static CqStamp stamps[3];
	CqEngineHandle handle;

	if (ns->ttl_max_s > 0)
		meta.expires_ms = churn->now_ms +
			spread(churn, ns->ttl_min_s, ns->ttl_max_s) * INT64CONST(1000);
	meta.nstamps = seed % 4;
	fill_bytes(buffer, meta.value_len, seed ^ churn->key.hash);
	memcpy(buffer, &seed, sizeof(seed));
	handle = cq_engine_prepare(churn->cache.engine, &churn->key, &meta,
							   stamps, buffer, churn->now_ms);
	CHECK(handle != 0);
	if (handle == 0)
		return;
	if (churn_random(churn, 50) == 0)
		cq_engine_discard(churn->cache.engine, handle);
	else
		cq_engine_publish(churn->cache.engine, handle);
}

static void
churn_get(Churn *churn)
{
	CqEngineMeta meta;
	uint64		seed;
	char	   *value;

	if (cq_engine_get(churn->cache.engine, &churn->key, churn->now_ms, buffer,
					  sizeof(buffer), &meta) != CQ_ENGINE_OK)
	{
		churn_put(churn);
		return;
	}
	value = buffer + meta.nstamps * sizeof(CqStamp);
	memcpy(&seed, value, sizeof(seed));
	fill_bytes(value, sizeof(seed), seed ^ churn->key.hash);
	CHECK(bytes_are(value, meta.value_len, seed ^ churn->key.hash));
	CHECK(meta.expires_ms == 0 || meta.expires_ms > churn->now_ms);
	churn->hits++;
}

static void
churn_one(Churn *churn)
{
	CqEngine   *engine = churn->cache.engine;
	int			action = churn_random(churn, 100);
	CqEngineStats stats;

	choose_key(churn);
	if (action < 50)
		churn_get(churn);
	else if (action < 96)
		churn_put(churn);
	else if (action < 98)
		cq_engine_remove(engine, &churn->key, 0, false, churn->now_ms);
	else
		cq_engine_touch(engine, &churn->key, churn->now_ms + HOUR_MS,
						churn->now_ms);
	cq_engine_stats(engine, &stats);
	CHECK(stats.used_bytes <= stats.arena_bytes);
	CHECK(stats.arena_bytes <= ARENA_BYTES);
}

static void
churn_step(Churn *churn)
{
	int64		due = cq_engine_next_expiry(churn->cache.engine);

	if (due != 0 && due <= churn->now_ms)
		cq_engine_expire(churn->cache.engine, churn->now_ms);
	choose_namespace(churn);
	for (uint32 i = 0; i < churn->ns->burst; i++)
		churn_one(churn);
}

static void
add_use(const char *key, uint32 key_len, const CqEngineMeta *meta, void *arg)
{
	Use		   *use = arg;

	(void) key;
	use->entries++;
	use->payload += key_len + meta->value_len +
		meta->nstamps * sizeof(CqStamp);
}

/* In percent of the arena, on average over the looks. */
static double
use_percent(const Use *use)
{
	return 100.0 * (use->payload + use->entries * RECORD_BYTES) /
		((double) ARENA_BYTES * Max(use->looks, 1));
}

/* Add what is in use if an entry was evicted since evictions. */
static void
look(Churn *churn, Use *use, uint64 evictions)
{
	Use			now = {.looks = 1};
	CqEngineStats stats;

	cq_engine_stats(churn->cache.engine, &stats);
	if (stats.evictions == evictions)
		return;
	cq_engine_walk(churn->cache.engine, churn->now_ms, add_use, &now);
	use->looks++;
	use->entries += now.entries;
	use->payload += now.payload;
	use->used += stats.used_bytes;
	if (use->looks == 1 || use_percent(&now) < use->lowest)
		use->lowest = use_percent(&now);
}

static void
print_use(const char *when, const Use *use)
{
	double		arenas = (double) ARENA_BYTES * Max(use->looks, 1) / 100;

	printf("# %s: %d looks, %llu entries, in use %.1f%% (keys and values "
		   "%.1f%%, by its own count %.1f%%), at least %.1f%%\n", when,
		   use->looks, (unsigned long long) use->entries / Max(use->looks, 1),
		   use_percent(use), use->payload / arenas, use->used / arenas,
		   use->lowest);
}

static void
test_day(void)
{
	static Churn churn;
	Use			day = {.lowest = 100};
	CqEngineStats stats;

	churn.cache = new_cache(ARENA_BYTES);
	churn.random = 1;
	for (int hour = 0; hour < HOURS; hour++)
	{
		Use			use = {0};
		char		when[32];

		for (int i = 0; i < steps / HOURS; i++)
		{
			churn.now_ms = 1 + (int64) HOUR_MS * hour +
				(int64) HOUR_MS * i / (steps / HOURS);
			cq_engine_stats(churn.cache.engine, &stats);
			churn_step(&churn);
			if (i % LOOK_EVERY == 0)
				look(&churn, &use, stats.evictions);
		}
		snprintf(when, sizeof(when), "hour %d", hour);
		print_use(when, &use);
		CHECK(canary_lives(&churn.cache));
		day.looks += use.looks;
		day.entries += use.entries;
		day.payload += use.payload;
		day.used += use.used;
		if (use.looks > 0)
			day.lowest = Min(day.lowest, use.lowest);
	}
	cq_engine_stats(churn.cache.engine, &stats);
	print_use("the day", &day);
	printf("# %llu hits, %llu evictions, %llu expirations\n",
		   (unsigned long long) churn.hits,
		   (unsigned long long) stats.evictions,
		   (unsigned long long) stats.expirations);
	CHECK(day.looks > 0 && use_percent(&day) >= USE_PERCENT_MIN);
	CHECK(churn.hits > 100 && stats.expirations > 100);
	end_cache(&churn.cache);
}

int
main(int argc, char **argv)
{
	if (argc > 1)
		steps = Max(atoi(argv[1]), HOURS);
	run_test("a day of churn: the budget, and how much of it is in use",
			 test_day);
	return failed_tests > 0;
}
