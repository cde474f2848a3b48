/*-------------------------------------------------------------------------
 *
 * lock.h
 *	  The short locks of the cache engine.
 *
 * A CqLock is an LWLock on a cache line of its own.  The engine's lock order
 * is that a process holds one CqLock at most, and below it only spinlocks;
 * builds with assertions check the first half here.  While one is held there
 * is no allocation, no error, no system call and no wait.
 *
 * Without the server, test/unit/shim supplies LWLocks made of a process-shared
 * pthread lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_LOCK_H
#define CQ_LOCK_H

#include "storage/lwlock.h"

typedef LWLockPadded CqLock;

#ifdef USE_ASSERT_CHECKING
extern int	cq_locks_held;		/* by this process */
#endif

static inline void
cq_lock_init(CqLock *lock, int tranche)
{
	LWLockInitialize(&lock->lock, tranche);
}

static inline void
cq_lock_acquire(CqLock *lock, LWLockMode mode)
{
#ifdef USE_ASSERT_CHECKING
	Assert(cq_locks_held == 0);
#endif
	LWLockAcquire(&lock->lock, mode);
#ifdef USE_ASSERT_CHECKING
	cq_locks_held++;
#endif
}

static inline void
cq_lock_release(CqLock *lock)
{
#ifdef USE_ASSERT_CHECKING
	Assert(cq_locks_held == 1);
	cq_locks_held--;
#endif
	LWLockRelease(&lock->lock);
}

#endif							/* CQ_LOCK_H */
