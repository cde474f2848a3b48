/*-------------------------------------------------------------------------
 *
 * definitions.c
 *	  What a backend remembers of named objects, by name and by number.
 *
 * Definitions are read from the table of their kind when they are first used, and
 * kept in a hash by name and one by number.  A statement trigger on the table, and
 * on those that belong to it, sends a relcache invalidation of the table.  It
 * advances the epoch of the kind, which makes all definitions stale.  A stale one
 * is read again, in place, when it is next found: so a definition in use does not
 * change under its user, and its address is good for the life of the backend.
 *
 * A name that is not known is looked up in the table each time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/definitions.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#define COLUMN_ID 1
#define COLUMN_NAME 2

/* an entry of the hash by number */
typedef struct ById
{
	int32		id;				/* hash key */
	CqDefinition *def;			/* has that number, or had it */
} ById;

typedef struct Cache
{
	const CqDefinitionKind *kind;
	HTAB	   *by_name;		/* of structs of the kind; NULL: nothing read
								 * yet */
	HTAB	   *by_id;
	uint64		epoch;
	Oid			relation;		/* the table, when first read */
} Cache;

static Cache caches[CQ_OBJECT_KINDS];

/* What one pass over the table has read. */
typedef struct Reading
{
	Cache	   *cache;
	uint64		epoch;			/* when it began */
	CqDefinition *last;
	List	   *all;			/* if wanted */
	bool		want_all;
} Reading;

static void
on_relation(Datum arg, Oid relid)
{
	for (int k = 0; k < CQ_OBJECT_KINDS; k++)
	{
		if (!OidIsValid(relid) || relid == caches[k].relation)
			caches[k].epoch++;
	}
}

void
cq_definitions_register(const CqDefinitionKind *kind)
{
	static bool registered = false;

	if (!registered)
		CacheRegisterRelcacheCallback(on_relation, (Datum) 0);
	registered = true;
	caches[kind->kind].kind = kind;
	caches[kind->kind].epoch = 1;
}

uint64
cq_definitions_epoch(CqObjectKind kind)
{
	return caches[kind].epoch;
}

bool
cq_definition_is_current(const CqDefinition *def)
{
	return def->epoch == caches[def->object.kind].epoch;
}

void
cq_definitions_changed(CqObjectKind kind)
{
	CacheInvalidateRelcacheByRelid(cq_relation_of_any_version(cq_object_table(kind)));
}

/* ---- reading --------------------------------------------------------- */

static void
make_hashes(Cache *cache)
{
	HASHCTL		ctl;

	ctl.keysize = CQ_NAME_BYTES_MAX + 1;
	ctl.entrysize = cache->kind->bytes;
	cache->by_name = hash_create("cachequeue definitions by name", 64, &ctl,
								 HASH_ELEM | HASH_STRINGS);
	ctl.keysize = sizeof(int32);
	ctl.entrysize = sizeof(ById);
	cache->by_id = hash_create("cachequeue definitions by number", 64, &ctl,
							   HASH_ELEM | HASH_BLOBS);
}

/* The entry of that name; a new one is zeroed. */
static CqDefinition *
enter(Cache *cache, const char *name)
{
	bool		found;
	CqDefinition *def = hash_search(cache->by_name, name, HASH_ENTER, &found);

	if (!found)
		memset((char *) def + sizeof(def->name), 0, cache->kind->bytes - sizeof(def->name));
	return def;
}

/* CqRowReader: remember what the row defines. */
static void
remember(const CqRow *row, void *arg)
{
	Reading    *reading = arg;
	Cache	   *cache = reading->cache;
	const CqDefinitionKind *kind = cache->kind;
	int32		id = DatumGetInt32(row->values[COLUMN_ID - 1]);
	Oid			carrier = DatumGetObjectId(row->values[kind->carrier_column - 1]);
	char	   *name = TextDatumGetCString(row->values[COLUMN_NAME - 1]);
	CqDefinition *def = enter(cache, name);
	bool		same = def->object.id == id && def->object.carrier == carrier;
	ById	   *by_id;

	pfree(name);
	def->epoch = 0;				/* until it is complete */
	kind->read(def, row, same);
	cq_object_set(&def->object, kind->kind, id, carrier);
	by_id = hash_search(cache->by_id, &id, HASH_ENTER, NULL);
	by_id->def = def;
	def->epoch = reading->epoch;
	reading->last = def;
	if (reading->want_all)
		reading->all = lappend(reading->all, def);
}

/* Read the rows that the index of the table finds by the key, or all. */
static void
read_table(Reading *reading, const char *index_suffix, ScanKey key)
{
	Cache	   *cache = reading->cache;
	const char *table = cq_object_table(cache->kind->kind);

	if (cache->by_name == NULL)
		make_hashes(cache);
	cache->relation = cq_relation(table);
	LockRelationOid(cache->relation, AccessShareLock);
	reading->epoch = cache->epoch;
	cq_catalog_read(table, index_suffix == NULL ? NULL : psprintf("%s_%s", table, index_suffix),
					key, remember, reading);
	UnlockRelationOid(cache->relation, AccessShareLock);
}

CqDefinition *
cq_definition_read(CqObjectKind kind, const char *name)
{
	Reading		reading = {.cache = &caches[kind]};
	ScanKeyData key;
	CqDefinition *known = NULL;

	if (strlen(name) > reading.cache->kind->name_bytes_max)
		return NULL;
	cq_scan_key_text(&key, COLUMN_NAME, CStringGetTextDatum(name));
	read_table(&reading, "name_key", &key);
	if (reading.last == NULL)
		known = hash_search(reading.cache->by_name, name, HASH_FIND, NULL);
	if (known != NULL)
		known->epoch = 0;
	return reading.last;
}

CqDefinition *
cq_definition_find(CqObjectKind kind, const char *name)
{
	Cache	   *cache = &caches[kind];

	if (cache->by_name != NULL && strlen(name) <= cache->kind->name_bytes_max)
	{
		CqDefinition *def = hash_search(cache->by_name, name, HASH_FIND, NULL);

		if (def != NULL && def->epoch == cache->epoch)
			return def;
	}
	return cq_definition_read(kind, name);
}

CqDefinition *
cq_definition_by_id(CqObjectKind kind, int32 id)
{
	Cache	   *cache = &caches[kind];
	Reading		reading = {.cache = cache};
	ScanKeyData key;

	if (cache->by_id != NULL)
	{
		const ById *found = hash_search(cache->by_id, &id, HASH_FIND, NULL);

		if (found != NULL && found->def->object.id == id && found->def->epoch == cache->epoch)
			return found->def;
	}
	cq_scan_key_int(&key, COLUMN_ID, id);
	read_table(&reading, "pkey", &key);
	return reading.last;
}

List *
cq_definitions_all(CqObjectKind kind)
{
	Reading		reading = {.cache = &caches[kind],.want_all = true};

	read_table(&reading, NULL, NULL);
	return reading.all;
}

/* ---- what definitions point to --------------------------------------- */

MemoryContext
cq_definition_context_new(void)
{
	return AllocSetContextCreate(TopTransactionContext, "cachequeue definition",
								 ALLOCSET_SMALL_SIZES);
}

void
cq_definition_context_set(MemoryContext *current, MemoryContext context)
{
	MemoryContextSetParent(context, TopMemoryContext);
	if (*current != NULL)
		MemoryContextSetParent(*current, TopTransactionContext);
	*current = context;
}
