/*-------------------------------------------------------------------------
 *
 * age.c
 *	  The age of what a snapshot shows.
 *
 * A time to live counts from when the data was read.  That is when the snapshot was
 * taken, however late the query is run.  A snapshot does not say when that was, so
 * the latest time counts that was certainly not after it:
 *
 *	REPEATABLE READ			the start of the transaction
 *	that of a portal		the portal's creation: a cursor may be fetched from
 *							long after it was opened, a statement may run for long
 *	any other				now: it was taken for a statement within a function
 *							(if that runs for long, its begin is not known)
 *	imported				none; the exporting session may have had it for days
 *
 * A snapshot is imported by SET TRANSACTION SNAPSHOT, which a hook notices.  Parallel
 * workers import their leader's, but do not run cached queries; a replication command
 * with USE_SNAPSHOT makes one that is newer than the transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/clock.h"
#include "core/faults.h"
#include "nodes/parsenodes.h"
#include "cache/age.h"
#include "tcop/pquery.h"
#include "tcop/utility.h"
#include "utils/portal.h"
#include "utils/timestamp.h"

static ProcessUtility_hook_type next_process_utility = NULL;

/* start of the last transaction that has imported a snapshot */
static TimestampTz importer_start = 0;

static bool
imports_snapshot(Node *stmt)
{
	return IsA(stmt, VariableSetStmt) &&
		castNode(VariableSetStmt, stmt)->kind == VAR_SET_MULTI &&
		strcmp(castNode(VariableSetStmt, stmt)->name, "TRANSACTION SNAPSHOT") == 0;
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string,
				bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_env,
				DestReceiver *dest, QueryCompletion *completion)
{
	if (imports_snapshot(pstmt->utilityStmt))
		importer_start = GetCurrentTransactionStartTimestamp();

	if (next_process_utility)
		next_process_utility(pstmt, query_string, read_only_tree, context,
							 params, query_env, dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context,
								params, query_env, dest, completion);
}

bool
cq_snapshot_imported(void)
{
	return IsolationUsesXactSnapshot() &&
		GetCurrentTransactionStartTimestamp() == importer_start;
}

int64
cq_snapshot_taken_ms(Snapshot snapshot)
{
	TimestampTz taken;
	TimestampTz age_us;

	if (cq_snapshot_imported() && !CQ_FAULT("no-import"))
		return CQ_TAKEN_UNKNOWN;
	if (IsolationUsesXactSnapshot())
		taken = GetCurrentTransactionStartTimestamp();
	else if (ActivePortal != NULL && ActivePortal->queryDesc != NULL &&
			 ActivePortal->queryDesc->snapshot == snapshot)
		taken = ActivePortal->creation_time;
	else
		return cq_clock_ms();
	age_us = GetCurrentTimestamp() - taken;
	return cq_clock_ms() - (Max(age_us, 0) / 1000 + 1);
}

void
cq_snapshot_age_init(void)
{
	next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
