/*-------------------------------------------------------------------------
 *
 * args.c
 *	  Checking what users pass in.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "common/int.h"
#include "core/args.h"
#include "core/catalog.h"
#include "core/limits.h"
#include "utils/array.h"
#include "utils/builtins.h"

void
cq_arg_not_null(FunctionCallInfo fcinfo, int n, const char *name)
{
	/* a function of an older version of the extension's script has fewer */
	if (n >= PG_NARGS())
		cq_version_error();
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
}

char *
cq_arg_text(FunctionCallInfo fcinfo, int n, const char *name)
{
	cq_arg_not_null(fcinfo, n, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(n));
}

void
cq_arg_trigger(FunctionCallInfo fcinfo, const char *name)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("cq.%s() is a trigger function", name)));
}

Datum *
cq_arg_elements(FunctionCallInfo fcinfo, int n, const char *name, int *nelements)
{
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;

	cq_arg_not_null(fcinfo, n, name);
	array = PG_GETARG_ARRAYTYPE_P(n);
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT,
					  &elements, &nulls, nelements);
	for (int i = 0; i < *nelements; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not contain null", name)));
	}
	return elements;
}

void
cq_check_name(const char *what, Size bytes, int bytes_max)
{
	if (bytes == 0 || bytes > bytes_max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must have 1 to %d bytes, not %zu", what, bytes_max, bytes)));
}

void
cq_check_length(const char *what, Size bytes, int bytes_max)
{
	if (bytes > bytes_max)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("%s must have at most %d bytes, not %zu", what, bytes_max, bytes)));
}

int64
cq_interval_ms(const Interval *interval, int64 min_ms, const char *name)
{
	int64		days;
	int64		us;
	int64		ms;
	bool		bad = false;

#ifdef INTERVAL_NOT_FINITE
	bad = INTERVAL_NOT_FINITE(interval);
#endif
	days = (int64) interval->month * DAYS_PER_MONTH + interval->day;
	if (bad ||
		pg_mul_s64_overflow(days, USECS_PER_DAY, &us) ||
		pg_add_s64_overflow(us, interval->time, &us))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be finite and at most 100 years", name)));

	ms = us / 1000 + (us % 1000 > 0 ? 1 : 0);
	if (us < 0 || ms < min_ms)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 min_ms > 0
				 ? errmsg("%s must be greater than zero", name)
				 : errmsg("%s must not be negative", name)));
	if (ms > CQ_INTERVAL_MS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be finite and at most 100 years", name)));
	return ms;
}
