/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  What a backend remembers of the queues it uses.
 *
 * Definitions are read from cq.queue when first used and kept in a hash by
 * name.  A relcache invalidation of cq.queue (sent by a statement trigger on the
 * table, and when a queue gets a new segment)
 * advances the epoch, which makes all of them stale; a stale one is read
 * again, in place, by the next cq_queue_open().  So a definition that is in
 * use never changes under its user, and its address is good for ever.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "core/args.h"
#include "core/catalog.h"
#include "core/compat.h"
#include "core/dbworker.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "queue/definition.h"
#include "queue/dispatch/limits.h"
#include "queue/dispatch/registry.h"
#include "queue/segment.h"
#include "queue/wake.h"
#include "queue/xact.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

static HTAB *definitions = NULL;
static uint64 epoch = 1;
static Oid	queue_relation = InvalidOid;

static void
on_relcache_inval(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == queue_relation)
		epoch++;
}

void
cq_definition_init(void)
{
	CacheRegisterRelcacheCallback(on_relcache_inval, (Datum) 0);
}

uint64
cq_definitions_epoch(void)
{
	return epoch;
}

void
cq_definitions_changed(void)
{
	CacheInvalidateRelcacheByRelid(cq_relation_of_any_version("queue"));
}

char *
cq_queue_name(const text *arg)
{
	int			bytes = VARSIZE_ANY_EXHDR(arg);

	if (bytes == 0 || bytes > CQ_QUEUE_NAME_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a queue's name must have 1 to %d bytes, not %d",
						CQ_QUEUE_NAME_BYTES_MAX, bytes)));
	return text_to_cstring(arg);
}

static CqQueueDef *
hash_enter(const char *name)
{
	CqQueueDef *def;
	bool		found;

	if (definitions == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = CQ_QUEUE_NAME_BYTES_MAX + 1;
		ctl.entrysize = sizeof(CqQueueDef);
		definitions = hash_create("cachequeue queues", 64, &ctl,
								  HASH_ELEM | HASH_STRINGS);
	}
	def = hash_search(definitions, name, HASH_ENTER, &found);
	if (!found)
		memset((char *) def + sizeof(def->name), 0,
			   sizeof(*def) - sizeof(def->name));
	return def;
}

/* Put a row of cq.queue into the hash. */
static CqQueueDef *
store(HeapTuple tuple, TupleDesc desc, uint64 read_epoch)
{
	Datum		values[CQ_QUEUE_COLUMNS];
	bool		nulls[CQ_QUEUE_COLUMNS];
	CqQueueDef *def;
	char	   *name;
	int32		queue_id;
	Oid			carrier;

	for (int i = 0; i < CQ_QUEUE_COLUMNS; i++)
		values[i] = heap_getattr(tuple, i + 1, desc, &nulls[i]);

	name = text_to_cstring(DatumGetTextPP(values[CQ_QUEUE_COLUMN_NAME - 1]));
	queue_id = DatumGetInt32(values[CQ_QUEUE_COLUMN_ID - 1]);
	carrier = DatumGetObjectId(values[CQ_QUEUE_COLUMN_CARRIER - 1]);
	def = hash_enter(name);
	def->epoch = 0;				/* until it is complete */
	if (def->queue_id != queue_id || def->object.carrier != carrier)
	{
		def->row = NULL;
		def->has_secret = false;
	}
	def->queue_id = queue_id;
	cq_options_read(&def->options, values + CQ_QUEUE_COLUMN_OPTIONS - 1,
					nulls + CQ_QUEUE_COLUMN_OPTIONS - 1);
	def->options.version = DatumGetInt32(values[CQ_QUEUE_COLUMN_VERSION - 1]);
	def->options.paused = DatumGetBool(values[CQ_QUEUE_COLUMN_PAUSED - 1]);
	cq_object_set(&def->object, CQ_OBJECT_QUEUE, queue_id, carrier);
	def->resolved = false;
	def->epoch = read_epoch;
	pfree(name);
	return def;
}

