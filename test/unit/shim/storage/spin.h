/* storage/spin.h of the server, as far as the cache engine uses it */
#ifndef CQ_SHIM_SPIN_H
#define CQ_SHIM_SPIN_H

#include <sched.h>

typedef unsigned char slock_t;

#define SpinLockInit(lock) __atomic_clear(lock, __ATOMIC_RELEASE)
#define SpinLockRelease(lock) __atomic_clear(lock, __ATOMIC_RELEASE)

static inline void
SpinLockAcquire(slock_t *lock)
{
	while (__atomic_test_and_set(lock, __ATOMIC_ACQUIRE))
		sched_yield();
}

#endif							/* CQ_SHIM_SPIN_H */
