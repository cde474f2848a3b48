/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  Which row of shared memory belongs to which queue.
 *
 * A row is taken when a queue is first touched after the server has started
 * and freed when the queue is dropped.  Where no session can tell (DROP
 * DATABASE, DROP EXTENSION) the worker frees the row, or whoever finds the table
 * full.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/dbworker.h"
#include "miscadmin.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/registry.h"
#include "utils/syscache.h"

/* Registry lock held in any mode. */
static CqQueueRow *
find(Oid database, int32 queue_id)
{
	for (int i = 0; i < cq_queues->nrows; i++)
	{
		if (cq_rows[i].database == database && cq_rows[i].queue_id == queue_id)
			return &cq_rows[i];
	}
	return NULL;
}

CqQueueRow *
cq_registry_find(int32 queue_id, Oid sequence)
{
	CqQueueRow *row;
	bool		stale;

	LWLockAcquire(&cq_queues->registry_lock, LW_SHARED);
	row = find(MyDatabaseId, queue_id);
	stale = row != NULL && row->sequence != sequence;
	LWLockRelease(&cq_queues->registry_lock);
	if (!stale)
		return row;
	cq_registry_forget(MyDatabaseId, queue_id);
	return NULL;
}

/* Free the rows of databases that are no more. */
static void
forget_dropped_databases(void)
{
	for (int i = 0; i < cq_queues->nrows; i++)
	{
		CqQueueRow *row = &cq_rows[i];
		Oid			database;
		int32		queue_id;

		LWLockAcquire(&row->lock, LW_SHARED);
		database = row->database;
		queue_id = row->queue_id;
		LWLockRelease(&row->lock);
		if (OidIsValid(database) && database != MyDatabaseId &&
			!SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(database)))
			cq_registry_forget(database, queue_id);
	}
}

/* Registry lock held exclusively. */
static CqQueueRow *
take_row(int32 queue_id, Oid sequence, uint64 salt, int nsegments,
		 const BlockNumber *nblocks)
{
	CqQueueRow *row = find(InvalidOid, 0);

	if (row == NULL)
		return NULL;
	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	cq_row_reset(row);
	row->database = MyDatabaseId;
	row->queue_id = queue_id;
	row->sequence = sequence;
	row->salt = salt;
	/* until the first scan nothing is known but the tables' lengths */
	row->overflow = true;
	row->priorities = PG_UINT32_MAX;
	row->dirty = true;
	row->want_keys = true;
	row->keys_ms = cq_clock_ms() + CQ_KEYS_MS;
	row->nsegments = nsegments;
	for (int k = 0; k < nsegments; k++)
	{
		row->segment[k].scan_from = 0;
		if (nblocks[k] > 0 && nblocks[row->current] == 0)
			row->current = k;
	}
	LWLockRelease(&row->lock);
	return row;
}

CqQueueRow *
cq_registry_get(int32 queue_id, Oid sequence, int nsegments,
				const BlockNumber *nblocks)
{
	CqQueueRow *row;
	uint64		salt = 0;
	bool		created = false;

	row = cq_registry_find(queue_id, sequence);
	if (row == NULL && !pg_strong_random(&salt, sizeof(salt)))
		elog(ERROR, "could not generate random numbers");
	for (int attempt = 0; row == NULL && attempt < 2; attempt++)
	{
		if (attempt > 0)
			forget_dropped_databases();
		LWLockAcquire(&cq_queues->registry_lock, LW_EXCLUSIVE);
		row = find(MyDatabaseId, queue_id);
		if (row == NULL)
		{
			row = take_row(queue_id, sequence, salt, nsegments, nblocks);
			created = (row != NULL);
		}
		LWLockRelease(&cq_queues->registry_lock);
	}
	if (row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("too many queues"),
				 errhint("Raise cachequeue.max_queues (now %d) and restart the server.",
						 cq_queues->nrows)));
	if (created)
		cq_dbworker_request();
	return row;
}

void
cq_registry_forget(Oid database, int32 queue_id)
{
	CqQueueRow *row;

	LWLockAcquire(&cq_queues->registry_lock, LW_EXCLUSIVE);
	row = find(database, queue_id);
	if (row != NULL)
	{
		LWLockAcquire(&row->lock, LW_EXCLUSIVE);
		cq_entries_free_all(row);
		cq_row_reset(row);
		row->generation++;
		row->database = InvalidOid;
		row->queue_id = 0;
		row->sequence = InvalidOid;
		row->salt = 0;
		LWLockRelease(&row->lock);
	}
	LWLockRelease(&cq_queues->registry_lock);
	if (row != NULL)
	{
		ConditionVariableBroadcast(&row->ready_cv);
		ConditionVariableBroadcast(&row->scan_cv);
		ConditionVariableBroadcast(&row->space_cv);
	}
}