CqQueueDef *
cq_definition_find(const char *name)
{
	CqQueueDef *def = NULL;
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	Datum		datum;
	uint64		read_epoch;

	if (strlen(name) > CQ_QUEUE_NAME_BYTES_MAX)
		return NULL;
	if (definitions != NULL)
		def = hash_search(definitions, name, HASH_FIND, NULL);
	if (def != NULL && def->epoch == epoch)
		return def;

	queue_relation = cq_relation("queue");
	rel = table_open(queue_relation, AccessShareLock);
	read_epoch = epoch;
	datum = CStringGetTextDatum(name);
	ScanKeyEntryInitialize(&key, 0, CQ_QUEUE_COLUMN_NAME, BTEqualStrategyNumber,
						   InvalidOid, C_COLLATION_OID, F_TEXTEQ, datum);
	scan = systable_beginscan(rel, cq_relation("queue_name_key"), true,
							  NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		def = store(tuple, RelationGetDescr(rel), read_epoch);
	else
	{
		if (def != NULL)
			def->epoch = 0;
		def = NULL;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return def;
}

List *
cq_definitions_all(void)
{
	List	   *result = NIL;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	uint64		read_epoch;

	queue_relation = cq_relation("queue");
	rel = table_open(queue_relation, AccessShareLock);
	read_epoch = epoch;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend(result, store(tuple, RelationGetDescr(rel), read_epoch));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

CqQueueDef *
cq_definition_by_id(int32 queue_id)
{
	CqQueueDef *def;
	ListCell   *cell;

	if (definitions != NULL)
	{
		HASH_SEQ_STATUS seq;

		hash_seq_init(&seq, definitions);
		while ((def = hash_seq_search(&seq)) != NULL)
		{
			if (def->queue_id == queue_id && def->epoch == epoch)
			{
				hash_seq_term(&seq);
				return def;
			}
		}
	}
	foreach(cell, cq_definitions_all())
	{
		def = lfirst(cell);
		if (def->queue_id == queue_id)
			return def;
	}
	return NULL;
}

pg_noreturn static void
missing(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("queue \"%s\" does not exist", name)));
}

/*
 * Whoever uses a queue holds a lock on its sequence, taken before any on its
 * tables, until the transaction ends; a drop comes to the sequence first of all.
 * So a drop waits for all users before it holds anything that they could want.
 */
static void
enter(const CqQueueDef *def)
{
	/* also if the lock is held: privileges may have been taken away */
	AcceptInvalidationMessages();
	LockRelationOid(def->sequence, AccessShareLock);
}

/*
 * Let the tables go with the carrier.  They do since the queue was created, but
 * a restore forgets it.
 */
static void
own_tables(const CqQueueDef *def)
{
	if (RecoveryInProgress() || XactReadOnly || IsInParallelMode() ||
		cq_has_carrier(RelationRelationId, def->sequence))
		return;
	cq_carrier_own(def->object.carrier, RelationRelationId, def->sequence);
	for (int k = 0; k < def->nsegments; k++)
	{
		cq_carrier_own(def->sequence, RelationRelationId, def->messages[k]);
		cq_carrier_own(def->sequence, RelationRelationId, def->events[k]);
	}
	for (int k = 0; k < CQ_KEY_TABLES; k++)
		cq_carrier_own(def->sequence, RelationRelationId, def->keys[k]);
}

/*
 * Find the queue's tables and its row in shared memory.  Returns false when it
 * has been dropped, or when tables are missing and that is no error.
 */
static bool
resolve(CqQueueDef *def, bool missing_ok)
{
	Oid			schema = get_namespace_oid("cq", false);
	BlockNumber nblocks[CQ_SEGMENTS_MAX] = {0};
	CqEffects	effects = {0};
	char		name[NAMEDATALEN];
	Oid			sequence;

	snprintf(name, sizeof(name), "q%d_id", def->queue_id);
	sequence = get_relname_relid(name, schema);
	if (sequence != def->sequence)
		def->has_secret = false;	/* another queue of that number */
	def->sequence = sequence;
	if (OidIsValid(sequence))
	{
		enter(def);
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(sequence)))
			return false;
	}
	if (!OidIsValid(cq_carrier_owner(def->object.carrier)))
		return false;
	for (def->nsegments = 0; def->nsegments < CQ_SEGMENTS_MAX; def->nsegments++)
	{
		int			k = def->nsegments;

		snprintf(name, sizeof(name), "q%d_s%d", def->queue_id, k);
		def->messages[k] = get_relname_relid(name, schema);
		snprintf(name, sizeof(name), "q%d_e%d", def->queue_id, k);
		def->events[k] = get_relname_relid(name, schema);
		if (!OidIsValid(def->messages[k]) || !OidIsValid(def->events[k]))
			break;
	}
	for (int k = 0; k < CQ_KEY_TABLES; k++)
	{
		snprintf(name, sizeof(name), "q%d_k%d", def->queue_id, k);
		def->keys[k] = get_relname_relid(name, schema);
		snprintf(name, sizeof(name), "q%d_k%d_key", def->queue_id, k);
		def->key_indexes[k] = get_relname_relid(name, schema);
	}
	if (!OidIsValid(def->sequence) || def->nsegments == 0 ||
		!OidIsValid(def->key_indexes[0]) || !OidIsValid(def->key_indexes[1]))
	{
		if (missing_ok)
			return false;
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the tables of queue \"%s\" are missing", def->name),
				 errhint("Restore them from a backup, or drop the queue.")));
	}
	own_tables(def);

	def->row = cq_registry_find(def->queue_id, def->sequence);
	if (def->row == NULL)
	{
		for (int k = 0; k < def->nsegments; k++)
		{
			Relation	rel = cq_segment_open(def, def->messages[k], AccessShareLock);

			nblocks[k] = RelationGetNumberOfBlocks(rel);
			table_close(rel, AccessShareLock);
		}
		def->row = cq_registry_get(def->queue_id, def->sequence,
								   def->nsegments, nblocks);
	}

	LWLockAcquire(&def->row->lock, LW_EXCLUSIVE);
	def->generation = def->row->generation;
	def->salt = def->row->salt;
	if (def->row->database == MyDatabaseId && def->row->queue_id == def->queue_id)
	{
		if (!cq_items_change_options(def))
			cq_row_set_options(def->row, &def->options, &effects);
		def->resolved = true;
	}
	cq_row_unlock(def->row, &effects);
	return def->resolved;
}

