/*-------------------------------------------------------------------------
 *
 * fuzz_engine.c
 *	  Bytes as a program for the cache engine, checked by a naive model.
 *
 * Each input is read as a sequence of operations on a small arena: all that
 * the interface has, with up to three prepared entries at a time, jumps in
 * time, and values up to more than the arena can hold.  A hit must be exactly
 * what was published last, and unexpired; a miss is always allowed, but what
 * was missed once must not come back.  test_engine_model.c, which
 * knows when misses are allowed, chooses its operations evenly; here a fuzzer
 * can look for rare sequences.
 *
 *	fuzz_engine				runs inputs made of fixed seeds; prints TAP
 *	fuzz_engine FILE...		runs these, aborts at a failure (AFL, or to
 *							repeat what a fuzzer found)
 *	test/unit/run fuzz		builds with -DCQ_LIBFUZZER, which leaves main
 *							to clang's libFuzzer
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache_fixture.h"

#define FUZZ_KEYS 24
#define FUZZ_HANDLES 3
#define FUZZ_CLASSES 4
#define LIMITED_CLASS 3
#define FUZZ_SEEDS 400
#define INPUT_BYTES 6000
#define ARENA_MAX (1024 * 1024)
/* later than any time here */
#define GUARD 0x5c

typedef struct FuzzEntry
{
	bool		present;		/* as far as is known */
	uint64		seed;			/* of value and stamps, unless a counter */
	int64		count;
	CqEngineMeta meta;
} FuzzEntry;

typedef struct FuzzPending
{
	CqEngineHandle handle;		/* 0: none */
	int			i;				/* its key */
	FuzzEntry	entry;
} FuzzPending;

typedef struct Fuzz
{
	const uint8 *input;
	const uint8 *end;
	Cache		cache;			/* longest is not filled in: that takes long */
	CqEngine   *engine;
	Size		arena_bytes;
	int64		now_ms;
	FuzzEntry	entries[FUZZ_KEYS];
	FuzzPending pending[FUZZ_HANDLES];
	int			i;				/* the key at hand */
	FuzzEntry  *entry;
	CqEngineKey key;
	char		name[CQ_ENGINE_KEY_MAX];
} Fuzz;

/* of all inputs */
static uint64 total_hits = 0;
static uint64 total_evictions = 0;

/* The next bytes of the input as a number; zeroes after its end. */
static uint64
take(Fuzz *fuzz, int bytes)
{
	uint64		number = 0;

	for (int i = 0; i < bytes; i++)
		number = number << 8 | (fuzz->input < fuzz->end ? *fuzz->input++ : 0);
	return number;
}

/* Keys of all lengths, the longest among them. */
static CqEngineKey
fuzz_key(int i, char *name)
{
	uint32		len = i == 0 ? CQ_ENGINE_KEY_MAX : 1 + i * i;

	memset(name, 'a' + i, len);
	return key_of(name, len);
}

static bool
is_live(const Fuzz *fuzz)
{
	const FuzzEntry *entry = fuzz->entry;

	return entry->present && (entry->meta.expires_ms == 0 ||
							  entry->meta.expires_ms > fuzz->now_ms);
}

static void
choose(Fuzz *fuzz, int i)
{
	fuzz->i = i;
	fuzz->entry = &fuzz->entries[i];
	fuzz->key = fuzz_key(i, fuzz->name);
}

static Size
payload_of(const CqEngineMeta *meta)
{
	return meta->nstamps * sizeof(CqStamp) + meta->value_len;
}

static void
check_meta(const FuzzEntry *entry, const CqEngineMeta *meta)
{
	CHECK(meta->expires_ms == entry->meta.expires_ms);
	CHECK(meta->version == entry->meta.version);
	CHECK(meta->value_len == entry->meta.value_len);
	CHECK(meta->nstamps == entry->meta.nstamps);
	CHECK(meta->type == entry->meta.type);
	CHECK(meta->flags == entry->meta.flags);
	CHECK(meta->class_id == entry->meta.class_id);
}

