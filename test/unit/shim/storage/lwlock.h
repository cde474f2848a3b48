/*
 * storage/lwlock.h of the server, as far as the cache engine uses it, on
 * pthread locks that work between processes.
 */
#ifndef CQ_SHIM_LWLOCK_H
#define CQ_SHIM_LWLOCK_H

#include <pthread.h>

typedef struct LWLock
{
	pthread_rwlock_t rwlock;
} LWLock;

typedef union LWLockPadded
{
	LWLock		lock;
	char		pad[PG_CACHE_LINE_SIZE];
} LWLockPadded;

typedef enum LWLockMode
{
	LW_EXCLUSIVE,
	LW_SHARED
} LWLockMode;

static inline void
LWLockInitialize(LWLock *lock, int tranche)
{
	pthread_rwlockattr_t attr;

	(void) tranche;
	pthread_rwlockattr_init(&attr);
	pthread_rwlockattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	if (pthread_rwlock_init(&lock->rwlock, &attr) != 0)
		abort();
	pthread_rwlockattr_destroy(&attr);
}

static inline bool
LWLockAcquire(LWLock *lock, LWLockMode mode)
{
	if ((mode == LW_SHARED ? pthread_rwlock_rdlock(&lock->rwlock)
		 : pthread_rwlock_wrlock(&lock->rwlock)) != 0)
		abort();
	return true;
}

static inline void
LWLockRelease(LWLock *lock)
{
	if (pthread_rwlock_unlock(&lock->rwlock) != 0)
		abort();
}

#endif							/* CQ_SHIM_LWLOCK_H */
