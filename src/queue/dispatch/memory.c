/*-------------------------------------------------------------------------
 *
 * memory.c
 *	  The queues' part of shared memory: its layout and its start.
 *
 * The commit callback relies on entries that were taken before, so it cannot
 * fail; the pool being used up only means that messages are read from their
 * table later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/settings.h"
#include "port/pg_bitutils.h"
#include "queue/dispatch/memory.h"
#include "queue/queue.h"

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

void
cq_row_reset(CqQueueRow *row)
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
	pg_atomic_init_u64(&q->poked_ms, 0);

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
		cq_row_reset(row);
	}
}
