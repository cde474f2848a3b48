/*
 * core/clock.h for stand-alone builds: the clock that a test sets, or else the
 * machine's
 */
#ifndef CQ_SHIM_CLOCK_H
#define CQ_SHIM_CLOCK_H

#include <time.h>

extern int64 cq_test_clock_ms;	/* 0: the machine's clock */

static inline int64
cq_clock_ms(void)
{
	struct timespec ts;

	if (cq_test_clock_ms != 0)
		return cq_test_clock_ms;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static inline int64
cq_clock_ms_after(int64 ms)
{
	return cq_clock_ms() + 1 + ms;
}

#endif							/* CQ_SHIM_CLOCK_H */
