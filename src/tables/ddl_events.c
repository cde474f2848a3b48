/*-------------------------------------------------------------------------
 *
 * ddl_events.c
 *	  What the event triggers do: DDL invalidates, and must not leave changes
 *	  unwatched.
 *
 * PostgreSQL collects what a command has done; ddl_objects.c says what that invalidates.
 * Here is what tells more: an ALTER TABLE that only concerns how rows are stored or
 * checked invalidates nothing, a new relation nothing but its parents; a table that has
 * got or lost a parent needs other triggers, and triggers that were switched off are
 * switched on again (watch_ddl.c).
 *
 * Dropped objects are marked before they are gone (ddl_hook.c).  What remains for the
 * end of the command is to raise an error if a watch has lost what it needs, and to
 * forget the watches of dropped tables.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "core/catalog.h"
#include "core/compat.h"
#include "core/owner.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "tables/ddl_events.h"
#include "tables/ddl_objects.h"
#include "tables/watch_ddl.h"
#include "tables/watch_spec.h"
#include "tables/watch_triggers.h"
#include "tables/write_through.h"
#include "tcop/deparse_utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

/* columns of pg_event_trigger_ddl_commands() and pg_event_trigger_dropped_objects() */
#define COMMAND_SCHEMA 6
#define COMMAND_ITSELF 9
#define DROPPED_CATALOG 1
#define DROPPED_OBJECT 2
#define DROPPED_COLUMN 3
#define DROPPED_TEMPORARY 6
#define DROPPED_KIND 7
#define DROPPED_IDENTITY 10

static uint64 commands_seen = 0;

/* Tables that the command drops indexes of; in TopMemoryContext. */
static List *index_tables = NIL;

/* The rows of a set-returning function, which runs with the caller's event. */
static Tuplestorestate *
call_for_rows(Oid function, TupleTableSlot **slot)
{
	LOCAL_FCINFO(fcinfo, 0);
	FmgrInfo	finfo;
	ReturnSetInfo set = {T_ReturnSetInfo};

	fmgr_info(function, &finfo);
	InitFunctionCallInfoData(*fcinfo, &finfo, 0, InvalidOid, NULL, (Node *) &set);
	set.econtext = CreateStandaloneExprContext();
	set.allowedModes = set.returnMode = SFRM_Materialize;
	(void) FunctionCallInvoke(fcinfo);
	*slot = MakeSingleTupleTableSlot(set.setDesc, &TTSOpsMinimalTuple);
	return set.setResult;
}

/* ---- after a command --------------------------------------------------- */

/*
 * Can that part of an ALTER TABLE change what a query returns, or who may read it?  What
 * is not known can.
 */
static bool
changes_rows(AlterTableType subtype, char relkind)
{
	switch (subtype)
	{
		case AT_ColumnDefault:
		case AT_CookedColumnDefault:
		case AT_DropNotNull:
		case AT_SetNotNull:
		case AT_SetStatistics:
		case AT_SetOptions:
		case AT_ResetOptions:
		case AT_SetStorage:
		case AT_SetCompression:
		case AT_AddIndex:
		case AT_AddConstraint:
		case AT_AlterConstraint:
		case AT_ValidateConstraint:
		case AT_AddIndexConstraint:
		case AT_DropConstraint:
		case AT_ClusterOn:
		case AT_DropCluster:
		case AT_SetTableSpace:
		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_DisableTrig:
		case AT_EnableTrigAll:
		case AT_DisableTrigAll:
		case AT_EnableTrigUser:
		case AT_DisableTrigUser:
		case AT_ReplicaIdentity:
		case AT_AddIdentity:
		case AT_SetIdentity:
		case AT_DropIdentity:
			return false;
		case AT_SetRelOptions:	/* security_barrier of a view, and the like */
		case AT_ResetRelOptions:
		case AT_ReplaceRelOptions:
			return relkind == RELKIND_VIEW;
		case AT_AttachPartition:	/* join_or_leave() */
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
		case AT_AddInherit:
		case AT_DropInherit:
			return false;
		default:
			return true;
	}
}

static bool
switches_triggers(AlterTableType subtype)
{
	switch (subtype)
	{
		case AT_EnableTrig:
		case AT_EnableTrigAll:
		case AT_EnableTrigUser:
		case AT_EnableReplicaTrig:
		case AT_DisableTrig:
		case AT_DisableTrigAll:
		case AT_DisableTrigUser:
			return true;
		default:
			return false;
	}
}

/* The other relation of an ALTER TABLE that gives a parent or takes it away. */
static Oid
other_relation(const AlterTableCmd *command)
{
	RangeVar   *name = IsA(command->def, PartitionCmd) ?
	castNode(PartitionCmd, command->def)->name : castNode(RangeVar, command->def);

	return RangeVarGetRelid(name, NoLock, true);
}

