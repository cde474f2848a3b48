/*-------------------------------------------------------------------------
 *
 * test_engine_model.c
 *	  Random operations on the cache engine, compared with an array.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache_fixture.h"

#define MODEL_KEYS 400

typedef struct ModelEntry
{
	bool		present;
	bool		counter;
	uint64		seed;			/* of the value, unless a counter */
	int64		count;
	uint32		value_len;
	int64		expires_ms;
	uint64		version;
} ModelEntry;

typedef struct Model
{
	CqEngine   *engine;
	bool		evicts;			/* an entry may go at any time */
	uint64		random;
	int64		now_ms;
	ModelEntry	entries[MODEL_KEYS];
	int			i;				/* the entry at hand, its name and its key */
	char		name[128];
	CqEngineKey key;
} Model;

static uint32
model_random(Model *model, uint32 below)
{
	return (next_random(&model->random) >> 32) % below;
}

static bool
model_live(Model *model, ModelEntry *entry)
{
	return entry->present &&
		(entry->expires_ms == 0 || entry->expires_ms > model->now_ms);
}

static void
model_pick(Model *model)
{
	int			i = model_random(model, MODEL_KEYS);

	model->i = i;
	snprintf(model->name, sizeof(model->name), "%0*d", 1 + i % 120, i);
	if (i % 120 < 3)
		snprintf(model->name, sizeof(model->name), "m%d", i);
	model->key = key_of(model->name, strlen(model->name));
}

static int64
model_expiry(Model *model)
{
	return model_random(model, 2) ? 0 : model->now_ms + 1 +
		model_random(model, 300);
}

/* If entries may be evicted: learn that this one was. */
static void
model_sync(Model *model)
{
	ModelEntry *entry = &model->entries[model->i];
	CqEngineMeta meta;

	if (model->evicts &&
		cq_engine_get(model->engine, &model->key, model->now_ms, buffer,
					  sizeof(buffer), &meta) == CQ_ENGINE_ABSENT)
		entry->present = false;
}

static void
model_get(Model *model)
{
	ModelEntry *entry = &model->entries[model->i];
	CqEngineMeta meta;
	CqEngineResult result;

	result = cq_engine_get(model->engine, &model->key, model->now_ms, buffer,
						   sizeof(buffer), &meta);
	if (!model_live(model, entry))
	{
		CHECK(result == CQ_ENGINE_ABSENT || result == CQ_ENGINE_EXPIRED);
		return;
	}
	CHECK(result == CQ_ENGINE_OK);
	if (result != CQ_ENGINE_OK)
		return;
	CHECK(meta.value_len == entry->value_len);
	CHECK(meta.expires_ms == entry->expires_ms);
	CHECK(meta.version == entry->version);
	if (entry->counter)
		CHECK(memcmp(buffer, &entry->count, sizeof(int64)) == 0);
	else
		CHECK(bytes_are(buffer, entry->value_len, entry->seed));
}

static void
model_put(Model *model)
{
	ModelEntry *entry = &model->entries[model->i];
	ModelEntry	new;
	CqEngineMeta meta;
	CqEngineHandle handle;
	CqEngineCondition condition = model_random(model, 4);
	uint64		version = entry->version - model_random(model, 2);
	bool		expected = true;

	memset(&new, 0, sizeof(new));
	new.present = true;
	new.counter = model_random(model, 3) == 0;
	new.seed = next_random(&model->random);
	new.count = model_random(model, 1000);
	new.value_len = new.counter ? sizeof(int64) :
		model_random(model, model_random(model, 10) == 0 ? 20000 : 300);
	new.expires_ms = model_expiry(model);

	meta = meta_of(new.value_len, new.expires_ms);
	meta.type = new.counter ? TYPE_COUNTER : TYPE_TEXT;
	fill_bytes(buffer, new.value_len, new.seed);
	if (new.counter)
		memcpy(buffer, &new.count, sizeof(int64));
	handle = cq_engine_prepare(model->engine, &model->key, &meta, NULL, buffer,
							   model->now_ms);
	CHECK(handle != 0);
	if (handle == 0)
		return;
	model_sync(model);

	if (condition == CQ_PUT_IF_ABSENT)
		expected = !model_live(model, entry);
	else if (condition == CQ_PUT_IF_PRESENT)
		expected = model_live(model, entry);
	else if (condition == CQ_PUT_IF_VERSION)
		expected = model_live(model, entry) && entry->version == version;

	if (model_random(model, 10) == 0)
		cq_engine_discard(model->engine, handle);
	else if (cq_engine_publish_if(model->engine, handle, condition, version,
								  model->now_ms, &new.version) == CQ_ENGINE_OK)
	{
		CHECK(expected);
		CHECK(new.version > entry->version);
		*entry = new;
	}
	else
		CHECK(!expected);
}

