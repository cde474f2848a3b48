/*-------------------------------------------------------------------------
 *
 * namespace.c
 *	  Namespaces of the cache: options and privileges.
 *
 * Namespaces are rows of cq.namespace, grants on them rows of
 * cq.namespace_grant; both are changed by the SQL functions cq.namespace_*
 * only.  Each backend keeps the ones it has used, with what the role that
 * asked last may do.  A statement trigger on both tables sends a relcache
 * invalidation of cq.namespace when they change, which makes all backends
 * read them again; so does a change of roles.
 *
 * The memory quota is enforced by the cache's engine, which finds it in shared
 * memory: who reads a namespace's options puts it there, and so does the commit
 * of a transaction that has changed it.
 *
 * 'default' needs no row: number 0, no default TTL, no quota, open to all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "cache/namespace_rows.h"
#include "cachequeue.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "commands/trigger.h"
#include "core/args.h"
#include "core/faults.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "sql/namespace.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(cq_namespace_changed);

#define DEFAULT_NAMESPACE "default"

/* columns of cq.namespace, cq.namespace_grant and cq.write_behind */
enum
{
	COLUMN_ID = 1,
	COLUMN_NAME,
	COLUMN_DEFAULT_TTL,
	COLUMN_OWNER,
	COLUMN_MEMORY_QUOTA,
	NCOLUMNS = COLUMN_MEMORY_QUOTA
};
enum
{
	GRANT_ID = 1,
	GRANT_ROLE,
	GRANT_ACCESS
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
	bool		valid;
	Oid			role;			/* for whom access was found out */
	int			access;
	CqNamespace namespace;
} CqKnownNamespace;

static const CqNamespace default_namespace = {0};
static HTAB *known = NULL;
static Oid	namespace_relation = InvalidOid;
static uint64 forgotten = 0;	/* how often all was */

static void
forget_all(void)
{
	HASH_SEQ_STATUS status;
	CqKnownNamespace *entry;

	forgotten++;
	cq_namespace_rows_forget();
	if (known == NULL)
		return;
	hash_seq_init(&status, known);
	while ((entry = hash_seq_search(&status)) != NULL)
		entry->valid = false;
}

static void
on_relation(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == namespace_relation)
		forget_all();
}

static void
on_role(Datum arg, int cache, uint32 hash)
{
	forget_all();
}

void
cq_namespace_init(void)
{
	CacheRegisterRelcacheCallback(on_relation, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, on_role, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, on_role, (Datum) 0);
}

static Oid
relation_in_cq(const char *name)
{
	return get_relname_relid(name, get_namespace_oid("cq", false));
}