/* The relation of an ALTER TABLE joins or leaves another one, or the other way round. */
static void
join_or_leave(Oid relid, const AlterTableCmd *command)
{
	Oid			other;

	switch (command->subtype)
	{
		case AT_AttachPartition:
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			cq_relation_mark_changed(relid);
			other = other_relation(command);
			if (!OidIsValid(other))
				break;
			cq_watch_follow(other, true);
			cq_watch_warn_foreign(other);
			break;
		case AT_AddInherit:
		case AT_DropInherit:
			cq_watch_follow(relid, true);
			cq_watch_warn_foreign(relid);
			other = other_relation(command);
			if (OidIsValid(other))
				cq_relation_mark_changed(other);
			break;
		default:
			break;
	}
}

/* The relation and all those below it: the command may have changed them, too. */
static void
mark_tree(Oid relid)
{
	List	   *tree = cq_watch_tree(relid, NoLock);
	ListCell   *cell;

	if (tree == NIL)			/* not a table */
		cq_relation_mark_changed(relid);
	foreach(cell, tree)
		cq_relation_mark_changed(lfirst_oid(cell));
}

static void
after_alter_table(const CollectedCommand *command)
{
	Oid			relid = command->d.alterTable.objectId;
	char		relkind = get_rel_relkind(relid);
	bool		rows = false;
	bool		switches = false;
	ListCell   *cell;

	if (relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX)
		return;
	foreach(cell, command->d.alterTable.subcmds)
	{
		CollectedATSubcmd *part = lfirst(cell);
		AlterTableCmd *subcommand = castNode(AlterTableCmd, part->parsetree);

		rows = rows || changes_rows(cq_alter_table_type(subcommand), relkind);
		switches = switches || switches_triggers(subcommand->subtype);
		join_or_leave(relid, subcommand);
	}
	if (switches)
		cq_watch_keep_enabled(relid);
	if (rows)
		mark_tree(relid);
}

static void
after_simple(Node *stmt, Oid catalog, Oid object)
{
	switch (nodeTag(stmt))
	{
		case T_CommentStmt:
		case T_SecLabelStmt:
			return;
		case T_CreateStmt:
			/* it has no rows, and may have parents */
			cq_relation_mark(object, false);
			cq_watch_follow(object, false);
			return;
		case T_CreateForeignTableStmt:
			cq_relation_mark(object, true);
			cq_watch_warn_foreign(object);
			return;
		case T_CreateTableAsStmt:
			return;				/* nothing can depend on it yet */
		default:
			break;
	}
	if (catalog == TriggerRelationId)
		cq_watch_trigger_changed(cq_ddl_relation_of(catalog, object));
	else if (catalog == RelationRelationId && IsA(stmt, RenameStmt))
		mark_tree(object);
	else
		cq_ddl_mark_object(catalog, object);
}

static void
after_command(const CollectedCommand *command)
{
	switch (command->type)
	{
		case SCT_Simple:
			after_simple(command->parsetree, command->d.simple.address.classId,
						 command->d.simple.address.objectId);
			break;
		case SCT_AlterTable:
			after_alter_table(command);
			break;
		case SCT_Grant:			/* privileges are checked at each hit */
		case SCT_AlterDefaultPrivileges:
			break;
		case SCT_AlterOpFamily:
		case SCT_CreateOpClass:
		case SCT_AlterTSConfig:
			cq_epoch_mark();
			break;
	}
}

/*
 * What is in pg_temp concerns its session alone, and is not cached: but for what the
 * search for temporary objects in queries does not find.
 */
static bool
is_of_session(const CollectedCommand *command)
{
	if (command->type == SCT_AlterTable)
		return true;
	if (command->type != SCT_Simple)
		return false;
	switch (command->d.simple.address.classId)
	{
		case RelationRelationId:
		case ProcedureRelationId:
		case TypeRelationId:
		case ConstraintRelationId:
		case PolicyRelationId:
		case RewriteRelationId:
		case TriggerRelationId:
			return true;
		default:
			return false;
	}
}

void
cq_ddl_command_end(void)
{
	TupleTableSlot *slot;
	Tuplestorestate *rows = call_for_rows(F_PG_EVENT_TRIGGER_DDL_COMMANDS, &slot);

	commands_seen++;
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		bool		isnull;
		Datum		schema = slot_getattr(slot, COMMAND_SCHEMA, &isnull);
		bool		temporary = !isnull &&
		strcmp(TextDatumGetCString(schema), "pg_temp") == 0;
		CollectedCommand *command = (CollectedCommand *)
		DatumGetPointer(slot_getattr(slot, COMMAND_ITSELF, &isnull));

		if (!temporary || !is_of_session(command))
			after_command(command);
	}
	ExecDropSingleTupleTableSlot(slot);
}

