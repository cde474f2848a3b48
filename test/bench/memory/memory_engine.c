/*-------------------------------------------------------------------------
 *
 * memory_engine.c
 *	  What an entry costs the cache engine beyond its key and its value.
 *
 * Usage: memory_engine ENTRIES KEY_BYTES VALUE_BYTES
 *
 * All entries have a time to live.  The smallest arena that holds all of them
 * at once is found by bisection; whatever it has that is not key or value is
 * the cost: metadata, index, locks, and what fragmentation leaves unusable.
 * Prints the arena's bytes and the used bytes that the engine counts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "bytes.h"

#define STEP ((Size) 64 * 1024)

static uint32 nentries;
static uint32 key_bytes;
static uint32 value_bytes;

/* Whether all entries fit; what the engine counts as used by them. */
static bool
fits(Size arena_bytes, uint64 *used)
{
	Size		size = cq_engine_size(arena_bytes);
	char		name[1024];
	char		value[64 * 1024];
	CqEngine   *engine;
	CqEngineStats stats;
	CqEngineMeta meta;
	bool		good = true;
	void	   *mem;

	if (size == 0)
		return false;
	if (posix_memalign(&mem, PG_CACHE_LINE_SIZE, size) != 0)
		abort();
	engine = cq_engine_init(mem, arena_bytes, 0);
	memset(&meta, 0, sizeof(meta));
	memset(value, 'v', sizeof(value));
	meta.value_len = value_bytes;
	for (uint32 i = 0; i < nentries && good; i++)
	{
		CqEngineKey key;
		CqEngineHandle handle;

		snprintf(name, sizeof(name), "%0*u", (int) key_bytes, i);
		key = key_of(name, key_bytes);
		meta.expires_ms = 3600 * 1000 + i % 1000;
		handle = cq_engine_prepare(engine, &key, &meta, NULL, value, 1);
		if (handle != 0)
			cq_engine_publish(engine, handle);
		good = handle != 0;
		if (i % 1000 == 0)
		{
			cq_engine_stats(engine, &stats);
			good &= stats.evictions == 0;
		}
	}
	cq_engine_stats(engine, &stats);
	*used = stats.used_bytes;
	free(mem);
	return good && stats.evictions == 0 && stats.entries == nentries;
}

int
main(int argc, char **argv)
{
	Size		low;
	Size		high;
	uint64		used = 0;
	uint64		used_when_it_fits = 0;

	if (argc != 4)
		return 2;
	nentries = atoi(argv[1]);
	key_bytes = atoi(argv[2]);
	value_bytes = atoi(argv[3]);
	if (nentries == 0 || key_bytes < 10 || key_bytes > 1000 ||
		value_bytes > 64 * 1024)
		return 2;
	low = (Size) nentries * (key_bytes + value_bytes);
	high = low;
	while (!fits(high, &used_when_it_fits))
	{
		low = high;
		high += high / 2;
	}
	while (high - low > STEP)
	{
		Size		middle = low + (high - low) / 2;

		if (fits(middle, &used))
		{
			high = middle;
			used_when_it_fits = used;
		}
		else
			low = middle;
	}
	printf("%zu %llu\n", high, (unsigned long long) used_when_it_fits);
	return 0;
}