/* Read into a buffer of buf_len bytes and compare. */
static void
fuzz_get(Fuzz *fuzz, Size buf_len)
{
	FuzzEntry  *entry = fuzz->entry;
	CqEngineMeta meta;
	CqEngineResult result;

	buffer[buf_len] = GUARD;
	result = cq_engine_get(fuzz->engine, &fuzz->key, fuzz->now_ms, buffer,
						   buf_len, &meta);
	CHECK(buffer[buf_len] == GUARD);
	if (result == CQ_ENGINE_ABSENT)
	{
		entry->present = false;
		return;
	}
	if (!is_live(fuzz))
	{
		CHECK(entry->present && result == CQ_ENGINE_EXPIRED);
		return;
	}
	check_meta(entry, &meta);
	if (payload_of(&entry->meta) > buf_len)
		CHECK(result == CQ_ENGINE_TOO_SMALL);
	else
	{
		Size		stamps = entry->meta.nstamps * sizeof(CqStamp);

		total_hits++;
		CHECK(result == CQ_ENGINE_OK);
		CHECK(stamps_are(buffer, entry->meta.nstamps, entry->seed));
		if (entry->meta.type == TYPE_COUNTER)
			CHECK(memcmp(buffer + stamps, &entry->count, sizeof(int64)) == 0);
		else
			CHECK(bytes_are(buffer + stamps, entry->meta.value_len,
							entry->seed));
	}
}

/* Learn whether the entry at hand was evicted. */
static void
fuzz_sync(Fuzz *fuzz)
{
	fuzz_get(fuzz, 0);
}

static int64
fuzz_expiry(Fuzz *fuzz)
{
	static const int64 spans[] = {1, 20, 1000, 100 * 1000, 30LL * 86400 * 1000};
	uint64		choice = take(fuzz, 1);

	if (choice % 6 == 5)
		return 0;
	if (choice == 0xf0)
		return CQ_ENGINE_EXPIRES_MAX;
	return fuzz->now_ms + 1 + take(fuzz, 1) * spans[choice % 6] / 100;
}

static uint32
fuzz_value_len(Fuzz *fuzz)
{
	switch (take(fuzz, 1) % 16)
	{
		case 0:
			return take(fuzz, 3) % (fuzz->arena_bytes + 1000);
		case 1:
		case 2:
			return take(fuzz, 2);
		case 3:
			return take(fuzz, 2) % 5000;
		case 4:
			return 0;
		default:
			return take(fuzz, 1);
	}
}

static void
fuzz_prepare(Fuzz *fuzz, FuzzPending *pending)
{
	FuzzEntry  *new = &pending->entry;
	uint64		kind = take(fuzz, 1);
	static CqStamp stamps[8];
	char	   *value;

	if (pending->handle != 0)
		return;
	memset(pending, 0, sizeof(*pending));
	pending->i = fuzz->i;
	new->present = true;
	new->seed = take(fuzz, 2) + 1;
	new->meta.expires_ms = fuzz_expiry(fuzz);
	new->meta.class_id = kind / 4 % FUZZ_CLASSES;
	if (kind % 4 == 0)
	{
		new->count = (int64) take(fuzz, 8);
		new->meta.type = TYPE_COUNTER;
		new->meta.value_len = sizeof(int64);
	}
	else
	{
		new->meta.type = TYPE_TEXT;
		new->meta.value_len = fuzz_value_len(fuzz);
		if (kind % 4 == 1)
		{
			new->meta.nstamps = 1 + take(fuzz, 1) % lengthof(stamps);
			new->meta.flags = CQ_ENTRY_DEPENDENT;
		}
	}
	value = malloc(new->meta.value_len + 1);
	fill_bytes(value, new->meta.value_len, new->seed);
	if (new->meta.type == TYPE_COUNTER)
		memcpy(value, &new->count, sizeof(int64));
	fill_stamps(stamps, lengthof(stamps), new->seed);
	pending->handle = cq_engine_prepare(fuzz->engine, &fuzz->key, &new->meta,
										stamps, value, fuzz->now_ms);
	free(value);
}

