/*-------------------------------------------------------------------------
 *
 * clock.c
 *	  How the monotonic clock goes on over a restart.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"

int64		cq_clock_shift_ms = 0;
