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
	Size		len = strlen(name);
	Datum		key;

	if (cq_pause_at == NULL || strncmp(cq_pause_at, name, len) != 0)
		return;
	if (cq_pause_at[len] != '\0' && cq_pause_at[len] != ':')
		return;
	key = Int64GetDatum(cq_pause_at[len] == ':' ? atoi(cq_pause_at + len + 1)
						: CQ_PAUSE_LOCK);
	(void) DirectFunctionCall1(pg_advisory_lock_shared_int8, key);
	(void) DirectFunctionCall1(pg_advisory_unlock_shared_int8, key);
}
#endif
