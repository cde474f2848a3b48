/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  Waking the sessions that a change of a queue's state concerns.
 *
 * The dispatcher notes in CqEffects which sessions to wake.  They are woken after the
 * queue's lock has been released; otherwise they would wait for it at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/dbworker.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/wake.h"

void
cq_queue_unlock(CqQueueState *queue, CqEffects *effects)
{
	Oid			database = queue->key.database;

	cq_dispatch_plan_notify(queue, effects);
	LWLockRelease(&queue->lock);
	if (effects->ready > CQ_SIGNALS_MAX)
		ConditionVariableBroadcast(&queue->ready_cv);
	else
	{
		for (uint32 i = 0; i < effects->ready; i++)
			ConditionVariableSignal(&queue->ready_cv);
	}
	if (effects->scan_ended)
		ConditionVariableBroadcast(&queue->scan_cv);
	if (effects->space)
		ConditionVariableBroadcast(&queue->space_cv);
	if (effects->worker)
		cq_dbworker_wake(database);
}
