/*-------------------------------------------------------------------------
 *
 * xact.c
 *	  The cache's transaction callbacks.
 *
 *	PRE_COMMIT	 log the operations of write-behind (tables/write_behind_log.c),
 *				 open the window of DDL, push the marks, then check and prepare the pending sets
 *	COMMIT		 publish them
 *	PRE_PREPARE  push the marks.  They carry the transaction's id, so nothing is
 *				 left to do at COMMIT or ROLLBACK PREPARED, which may run in
 *				 another session, after a restart, or never
 *				 Plain entries have no marks: plain sets of what the
 *				 transaction deletes are refused until it has ended (prepared.c)
 *	PREPARE		 delete plain entries, drop the pending sets
 *	ABORT		 drop everything
 *
 * Code that runs before the commit record is written may raise; code that runs
 * after it allocates nothing and cannot fail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/ddl_window.h"
#include "cache/marks.h"
#include "cache/misses.h"
#include "cache/pending.h"
#include "cache/query_levels.h"
#include "cache/xact.h"
#include "core/faults.h"
#include "core/shmem.h"

void		(*cq_log_behind_hook) (void) = NULL;

/* Has the transaction changed a namespace with write-behind? */
static bool
table_follows(void)
{
	int			position = 0;

	return cq_pending_next_behind(&position) != NULL;
}

/* Between here and the end of the window others may know of DDL only by halves. */
static void
open_ddl_window(void)
{
	FullTransactionId xid = GetTopFullTransactionIdIfAny();

	if (cq_marks_any_barrier() && FullTransactionIdIsValid(xid))
		cq_ddl_window_open(U64FromFullTransactionId(xid));
}

static void
forget_all(void)
{
	cq_pending_forget();
	cq_marks_forget();
	cq_misses_end_transaction();
	(void) cq_query_levels_unwind(0);
}

static void
at_transaction(XactEvent event, void *arg)
{
	if (cq_shared == NULL)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
			if (table_follows())
				cq_log_behind_hook();
			cq_pending_take_id();
			open_ddl_window();
			if (!CQ_FAULT("mark-at-commit"))
				cq_marks_push_all();
			cq_pending_prepare_all();
			break;
		case XACT_EVENT_PRE_PREPARE:
			if (table_follows())
				ereport(ERROR,
						(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						 errmsg("cannot prepare a transaction that has changed a write-behind namespace")));
			cq_pending_lock_deleted();
			cq_marks_push_all();
			break;
		case XACT_EVENT_COMMIT:
			CQ_PAUSE("ddl-window");
			if (CQ_FAULT("mark-at-commit") &&
				TransactionIdIsValid(GetTopTransactionIdIfAny()))
			{
				pg_usleep(2000000); /* long enough for a test to notice */
				cq_marks_push_all();
			}
			cq_pending_publish_all();
			forget_all();
			break;
		case XACT_EVENT_ABORT:
			cq_marks_abort(cq_query_levels_unwind(0));
			forget_all();
			break;
		case XACT_EVENT_PREPARE:
			cq_pending_publish_deletes();
			forget_all();
			break;
		case XACT_EVENT_PARALLEL_PRE_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_PARALLEL_ABORT:
			break;
	}
}

static void
at_subtransaction(SubXactEvent event, SubTransactionId id,
				  SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	switch (event)
	{
		case SUBXACT_EVENT_START_SUB:
			cq_marks_subxact_start(level);
			break;
		case SUBXACT_EVENT_COMMIT_SUB:
			cq_pending_subxact_commit(level);
			cq_marks_subxact_commit(level);
			break;
		case SUBXACT_EVENT_ABORT_SUB:
			cq_pending_subxact_abort(level);
			cq_marks_subxact_abort(level, cq_query_levels_unwind(level));
			break;
		case SUBXACT_EVENT_PRE_COMMIT_SUB:
			break;
	}
}

void
cq_cache_register_callbacks(void)
{
	RegisterXactCallback(at_transaction, NULL);
	RegisterSubXactCallback(at_subtransaction, NULL);
}
