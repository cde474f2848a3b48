/*-------------------------------------------------------------------------
 *
 * utility.c
 *	  What the workers must learn from other sessions' statements.
 *
 * 1. DROP DATABASE, ALTER DATABASE ... RENAME TO and SET TABLESPACE, and
 *	  CREATE DATABASE ... TEMPLATE need a database that no process is connected
 *	  to, not even the maintenance worker.  A ProcessUtility hook pauses it and waits, up
 *	  to STOP_WAIT_MS, until it has gone; then the statement takes its usual
 *	  course.  The pause lasts until the transaction ends in whatever way:
 *	  then the launcher looks whether the database is still there.  Only the
 *	  owner of a database can stop its worker.
 *
 * 2. CREATE EXTENSION (whose script calls cq._worker_request()) and CREATE
 *	  DATABASE (whose template may have the extension) want a worker, DROP
 *	  EXTENSION wants it to leave.  The worker must not look before the
 *	  transaction has committed, so the backend requests it then.  A prepared
 *	  transaction makes no request: its database gets its worker at the first
 *	  use of the extension.
 *
 * 3. DROP EXTENSION and DROP DATABASE free the entries that namespaces of the
 *	  database have in shared memory.
 *
 *	  A new installation of the extension must not find what one before it has
 *	  left in the cache: CREATE EXTENSION calls cq._cache_reset().  When the
 *	  same transaction has dropped it before, other sessions may still set
 *	  entries until that transaction commits, so the cache is cleared again
 *	  then.
 *
 * 4. A view that is dropped may have been a carrier (core/object.h), which the
 *	  event trigger has not seen: the worker looks.
 *
 * 5. A new database may have the OID of a dropped one (CREATE DATABASE ... OID),
 *	  and must not find the other's entries in the cache.
 *
 * The transaction callback allocates nothing and cannot fail.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "cache/key.h"
#include "cache/namespace_states.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "core/dbworker.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "worker/utility.h"

/* how long a statement waits for the worker to disconnect */
#define STOP_WAIT_MS 5000

PG_FUNCTION_INFO_V1(cq_worker_request);
PG_FUNCTION_INFO_V1(cq_cache_reset);

static ProcessUtility_hook_type next_process_utility = NULL;
static object_access_hook_type next_object_access = NULL;

/* What is to be done at the end of this transaction. */
static List *paused_databases = NIL;	/* Oids, in TopTransactionContext */
static Oid	created_database = InvalidOid;	/* at commit */
static Oid	dropped_database = InvalidOid;	/* or its extension; at commit */
static bool request_at_commit = false;
static bool recheck_at_commit = false;
static bool wake_at_commit = false;
static bool clear_at_commit = false;

/*
 * Stop the worker of that database until the end of the transaction, provided
 * the user may do to the database what the statement does; 'copy' tells that
 * it will only be copied.  Raises nothing but what interrupts raise.
 */
static void
pause_worker(const char *name, bool copy)
{
	Oid			database = get_database_oid(name, true);
	HeapTuple	tuple;
	bool		allowed;
	MemoryContext old_context;

	if (!OidIsValid(database))
		return;
	tuple = SearchSysCache1(DATABASEOID, ObjectIdGetDatum(database));
	if (!HeapTupleIsValid(tuple))
		return;
	allowed = has_privs_of_role(GetUserId(),
								((Form_pg_database) GETSTRUCT(tuple))->datdba) ||
		(copy && ((Form_pg_database) GETSTRUCT(tuple))->datistemplate);
	ReleaseSysCache(tuple);
	if (!allowed)
		return;

	/* first what can fail, then the pause */
	old_context = MemoryContextSwitchTo(TopTransactionContext);
	paused_databases = lappend_oid(paused_databases, database);
	MemoryContextSwitchTo(old_context);
	if (!cq_dbworker_pause(database))
	{
		paused_databases = list_delete_last(paused_databases);
		return;
	}
	(void) cq_dbworker_await_stop(database, STOP_WAIT_MS);
}

/* The String value of an option, or NULL when it isn't there. */
static const char *
option_string(List *options, const char *name)
{
	ListCell   *cell;

	foreach(cell, options)
	{
		DefElem    *option = lfirst_node(DefElem, cell);

		if (strcmp(option->defname, name) == 0 && option->arg != NULL)
			return defGetString(option);
	}
	return NULL;
}

