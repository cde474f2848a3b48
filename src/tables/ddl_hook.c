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
 * DROP, whichever command does it, is seen object by object, while the object is still
 * there: afterwards nobody knows whose trigger or whose partition it was.
 *
 * A statement whose event trigger has not fired (event_triggers = off, which version 17
 * has; an event trigger that was disabled) may have done anything.  TRUNCATE fires the
 * triggers of watched tables.  ALTER ROLE, GRANT of a role and the like need no mark:
 * who reads what is in the key of a result, and privileges are checked at each hit.
 * REASSIGN OWNED does not tell what it concerns.
 *
 * COPY fires triggers, and is no query of the executor's (cache/query_levels.c).
 *
 * COMMIT PREPARED publishes what may be DDL, its marks pushed at PREPARE.  None of its
 * callbacks runs, so its window (cache/ddl_window.c) is opened here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/ddl_window.h"
#include "cache/query_levels.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "core/compat.h"
#include "core/faults.h"
#include "core/shmem.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/parsenodes.h"
#include "tables/ddl_events.h"
#include "tables/ddl_hook.h"
#include "tables/ddl_objects.h"
#include "tables/watch_ddl.h"
#include "tables/watch_spec.h"
#include "tcop/cmdtag.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

static ProcessUtility_hook_type next_process_utility = NULL;
static object_access_hook_type next_object_access = NULL;

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
before_commit_prepared(const TransactionStmt *stmt)
{
	uint64		xid = prepared_xid(stmt->gid);

	if (xid != 0)
		cq_ddl_window_open(xid);
}

static void
before_alter_table(const AlterTableStmt *stmt)
{
	Oid			relid;

	if (!detaches_concurrently(stmt) || !cq_watch_is_there())
		return;
	relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (OidIsValid(relid))
		cq_relation_mark(relid, true);
}

/* Should an event trigger have seen it? */
static bool
is_event(Node *stmt)
{
	return !IsA(stmt, CommentStmt) && !IsA(stmt, SecLabelStmt) &&
		command_tag_event_trigger_ok(CreateCommandTag(stmt)) &&
		GetCommandLogLevel(stmt) == LOGSTMT_DDL;
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string,
				bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_env,
				DestReceiver *dest, QueryCompletion *completion)
{
	Node	   *stmt = pstmt->utilityStmt;
	uint64		seen = cq_ddl_commands_seen();
	bool		event = context != PROCESS_UTILITY_SUBCOMMAND && is_event(stmt);
	bool		commits_prepared = IsA(stmt, TransactionStmt) &&
	castNode(TransactionStmt, stmt)->kind == TRANS_STMT_COMMIT_PREPARED;

	if (cq_shared != NULL && IsA(stmt, AlterTableStmt))
		before_alter_table(castNode(AlterTableStmt, stmt));
	if (IsA(stmt, ReassignOwnedStmt))
		cq_epoch_mark();		/* of what, is not known */
	if (cq_shared != NULL && commits_prepared)
		before_commit_prepared(castNode(TransactionStmt, stmt));
	if (IsA(stmt, CopyStmt))
		cq_query_level_open(stmt);

	if (next_process_utility)
		next_process_utility(pstmt, query_string, read_only_tree, context,
							 params, query_env, dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context,
								params, query_env, dest, completion);

	if (IsA(stmt, CopyStmt))
		cq_query_level_close(stmt);
	if (event && cq_ddl_commands_seen() == seen && cq_shared != NULL && cq_watch_is_there())
		cq_ddl_unseen(stmt);
	if (commits_prepared)
		CQ_PAUSE("prepared-window");
}

/* An object is about to be dropped. */
static void
before_drop(Oid catalog, Oid object)
{
	if (catalog == TriggerRelationId)
	{
		cq_watch_trigger_dropped(object);
		return;
	}
	if (catalog == RelationRelationId &&
		(get_rel_relkind(object) == RELKIND_INDEX ||
		 get_rel_relkind(object) == RELKIND_PARTITIONED_INDEX))
		cq_ddl_note_dropped_index(object);
	cq_ddl_mark_object(catalog, object);
}

/* What a command drops for its own purposes is replaced, or the command says more. */
static bool
is_internal(const ObjectAccessDrop *drop)
{
	return drop != NULL && (drop->dropflags & PERFORM_DELETION_INTERNAL) != 0;
}

static void
object_access(ObjectAccessType access, Oid catalog, Oid object, int column, void *arg)
{
	if (access == OAT_DROP && cq_shared != NULL && !is_internal(arg) &&
		cq_watch_is_there())
		before_drop(catalog, object);
	if (next_object_access)
		next_object_access(access, catalog, object, column, arg);
}

static void
at_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		cq_ddl_forget_dropped();
}

static void
at_subtransaction(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		cq_ddl_forget_dropped();
}

void
cq_ddl_hook_init(void)
{
	RegisterXactCallback(at_transaction, NULL);
	RegisterSubXactCallback(at_subtransaction, NULL);
	next_object_access = object_access_hook;
	object_access_hook = object_access;
	next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}
