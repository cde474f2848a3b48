/*-------------------------------------------------------------------------
 *
 * state.c
 *	  The shared state of the cache: its engine, and what belongs to no other
 *	  part.
 *
 * Locking: all fields are constant or atomic.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/state.h"
#include "core/compat.h"
#include "core/settings.h"
#include "core/shmem.h"

CqCacheState *cq_cache_state = NULL;
CqEngine   *cq_cache_engine_started = NULL;

Size
cq_cache_state_size(void)
{
	return sizeof(CqCacheState);
}

void
cq_cache_state_init(void *mem)
{
	cq_cache_state = mem;
	memset(mem, 0, sizeof(CqCacheState));
	if (!pg_strong_random(&cq_cache_state->lease_salt,
						  sizeof(cq_cache_state->lease_salt)))
		elog(FATAL, "could not get random numbers for cachequeue");
	cq_cache_state->tranche = cq_lwlock_tranche("cachequeue_cache");
}

void
cq_cache_state_start_empty(void)
{
	pg_atomic_init_u64(&cq_cache_state->f0, 0);
	pg_atomic_init_u64(&cq_cache_state->lease_base, 0);
	pg_atomic_init_u64(&cq_cache_state->planned_expiry_ms, 0);
	pg_atomic_init_u64(&cq_cache_state->prepared_xid, 0);
	pg_atomic_init_u64(&cq_cache_state->prepared_changes, 0);
	for (int i = 0; i < CQ_CLEAR_COUNTS; i++)
		pg_atomic_init_u64(&cq_cache_state->clears[i], 0);
	cq_cache_engine_started = cq_engine_init(CQ_SHARED_PART(engine),
											 (Size) cq_cache_memory_kb * 1024,
											 cq_cache_state->tranche);
}

bool
cq_cache_state_transfer(CqTransfer transfer, void *arg)
{
	return transfer(&cq_cache_state->f0, sizeof(cq_cache_state->f0), arg) &&
		transfer(&cq_cache_state->prepared_xid,
				 sizeof(cq_cache_state->prepared_xid), arg) &&
		transfer(cq_cache_state->clears, sizeof(cq_cache_state->clears), arg);
}
