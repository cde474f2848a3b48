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

/* A text argument, palloc'd; raises as cq_arg_not_null does. */
extern char *cq_arg_text(FunctionCallInfo fcinfo, int n, const char *name);

/* Raises 39P01 unless the function, cq.<name>, is called as a trigger. */
extern void cq_arg_trigger(FunctionCallInfo fcinfo, const char *name);

/*
 * The elements of an array argument of text, jsonb or the like.  Raises 22004 when
 * it is NULL or has a NULL in it.
 */
extern Datum *cq_arg_elements(FunctionCallInfo fcinfo, int n, const char *name,
							  int *nelements);

/* Raises 22023 unless a name has 1 to bytes_max bytes; what: the parameter's. */
extern void cq_check_name(const char *what, Size bytes, int bytes_max);

/* Raises 54000 when a value has more than bytes_max bytes. */
extern void cq_check_length(const char *what, Size bytes, int bytes_max);

/*
 * An interval as milliseconds, rounded up; a month counts 30 days, as in
 * PostgreSQL's own comparison of intervals.  Raises 22023 for infinite ones,
 * for those below min_ms and for those above CQ_INTERVAL_MS_MAX; name is the
 * parameter's.
 */
extern int64 cq_interval_ms(const Interval *interval, int64 min_ms,
							const char *name);

#endif							/* CQ_CORE_ARGS_H */
