/*-------------------------------------------------------------------------
 *
 * harness.h
 *	  What the unit tests of the cache engine share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_HARNESS_H
#define CQ_HARNESS_H

#include "bytes.h"
#include "tap.h"

/* The engine's memory must be consistent; no other process may use it. */
static inline void
check_engine(CqEngine *engine)
{
#ifdef USE_ASSERT_CHECKING
	const char *fault = cq_engine_check(engine);

	if (fault != NULL)
		check_failed(__FILE__, __LINE__, fault);
#else
	(void) engine;
#endif
}

/* fill_bytes for n stamps; their unused part is zero */
static inline void
fill_stamps(CqStamp *stamps, int n, uint64 seed)
{
	fill_bytes((char *) stamps, n * sizeof(CqStamp), seed);
	for (int i = 0; i < n; i++)
		stamps[i].unused = 0;
}

static inline bool
stamps_are(const char *bytes, int n, uint64 seed)
{
	CqStamp		stamps[CQ_ENGINE_STAMPS_MAX];

	fill_stamps(stamps, n, seed);
	return memcmp(bytes, stamps, n * sizeof(CqStamp)) == 0;
}

static inline uint64
used_bytes(CqEngine *engine)
{
	CqEngineStats stats;

	cq_engine_stats(engine, &stats);
	return stats.used_bytes;
}

/*
 * The longest value that an empty cache can hold: as long as it was at the
 * start if and only if every page is free that the index does not hold.
 */
static inline uint32
longest_value(CqEngine *engine)
{
	CqEngineKey key = key_of("k", 1);
	CqEngineMeta meta;
	CqEngineStats stats;
	uint32		low = 0;
	uint32		high;
	char	   *value;

	cq_engine_stats(engine, &stats);
	high = stats.arena_bytes;
	value = calloc(1, high);
	memset(&meta, 0, sizeof(meta));
	while (low < high)
	{
		CqEngineHandle handle;

		meta.value_len = low + (high - low + 1) / 2;
		handle = cq_engine_prepare(engine, &key, &meta, NULL, value, 0);
		if (handle != 0)
		{
			low = meta.value_len;
			cq_engine_discard(engine, handle);
		}
		else
			high = meta.value_len - 1;
	}
	free(value);
	return low;
}

/* The same, with what the index has taken for itself meanwhile. */
static inline uint64
whole_room(CqEngine *engine)
{
	uint64		longest = longest_value(engine);
	CqEngineStats stats;

	cq_engine_stats(engine, &stats);
	return longest + stats.index_bytes;
}

#endif							/* CQ_HARNESS_H */