/* What was published takes the place of the key's entry; learn its version. */
static void
published(Fuzz *fuzz, const FuzzPending *pending)
{
	uint64		before = fuzz->entry->meta.version;
	CqEngineMeta meta;

	*fuzz->entry = pending->entry;
	fuzz->entry->meta.version = before;
	if (!is_live(fuzz))
	{
		/* its version cannot be read, nor be asked for */
		return;
	}
	if (cq_engine_get(fuzz->engine, &fuzz->key, fuzz->now_ms, buffer,
					  sizeof(buffer), &meta) != CQ_ENGINE_OK)
	{
		/* nothing has happened that could have evicted it */
		CHECK(false);
		fuzz->entry->present = false;
		return;
	}
	CHECK(meta.version > before);
	fuzz->entry->meta.version = meta.version;
}

static void
fuzz_settle(Fuzz *fuzz, FuzzPending *pending)
{
	uint64		how = take(fuzz, 1);
	CqEngineCondition condition = how / 8 % 4;
	uint64		version;
	uint64		new_version = 0;
	bool		expected = true;

	if (pending->handle == 0)
		return;
	choose(fuzz, pending->i);
	if (how % 8 == 0)
		cq_engine_discard(fuzz->engine, pending->handle);
	else if (how % 8 < 4)
	{
		cq_engine_publish(fuzz->engine, pending->handle);
		published(fuzz, pending);
	}
	else
	{
		fuzz_sync(fuzz);
		version = fuzz->entry->meta.version + (how >= 128);
		if (condition == CQ_PUT_IF_ABSENT)
			expected = !is_live(fuzz);
		else if (condition == CQ_PUT_IF_PRESENT)
			expected = is_live(fuzz);
		else if (condition == CQ_PUT_IF_VERSION)
			expected = is_live(fuzz) && version == fuzz->entry->meta.version;
		if (cq_engine_publish_if(fuzz->engine, pending->handle, condition,
								 version, fuzz->now_ms,
								 &new_version) == CQ_ENGINE_OK)
		{
			CHECK(expected);
			published(fuzz, pending);
			CHECK(!is_live(fuzz) || fuzz->entry->meta.version == new_version);
		}
		else
			CHECK(!expected);
	}
	pending->handle = 0;
}

static void
fuzz_remove(Fuzz *fuzz)
{
	uint64		how = take(fuzz, 1);
	uint64		version = 0;
	bool		only_plain = how & 1;
	bool		expected;

	fuzz_sync(fuzz);
	if (how & 2)
		version = fuzz->entry->meta.version + (how & 4);
	expected = is_live(fuzz) &&
		(version == 0 || version == fuzz->entry->meta.version) &&
		!(only_plain && (fuzz->entry->meta.flags & CQ_ENTRY_DEPENDENT) != 0);
	CHECK(cq_engine_remove(fuzz->engine, &fuzz->key, version, only_plain,
						   fuzz->now_ms) == expected);
	if (expected)
		fuzz->entry->present = false;
}

static void
fuzz_incr(Fuzz *fuzz)
{
	FuzzEntry  *entry = fuzz->entry;
	uint64		how = take(fuzz, 1);
	int64		by = (how & 1) ? (int64) take(fuzz, 8) : (int64) take(fuzz, 1);
	int64		expires_ms = (how & 2) ? -1 : fuzz_expiry(fuzz);
	int64		sum = 0;
	int64		result = 0;
	CqEngineResult expected = CQ_ENGINE_OK;
	CqEngineMeta meta;

	fuzz_sync(fuzz);
	if (!is_live(fuzz))
		expected = CQ_ENGINE_ABSENT;
	else if (entry->meta.type != TYPE_COUNTER)
		expected = CQ_ENGINE_WRONG_TYPE;
	else if (__builtin_add_overflow(entry->count, by, &sum))
		expected = CQ_ENGINE_OVERFLOW;
	CHECK(cq_engine_incr(fuzz->engine, &fuzz->key, TYPE_COUNTER, by,
						 expires_ms, fuzz->now_ms, &result) == expected);
	if (expected != CQ_ENGINE_OK)
		return;
	CHECK(result == sum);
	entry->count = sum;
	if (expires_ms != -1)
		entry->meta.expires_ms = expires_ms;
	if (cq_engine_get(fuzz->engine, &fuzz->key, fuzz->now_ms, buffer,
					  sizeof(buffer), &meta) == CQ_ENGINE_OK)
	{
		CHECK(meta.version > entry->meta.version);
		entry->meta.version = meta.version;
	}
	else
		entry->present = false;
}

