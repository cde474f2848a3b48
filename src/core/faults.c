/*-------------------------------------------------------------------------
 *
 * faults.c
 *	  Where debug builds wait for a test.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/faults.h"
#include "fmgr.h"
#include "utils/fmgrprotos.h"

#ifdef CQ_FAULTS
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