/* As cq_queue_open() does; NULL when there is none, or it lacks tables. */
static CqQueueDef *
open_if_exists(const char *name, AclMode privileges, bool missing_ok)
{
	CqQueueDef *def;

	cq_require_shared();
	def = cq_definition_find(name);
	if (def != NULL && def->resolved)
	{
		enter(def);
		if (def->epoch != epoch)	/* waiting has brought news */
			def = cq_definition_find(name);
	}
	if (def == NULL)
		return NULL;
	if (privileges == CQ_QUEUE_NONE || !cq_object_allowed(&def->object, privileges))
	{
		if (!OidIsValid(cq_carrier_owner(def->object.carrier)))
			return NULL;
		if (privileges != CQ_QUEUE_NONE)
			cq_object_denied(CQ_OBJECT_QUEUE, name, NULL, false);
	}
	if (!def->resolved && !resolve(def, missing_ok))
		return NULL;
	return def;
}

CqQueueDef *
cq_queue_open(const char *name, AclMode privileges)
{
	CqQueueDef *def = open_if_exists(name, privileges, false);

	if (def == NULL)
		missing(name);
	return def;
}

CqQueueDef *
cq_queue_open_if_exists(const char *name)
{
	return open_if_exists(name, CQ_QUEUE_NONE, true);
}

void
cq_queue_refresh(CqQueueDef *def)
{
	AcceptInvalidationMessages();
	def->epoch = 0;
	if (cq_definition_find(def->name) == NULL || !resolve(def, false))
		missing(def->name);
}

CqQueueRow *
cq_queue_lock_if_same(CqQueueDef *def, LWLockMode mode)
{
	CqQueueRow *row = def->row;

	if (row == NULL)
		return NULL;
	LWLockAcquire(&row->lock, mode);
	if (row->generation == def->generation && row->queue_id == def->queue_id)
		return row;
	LWLockRelease(&row->lock);
	return NULL;
}

CqQueueRow *
cq_queue_lock(CqQueueDef *def, LWLockMode mode)
{
	CqQueueRow *row;

	while ((row = cq_queue_lock_if_same(def, mode)) == NULL)
	{
		CHECK_FOR_INTERRUPTS();
		/* there are no rows */
		PreventCommandDuringRecovery("this function");
		cq_queue_refresh(def);
	}
	return row;
}