static void
fuzz_touch(Fuzz *fuzz)
{
	int64		expires_ms = fuzz_expiry(fuzz);

	fuzz_sync(fuzz);
	CHECK(cq_engine_touch(fuzz->engine, &fuzz->key, expires_ms,
						  fuzz->now_ms) ==
		  (is_live(fuzz) ? CQ_ENGINE_OK : CQ_ENGINE_ABSENT));
	if (is_live(fuzz))
		fuzz->entry->meta.expires_ms = expires_ms;
}

/* A visitor: what is there must be known, and be so. */
static void
check_visited(const char *key, uint32 key_len, const CqEngineMeta *meta,
			  void *arg)
{
	Fuzz	   *fuzz = arg;

	choose(fuzz, key[0] - 'a');
	CHECK(key_len == fuzz->key.len && memcmp(key, fuzz->name, key_len) == 0);
	CHECK(is_live(fuzz));
	check_meta(fuzz->entry, meta);
}

/*
 * Sweep, and compare everything.  A millisecond later, since what is published
 * when its time is over may outlast sweeps at the time of that.
 */
static void
fuzz_expire(Fuzz *fuzz)
{
	CqEngineStats stats;
	int64		bound;

	bound = cq_engine_expire(fuzz->engine, ++fuzz->now_ms);
	CHECK(bound == 0 || bound > fuzz->now_ms);
	cq_engine_stats(fuzz->engine, &stats);
	CHECK(stats.entries ==
		  (uint64) count_entries(fuzz->engine, fuzz->now_ms));
	cq_engine_walk(fuzz->engine, fuzz->now_ms, check_visited, fuzz);
	for (int i = 0; i < FUZZ_KEYS; i++)
	{
		choose(fuzz, i);
		fuzz_sync(fuzz);
		if (is_live(fuzz) && fuzz->entry->meta.expires_ms != 0)
			CHECK(bound != 0 && bound <= fuzz->entry->meta.expires_ms);
	}
}

static void
fuzz_step(Fuzz *fuzz)
{
	uint64		action = take(fuzz, 1);
	FuzzPending *pending = &fuzz->pending[action % FUZZ_HANDLES];
	CqEngineStats stats;
	uint64		entries;
	uint64		bytes;

	choose(fuzz, take(fuzz, 1) % FUZZ_KEYS);
	if (action < 60)
		fuzz_get(fuzz, action % 4 == 0 ? take(fuzz, 2) : sizeof(buffer) - 1);
	else if (action < 125)
		fuzz_prepare(fuzz, pending);
	else if (action < 190)
		fuzz_settle(fuzz, pending);
	else if (action < 205)
		fuzz_incr(fuzz);
	else if (action < 215)
		fuzz_remove(fuzz);
	else if (action < 228)
		fuzz_touch(fuzz);
	else if (action < 250)
		fuzz->now_ms += take(fuzz, 1);
	else if (action < 252)
		fuzz->now_ms += take(fuzz, 4);
	else
		fuzz_expire(fuzz);
	cq_engine_stats(fuzz->engine, &stats);
	CHECK(stats.used_bytes <= stats.arena_bytes);
	CHECK(stats.arena_bytes <= fuzz->arena_bytes);
	cq_engine_class_usage(fuzz->engine, LIMITED_CLASS, &entries, &bytes);
	CHECK(bytes <= CQ_ENGINE_QUOTA_MIN);
	if (action % 8 == 0)
		check_engine(fuzz->engine);
}

