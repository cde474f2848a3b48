/*-------------------------------------------------------------------------
 *
 * cache_args.c
 *	  Arguments that the cache functions have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "cache/misses.h"
#include "cache/slots.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/limits.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "sql/cache_args.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

const CqNamespace *
cq_arg_namespace(FunctionCallInfo fcinfo, int n, AclMode access)
{
	text	   *name;

	cq_arg_not_null(fcinfo, n, "namespace");
	name = PG_GETARG_TEXT_PP(n);
	return cq_namespace_find(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), access);
}

const CqNamespace *
cq_arg_own_namespace(FunctionCallInfo fcinfo, int n)
{
	text	   *name;

	cq_arg_not_null(fcinfo, n, "namespace");
	name = PG_GETARG_TEXT_PP(n);
	return cq_namespace_find_own(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
}

const CqNamespace *
cq_arg_key(FunctionCallInfo fcinfo, int n, int ns, AclMode access, CqKey *key)
{
	const CqNamespace *name_space;
	text	   *name;

	cq_require_shared();
	cq_arg_not_null(fcinfo, n, "key");
	cq_arg_not_null(fcinfo, ns, "namespace");
	name = PG_GETARG_TEXT_PP(ns);
	name_space = cq_namespace_find_any(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), access);
	name = PG_GETARG_TEXT_PP(n);
	cq_check_key(name);
	cq_key_init(key, CQ_SPACE_USER, name_space->id, VARDATA_ANY(name),
				VARSIZE_ANY_EXHDR(name));
	key->behind = name_space->behind;
	return name_space;
}

void
cq_check_key(const text *name)
{
	Size		len;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("key must not be null")));
	len = VARSIZE_ANY_EXHDR(name);
	if (len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key must not be empty")));
	if (len > CQ_KEY_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("key must not be longer than %d bytes",
						CQ_KEY_BYTES_MAX),
				 errdetail("It has %zu bytes.", len),
				 errhint("Use a digest of it, such as sha256(), as the key.")));
}

void
cq_key_of_text(const text *name, uint32 name_space, CqKey *key)
{
	cq_require_shared();
	cq_check_key(name);
	cq_key_init(key, CQ_SPACE_USER, name_space, VARDATA_ANY(name),
				VARSIZE_ANY_EXHDR(name));
}

int64
cq_arg_expiry(FunctionCallInfo fcinfo, int n, const CqNamespace *name_space)
{
	int64		ttl_ms = name_space->default_ttl_ms;

	if (!PG_ARGISNULL(n))
		ttl_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(n), 1, "ttl");
	return ttl_ms == 0 ? 0 : cq_clock_ms() + ttl_ms;
}

int
cq_array_length(ArrayType *array)
{
	return array == NULL ? 0 : ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

void
cq_request_depend(CqSetRequest *request, ArrayType *tags)
{
	Datum	   *elements;
	bool	   *nulls;
	int			ntags = 0;

	if (tags != NULL)
		deconstruct_array(tags, TEXTOID, -1, false, TYPALIGN_INT,
						  &elements, &nulls, &ntags);
	if (ntags > CQ_TAGS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("an entry must not have more than %d tags",
						CQ_TAGS_MAX)));

	request->dependent = true;
	request->nslots = 0;
	request->slots[request->nslots++] = cq_slot_of_epoch(MyDatabaseId);
	request->slots[request->nslots++] =
		cq_slot_of_namespace(MyDatabaseId, request->key->name_space);
	request->slots[request->nslots++] =
		cq_slot_of_key(request->key->identity);
	for (int i = 0; i < ntags; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a tag must not be null")));
		request->slots[request->nslots++] = cq_tag_slot(DatumGetTextPP(elements[i]));
	}
}

uint32
cq_tag_slot(text *tag)
{
	Size		len = VARSIZE_ANY_EXHDR(tag);

	if (len == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a tag must not be empty")));
	if (len > CQ_TAG_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a tag must not be longer than %d bytes",
						CQ_TAG_BYTES_MAX)));
	return cq_slot_of_tag(MyDatabaseId, VARDATA_ANY(tag), len);
}

Snapshot
cq_statement_snapshot(void)
{
	return ActiveSnapshotSet() ? GetActiveSnapshot() : GetTransactionSnapshot();
}

void
cq_request_value(CqSetRequest *request, struct varlena *value)
{
	Size		len;

	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("value must not be null")));
	len = VARSIZE_ANY_EXHDR(value);
	if (len > (Size) cq_value_size_max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("value must not be larger than %d bytes",
						cq_value_size_max),
				 errdetail("It has %zu bytes.", len),
				 errhint("Raise cachequeue.value_size_max.")));
	request->value = VARDATA_ANY(value);
	request->value_len = len;
}

const char *
cq_value_type_name(uint8 type)
{
	switch ((CqValueType) type)
	{
		case CQ_VALUE_TEXT:
			return "text";
		case CQ_VALUE_BYTEA:
			return "bytea";
		case CQ_VALUE_JSONB:
			return "jsonb";
		case CQ_VALUE_COUNTER:
			return "counter";
		case CQ_VALUE_ROWS:
			return "rows";
		case CQ_VALUE_NOTHING:
			break;
	}
	return "nothing";
}

/* The function that reads a value of that type, for a hint. */
static const char *
value_reader(uint8 type)
{
	switch ((CqValueType) type)
	{
		case CQ_VALUE_BYTEA:
			return "cq.cache_get_bytea";
		case CQ_VALUE_JSONB:
			return "cq.cache_get_jsonb";
		default:
			return "cq.cache_get";
	}
}