uint64
cq_ddl_commands_seen(void)
{
	return commands_seen;
}

/* The parts of an ALTER TABLE, for each its subcommand, that no event trigger has seen. */
static void
after_unseen_alter_table(const AlterTableStmt *stmt, Oid relid)
{
	bool		switches = false;
	ListCell   *cell;

	foreach(cell, stmt->cmds)
	{
		AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);

		switches = switches || switches_triggers(command->subtype);
		join_or_leave(relid, command);
	}
	if (switches)
		cq_watch_keep_enabled(relid);
	mark_tree(relid);
}

/*
 * The relation that is altered or created.  By its name: the caller's rights and
 * search_path are those of the statement.
 */
static Oid
unseen_relation(Node *stmt)
{
	RangeVar   *name = NULL;
	Oid			relid;

	if (IsA(stmt, AlterTableStmt))
		name = castNode(AlterTableStmt, stmt)->relation;
	else if (IsA(stmt, CreateStmt))
		name = castNode(CreateStmt, stmt)->relation;
	if (name == NULL)
		return InvalidOid;
	relid = RangeVarGetRelid(name, NoLock, true);
	return cq_relation_is_temporary(relid) ? InvalidOid : relid;
}

void
cq_ddl_unseen(Node *stmt)
{
	Oid			relid;

	cq_epoch_mark();
	cq_ddl_forget_dropped();
	if (IsBinaryUpgrade)
		return;					/* restores what there was */
	relid = unseen_relation(stmt);
	if (OidIsValid(relid) && IsA(stmt, AlterTableStmt))
		after_unseen_alter_table(castNode(AlterTableStmt, stmt), relid);
	else if (OidIsValid(relid))
		cq_watch_follow(relid, false);
}

/* ---- after a drop ------------------------------------------------------ */

void
cq_ddl_note_dropped_index(Oid index)
{
	Oid			relid = IndexGetRelation(index, true);
	MemoryContext caller;

	if (!OidIsValid(relid) || !OidIsValid(cq_watch_spec(relid)->writer))
		return;
	caller = MemoryContextSwitchTo(TopMemoryContext);
	index_tables = list_append_unique_oid(index_tables, relid);
	MemoryContextSwitchTo(caller);
}

void
cq_ddl_forget_dropped(void)
{
	list_free(index_tables);
	index_tables = NIL;
}

static void
check_index_tables(void)
{
	List	   *tables = list_copy(index_tables);
	ListCell   *cell;

	cq_ddl_forget_dropped();
	foreach(cell, tables)
		cq_write_through_check_index(lfirst_oid(cell));
}

static void
note_found(const CqRow *row, void *arg)
{
	*(bool *) arg = true;
}

/* Another function of that name is not what was declared (query/declared.c). */
static void
forget_declared(Datum function)
{
	Oid			type = TEXTOID;
	bool		found = false;
	ScanKeyData key;

	if (!OidIsValid(cq_relation_if_exists("cache_function")))
		return;
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ, function);
	cq_catalog_read("cache_function", "cache_function_pkey", &key, note_found, &found);
	if (found)
		(void) cq_execute_as_owner("DELETE FROM cq.cache_function WHERE function = $1",
								   1, &type, &function, NULL);
}

void
cq_ddl_sql_drop(void)
{
	TupleTableSlot *slot;
	Tuplestorestate *rows;

	if (!cq_watch_is_there())
		return;					/* the extension itself is dropped */
	rows = call_for_rows(F_PG_EVENT_TRIGGER_DROPPED_OBJECTS, &slot);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		Oid			relid;

		slot_getallattrs(slot);
		if (DatumGetObjectId(slot->tts_values[DROPPED_CATALOG - 1]) == ProcedureRelationId)
			forget_declared(slot->tts_values[DROPPED_IDENTITY - 1]);
		if (DatumGetObjectId(slot->tts_values[DROPPED_CATALOG - 1]) != RelationRelationId ||
			DatumGetBool(slot->tts_values[DROPPED_TEMPORARY - 1]))
			continue;
		relid = DatumGetObjectId(slot->tts_values[DROPPED_OBJECT - 1]);
		if (DatumGetInt32(slot->tts_values[DROPPED_COLUMN - 1]) != 0)
			cq_relation_check_columns(relid);
		else if (strcmp(TextDatumGetCString(slot->tts_values[DROPPED_KIND - 1]), "table") == 0)
			cq_watch_relation_dropped(relid);
	}
	ExecDropSingleTupleTableSlot(slot);
	check_index_tables();
}
