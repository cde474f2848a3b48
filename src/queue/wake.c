/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  Waking whom a change of a queue's row concerns.
 *
 * The dispatcher only says in CqEffects whom to wake.  That happens when the
 * row's lock has been released, or those who wake would run into it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/dbworker.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/wake.h"

void
cq_row_unlock(CqQueueRow *row, CqEffects *effects)
{
	Oid			database = row->key.database;

	cq_row_plan_notify(row, effects);
	LWLockRelease(&row->lock);
	if (effects->ready > CQ_SIGNALS_MAX)
		ConditionVariableBroadcast(&row->ready_cv);
	else
	{
		for (uint32 i = 0; i < effects->ready; i++)
			ConditionVariableSignal(&row->ready_cv);
	}
	if (effects->scan_ended)
		ConditionVariableBroadcast(&row->scan_cv);
	if (effects->space)
		ConditionVariableBroadcast(&row->space_cv);
	if (effects->worker)
		cq_dbworker_wake(database);
}
