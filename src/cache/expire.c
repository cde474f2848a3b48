/*-------------------------------------------------------------------------
 *
 * expire.c
 *	  Removing expired entries, and knowing when there will be any.
 *
 * Each group of buckets has a lower bound of its entries' expiries: lowered
 * when an entry comes in or is given a new expiry, made exact by a sweep of
 * the group, and otherwise, when an entry goes, left too low, which costs
 * nothing but a look in vain.  A sweep goes over the bounds without a lock and
 * locks only the groups with something to remove, one at a time.
 *
 * The bound for the whole cache is lowered together with a group's.  The end
 * of a sweep raises it to the earliest expiry that the sweep found, or to the
 * lowest that came in since the sweep began, if that is earlier: the entry may
 * be in a group that the sweep had passed.  Sweeps may overlap; only the one
 * that began last may raise the bound.
 *
 * Readers never see an expired entry, swept or not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/entry.h"

/*
 * The group's bound has to be lowered before the cache's is, see
 * cq_engine_expire.  If the group's is low enough already, then so is the
 * cache's, since whoever lowered the former held the lock for both.
 */
void
cq_expire_note(CqEngine *engine, uint32 group, int64 expires_ms)
{
	pg_atomic_uint64 *bound = group_bound(engine, group);

	if (expires_ms == 0 || expires_ms >= (int64) pg_atomic_read_u64(bound))
		return;
	pg_atomic_write_u64(bound, expires_ms);

	SpinLockAcquire(&engine->expiry_mutex);
	if (expires_ms < engine->lowered_bound)
		engine->lowered_bound = expires_ms;
	if (expires_ms < (int64) pg_atomic_read_u64(&engine->bound))
		pg_atomic_write_u64(&engine->bound, expires_ms);
	SpinLockRelease(&engine->expiry_mutex);
}

/*
 * Remove what is expired from one group, under one hold of the lock, and make
 * its bound exact.
 */
static void
expire_group(CqEngine *engine, uint32 group, int64 now_ms)
{
	CqLock	   *lock = &engine->locks[group % CQ_PARTITIONS];
	uint32	   *buckets = group_buckets(engine, group);
	int64		bound = CQ_NEVER;
	uint32		removed = 0;	/* linked by chain */

	cq_lock_acquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < CQ_GROUP_BUCKETS; i++)
	{
		uint32	   *link = &buckets[i];

		while (*link != 0)
		{
			CqEntry    *entry = entry_at(engine, *link);

			if (is_expired(entry, now_ms))
			{
				uint32		number = unlink_entry(engine, link);

				entry->chain = removed;
				removed = number;
				continue;
			}
			if (entry->expires_ms != 0 && entry->expires_ms < bound)
				bound = entry->expires_ms;
			link = &entry->chain;
		}
	}
	pg_atomic_write_u64(group_bound(engine, group), bound);
	cq_lock_release(lock);

	while (removed != 0)
	{
		uint32		number = removed;

		removed = entry_at(engine, number)->chain;
		free_entry(engine, number);
		pg_atomic_fetch_add_u64(&engine->expirations, 1);
	}
}

int64
cq_engine_expire(CqEngine *engine, int64 now_ms)
{
	int64		bound = CQ_NEVER;
	uint64		sweep;

	/*
	 * What was lowered before this was lowered in its group before, and is
	 * seen there below.
	 */
	SpinLockAcquire(&engine->expiry_mutex);
	sweep = ++engine->sweeps;
	engine->lowered_bound = CQ_NEVER;
	SpinLockRelease(&engine->expiry_mutex);

	for (uint32 group = 0; group < engine->ngroups; group++)
	{
		int64		left = pg_atomic_read_u64(group_bound(engine, group));

		if (left <= now_ms)
		{
			expire_group(engine, group, now_ms);
			left = pg_atomic_read_u64(group_bound(engine, group));
		}
		bound = Min(bound, left);
	}

	SpinLockAcquire(&engine->expiry_mutex);
	if (engine->sweeps == sweep)
		pg_atomic_write_u64(&engine->bound,
							Min(bound, engine->lowered_bound));
	SpinLockRelease(&engine->expiry_mutex);

	return cq_engine_next_expiry(engine);
}

int64
cq_engine_next_expiry(CqEngine *engine)
{
	int64		bound = pg_atomic_read_u64(&engine->bound);

	return bound == CQ_NEVER ? 0 : bound;
}
