/*-------------------------------------------------------------------------
 *
 * args.h
 *	  Checking what users pass in.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_ARGS_H
#define CQ_CORE_ARGS_H

#include "fmgr.h"
#include "utils/timestamp.h"

/*
 * Raises 22004 if the argument is NULL; name is the parameter's.  Raises 55000
 * when the function has no such argument, being of an older version.
 */
extern void cq_arg_not_null(FunctionCallInfo fcinfo, int n, const char *name);

/*
 * An interval as milliseconds, rounded up; a month counts 30 days, as in
 * PostgreSQL's own comparison of intervals.  Raises 22023 for infinite ones,
 * for those below min_ms and for those above CQ_INTERVAL_MS_MAX; name is the
 * parameter's.
 */
extern int64 cq_interval_ms(const Interval *interval, int64 min_ms,
							const char *name);

#endif							/* CQ_CORE_ARGS_H */