bool
cq_value_reads_as(const CqValue *value, CqValueType wanted)
{
	return value->type == wanted ||
		(value->type == CQ_VALUE_COUNTER && wanted == CQ_VALUE_TEXT);
}

Datum
cq_value_datum(const CqValue *value, CqValueType wanted)
{
	struct varlena *result;

	if (value->type == CQ_VALUE_COUNTER && wanted == CQ_VALUE_TEXT)
	{
		int64		n;

		memcpy(&n, value->data, sizeof(n));
		return CStringGetTextDatum(psprintf(INT64_FORMAT, n));
	}
	if (value->type != wanted)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("the cached value is of type %s, not %s",
						cq_value_type_name(value->type),
						cq_value_type_name(wanted)),
				 errhint("Read it with %s.", value_reader(value->type))));

	result = palloc(value->len + VARHDRSZ);
	SET_VARSIZE(result, value->len + VARHDRSZ);
	memcpy(VARDATA(result), value->data, value->len);
	return PointerGetDatum(result);
}

CqBehindFound
cq_find(const CqKey *key, Snapshot snapshot, CqValue *value)
{
	if (cq_cache_lookup(key, snapshot, value) == CQ_LOOKUP_HIT)
		return CQ_BEHIND_VALUE;
	return key->behind == 0 ? CQ_BEHIND_NOTHING
		: cq_behind_find(key, snapshot, value);
}

/*
 * Under which view was the value read?  A lease says so itself; otherwise the
 * remembered miss does.  Returns false if the set must be refused, and counts
 * that; *p is NULL for a plain set.
 */
static bool
view_for_set(const CqKey *key, const CqSetLease *lease, int ntags,
			 CqView *view, const CqView **p, uint64 *change)
{
	if (lease->given)
	{
		/* a lease doesn't tell which own changes came before it */
		*p = view;
		*change = 0;
		if (cq_lease_view(lease->number, view))
			return true;
		cq_count_refused(key, RecoveryInProgress() || IsolationIsSerializable() ?
						 CQ_COUNT_REFUSED_BYPASS : CQ_COUNT_REFUSED_LEASE);
		return false;
	}
	*p = cq_misses_find(key->identity, change);
	if (*p == NULL)
		*change = 0;
	if (*p == NULL && ntags > 0)
	{
		if (!cq_view_of_snapshot(cq_statement_snapshot(), view))
		{
			cq_count_refused(key, CQ_COUNT_REFUSED_BYPASS);
			return false;
		}
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot tell when the value was read"),
				 errdetail("A set with tags needs the snapshot of the miss that came before it."),
				 errhint("Call cache_get for the key earlier in the same transaction, or pass the lease that cache_get_or_lease returned.")));
	}
	return true;
}

bool
cq_set_with_rules(CqSetRequest *request, ArrayType *tags,
				  const CqSetLease *lease, CqEngineCondition condition,
				  uint64 version)
{
	CqView		view;
	const CqView *p;
	uint64		change;

	if (request->key->behind != 0)
	{
		cq_behind_check_set(request, cq_array_length(tags) == 0 &&
							!lease->given && condition == CQ_PUT_ALWAYS);
		return cq_cache_set(request, NULL, 0) == CQ_SET_STORED;
	}
	if (!view_for_set(request->key, lease, cq_array_length(tags), &view, &p,
					  &change))
		return false;
	if (p != NULL)
		cq_request_depend(request, tags);
	if (condition == CQ_PUT_ALWAYS)
		return cq_cache_set(request, p, change) == CQ_SET_STORED;
	cq_cache_drop_stale(request->key, cq_statement_snapshot(), true);
	return cq_cache_set_now(request, p, condition, version) == CQ_SET_STORED;
}
