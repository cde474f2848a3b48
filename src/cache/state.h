/*-------------------------------------------------------------------------
 *
 * state.h
 *	  The shared state of the cache: its engine, and what belongs to no other
 *	  part.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_STATE_H
#define CQ_CACHE_STATE_H

#include "cache/engine/engine.h"
#include "core/transfer.h"
#include "port/atomics.h"

#define CQ_CLEAR_COUNTS 1024

typedef struct CqCacheState
{
	pg_atomic_uint64 f0;		/* see view.c; 0: not known yet */
	uint64		lease_salt;		/* random, of this server start; constant */
	pg_atomic_uint64 lease_base;	/* see lease.c; 0: not known yet */
	int			tranche;		/* of the cache's LWLocks; constant */

	/*
	 * When the maintenance worker will look for expired entries next, 0:
	 * never. Other processes only lower it (maintain.c).
	 */
	pg_atomic_uint64 planned_expiry_ms;

	/* deletes of prepared transactions (prepared.c): largest id, how many */
	pg_atomic_uint64 prepared_xid;
	pg_atomic_uint64 prepared_changes;

	/* how often namespaces have been cleared, by hash (key.c) */
	pg_atomic_uint64 clears[CQ_CLEAR_COUNTS];
} CqCacheState;

/* Set before any process is forked.  Private to src/cache. */
extern CqCacheState *cq_cache_state;
extern CqEngine *cq_cache_engine_started;	/* private to the inline */

static inline CqEngine *
cq_cache_engine(void)
{
	return cq_cache_engine_started;
}

extern Size cq_cache_state_size(void);

/* In the postmaster, once; what _start_empty sets is not valid yet. */
extern void cq_cache_state_init(void *mem);

/* Start with an empty cache, and no knowledge of an earlier one. */
extern void cq_cache_state_start_empty(void);

/*
 * Transfer the state without what is valid for one server start only, and
 * without the engine.
 */
extern bool cq_cache_state_transfer(CqTransfer transfer, void *arg);

#endif							/* CQ_CACHE_STATE_H */
