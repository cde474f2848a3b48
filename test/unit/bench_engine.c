/*-------------------------------------------------------------------------
 *
 * bench_engine.c
 *	  How fast a hit is in one process.
 *
 * Keys of 32 bytes, values of 100.  The keys' hashes are made beforehand.
 * Locks are the shim's, so the figures are not those inside the server.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/mman.h>

#include "core/clock.h"
#include "harness.h"

#define KEY_LEN 32
#define VALUE_LEN 100
#define LOOKUPS 4000000
#define HUGE_PAGE_BYTES (2 * 1024 * 1024)

typedef struct NamedKey
{
	char		bytes[KEY_LEN];
	CqEngineKey key;
} NamedKey;

static NamedKey *
make_keys(uint32 nkeys)
{
	NamedKey   *keys = malloc(nkeys * sizeof(NamedKey));

	for (uint32 i = 0; i < nkeys; i++)
	{
		char text[	KEY_LEN + 1];

		snprintf(text, sizeof(text), "%032u", i);
		memcpy(keys[i].bytes, text, KEY_LEN);
		keys[i].key = key_of(keys[i].bytes, KEY_LEN);
	}
	return keys;
}

static void
fill(CqEngine *engine, NamedKey *keys, uint32 nkeys)
{
	CqEngineMeta meta;
	char		value[VALUE_LEN];

	memset(&meta, 0, sizeof(meta));
	meta.value_len = VALUE_LEN;
	memset(value, 'v', sizeof(value));
	for (uint32 i = 0; i < nkeys; i++)
	{
		meta.expires_ms = 1 + i % 1000;
		cq_engine_publish(engine, cq_engine_prepare(engine, &keys[i].key,
													&meta, NULL, value, 0));
	}
}

/* Nanoseconds per lookup, of keys in random order. */
static double
lookup_ns(CqEngine *engine, NamedKey *keys, uint32 nkeys)
{
	char		value[VALUE_LEN] __attribute__((aligned(8)));
	CqEngineMeta meta;
	uint64		random = 1;
	uint64		hits = 0;
	int64		start = cq_clock_ms();
	int64		end;

	for (int i = 0; i < LOOKUPS; i++)
	{
		NamedKey   *named = &keys[(next_random(&random) >> 32) % nkeys];

		hits += cq_engine_get(engine, &named->key, 0, value, sizeof(value),
							  &meta) == CQ_ENGINE_OK;
	}
	end = cq_clock_ms();
	if (hits != LOOKUPS)
		printf("only %llu hits\n", (unsigned long long) hits);
	return (double) (end - start) * 1000000 / LOOKUPS;
}

/* What lookup_ns spends on choosing and fetching the key, about. */
static double
key_ns(NamedKey *keys, uint32 nkeys)
{
	uint64		random = 1;
	uint64		sum = 0;
	int64		start = cq_clock_ms();
	int64		end;

	for (int i = 0; i < LOOKUPS; i++)
	{
		NamedKey   *named = &keys[((next_random(&random) + sum % 2) >> 32) %
								  nkeys];

		sum += named->key.hash + named->bytes[KEY_LEN - 1];
	}
	end = cq_clock_ms();
	if (sum == 0)
		printf("\n");
	return (double) (end - start) * 1000000 / LOOKUPS;
}

static void
measure(uint32 nkeys, Size arena_bytes)
{
	Size		size = cq_engine_size(arena_bytes);
	NamedKey   *keys = make_keys(nkeys);
	CqEngine   *engine;
	void	   *mem;
	int64		start;
	int64		filled;

	/* as in the server with huge_pages = on, where the system has any */
	if (posix_memalign(&mem, HUGE_PAGE_BYTES, size) != 0)
		abort();
	madvise(mem, size, MADV_HUGEPAGE);
	engine = cq_engine_init(mem, arena_bytes, 0);
	start = cq_clock_ms();
	fill(engine, keys, nkeys);
	filled = cq_clock_ms();

	lookup_ns(engine, keys, nkeys);
	printf("%8u keys: put %.0f ns, hit %.0f ns, of it %.0f ns for the key\n",
		   nkeys, (double) (filled - start) * 1000000 / nkeys,
		   lookup_ns(engine, keys, nkeys), key_ns(keys, nkeys));
	start = cq_clock_ms();
	cq_engine_expire(engine, 500);
	printf("%8u keys: removing half of them as expired: %lld ms\n", nkeys,
		   (long long) (cq_clock_ms() - start));
	free(mem);
	free(keys);
}

int
main(void)
{
	measure(10000, (Size) 64 * 1024 * 1024);
	measure(1000000, (Size) 512 * 1024 * 1024);
	return 0;
}
