/*-------------------------------------------------------------------------
 *
 * secret.c
 *	  The secret of a queue: the key of the receipts of durable leases.
 *
 * It has to survive a crash and a failover as the leases do, so it is a row of
 * cq.queue_secret, a table that no other role has privileges on and that no dump has.
 * A queue gets it when it is created with durable leases, or else when it first
 * needs one: when the option is set later, and after a restore.  Two sessions that
 * find none at once take turns by a lock on the number of the queue, so that only
 * one of them inserts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/catalog.h"
#include "core/owner.h"
#include "queue/secret.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

bool
cq_queue_secret_find(CqQueueDef *def, uint64 *secret)
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	ScanKeyData key;
	bool		found;

	if (def->has_secret)
	{
		*secret = def->secret;
		return true;
	}
	rel = table_open(cq_relation("queue_secret"), AccessShareLock);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum(def->queue_id));
	scan = systable_beginscan(rel, cq_relation("queue_secret_pkey"), true,
							  NULL, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
	{
		bool		isnull;

		*secret = (uint64) DatumGetInt64(heap_getattr(tuple, 2, RelationGetDescr(rel), &isnull));

		/* one that we made ourselves goes with a rollback */
		if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data)))
		{
			def->secret = *secret;
			def->has_secret = true;
		}
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return found;
}

uint64
cq_queue_secret(CqQueueDef *def)
{
	uint64		secret;
	CqParameters p = {0};

	if (cq_queue_secret_find(def, &secret))
		return secret;
	LockDatabaseObject(cq_relation("queue_secret"), (Oid) def->queue_id, 0, ExclusiveLock);
	if (cq_queue_secret_find(def, &secret))
		return secret;
	if (!pg_strong_random(&secret, sizeof(secret)))
		elog(ERROR, "could not generate random numbers");
	cq_parameter_add(&p, INT4OID, Int32GetDatum(def->queue_id), false);
	cq_parameter_add(&p, INT8OID, Int64GetDatum((int64) secret), false);
	(void) cq_execute_with("INSERT INTO cq.queue_secret VALUES ($1, $2)", &p);
	CommandCounterIncrement();
	return secret;
}

void
cq_queue_secret_drop(int32 queue_id)
{
	(void) cq_execute_with_int("DELETE FROM cq.queue_secret WHERE queue_id = $1", queue_id);
}
