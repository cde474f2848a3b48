/*-------------------------------------------------------------------------
 *
 * step.c
 *	  The transactions of maintenance, and whose turn it is.
 *
 * Maintenance is a sequence of transactions, and what one of them has done to
 * the tables is noted in shared memory after it: so two passes at a time would
 * mistake each other's work.  An advisory lock that outlives transactions keeps
 * them apart.  The worker only tries for it; it has other things to do.
 *
 * The worker starts its transactions itself.  In a procedure there always is
 * one, and SPI ends it and starts the next.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/locktags.h"
#include "core/step.h"
#include "executor/spi.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

static bool by_hand = false;
static MemoryContext caller_context;

void
cq_step_start(void)
{
	if (by_hand)
		caller_context = MemoryContextSwitchTo(TopTransactionContext);
	else
		StartTransactionCommand();
	/* the caller's default may be a higher level */
	XactIsoLevel = XACT_READ_COMMITTED;
	PushActiveSnapshot(GetTransactionSnapshot());
}

void
cq_step_commit(void)
{
	PopActiveSnapshot();
	if (by_hand)
	{
		MemoryContextSwitchTo(caller_context);
		SPI_commit();
	}
	else
		CommitTransactionCommand();
}

bool
cq_step_by_hand(void)
{
	return by_hand;
}

bool
cq_step_run_alone(void (*run) (void), bool hand)
{
	LOCKTAG		tag = cq_lock_tag(CQ_LOCK_MAINTENANCE, 0, CQ_LOCK_MAINTENANCE_NUMBER);

	if (hand)
	{
		SPI_connect_ext(SPI_OPT_NONATOMIC);
		SPI_commit();
	}
	if (LockAcquire(&tag, ExclusiveLock, true, !hand) == LOCKACQUIRE_NOT_AVAIL)
		return false;

	PG_TRY();
	{
		by_hand = hand;
		run();
	}
	PG_FINALLY();
	{
		by_hand = false;
		LockRelease(&tag, ExclusiveLock, true);
	}
	PG_END_TRY();
	if (hand)
		SPI_finish();
	return true;
}
