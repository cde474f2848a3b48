/*-------------------------------------------------------------------------
 *
 * cache_entries.c
 *	  What is in the cache, and what is read most: pack.
 *
 * Both lists show the current database only, and leave out what cache_clear has
 * made unreachable.  They show keys, never values.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/entries.h"
#include "cache/hot_keys.h"
#include "cache/key.h"
#include "cache/request.h"
#include "cache/value.h"
#include "core/clock.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(cq_cache_entries);
PG_FUNCTION_INFO_V1(cq_cache_hot_keys);

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
	CqEntryList list;
	const CqEngineMeta *meta;
	CqKeyParts	key;
	uint32		key_bytes;

	cq_require_shared();
	InitMaterializedSRF(fcinfo, 0);
	cq_entry_list_make(&list, now_ms);
	while ((meta = cq_entry_list_next(&list, &key, &key_bytes)) != NULL)
	{
		bool		dependent = (meta->flags & CQ_ENTRY_DEPENDENT) != 0;
		const char *kind;
		Datum		values[9];
		bool		nulls[9] = {0};

		CHECK_FOR_INTERRUPTS();
		values[0] = Int32GetDatum((int32) key.name_space);
		values[1] = key_and_kind(&key, &nulls[1], &kind);
		values[2] = CStringGetTextDatum(kind);
		values[3] = CStringGetTextDatum(cq_value_type_name(meta->type));
		values[4] = Int64GetDatum((int64) key_bytes + meta->value_len +
								  meta->nstamps * CQ_ENGINE_STAMP_BYTES);
		values[5] = BoolGetDatum(dependent);
		values[6] = Int32GetDatum(dependent ? meta->nstamps - CQ_BASIC_SLOTS : 0);
		values[7] = expires_in(meta->expires_ms, now_ms, &nulls[7]);
		values[8] = Int64GetDatum((int64) meta->version);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
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
