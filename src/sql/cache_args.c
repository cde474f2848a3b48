/*-------------------------------------------------------------------------
 *
 * cache_args.c
 *	  Arguments that the cache functions have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cachequeue.h"
#include "cache/slots.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "sql/cache_args.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#define DEFAULT_NAMESPACE "default"

void
cq_arg_not_null(FunctionCallInfo fcinfo, int n, const char *name)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
}

uint32
cq_arg_namespace(FunctionCallInfo fcinfo, int n)
{
	text	   *name;

	cq_arg_not_null(fcinfo, n, "namespace");
	name = PG_GETARG_TEXT_PP(n);
	if (VARSIZE_ANY_EXHDR(name) != strlen(DEFAULT_NAMESPACE) ||
		memcmp(VARDATA_ANY(name), DEFAULT_NAMESPACE,
			   strlen(DEFAULT_NAMESPACE)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("namespace \"%s\" does not exist",
						text_to_cstring(name))));
	return 0;
}

void
cq_arg_key(FunctionCallInfo fcinfo, int n, int ns, CqKey *key)
{
	text	   *name;
	uint32		name_space;
	Size		len;

	cq_require_shared();
	cq_arg_not_null(fcinfo, n, "key");
	name_space = cq_arg_namespace(fcinfo, ns);
	name = PG_GETARG_TEXT_PP(n);
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
	cq_key_init(key, CQ_SPACE_USER, name_space, VARDATA_ANY(name), len);
}

int64
cq_arg_expiry(FunctionCallInfo fcinfo, int n)
{
	if (PG_ARGISNULL(n))
		return 0;
	return cq_clock_ms() + cq_interval_ms(PG_GETARG_INTERVAL_P(n), 1, "ttl");
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
		cq_slot_of_key(request->key->engine.hash);
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
cq_check_value_size(Size len)
{
	if (len > (Size) cq_value_size_max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("value must not be larger than %d bytes",
						cq_value_size_max),
				 errdetail("It has %zu bytes.", len),
				 errhint("Raise cachequeue.value_size_max.")));
}