static void
model_incr(Model *model)
{
	ModelEntry *entry = &model->entries[model->i];
	int64		by = (int64) model_random(model, 2000) - 1000;
	int64		expires_ms = model_random(model, 2) ? -1 : model_expiry(model);
	int64		result = 0;
	CqEngineMeta meta;

	switch (cq_engine_incr(model->engine, &model->key, TYPE_COUNTER, by,
						   expires_ms, model->now_ms, &result))
	{
		case CQ_ENGINE_OK:
			CHECK(model_live(model, entry) && entry->counter);
			entry->count += by;
			CHECK(result == entry->count);
			if (expires_ms != -1)
				entry->expires_ms = expires_ms;
			CHECK(cq_engine_get(model->engine, &model->key, model->now_ms,
								buffer, sizeof(buffer), &meta) == CQ_ENGINE_OK);
			CHECK(meta.version > entry->version);
			entry->version = meta.version;
			break;
		case CQ_ENGINE_WRONG_TYPE:
			CHECK(model_live(model, entry) && !entry->counter);
			break;
		case CQ_ENGINE_ABSENT:
			CHECK(!model_live(model, entry));
			break;
		default:
			CHECK(false);
	}
}

static void
model_remove(Model *model)
{
	ModelEntry *entry = &model->entries[model->i];
	uint64		version = model_random(model, 2) ? 0 :
	entry->version + model_random(model, 2);
	bool		expected = model_live(model, entry) &&
	(version == 0 || version == entry->version);

	CHECK(cq_engine_remove(model->engine, &model->key, version,
						   model_random(model, 2), model->now_ms) == expected);
	if (expected)
		entry->present = false;
}

static void
model_touch(Model *model)
{
	ModelEntry *entry = &model->entries[model->i];
	int64		expires_ms = model_expiry(model);

	CHECK(cq_engine_touch(model->engine, &model->key, expires_ms,
						  model->now_ms) ==
		  (model_live(model, entry) ? CQ_ENGINE_OK : CQ_ENGINE_ABSENT));
	if (model_live(model, entry))
		entry->expires_ms = expires_ms;
}

/* After a sweep everything can be compared. */
static void
model_expire(Model *model)
{
	int64		earliest = 0;
	int64		bound;
	int			live = 0;
	CqEngineStats stats;

	bound = cq_engine_next_expiry(model->engine);
	for (model->i = 0; model->i < MODEL_KEYS; model->i++)
	{
		ModelEntry *entry = &model->entries[model->i];

		if (!model->evicts && model_live(model, entry) &&
			entry->expires_ms != 0)
			CHECK(bound != 0 && bound <= entry->expires_ms);
		if (!model_live(model, entry))
			continue;
		live++;
		if (entry->expires_ms != 0 &&
			(earliest == 0 || entry->expires_ms < earliest))
			earliest = entry->expires_ms;
	}
	bound = cq_engine_expire(model->engine, model->now_ms);
	cq_engine_stats(model->engine, &stats);
	CHECK(stats.entries ==
		  (uint64) count_entries(model->engine, model->now_ms));
	/* it may be lower than need be, because of an entry that is gone */
	CHECK(bound == 0 || bound > model->now_ms);
	if (!model->evicts)
	{
		CHECK(earliest == 0 || (bound != 0 && bound <= earliest));
		CHECK(stats.entries == (uint64) live);
	}
}

static void
run_model(Size arena_bytes, bool evicts, uint64 seed)
{
	static Model model;
	Cache		cache = new_cache(arena_bytes);
	CqEngineStats stats;

	memset(&model, 0, sizeof(model));
	model.engine = cache.engine;
	model.evicts = evicts;
	model.random = seed;
	model.now_ms = 1000;
	for (int step = 0; step < 60000; step++)
	{
		int			action = model_random(&model, 100);

		if (model_random(&model, 10) == 0)
			model.now_ms += model_random(&model, 10);
		model_pick(&model);
		model_sync(&model);
		if (action < 40)
			model_get(&model);
		else if (action < 70)
			model_put(&model);
		else if (action < 85)
			model_incr(&model);
		else if (action < 92)
			model_remove(&model);
		else if (action < 98)
			model_touch(&model);
		else
			model_expire(&model);
	}
	cq_engine_stats(cache.engine, &stats);
	CHECK((stats.evictions > 0) == evicts);
	CHECK(stats.expirations > 0);
	end_cache(&cache);
}

static void
test_model_with_room(void)
{
	for (uint64 seed = 1; seed <= 3; seed++)
		run_model(7 * 1024 * 1024, false, seed);
}

static void
test_model_with_evictions(void)
{
	for (uint64 seed = 1; seed <= 3; seed++)
		run_model(200 * 1024, true, seed);
}

int
main(void)
{
	run_test("random operations against a model", test_model_with_room);
	run_test("random operations against a model, with evictions",
			 test_model_with_evictions);
	return failed_tests > 0;
}
