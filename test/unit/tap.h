/*-------------------------------------------------------------------------
 *
 * tap.h
 *	  Checks, and a line of TAP for each test.
 *
 * A test is a function that CHECKs; run_test makes one line of TAP of it,
 * without a number: test/unit/run numbers the lines of all programs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TAP_H
#define CQ_TAP_H

#include "core/settings.h"

char	   *cq_fault = NULL;	/* see core/faults.h */
int64		cq_clock_shift_ms = 0;	/* see core/clock.h ... */
int64		cq_test_clock_ms = 0;	/* ... and the shim's */

static int	failed_checks = 0;	/* of the current test */
static int	failed_tests = 0;

#define CHECK(condition) \
	((condition) ? (void) 0 : check_failed(__FILE__, __LINE__, #condition))

static inline void
check_failed(const char *file, int line, const char *condition)
{
	/* a broken loop need not print thousands of lines */
	if (failed_checks++ < 10)
		printf("# %s:%d: %s\n", file, line, condition);
	fflush(stdout);
}

static inline void
run_test(const char *name, void (*test) (void))
{
	failed_checks = 0;
	test();
	printf("%s - %s\n", failed_checks == 0 ? "ok" : "not ok", name);
	fflush(stdout);
	failed_tests += failed_checks != 0;
}

#endif							/* CQ_TAP_H */
