/*-------------------------------------------------------------------------
 *
 * cache_entries.c
 *	  What is in the cache, and what is read most.
 *
 * Both lists show the current database only, and leave out what cache_clear has
 * made unreachable.  They show keys, never values.
 *
 * Entries are visited under the engine's locks, where nothing may be allocated:
 * they are copied to memory taken before, and when that is not enough, all of
 * them once more to twice as much.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/cache.h"
#include "cache/hot_keys.h"
#include "cache/request.h"
#include "core/clock.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(cq_cache_entries);
PG_FUNCTION_INFO_V1(cq_cache_hot_keys);

/* Visited entries, one after the other: a CqVisited and the key's bytes. */
typedef struct CqVisited
{
	CqEngineMeta meta;
	uint32		key_len;
} CqVisited;

typedef struct CqVisit
{
	char	   *buf;
	Size		size;
	Size		used;
	bool		full;
} CqVisit;

#define VISIT_INITIAL (1024 * 1024)

/* A CqEngineVisitor. */
static void
visit(const char *key, uint32 key_len, const CqEngineMeta *meta, void *arg)
{
	CqVisit    *v = arg;
	CqVisited	entry;
	CqKeyParts	parts;
	Size		needed = MAXALIGN(sizeof(entry) + key_len);

	cq_key_parse(key, key_len, &parts);
	if (parts.database != MyDatabaseId || !parts.reachable)
		return;
	if (v->size - v->used < needed)
	{
		v->full = true;
		return;
	}
	entry.meta = *meta;
	entry.key_len = key_len;
	memcpy(v->buf + v->used, &entry, sizeof(entry));
	memcpy(v->buf + v->used + sizeof(entry), key, key_len);
	v->used += needed;
}

static void
visit_all(CqVisit *v, int64 now_ms)
{
	for (Size size = VISIT_INITIAL;; size *= 2)
	{
		v->size = size;
		v->used = 0;
		v->full = false;
		v->buf = MemoryContextAllocHuge(CurrentMemoryContext, size);
		cq_engine_walk(cq_cache_engine(), now_ms, visit, v);
		if (!v->full)
			return;
		pfree(v->buf);
		CHECK_FOR_INTERRUPTS();
	}
}

/*
 * The user's key and the kind of an entry.  A result's key is followed by a
 * zero and the rest (query/key.c); cache_query has none: NULL.
 */
static Datum
key_and_kind(const CqKeyParts *parts, bool *null, const char **kind)
{
	Size		len = parts->len;

	*null = false;
	*kind = "value";
	if (parts->space == CQ_SPACE_RESULT)
	{
		len = strnlen(parts->bytes, parts->len);
		*null = len == 0;
		*kind = len == 0 ? "query" : "fetch";
	}
	return PointerGetDatum(cstring_to_text_with_len(parts->bytes, len));
}

static Datum
expires_in(int64 expires_ms, int64 now_ms, bool *null)
{
	Interval   *left = palloc0(sizeof(Interval));

	*null = expires_ms == 0;
	left->time = *null ? 0 : (expires_ms - now_ms) * 1000;
	return PointerGetDatum(left);
}

/*
 * cq.stat_get_cache_entries(): number of the namespace, key, kind, type, bytes,
 * dependent, tags, expires_in, version.
 */
Datum
cq_cache_entries(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		now_ms = cq_clock_ms();
	CqVisit		v;

	cq_require_shared();
	InitMaterializedSRF(fcinfo, 0);
	visit_all(&v, now_ms);
	for (char *at = v.buf; at < v.buf + v.used;)
	{
		CqVisited  *entry = (CqVisited *) at;
		const CqEngineMeta *meta = &entry->meta;
		bool		dependent = (meta->flags & CQ_ENTRY_DEPENDENT) != 0;
		CqKeyParts	parts;
		const char *kind;
		Datum		values[9];
		bool		nulls[9] = {0};

		CHECK_FOR_INTERRUPTS();
		cq_key_parse(at + sizeof(CqVisited), entry->key_len, &parts);
		values[0] = Int32GetDatum((int32) parts.name_space);
		values[1] = key_and_kind(&parts, &nulls[1], &kind);
		values[2] = CStringGetTextDatum(kind);
		values[3] = CStringGetTextDatum(cq_value_type_name(meta->type));
		values[4] = Int64GetDatum((int64) entry->key_len + meta->value_len +
								  meta->nstamps * CQ_ENGINE_STAMP_BYTES);
		values[5] = BoolGetDatum(dependent);
		values[6] = Int32GetDatum(dependent ? meta->nstamps - CQ_BASIC_SLOTS : 0);
		values[7] = expires_in(meta->expires_ms, now_ms, &nulls[7]);
		values[8] = Int64GetDatum((int64) meta->version);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		at += MAXALIGN(sizeof(CqVisited) + entry->key_len);
	}
	return (Datum) 0;
}

/* cq.stat_get_cache_hot_keys(): number of the namespace, key, kind, hits, error. */
Datum
cq_cache_hot_keys(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	CqHotKey   *keys = palloc(CQ_HOT_KEYS * sizeof(CqHotKey));
	int			nkeys;

	cq_require_shared();
	InitMaterializedSRF(fcinfo, 0);
	nkeys = cq_hot_keys_read(keys);
	for (int i = 0; i < nkeys; i++)
	{
		CqKeyParts	parts;
		const char *kind;
		Datum		values[5];
		bool		nulls[5] = {0};

		cq_key_parse(keys[i].bytes, keys[i].len, &parts);
		if (parts.database != MyDatabaseId || !parts.reachable)
			continue;
		values[0] = Int32GetDatum((int32) parts.name_space);
		values[1] = key_and_kind(&parts, &nulls[1], &kind);
		values[2] = CStringGetTextDatum(kind);
		values[3] = Int64GetDatum((int64) (keys[i].samples * CQ_HOT_KEY_SAMPLE));
		values[4] = Int64GetDatum((int64) (keys[i].error * CQ_HOT_KEY_SAMPLE));
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
