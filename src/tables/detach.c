/*-------------------------------------------------------------------------
 *
 * detach.c
 *	  DETACH PARTITION CONCURRENTLY and the cache.
 *
 * The command commits half way: from then on new snapshots do not see the
 * partition's rows, and the event trigger, which runs at the end of the command,
 * may be hours away, or never run if the command is cancelled.  So the epoch is
 * marked at the start of the command, and the first of its transactions publishes
 * the mark.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/marks.h"
#include "cache/slots.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "tables/detach.h"
#include "tcop/utility.h"

static ProcessUtility_hook_type next_process_utility = NULL;

static bool
detaches_concurrently(Node *stmt)
{
	ListCell   *cell;

	if (!IsA(stmt, AlterTableStmt))
		return false;
	foreach(cell, castNode(AlterTableStmt, stmt)->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, cell);

		if (cmd->subtype == AT_DetachPartition &&
			castNode(PartitionCmd, cmd->def)->concurrent)
			return true;
	}
	return false;
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string,
				bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_env,
				DestReceiver *dest, QueryCompletion *completion)
{
	if (cq_shared != NULL && detaches_concurrently(pstmt->utilityStmt))
		cq_mark_slot(cq_slot_of_epoch(MyDatabaseId), true);

	if (next_process_utility)
		next_process_utility(pstmt, query_string, read_only_tree, context,
							 params, query_env, dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context,
								params, query_env, dest, completion);
}

void
cq_detach_init(void)
{
	next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
