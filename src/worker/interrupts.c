/*-------------------------------------------------------------------------
 *
 * interrupts.c
 *	  What launcher and maintenance worker do each time they wake up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "worker/interrupts.h"

void
cq_worker_handle_interrupts(int exit_code)
{
	if (ShutdownRequestPending)
		proc_exit(exit_code);

	/* nothing is running that pg_cancel_backend() could cancel */
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();

	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	/* a sleeper must not hold up the queue of invalidations */
	AcceptInvalidationMessages();
}
