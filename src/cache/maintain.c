/*-------------------------------------------------------------------------
 *
 * maintain.c
 *	  Removing expired entries: when the maintenance worker does it.
 *
 * The worker of any database removes the expired entries of all.  Expired
 * entries are never served, so removing them only frees memory: the worker does
 * it once a second at most.
 *
 * planned_expiry_ms is the time for which the worker has planned it.  A process
 * that stores an entry with an earlier expiry lowers it and wakes a worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/maintain.h"
#include "cache/state.h"
#include "core/clock.h"
#include "core/dbworker.h"
#include "miscadmin.h"

#define PERIOD_MS 1000

void
cq_cache_expiry_added(int64 expires_ms)
{
	pg_atomic_uint64 *planned_ms = &cq_cache_state->planned_expiry_ms;
	uint64		planned;

	if (expires_ms == 0)
		return;
	/* round up, so that it is woken once a period at most */
	expires_ms += PERIOD_MS - expires_ms % PERIOD_MS;
	planned = pg_atomic_read_u64(planned_ms);
	while (planned == 0 || planned > (uint64) expires_ms)
	{
		if (pg_atomic_compare_exchange_u64(planned_ms, &planned, expires_ms))
		{
			cq_dbworker_wake(MyDatabaseId);
			return;
		}
	}
}

int64
cq_cache_maintain(void)
{
	pg_atomic_uint64 *planned_ms = &cq_cache_state->planned_expiry_ms;
	uint64		planned = pg_atomic_read_u64(planned_ms);
	int64		now_ms = cq_clock_ms();
	int64		next;

	if (planned == 0)
		return 0;
	if (now_ms < (int64) planned)
		return (int64) planned;

	pg_atomic_write_u64(planned_ms, 0);
	next = cq_engine_expire(cq_cache_engine(), now_ms);
	if (next != 0)
	{
		uint64		none = 0;

		pg_atomic_compare_exchange_u64(planned_ms, &none,
									   Max(next, now_ms + PERIOD_MS));
	}
	return (int64) pg_atomic_read_u64(planned_ms);
}

void
cq_cache_plan_expiry(void)
{
	pg_atomic_write_u64(&cq_cache_state->planned_expiry_ms,
						cq_engine_next_expiry(cq_cache_engine()));
}
