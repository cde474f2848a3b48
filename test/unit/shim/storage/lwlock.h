/*
 * storage/lwlock.h of the server, as far as stand-alone builds use it, on
 * pthread locks that work between processes.
 */
#ifndef CQ_SHIM_LWLOCK_H
#define CQ_SHIM_LWLOCK_H

#include <pthread.h>

typedef struct LWLock
{
	pthread_rwlock_t rwlock;
#ifdef USE_ASSERT_CHECKING
	pid_t		process;		/* that holds it exclusively; 0: none */
	pthread_t	thread;
#endif
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
#ifdef USE_ASSERT_CHECKING
	lock->process = 0;
#endif
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
#ifdef USE_ASSERT_CHECKING
	if (mode == LW_EXCLUSIVE)
	{
		lock->process = getpid();
		lock->thread = pthread_self();
	}
#endif
	return true;
}

static inline void
LWLockRelease(LWLock *lock)
{
#ifdef USE_ASSERT_CHECKING
	lock->process = 0;
#endif
	if (pthread_rwlock_unlock(&lock->rwlock) != 0)
		abort();
}

#ifdef USE_ASSERT_CHECKING
/* Who holds a lock in shared mode is not known: anybody may. */
static inline bool
LWLockHeldByMeInMode(LWLock *lock, LWLockMode mode)
{
	if (mode == LW_SHARED)
		return true;
	return lock->process == getpid() && pthread_equal(lock->thread, pthread_self());
}

#define LWLockHeldByMe(lock) LWLockHeldByMeInMode(lock, LW_SHARED)
#endif

#endif							/* CQ_SHIM_LWLOCK_H */
