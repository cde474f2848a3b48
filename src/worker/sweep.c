/*-------------------------------------------------------------------------
 *
 * sweep.c
 *	  Definitions whose carriers were dropped while event triggers were off.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/object.h"
#include "core/step.h"
#include "exchange/admin.h"
#include "tables/namespace_admin.h"
#include "topic/sweep.h"
#include "utils/guc.h"
#include "worker/sweep.h"

/* how often the worker looks, at most */
#define SWEEP_MS 10000

/* how long it waits for a lock */
#define LOCK_TIMEOUT "1s"

/*
 * A transaction that creates or drops objects, and does not end, does not hold it up
 * for longer than LOCK_TIMEOUT.
 */
int64
cq_objects_maintain(void)
{
	static uint64 swept_epoch = 0;
	static int64 swept_ms = 0;
	int64		now = cq_clock_ms();

	if (swept_ms != 0 && now - swept_ms < SWEEP_MS)
		return swept_ms + SWEEP_MS;
	swept_ms = now;
	cq_step_start();			/* accepts invalidations of relations */
	if (cq_object_epoch() != swept_epoch)
	{
		uint64		epoch = cq_object_epoch();

		(void) set_config_option("lock_timeout", LOCK_TIMEOUT, PGC_SUSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
		cq_exchanges_sweep();
		cq_topics_sweep();
		cq_namespaces_sweep(NIL);
		swept_epoch = epoch;
	}
	cq_step_commit();
	return 0;
}
