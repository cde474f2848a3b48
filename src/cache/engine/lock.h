/*-------------------------------------------------------------------------
 *
 * lock.h
 *	  The short locks of the cache engine.
 *
 * A CqLock is an LWLock on a cache line of its own.  There are two levels: a
 * process that holds the allocator's lock may take the lock of one partition,
 * but not the other way round.  Below both come only spinlocks.  Builds with
 * assertions check the order.  A process that holds one does not allocate
 * memory, raise an error, make a system call or wait.
 *
 * Without the server, test/unit/shim implements LWLocks by process-shared
 * pthread locks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_LOCK_H
#define CQ_CACHE_ENGINE_LOCK_H

#include "storage/lwlock.h"

typedef LWLockPadded CqLock;

/* one bit each, in the order of acquisition */
typedef enum CqLockLevel
{
	CQ_LEVEL_ALLOCATOR = 1,
	CQ_LEVEL_PARTITION = 2
} CqLockLevel;

#ifdef USE_ASSERT_CHECKING
/* Before a lock of this level is taken, after it is taken or released. */
extern void cq_lock_check_order(CqLockLevel level);
extern void cq_lock_note(CqLockLevel level, bool held);
#else
#define cq_lock_check_order(level) ((void) 0)
#define cq_lock_note(level, held) ((void) 0)
#endif

static inline void
cq_lock_init(CqLock *lock, int tranche)
{
	LWLockInitialize(&lock->lock, tranche);
}

static inline void
cq_lock_acquire(CqLock *lock, CqLockLevel level, LWLockMode mode)
{
	cq_lock_check_order(level);
	LWLockAcquire(&lock->lock, mode);
	cq_lock_note(level, true);
}

static inline void
cq_lock_release(CqLock *lock, CqLockLevel level)
{
	cq_lock_note(level, false);
	LWLockRelease(&lock->lock);
}

#endif							/* CQ_CACHE_ENGINE_LOCK_H */
