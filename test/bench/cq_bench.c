/*-------------------------------------------------------------------------
 *
 * cq_bench.c
 *	  What the benchmarks need inside the server: the floor that cache_get is
 *	  compared with, and how much processor time a session has used.
 *
 * Built and loaded by test/bench/run alone; no part of the extension.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/resource.h>

#include "fmgr.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(cq_bench_identity);
PG_FUNCTION_INFO_V1(cq_bench_cpu_us);

/* text → text: its argument. */
Datum
cq_bench_identity(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* → bigint: user and system time of this server process, in µs. */
Datum
cq_bench_cpu_us(PG_FUNCTION_ARGS)
{
	struct rusage usage;

	if (getrusage(RUSAGE_SELF, &usage) != 0)
		ereport(ERROR, (errmsg("could not read the processor time: %m")));
	PG_RETURN_INT64((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64CONST(1000000) +
					usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}
