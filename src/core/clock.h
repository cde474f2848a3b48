/*-------------------------------------------------------------------------
 *
 * clock.h
 *	  The two clocks.
 *
 * What only lives in shared memory (time to live of a cache entry, a lease)
 * is measured by the monotonic clock, so that stepping the system time never
 * serves an expired value nor ends a lease early.  When the cache outlives a
 * restart, that clock goes on where it was, by the system time that has passed
 * since; the machine may have been started anew.  What is stored in tables
 * (due times, time of sending) is a timestamptz.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_CLOCK_H
#define CQ_CORE_CLOCK_H

#include <time.h>

/*
 * Added to the machine's clock.  Set by the postmaster when it finds a saved
 * cache (cache/warm.c), before there is any other process; constant then.
 */
extern int64 cq_clock_shift_ms;

/* Milliseconds of CLOCK_MONOTONIC, shifted; the same in all processes. */
static inline int64
cq_clock_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64) ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + cq_clock_shift_ms;
}

/* The same for an interval from now that must not end early: rounded up. */
static inline int64
cq_clock_ms_after(int64 ms)
{
	return cq_clock_ms() + 1 + ms;
}

#endif							/* CQ_CORE_CLOCK_H */