static void
start(Fuzz *fuzz, const uint8 *input, size_t size)
{
	static const Size arenas[] = {160 * 1024, 400 * 1024, ARENA_MAX};
	static char mem[ARENA_MAX + CANARY_BYTES]
				__attribute__((aligned(PG_CACHE_LINE_SIZE)));

	memset(fuzz, 0, sizeof(*fuzz));
	fuzz->input = input;
	fuzz->end = input + size;
	fuzz->now_ms = 1 + take(fuzz, 1);
	fuzz->arena_bytes = arenas[take(fuzz, 1) % lengthof(arenas)];
	fuzz->cache.mem = mem;
	fuzz->cache.size = cq_engine_size(fuzz->arena_bytes);
	memset(mem, CANARY, fuzz->cache.size + CANARY_BYTES);
	fuzz->engine = cq_engine_init(mem, fuzz->arena_bytes, 0);
	CHECK(cq_engine_set_quota(fuzz->engine, LIMITED_CLASS, CQ_ENGINE_QUOTA_MIN));
}

/* Nothing may be left when all is discarded, expired or removed. */
static void
finish(Fuzz *fuzz)
{
	CqEngineStats stats;

	fuzz_expire(fuzz);
	cq_engine_stats(fuzz->engine, &stats);
	total_evictions += stats.evictions;
	for (int i = 0; i < FUZZ_HANDLES; i++)
		if (fuzz->pending[i].handle != 0)
			cq_engine_discard(fuzz->engine, fuzz->pending[i].handle);
	cq_engine_expire(fuzz->engine, END_OF_TIME);
	for (int i = 0; i < FUZZ_KEYS; i++)
	{
		choose(fuzz, i);
		cq_engine_remove(fuzz->engine, &fuzz->key, 0, false, fuzz->now_ms);
	}
	cq_engine_stats(fuzz->engine, &stats);
	CHECK(stats.entries == 0 && stats.used_bytes == 0);
	CHECK(canary_lives(&fuzz->cache));
}

int			LLVMFuzzerTestOneInput(const uint8 *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8 *data, size_t size)
{
	static Fuzz fuzz;

	start(&fuzz, data, size);
	while (fuzz.input < fuzz.end)
		fuzz_step(&fuzz);
	finish(&fuzz);
#ifdef CQ_LIBFUZZER
	if (failed_checks > 0)
		abort();
#endif
	return 0;
}

#ifndef CQ_LIBFUZZER

static void
test_seeds(void)
{
	for (uint64 seed = 1; seed <= FUZZ_SEEDS; seed++)
	{
		static uint8 input[INPUT_BYTES];
		uint64		random = seed;

		fill_bytes((char *) input, sizeof(input), seed);
		LLVMFuzzerTestOneInput(input, next_random(&random) % sizeof(input));
		if (failed_checks > 0)
		{
			printf("# seed %d\n", (int) seed);
			return;
		}
	}
	printf("# %llu hits, %llu evictions\n", (unsigned long long) total_hits,
		   (unsigned long long) total_evictions);
	CHECK(total_hits > 1000);
	CHECK(total_evictions > 1000);
}

static int
run_file(const char *path)
{
	static uint8 input[1024 * 1024];
	FILE	   *file = fopen(path, "rb");
	size_t		size;

	if (file == NULL)
	{
		perror(path);
		return 2;
	}
	size = fread(input, 1, sizeof(input), file);
	fclose(file);
	LLVMFuzzerTestOneInput(input, size);
	if (failed_checks > 0)
		abort();
	return 0;
}

int
main(int argc, char **argv)
{
	int			status = 0;

	for (int i = 1; i < argc && status == 0; i++)
		status = run_file(argv[i]);
	if (argc > 1)
		return status;
	run_test("bytes as operations, against a model", test_seeds);
	return failed_tests > 0;
}

#endif							/* CQ_LIBFUZZER */
