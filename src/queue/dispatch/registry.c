/*-------------------------------------------------------------------------
 *
 * registry.c
 *	  Which row of shared memory belongs to which queue.
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
	CqQueueRow *row = arg;

	cq_entries_free_all(row);
	cq_row_reset(row);
	row->salt = 0;
}

static void
wake(void *arg)
{
	CqQueueRow *row = arg;

	ConditionVariableBroadcast(&row->ready_cv);
	ConditionVariableBroadcast(&row->scan_cv);
	ConditionVariableBroadcast(&row->space_cv);
}

static const CqRegistry *
registry(void)
{
	static CqRegistry r = {
		.objects = "queues",
		.setting = "cachequeue.max_queues",
		.release = release,
		.wake = wake,
		.state_size = sizeof(CqQueueRow)
	};

	if (r.states == NULL)
	{
		r.lock = &cq_queues->registry_lock;
		r.states = (char *) cq_rows;
		r.n = cq_queues->nrows;
	}
	return &r;
}

/* Row locked: what is known of a queue before its first scan. */
static void
set_up(CqQueueRow *row, uint64 salt, int nsegments, const BlockNumber *nblocks)
{
	row->salt = salt;
	cq_backlog_init(row);
	row->wants = CQ_WANT_KEYS;
	row->keys_ms = cq_clock_ms() + CQ_KEYS_MS;
	row->nsegments = nsegments;
	for (int k = 0; k < nsegments; k++)
	{
		if (nblocks[k] > 0 && nblocks[row->current] == 0)
			row->current = k;
	}
}

CqQueueRow *
cq_queue_row_get(int32 queue_id, Oid sequence, int nsegments,
				 const BlockNumber *nblocks)
{
	CqQueueRow *row;
	uint64		salt;
	bool		taken;

	if (!pg_strong_random(&salt, sizeof(salt)))
		elog(ERROR, "could not generate random numbers");
	row = cq_registry_take(registry(), queue_id, sequence, &taken);
	if (taken)
	{
		set_up(row, salt, nsegments, nblocks);
		LWLockRelease(&row->lock);
		cq_dbworker_request();
	}
	return row;
}

CqQueueRow *
cq_queue_row_find(int32 queue_id, Oid sequence)
{
	return cq_registry_find(registry(), queue_id, sequence);
}

void
cq_queue_row_forget(Oid database, int32 queue_id)
{
	cq_registry_forget(registry(), database, queue_id);
}
