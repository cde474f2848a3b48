/*-------------------------------------------------------------------------
 *
 * chores.c
 *	  Maintenance of the objects of a database, one after another.
 *
 * An error in one object must not keep the others from their maintenance.  The
 * worker catches it, aborts the transaction, reports a warning, and leaves the
 * object alone for CQ_CHORE_RETRY_MS.  A procedure that maintains by hand
 * (step.c) stops at the first error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "core/chores.h"
#include "core/clock.h"
#include "core/definitions.h"
#include "core/shmem.h"
#include "core/step.h"
#include "miscadmin.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

/* the worker's next try while a procedure maintains */
#define OTHERS_MS 50

/* what the pass is over, and when there is something to do again */
static CqChores *current;
static int64 next_look;

static void
pass(void)
{
	uint64		epoch = cq_definitions_epoch(current->kind);
	int			n = current->count();

	if (current->synced != epoch)
	{
		current->sync();
		current->synced = epoch;
	}
	next_look = PG_INT64_MAX;
	for (int i = 0; i < n; i++)
	{
		int64		at;

		CHECK_FOR_INTERRUPTS();
		at = current->maintain(i);
		next_look = Min(next_look, at);
	}
}

int64
cq_chores_run(CqChores *chores)
{
	if (cq_shared == NULL || RecoveryInProgress())
		return 0;
	current = chores;
	if (!cq_step_run_alone(pass, false))
		return cq_clock_ms() + OTHERS_MS;
	return (next_look == PG_INT64_MAX) ? 0 : Max(next_look, 1);
}

void
cq_chores_run_by_hand(CqChores *chores, const char *function)
{
	cq_require_shared();
	PreventCommandDuringRecovery(function);
	current = chores;
	(void) cq_step_run_alone(pass, true);
}

ErrorData *
cq_chore_run(void (*work) (void *arg), void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	if (cq_step_by_hand())
	{
		work(arg);
		return NULL;
	}
	PG_TRY();
	{
		work(arg);
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		LWLockReleaseAll();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return error;
}

void
cq_chore_warn(const ErrorData *error, const char *what)
{
	ereport(WARNING,
			(errcode(error->sqlerrcode),
			 errmsg("maintenance of %s failed: %s", what, error->message),
			 errhint("It will be tried again in %d seconds.", CQ_CHORE_RETRY_MS / 1000)));
}

void
cq_chore_probe(void (*work) (const void *arg), const void *arg)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		work(arg);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
}
