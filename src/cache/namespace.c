/*-------------------------------------------------------------------------
 *
 * namespace.c
 *	  Namespaces of the cache: options and privileges.
 *
 * Namespaces are rows of cq.namespace, which only the SQL functions cq.namespace_*
 * change.  Owner and privileges are those of their carriers (core/object.c).  Each
 * backend keeps the namespaces that it has used.  When the table changes, a
 * statement trigger sends a relcache invalidation of cq.namespace, and all
 * backends read their namespaces again.
 *
 * The engine enforces the memory quota, which it finds in shared memory.  A
 * process puts it there when it reads a namespace's options, and when it commits
 * a transaction that has changed them.
 *
 * 'default' needs no row: it has number 0, no default TTL and no quota.  The
 * extension's script creates its carrier, which belongs to the extension's owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "cache/namespace.h"
#include "cache/namespace_states.h"
#include "catalog/pg_collation.h"
#include "core/args.h"
#include "core/catalog.h"
#include "core/faults.h"
#include "core/limits.h"
#include "core/shmem.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/rel.h"


#define DEFAULT_NAMESPACE "default"

/* columns of cq.namespace and cq.write_behind */
enum
{
	COLUMN_ID = 1,
	COLUMN_NAME,
	COLUMN_DEFAULT_TTL,
	COLUMN_CARRIER,
	COLUMN_MEMORY_QUOTA,
	NCOLUMNS = COLUMN_MEMORY_QUOTA
};
enum
{
	BEHIND_ID = 1,
	BEHIND_MODE,
	BEHIND_VALUE_KIND,
	BEHIND_DELAY_MS
};

typedef struct CqKnownNamespace
{
	char		name[CQ_NAMESPACE_BYTES_MAX + 1];	/* hash key */
	uint64		read_at;		/* value of changes before it was read */
	CqObject	object;
	CqNamespace namespace;
} CqKnownNamespace;

static const CqNamespace default_namespace = {0};
static CqObject default_object = {.kind = CQ_OBJECT_NAMESPACE};
static HTAB *known = NULL;
static uint64 changes = 1;		/* incremented when a namespace may change */
static Oid	namespace_relation = InvalidOid;

static void
on_relation(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == namespace_relation)
	{
		cq_namespace_states_forget();
		changes++;
	}
}

void
cq_namespace_init(void)
{
	CacheRegisterRelcacheCallback(on_relation, (Datum) 0);
}

/*
 * The object of 'default'.  Its carrier is looked up again when it is gone, as the
 * extension may have been created anew.
 */
static CqObject *
find_default(void)
{
	if (!OidIsValid(default_object.carrier) ||
		!OidIsValid(cq_relation_owner(default_object.carrier)))
	{
		Oid			carrier = cq_carrier_by_id(CQ_OBJECT_NAMESPACE, 0);

		if (!OidIsValid(carrier))
			cq_version_error();
		cq_object_set(&default_object, CQ_OBJECT_NAMESPACE, 0, carrier);
	}
	return &default_object;
}

/*
 * Tell the engine the quota, unless the running transaction has changed it: then
 * it takes effect at commit.
 */
