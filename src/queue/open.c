/*-------------------------------------------------------------------------
 *
 * open.c
 *	  Opening a queue: privileges, tables, the state in shared memory.
 *
 * A transaction that uses a queue holds a lock on its sequence, taken before any on its
 * tables, until it ends; a drop comes to the sequence first of all.
 * So a drop waits for all users before it holds anything that they could want.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "core/catalog.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/dispatch/memory.h"
#include "queue/dispatch/registry.h"
#include "queue/open.h"
#include "queue/segment.h"
#include "queue/wake.h"
#include "queue/xact.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* Take the lock that keeps the queue from being dropped, and learn of changes. */
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

/* Find the tables of segments and keys; false when some are missing. */
static bool
find_tables(CqQueueDef *def)
{
	for (def->nsegments = 0; def->nsegments < CQ_SEGMENTS_MAX; def->nsegments++)
	{
		int			k = def->nsegments;

		def->messages[k] = cq_relation_if_exists("q%d_s%d", def->queue_id, k);
		def->events[k] = cq_relation_if_exists("q%d_e%d", def->queue_id, k);
		if (!OidIsValid(def->messages[k]) || !OidIsValid(def->events[k]))
			break;
	}
	for (int k = 0; k < CQ_KEY_TABLES; k++)
	{
		def->keys[k] = cq_relation_if_exists("q%d_k%d", def->queue_id, k);
		def->key_indexes[k] = cq_relation_if_exists("q%d_k%d_key", def->queue_id, k);
	}
	return OidIsValid(def->sequence) && def->nsegments > 0 &&
		OidIsValid(def->key_indexes[0]) && OidIsValid(def->key_indexes[1]);
}

/* A new state for the queue in shared memory. */
static CqQueueState *
make_state(const CqQueueDef *def)
{
	BlockNumber nblocks[CQ_SEGMENTS_MAX] = {0};

	for (int k = 0; k < def->nsegments; k++)
	{
		Relation	rel = cq_segment_open(def, def->messages[k], AccessShareLock);

		nblocks[k] = RelationGetNumberOfBlocks(rel);
		table_close(rel, AccessShareLock);
	}
	return cq_queue_state_get(def->queue_id, def->sequence, def->nsegments, nblocks);
}

/* Find the state, and give it the options; false when it is another queue's by now. */
static bool
attach(CqQueueDef *def)
{
	CqEffects	effects = {0};

	def->state = cq_queue_state_find(def->queue_id, def->sequence);
	if (def->state == NULL)
		def->state = make_state(def);
	LWLockAcquire(&def->state->lock, LW_EXCLUSIVE);
	def->generation = def->state->key.generation;
	def->salt = def->state->salt;
	if (def->state->key.database == MyDatabaseId && def->state->key.id == def->queue_id)
	{
		if (!cq_queue_items_change_options(def))
			cq_dispatch_set_options(def->state, &def->options, &effects);
		def->resolved = true;
	}
	cq_queue_unlock(def->state, &effects);
	return def->resolved;
}

/*
 * Find the queue's tables and its state in shared memory.  Returns false when it
 * has been dropped, or when tables are missing and missing_ok says so.
 */
static bool
resolve(CqQueueDef *def, bool missing_ok)
{
	Oid			sequence = cq_relation_if_exists("q%d_id", def->queue_id);

	if (sequence != def->sequence)
		def->has_secret = false;	/* another queue of that number */
	def->sequence = sequence;
	if (OidIsValid(sequence))
	{
		enter(def);
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(sequence)))
			return false;
	}
	if (!OidIsValid(cq_relation_owner(def->object.carrier)))
		return false;
	if (!find_tables(def))
	{
		if (missing_ok)
			return false;
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the tables of queue \"%s\" are missing", def->name),
				 errhint("Restore them from a backup, or drop the queue.")));
	}
	own_tables(def);
	return attach(def);
}

/* As cq_queue_open() does; NULL when there is none, or it lacks tables. */
static CqQueueDef *
open_if_exists(const char *name, AclMode privileges, bool missing_ok)
{
	CqQueueDef *def;

	cq_require_shared();
	def = cq_queue_find(name);
	if (def != NULL && def->resolved)
	{
		enter(def);
		/* there may be news, not least after waiting */
		if (!cq_definition_is_current((CqDefinition *) def))
			def = cq_queue_find(name);
	}
	if (def == NULL)
		return NULL;
	if (privileges == CQ_QUEUE_NONE || !cq_object_allowed(&def->object, privileges))
	{
		if (!OidIsValid(cq_relation_owner(def->object.carrier)))
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
		cq_object_missing(CQ_OBJECT_QUEUE, name);
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
	if (cq_definition_read(CQ_OBJECT_QUEUE, def->name) == NULL || !resolve(def, false))
		cq_object_missing(CQ_OBJECT_QUEUE, def->name);
}

CqQueueState *
cq_queue_lock(CqQueueDef *def, LWLockMode mode)
{
	CqQueueState *queue;

	while ((queue = cq_queue_lock_if_same(def, mode)) == NULL)
	{
		CHECK_FOR_INTERRUPTS();
		/* there are no states */
		PreventCommandDuringRecovery("this function");
		cq_queue_refresh(def);
	}
	return queue;
}

int64
cq_queue_length(CqQueueDef *def)
{
	CqQueueState *queue = cq_queue_lock(def, LW_SHARED);
	int64		n = cq_dispatch_length(queue).n;

	LWLockRelease(&queue->lock);
	return n;
}
