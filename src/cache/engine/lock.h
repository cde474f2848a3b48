/*-------------------------------------------------------------------------
 *
 * lock.h
 *	  The short locks of the cache engine.
 *
 * A CqLock is an LWLock on a cache line of its own.  There are two levels: a
 * process that holds the allocator's lock may take one partition's lock, not
 * the other way round, and below both only spinlocks; builds with assertions
 * check that here.  While one is held there is no allocation, no error, no
 * system call and no wait.
 *
 * Without the server, test/unit/shim supplies LWLocks made of a process-shared
 * pthread lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_LOCK_H
#define CQ_CACHE_ENGINE_LOCK_H

#include "storage/lwlock.h"

typedef LWLockPadded CqLock;

typedef enum CqLockLevel
{
	CQ_LEVEL_ALLOCATOR = 1,
	CQ_LEVEL_PARTITION = 2
} CqLockLevel;

#ifdef USE_ASSERT_CHECKING
extern int	cq_levels_held;		/* by this process, one bit each */
#endif

static inline void
cq_lock_init(CqLock *lock, int tranche)
{
	LWLockInitialize(&lock->lock, tranche);
}

static inline void
cq_lock_acquire(CqLock *lock, CqLockLevel level, LWLockMode mode)
{
#ifdef USE_ASSERT_CHECKING
	Assert(cq_levels_held < (int) level);
#endif
	LWLockAcquire(&lock->lock, mode);
#ifdef USE_ASSERT_CHECKING
	cq_levels_held |= level;
#endif
}

static inline void
cq_lock_release(CqLock *lock, CqLockLevel level)
{
#ifdef USE_ASSERT_CHECKING
	Assert((cq_levels_held & level) != 0);
	cq_levels_held &= ~level;
#endif
	LWLockRelease(&lock->lock);
}

#endif							/* CQ_CACHE_ENGINE_LOCK_H */