/* What the grants on a namespace let a role do. */
static int
granted_access(int32 namespace_id, Oid user)
{
	Relation	rel = table_open(relation_in_cq("namespace_grant"),
								 AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	int			access = 0;

	ScanKeyInit(&key, GRANT_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(namespace_id));
	scan = systable_beginscan(rel, InvalidOid, false, snapshot, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		is_null;
		Oid			role = DatumGetObjectId(heap_getattr(tuple, GRANT_ROLE,
														 RelationGetDescr(rel),
														 &is_null));

		if (!OidIsValid(role) || has_privs_of_role(user, role))
			access |= DatumGetInt32(heap_getattr(tuple, GRANT_ACCESS,
												 RelationGetDescr(rel),
												 &is_null));
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return access;
}

/*
 * Let the engine know the quota, unless it may yet be rolled back: what this
 * transaction has changed takes effect at its commit.
 */
static void
push_quota(uint32 name_space, HeapTuple tuple, Datum quota, bool null)
{
	if (cq_shared != NULL &&
		!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
		cq_namespace_set_quota(name_space,
							   null ? 0 : (uint64) DatumGetInt64(quota));
}

/* Does a table follow the namespace, and how? */
static void
read_write_behind(CqNamespace *namespace)
{
	Relation	rel = table_open(relation_in_cq("write_behind"),
								 AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	namespace->behind = 0;
	ScanKeyInit(&key, BEHIND_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum((int32) namespace->id));
	scan = systable_beginscan(rel, InvalidOid, false, snapshot, 1, &key);
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
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
}

/* Read one from the tables; false if there is none by that name. */
static bool
read_namespace(CqKnownNamespace *entry)
{
	Relation	rel;
	Snapshot	snapshot;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	Datum		values[NCOLUMNS];
	bool		nulls[NCOLUMNS];
	bool		found = false;

	namespace_relation = relation_in_cq("namespace");
	rel = table_open(namespace_relation, AccessShareLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyInit(&key, COLUMN_NAME, BTEqualStrategyNumber, F_TEXTEQ,
				CStringGetTextDatum(entry->name));
	key.sk_collation = C_COLLATION_OID;
	scan = systable_beginscan(rel, InvalidOid, false, snapshot, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		found = true;
		for (int i = 0; i < NCOLUMNS; i++)
			values[i] = heap_getattr(tuple, i + 1, RelationGetDescr(rel),
									 &nulls[i]);
		entry->namespace.id = DatumGetInt32(values[COLUMN_ID - 1]);
		entry->namespace.default_ttl_ms = nulls[COLUMN_DEFAULT_TTL - 1] ? 0 :
			cq_interval_ms(DatumGetIntervalP(values[COLUMN_DEFAULT_TTL - 1]),
						   1, "default_ttl");
		push_quota(entry->namespace.id, tuple, values[COLUMN_MEMORY_QUOTA - 1],
				   nulls[COLUMN_MEMORY_QUOTA - 1]);
		if (has_privs_of_role(GetUserId(),
							  DatumGetObjectId(values[COLUMN_OWNER - 1])))
			entry->access = CQ_NAMESPACE_READ | CQ_NAMESPACE_WRITE |
				CQ_NAMESPACE_MANAGE;
		else
			entry->access = granted_access((int32) entry->namespace.id, GetUserId());
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	if (found)
		read_write_behind(&entry->namespace);
	return found;
}

static CqKnownNamespace *
find_known(const char *name)
{
	CqKnownNamespace *entry;
	CqKnownNamespace fresh = {0};
	uint64		before;

	if (known == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = CQ_NAMESPACE_BYTES_MAX + 1;
		ctl.entrysize = sizeof(CqKnownNamespace);
		known = hash_create("cachequeue namespaces", 16, &ctl,
							HASH_ELEM | HASH_STRINGS);
	}
	entry = hash_search(known, name, HASH_FIND, NULL);
	if (entry != NULL && entry->valid && entry->role == GetUserId())
		return entry;

	/* published when it is complete; what arrives meanwhile makes it invalid */
	before = forgotten;
	strlcpy(fresh.name, name, sizeof(fresh.name));
	fresh.role = GetUserId();
	if (!read_namespace(&fresh))
	{
		hash_search(known, name, HASH_REMOVE, NULL);
		return NULL;
	}
	fresh.valid = before == forgotten;
	entry = hash_search(known, name, HASH_ENTER, NULL);
	*entry = fresh;
	return entry;
}

/* Does the role own the namespace?  False if there is none by that number. */
static bool
role_owns(Oid role, uint32 namespace_id)
{
	Relation	rel = table_open(namespace_relation, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		result = false;

	ScanKeyInit(&key, COLUMN_ID, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum((int32) namespace_id));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	if (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		is_null;

		result = has_privs_of_role(role,
								   DatumGetObjectId(heap_getattr(tuple, COLUMN_OWNER,
																 RelationGetDescr(rel),
																 &is_null)));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

bool
cq_namespace_role_may_write(Oid role, uint32 namespace_id)
{
	static Oid	last_role = InvalidOid;
	static uint32 last_id = 0;
	static uint64 last_forgotten = 0;
	static bool last = false;
	uint64		before = forgotten;
	bool		result;

	if (namespace_id == 0)
		return true;
	if (OidIsValid(last_role) && last_role == role && last_id == namespace_id &&
		last_forgotten == forgotten)
		return last;
	namespace_relation = relation_in_cq("namespace");
	result = role_owns(role, namespace_id) ||
		(granted_access((int32) namespace_id, role) & CQ_NAMESPACE_WRITE) != 0;
	last_role = role;
	last_id = namespace_id;
	last_forgotten = before;
	last = result;
	return result;
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
	HASH_SEQ_STATUS status;
	CqKnownNamespace *entry;

	if (known == NULL)
		return NULL;
	hash_seq_init(&status, known);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		if (entry->namespace.id == id)
		{
			hash_seq_term(&status);
			entry = find_known(entry->name);
			return entry != NULL && entry->namespace.id == id
				? &entry->namespace : NULL;
		}
	}
	return NULL;
}

const CqNamespace *
cq_namespace_find(const char *name, Size len, int access)
{
	char		buf[CQ_NAMESPACE_BYTES_MAX + 1];
	CqKnownNamespace *entry = NULL;

	if (len == strlen(DEFAULT_NAMESPACE) &&
		memcmp(name, DEFAULT_NAMESPACE, len) == 0)
	{
		if ((access & CQ_NAMESPACE_MANAGE) == 0)
			return &default_namespace;
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("namespace \"%s\" cannot be changed", DEFAULT_NAMESPACE)));
	}
	if (len <= CQ_NAMESPACE_BYTES_MAX)
	{
		memcpy(buf, name, len);
		buf[len] = '\0';
		entry = find_known(buf);
	}
	if (entry == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("namespace \"%s\" does not exist",
						pnstrdup(name, pg_mbcliplen(name, len, 100)))));
	if ((entry->access & access) != access && !CQ_FAULT("no-namespace-check"))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for namespace \"%s\"", buf)));
	return &entry->namespace;
}

/* Trigger function of cq.namespace and cq.namespace_grant. */
Datum
cq_namespace_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("cq._namespace_changed() is a trigger function")));
	CacheInvalidateRelcacheByRelid(relation_in_cq("namespace"));
	return PointerGetDatum(NULL);
}
