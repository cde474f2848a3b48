/*-------------------------------------------------------------------------
 *
 * request.c
 *	  Requests to the cache: made of keys, tags and values of SQL.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/request.h"
#include "cache/slots.h"
#include "catalog/pg_type.h"
#include "core/limits.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

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
