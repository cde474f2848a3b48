/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  The queues' part of shared memory, and which row belongs to which queue.
 *
 * A row is taken when a queue is first touched after the server has started
 * and freed when the queue is dropped.  Where nobody could tell us (DROP
 * DATABASE, DROP EXTENSION) the row is found by the worker, or when the table
 * is full.
 *
 * The commit callback relies on entries that were taken before, so it cannot
 * fail; the pool being used up only means that messages are read from their
 * table later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/compat.h"
#include "core/dbworker.h"
#include "core/settings.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/memory.h"
#include "queue/queue.h"
#include "utils/syscache.h"

CqQueues   *cq_queues = NULL;
CqQueueRow *cq_rows = NULL;
CqMsg	   *cq_msgs = NULL;
uint32	   *cq_buckets = NULL;

static Size
rows_offset(void)
{
	return CACHELINEALIGN(sizeof(CqQueues));
}

static Size
buckets_offset(void)
{
	return CACHELINEALIGN(add_size(rows_offset(),
								   mul_size(cq_max_queues, sizeof(CqQueueRow))));
}

static uint32
pool_size(void)
{
	return Min((Size) cq_queue_memory_kb * 1024 / sizeof(CqMsg), CQ_NONE - 1);
}

/* Chains are short even when every other entry is a group. */
static uint32
bucket_count(void)
{
	return pg_nextpower2_32(Max(pool_size() / 2, 64));
}

static Size
entries_offset(void)
{
	return CACHELINEALIGN(add_size(buckets_offset(),
								   mul_size(bucket_count(), sizeof(uint32))));
}

Size
cq_queue_shmem_size(void)
{
	return add_size(entries_offset(), mul_size(pool_size(), sizeof(CqMsg)));
}

static void
row_reset(CqQueueRow *row)
{
	Size		from = offsetof(CqQueueRow, number_next);

	memset((char *) row + from, 0, sizeof(*row) - from);
	for (int i = 0; i < CQ_MSG_STATES; i++)
		row->list[i] = CQ_NONE;
	for (int i = 0; i < CQ_PRIORITIES; i++)
		row->ready_head[i] = row->ready_tail[i] = row->late[i] = CQ_NONE;
	row->expiry = row->groups = row->group_times = CQ_NONE;
	row->plan_ms = PG_INT64_MAX;
}

void
cq_queue_shmem_init(void *mem)
{
	CqQueues   *q = mem;

	cq_queues = q;
	cq_rows = (CqQueueRow *) ((char *) mem + rows_offset());
	cq_buckets = (uint32 *) ((char *) mem + buckets_offset());
	cq_msgs = (CqMsg *) ((char *) mem + entries_offset());

	memset(q, 0, sizeof(*q));
	q->tranche = cq_lwlock_tranche("CachequeueQueue");
	LWLockInitialize(&q->registry_lock, q->tranche);
	q->nrows = cq_max_queues;
	pg_atomic_init_u32(&q->by_xid, 0);

	q->bucket_mask = bucket_count() - 1;
	for (uint32 i = 0; i <= q->bucket_mask; i++)
		cq_buckets[i] = CQ_NONE;
	for (int i = 0; i < CQ_STRIPES; i++)
		SpinLockInit(&q->stripe[i]);

	SpinLockInit(&q->pool_lock);
	q->pool_free = CQ_NONE;
	q->pool_size = q->pool_nfree = pool_size();
	q->pool_reserve = Min((uint32) cq_max_queues * CQ_ENTRIES_MIN, pool_size() / 4);
	q->window = Max(1024, pool_size() / 4);

	for (int i = 0; i < q->nrows; i++)
	{
		CqQueueRow *row = &cq_rows[i];

		memset(row, 0, sizeof(*row));
		LWLockInitialize(&row->lock, q->tranche);
		ConditionVariableInit(&row->ready_cv);
		ConditionVariableInit(&row->scan_cv);
		ConditionVariableInit(&row->space_cv);
		row_reset(row);
	}
}

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
	row_reset(row);
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
		row_reset(row);
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
