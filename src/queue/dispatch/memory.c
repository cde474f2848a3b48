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

#include "core/clock.h"
#include "port/pg_bitutils.h"
#include "queue/dispatch/memory.h"
#include "utils/timestamp.h"

/* entries that each queue may have at least, if the pool has as many */
#define WINDOW_MIN 1024

/* longest time ahead in cq_due_ms() */
#define DUE_MS_MAX 60000

CqQueues   *cq_queues = NULL;
CqQueueState *cq_queue_states = NULL;
CqMsg	   *cq_msgs = NULL;
uint32	   *cq_buckets = NULL;

static Size
states_offset(void)
{
	return CACHELINEALIGN(sizeof(CqQueues));
}

static Size
buckets_offset(int nqueues)
{
	return CACHELINEALIGN(states_offset() + (Size) nqueues * sizeof(CqQueueState));
}

static uint32
pool_size(Size bytes)
{
	return Min(bytes / sizeof(CqMsg), CQ_NONE - 1);
}

/* Chains are short even when every other entry is a group. */
static uint32
bucket_count(Size bytes)
{
	return pg_nextpower2_32(Max(pool_size(bytes) / 2, 64));
}

static Size
entries_offset(int nqueues, Size bytes)
{
	return CACHELINEALIGN(buckets_offset(nqueues) +
						  (Size) bucket_count(bytes) * sizeof(uint32));
}

Size
cq_dispatch_size(int nqueues, Size bytes)
{
	return entries_offset(nqueues, bytes) + (Size) pool_size(bytes) * sizeof(CqMsg);
}

void
cq_dispatch_reset(CqQueueState *queue)
{
	Size		from = offsetof(CqQueueState, number_next);

	memset((char *) queue + from, 0, sizeof(*queue) - from);
	for (int i = 0; i < CQ_MSG_STATES; i++)
		queue->list[i] = CQ_NONE;
	for (int i = 0; i < CQ_PRIORITIES; i++)
		queue->ready_head[i] = queue->ready_tail[i] = queue->late[i] = CQ_NONE;
	queue->expiry = queue->groups = queue->group_times = CQ_NONE;
	queue->plan_ms = PG_INT64_MAX;
}

void
cq_dispatch_init(void *mem, int nqueues, Size bytes, int tranche)
{
	CqQueues   *q = mem;

	cq_queues = q;
	cq_queue_states = (CqQueueState *) ((char *) mem + states_offset());
	cq_buckets = (uint32 *) ((char *) mem + buckets_offset(nqueues));
	cq_msgs = (CqMsg *) ((char *) mem + entries_offset(nqueues, bytes));

	memset(q, 0, sizeof(*q));
	q->tranche = tranche;
	LWLockInitialize(&q->registry_lock, q->tranche);
	q->nqueues = nqueues;
	pg_atomic_init_u32(&q->by_xid, 0);

	q->bucket_mask = bucket_count(bytes) - 1;
	for (uint32 i = 0; i <= q->bucket_mask; i++)
		cq_buckets[i] = CQ_NONE;
	for (int i = 0; i < CQ_STRIPES; i++)
		SpinLockInit(&q->stripe[i]);

	SpinLockInit(&q->pool_lock);
	q->pool_free = CQ_NONE;
	q->pool_size = q->pool_nfree = pool_size(bytes);
	q->pool_reserve = Min((uint32) nqueues * CQ_ENTRIES_MIN, q->pool_size / 4);
	q->window = Max(WINDOW_MIN, q->pool_size / 4);

	for (int i = 0; i < q->nqueues; i++)
	{
		CqQueueState *queue = &cq_queue_states[i];

		memset(queue, 0, sizeof(*queue));
		LWLockInitialize(&queue->lock, q->tranche);
		ConditionVariableInit(&queue->ready_cv);
		ConditionVariableInit(&queue->scan_cv);
		ConditionVariableInit(&queue->space_cv);
		cq_dispatch_reset(queue);
	}
}

uint32
cq_pool_take(void)
{
	uint32		i = CQ_NONE;

	SpinLockAcquire(&cq_queues->pool_lock);
	if (cq_queues->pool_free != CQ_NONE)
	{
		i = cq_queues->pool_free;
		cq_queues->pool_free = CQ_MSG(i)->link.next;
	}
	else if (cq_queues->pool_fresh < cq_queues->pool_size)
		i = cq_queues->pool_fresh++;
	if (i != CQ_NONE)
		cq_queues->pool_nfree--;
	SpinLockRelease(&cq_queues->pool_lock);
	return i;
}

void
cq_pool_give(uint32 i)
{
	SpinLockAcquire(&cq_queues->pool_lock);
	CQ_MSG(i)->link.next = cq_queues->pool_free;
	cq_queues->pool_free = i;
	cq_queues->pool_nfree++;
	SpinLockRelease(&cq_queues->pool_lock);
}

int64
cq_due_ms(TimestampTz due)
{
	int64		wait_ms = (due - GetCurrentTimestamp() + 999) / 1000;

	return cq_clock_ms() + Min(Max(wait_ms, 0), DUE_MS_MAX);
}