static void
process_utility(PlannedStmt *pstmt, const char *query_string,
				bool read_only_tree, ProcessUtilityContext context,
				ParamListInfo params, QueryEnvironment *query_env,
				DestReceiver *dest, QueryCompletion *completion)
{
	Node	   *stmt = pstmt->utilityStmt;

	switch (nodeTag(stmt))
	{
		case T_DropdbStmt:
			pause_worker(castNode(DropdbStmt, stmt)->dbname, false);
			break;
		case T_CreatedbStmt:
			{
				const char *template = option_string(castNode(CreatedbStmt, stmt)->options,
													 "template");

				pause_worker(template ? template : "template1", true);
			}
			break;
		case T_RenameStmt:
			if (castNode(RenameStmt, stmt)->renameType == OBJECT_DATABASE)
				pause_worker(castNode(RenameStmt, stmt)->subname, false);
			break;
		case T_AlterDatabaseStmt:
			if (option_string(castNode(AlterDatabaseStmt, stmt)->options,
							  "tablespace") != NULL)
				pause_worker(castNode(AlterDatabaseStmt, stmt)->dbname, false);
			break;
		default:
			break;
	}

	if (next_process_utility)
		next_process_utility(pstmt, query_string, read_only_tree, context,
							 params, query_env, dest, completion);
	else
		standard_ProcessUtility(pstmt, query_string, read_only_tree, context,
								params, query_env, dest, completion);
}

static void
object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId,
			  void *arg)
{
	if (access == OAT_DROP && classId == ExtensionRelationId)
	{
		char	   *name = get_extension_name(objectId);

		recheck_at_commit = true;	/* whichever extension it is */
		if (name != NULL && strcmp(name, "cachequeue") == 0)
			dropped_database = MyDatabaseId;
	}
	else if (access == OAT_DROP && classId == RelationRelationId && subId == 0)
		wake_at_commit |= get_rel_relkind(objectId) == RELKIND_VIEW;
	else if (access == OAT_DROP && classId == DatabaseRelationId)
		dropped_database = objectId;
	else if (access == OAT_POST_CREATE && classId == DatabaseRelationId)
	{
		created_database = objectId;
		cq_database_clear_now(objectId);	/* no process uses it yet */
	}

	if (next_object_access)
		next_object_access(access, classId, objectId, subId, arg);
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	ListCell   *cell;

	/* the drop may have been rolled back to a savepoint */
	if (event == XACT_EVENT_PRE_COMMIT && dropped_database == MyDatabaseId &&
		OidIsValid(MyDatabaseId) &&
		OidIsValid(get_extension_oid("cachequeue", true)))
	{
		dropped_database = InvalidOid;
		clear_at_commit = cq_shared != NULL;
	}

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;

	if (event == XACT_EVENT_COMMIT)
	{
		if (request_at_commit)
			cq_dbworker_request();
		if (recheck_at_commit)
			cq_dbworker_recheck(MyDatabaseId);
		if (wake_at_commit && cq_shared != NULL)
			cq_dbworker_wake(MyDatabaseId);
		if (OidIsValid(created_database))
			(void) cq_dbworker_request_for(created_database);
		if (OidIsValid(dropped_database) && cq_shared != NULL)
			cq_namespace_release_database(dropped_database);
		if (clear_at_commit)
			cq_database_clear_now(MyDatabaseId);
	}
	clear_at_commit = false;
	request_at_commit = false;
	recheck_at_commit = false;
	wake_at_commit = false;
	created_database = InvalidOid;
	dropped_database = InvalidOid;

	foreach(cell, paused_databases)
		cq_dbworker_resume(lfirst_oid(cell));
	paused_databases = NIL;		/* its memory goes with the transaction's */
}

void
cq_worker_hooks_install(void)
{
	next_process_utility = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
	next_object_access = object_access_hook;
	object_access_hook = object_access;
	RegisterXactCallback(at_transaction_end, NULL);
}

/*
 * cq._worker_request() → void: when this transaction commits, see to it that
 * the database has a worker.  Called at the end of the extension's script;
 * without the library preloaded it does nothing.
 */
Datum
cq_worker_request(PG_FUNCTION_ARGS)
{
	if (cq_shared != NULL)
		request_at_commit = true;
	PG_RETURN_VOID();
}

/*
 * cq._cache_reset() → void: whatever this database has in the cache is out of
 * reach from now on.  Called by the extension's script; without the library
 * preloaded it does nothing.
 */
Datum
cq_cache_reset(PG_FUNCTION_ARGS)
{
	if (cq_shared != NULL)
		cq_database_clear_now(MyDatabaseId);
	PG_RETURN_VOID();
}