static void
push_quota(uint32 name_space, HeapTuple tuple, Datum quota, bool null)
{
	if (cq_shared != NULL &&
		!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
		cq_namespace_set_quota(name_space,
							   null ? 0 : (uint64) DatumGetInt64(quota));
}

/* Read the rule of write-behind of a namespace, if there is one. */
static void
read_write_behind(CqNamespace *namespace)
{
	Relation	rel = table_open(cq_relation_if_exists("write_behind"),
								 AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	namespace->behind = 0;
	ScanKeyInit(&key, BEHIND_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum((int32) namespace->id));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		is_null;

		namespace->behind = DatumGetChar(heap_getattr(tuple, BEHIND_MODE, desc,
													  &is_null));
		namespace->behind_value = DatumGetChar(heap_getattr(tuple, BEHIND_VALUE_KIND,
															desc, &is_null));
		namespace->behind_delay_ms = DatumGetInt64(heap_getattr(tuple, BEHIND_DELAY_MS,
																desc, &is_null));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

/*
 * Read the namespace that the key finds; false if there is none.  May raise at any
 * point, so the caller makes the entry known only after the return.
 */
static bool
read_namespace(ScanKey key, CqKnownNamespace *entry)
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	Datum		values[NCOLUMNS];
	bool		nulls[NCOLUMNS];
	bool		found = false;

	(void) find_default();		/* raises if the extension is older */
	namespace_relation = cq_relation_if_exists("namespace");
	rel = table_open(namespace_relation, AccessShareLock);
	entry->read_at = changes;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		found = true;
		for (int i = 0; i < NCOLUMNS; i++)
			values[i] = heap_getattr(tuple, i + 1, RelationGetDescr(rel),
									 &nulls[i]);
		text_to_cstring_buffer(DatumGetTextPP(values[COLUMN_NAME - 1]), entry->name,
							   sizeof(entry->name));
		entry->namespace.id = DatumGetInt32(values[COLUMN_ID - 1]);
		entry->namespace.default_ttl_ms = nulls[COLUMN_DEFAULT_TTL - 1] ? 0 :
			cq_interval_ms(DatumGetIntervalP(values[COLUMN_DEFAULT_TTL - 1]),
						   1, "default_ttl");
		push_quota(entry->namespace.id, tuple, values[COLUMN_MEMORY_QUOTA - 1],
				   nulls[COLUMN_MEMORY_QUOTA - 1]);
		cq_object_set(&entry->object, CQ_OBJECT_NAMESPACE, entry->namespace.id,
					  DatumGetObjectId(values[COLUMN_CARRIER - 1]));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	if (found)
		read_write_behind(&entry->namespace);
	return found;
}

/* Read the namespace that the key finds and remember it; NULL: none. */
static CqKnownNamespace *
remember(ScanKey key)
{
	CqKnownNamespace read = {0};
	CqKnownNamespace *entry;

	if (!read_namespace(key, &read))
		return NULL;
	if (known == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = CQ_NAMESPACE_BYTES_MAX + 1;
		ctl.entrysize = sizeof(CqKnownNamespace);
		known = hash_create("cachequeue namespaces", 16, &ctl,
							HASH_ELEM | HASH_STRINGS);
	}
	entry = hash_search(known, read.name, HASH_ENTER, NULL);
	*entry = read;
	return entry;
}

static CqKnownNamespace *
find_known(const char *name)
{
	CqKnownNamespace *entry = NULL;
	ScanKeyData key;

	if (known != NULL)
		entry = hash_search(known, name, HASH_FIND, NULL);
	if (entry != NULL && entry->read_at == changes)
		return entry;
	ScanKeyInit(&key, COLUMN_NAME, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(name));
	key.sk_collation = C_COLLATION_OID;
	return remember(&key);
}

static CqKnownNamespace *
find_known_by_id(uint32 id)
{
	HASH_SEQ_STATUS status;
	CqKnownNamespace *entry;
	ScanKeyData key;

	if (known != NULL)
	{
		hash_seq_init(&status, known);
		while ((entry = hash_seq_search(&status)) != NULL)
		{
			if (entry->namespace.id == id && entry->read_at == changes)
			{
				hash_seq_term(&status);
				return entry;
			}
		}
	}
	ScanKeyInit(&key, COLUMN_ID, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum((int32) id));
	return remember(&key);
}

const CqNamespace *
cq_namespace_lookup(const char *name)
{
	CqKnownNamespace *entry;

	if (strcmp(name, DEFAULT_NAMESPACE) == 0)
		return &default_namespace;
	entry = strlen(name) <= CQ_NAMESPACE_BYTES_MAX ? find_known(name) : NULL;
	return entry == NULL ? NULL : &entry->namespace;
}

const CqNamespace *
cq_namespace_by_id(uint32 id)
{
	CqKnownNamespace *entry = find_known_by_id(id);

	return entry == NULL ? NULL : &entry->namespace;
}

char *
cq_namespace_name(uint32 id)
{
	CqKnownNamespace *entry = find_known_by_id(id);

	return entry == NULL ? NULL : pstrdup(entry->name);
}

Oid
cq_namespace_carrier(uint32 id)
{
	CqKnownNamespace *entry = find_known_by_id(id);

	return entry == NULL ? InvalidOid : entry->object.carrier;
}

static bool
is_default(const char *name, Size len)
{
	return len == strlen(DEFAULT_NAMESPACE) && memcmp(name, DEFAULT_NAMESPACE, len) == 0;
}

/* The namespace of that name, and the object with its privileges; raises 42704. */
static const CqNamespace *
find(const char *name, Size len, CqObject **object)
{
	char		buf[CQ_NAMESPACE_BYTES_MAX + 1];
	CqKnownNamespace *entry = NULL;

	if (is_default(name, len))
	{
		*object = &default_object;
		if (cq_object_privileges(&default_object) == 0)
			*object = find_default();
		return &default_namespace;
	}
	if (len <= CQ_NAMESPACE_BYTES_MAX)
	{
		memcpy(buf, name, len);
		buf[len] = '\0';
		entry = find_known(buf);
	}
	if (entry == NULL || !OidIsValid(cq_relation_owner(entry->object.carrier)))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("namespace \"%s\" does not exist",
						pnstrdup(name, pg_mbcliplen(name, len, 100)))));
	*object = &entry->object;
	return &entry->namespace;
}

const CqNamespace *
cq_namespace_find(const char *name, Size len, AclMode all)
{
	CqObject   *object;
	const CqNamespace *result = find(name, len, &object);

	if ((cq_object_privileges(object) & all) != all && !CQ_FAULT("no-namespace-check"))
		cq_object_denied(CQ_OBJECT_NAMESPACE, pnstrdup(name, len), NULL, false);
	return result;
}

const CqNamespace *
cq_namespace_find_any(const char *name, Size len, AclMode any)
{
	CqObject   *object;
	const CqNamespace *result = find(name, len, &object);

	if (!cq_object_allowed(object, any) && !CQ_FAULT("no-namespace-check"))
		cq_object_denied(CQ_OBJECT_NAMESPACE, pnstrdup(name, len), NULL, false);
	return result;
}

const CqNamespace *
cq_namespace_find_own(const char *name, Size len)
{
	CqObject   *object;
	const CqNamespace *result = find(name, len, &object);

	if (result == &default_namespace)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("namespace \"%s\" cannot be changed", DEFAULT_NAMESPACE)));
	if (!cq_object_owned(object))
		cq_object_denied(CQ_OBJECT_NAMESPACE, pnstrdup(name, len), NULL, true);
	return result;
}

void
cq_namespace_check_invalidate(void)
{
	(void) cq_namespace_find(DEFAULT_NAMESPACE, strlen(DEFAULT_NAMESPACE),
							 CQ_NAMESPACE_INVALIDATE);
}

bool
cq_namespace_role_may_write(Oid role, uint32 id)
{
	CqKnownNamespace *entry;

	if (id == 0)
		return cq_carrier_allows(find_default()->carrier, role, CQ_NAMESPACE_WRITE);
	entry = find_known_by_id(id);
	return entry != NULL && cq_carrier_allows(entry->object.carrier, role, CQ_NAMESPACE_WRITE);
}

CqObject
cq_namespace_object(const char *name, Size len)
{
	CqObject   *object;

	(void) find(name, len, &object);
	return *object;
}
