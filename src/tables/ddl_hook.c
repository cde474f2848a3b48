/*-------------------------------------------------------------------------
 *
 * ddl_hook.c
 *	  Statements that matter to the cache and that no event trigger sees in time.
 *
 * DETACH PARTITION CONCURRENTLY commits half way: from then on new snapshots do not
 * see the partition's rows, and the event trigger, which runs at the end of the
 * command, may be hours away, or never run if the command is cancelled.  So the epoch
 * is marked at the start of the command, and the first of its transactions publishes
 * the mark.
 *
 * COPY fires triggers, and is no query of the executor's (cache/query_levels.c).
 *
 * COMMIT PREPARED publishes what may be DDL, its marks pushed at PREPARE.  None of its
 * callbacks runs, so its window (cache/ddl_window.c) is opened here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/ddl_window.h"
#include "cache/marks.h"
#include "cache/query_levels.h"
#include "cache/slots.h"
#include "core/compat.h"
#include "core/faults.h"
#include "core/shmem.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"
#include "tables/ddl_hook.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"

static ProcessUtility_hook_type next_process_utility = NULL;

static bool
detaches_concurrently(const AlterTableStmt *stmt)
{
	ListCell   *cell;

	foreach(cell, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		if (cmd->subtype == AT_DetachPartition &&
			castNode(PartitionCmd, cmd->def)->concurrent)
			return true;
	}
	return false;
}

/*
 * The full id of a prepared transaction of this database, 0: there is none.  Takes no
 * snapshot: that of a deferrable transaction would wait.
 */
static uint64
prepared_xid(const char *gid)
{
	LOCAL_FCINFO(fcinfo, 0);
	FmgrInfo	function;
	ReturnSetInfo set = {T_ReturnSetInfo};
	uint64		result = 0;

	fmgr_info(F_PG_PREPARED_XACT, &function);
	InitFunctionCallInfoData(*fcinfo, &function, 0, InvalidOid, NULL, (Node *) &set);
	set.econtext = CreateStandaloneExprContext();
	set.allowedModes = set.returnMode = SFRM_ValuePerCall;
	for (;;)
	{
		Datum		row = FunctionCallInvoke(fcinfo);
		HeapTupleHeader tuple;
		bool		isnull;

		if (set.isDone == ExprEndResult)
			break;
		tuple = DatumGetHeapTupleHeader(row);
		if (DatumGetObjectId(GetAttributeByName(tuple, "dbid", &isnull)) == MyDatabaseId &&
			strcmp(TextDatumGetCString(GetAttributeByName(tuple, "gid", &isnull)), gid) == 0)
			result = cq_widen_xid(DatumGetTransactionId(GetAttributeByName(tuple, "transaction",
																		   &isnull)),
								  cq_next_full_xid_unlocked());
	}
	FreeExprContext(set.econtext, true);
	return result;
}

static void
before_transaction_stmt(const TransactionStmt *stmt)
{
	uint64		xid;

	if (stmt->kind != TRANS_STMT_COMMIT_PREPARED)
		return;
	xid = prepared_xid(stmt->gid);
	if (xid != 0)
		cq_ddl_window_open(xid);
}

static void
before_statement(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_AlterTableStmt:
			if (detaches_concurrently(castNode(AlterTableStmt, stmt)))
				cq_mark_slot(cq_slot_of_epoch(MyDatabaseId), true);
			break;
		case T_TransactionStmt:
			before_transaction_stmt(castNode(TransactionStmt, stmt));
			break;
		case T_CopyStmt:
			cq_query_level_open(stmt);
			break;
		default:
			break;
	}
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string,
				bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_env,
				DestReceiver *dest, QueryCompletion *completion)
{
	Node	   *stmt = pstmt->utilityStmt;

	if (cq_shared != NULL)
		before_statement(stmt);

	if (next_process_utility)
		next_process_utility(pstmt, query_string, read_only_tree, context,
							 params, query_env, dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context,
								params, query_env, dest, completion);

	if (IsA(stmt, CopyStmt))
		cq_query_level_close(stmt);
	if (IsA(stmt, TransactionStmt) &&
		castNode(TransactionStmt, stmt)->kind == TRANS_STMT_COMMIT_PREPARED)
		CQ_PAUSE("prepared-window");
}

void
cq_ddl_hook_init(void)
{
	next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
