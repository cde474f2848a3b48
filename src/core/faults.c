/*-------------------------------------------------------------------------
 *
 * faults.c
 *	  Where debug builds wait: for a test, or for what they should not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/faults.h"
#include "fmgr.h"
#include "utils/fmgrprotos.h"

#ifdef CQ_FAULTS
void
cq_fault_lock(uint64 what)
{
	(void) DirectFunctionCall1(pg_advisory_xact_lock_int8,
							   Int64GetDatum((int64) what));
}

void
cq_pause(const char *name)
{
	Datum		key = Int64GetDatum(CQ_PAUSE_LOCK);

	if (cq_pause_at == NULL || strcmp(cq_pause_at, name) != 0)
		return;
	(void) DirectFunctionCall1(pg_advisory_lock_shared_int8, key);
	(void) DirectFunctionCall1(pg_advisory_unlock_shared_int8, key);
}
#endif
