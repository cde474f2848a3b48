/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  Which state in shared memory belongs to which queue.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/dbworker.h"
#include "core/registry.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/registry.h"

static void
release(void *arg)
{
	CqQueueState *queue = arg;

	cq_entries_free_all(queue);
	cq_dispatch_reset(queue);
	queue->salt = 0;
}

static void
wake(void *arg)
{
	CqQueueState *queue = arg;

	ConditionVariableBroadcast(&queue->ready_cv);
	ConditionVariableBroadcast(&queue->scan_cv);
	ConditionVariableBroadcast(&queue->space_cv);
}

static const CqRegistry *
registry(void)
{
	static CqRegistry r = {
		.objects = "queues",
		.setting = "cachequeue.max_queues",
		.release = release,
		.wake = wake,
		.state_size = sizeof(CqQueueState)
	};

	if (r.states == NULL)
	{
		r.lock = &cq_queues->registry_lock;
		r.states = (char *) cq_queue_states;
		r.n = cq_queues->nqueues;
	}
	return &r;
}

/* Queue locked: what is known of a queue before its first scan. */
static void
set_up(CqQueueState *queue, uint64 salt, int nsegments, const BlockNumber *nblocks)
{
	queue->salt = salt;
	cq_backlog_init(queue);
	queue->wants = CQ_WANT_KEYS;
	queue->keys_ms = cq_clock_ms() + CQ_KEYS_MS;
	queue->nsegments = nsegments;
	for (int k = 0; k < nsegments; k++)
	{
		if (nblocks[k] > 0 && nblocks[queue->current] == 0)
			queue->current = k;
	}
}

CqQueueState *
cq_queue_state_get(int32 queue_id, Oid sequence, int nsegments,
				   const BlockNumber *nblocks)
{
	CqQueueState *queue;
	uint64		salt;
	bool		taken;

	if (!pg_strong_random(&salt, sizeof(salt)))
		elog(ERROR, "could not generate random numbers");
	queue = cq_registry_take(registry(), queue_id, sequence, &taken);
	if (taken)
	{
		set_up(queue, salt, nsegments, nblocks);
		LWLockRelease(&queue->lock);
		cq_dbworker_request();
	}
	return queue;
}

CqQueueState *
cq_queue_state_find(int32 queue_id, Oid sequence)
{
	return cq_registry_find(registry(), queue_id, sequence);
}

void
cq_queue_state_forget(Oid database, int32 queue_id)
{
	cq_registry_forget(registry(), database, queue_id);
}
