/*-------------------------------------------------------------------------
 *
 * watch_functions.c
 *	  cq.cache_watch, cq.cache_unwatch, the functions of the triggers that these make,
 *	  and those of the event triggers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "core/args.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "tables/trigger.h"
#include "tables/watch_ddl.h"
#include "tables/watch_definition.h"
#include "tables/write_through.h"
#include "tcop/deparse_utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/inval.h"

PG_FUNCTION_INFO_V1(cq_cache_watch);
PG_FUNCTION_INFO_V1(cq_cache_unwatch);
PG_FUNCTION_INFO_V1(cq_watch_row);
PG_FUNCTION_INFO_V1(cq_watch_statement);
PG_FUNCTION_INFO_V1(cq_watch_truncate);
PG_FUNCTION_INFO_V1(cq_watch_write);
PG_FUNCTION_INFO_V1(cq_watch_changed);
PG_FUNCTION_INFO_V1(cq_rewatch);
PG_FUNCTION_INFO_V1(cq_rewatch_detached);
PG_FUNCTION_INFO_V1(cq_enable_triggers);
PG_FUNCTION_INFO_V1(cq_relation_changed);
PG_FUNCTION_INFO_V1(cq_relation_dropped);
PG_FUNCTION_INFO_V1(cq_epoch_changed);
PG_FUNCTION_INFO_V1(cq_alter_table_does);
PG_FUNCTION_INFO_V1(cq_check_write_through);

/* cq.cache_watch(target regclass, tags text[], write_through jsonb) → void */
Datum
cq_cache_watch(PG_FUNCTION_ARGS)
{
	Datum		write_through = PG_ARGISNULL(2) ? (Datum) 0 : PG_GETARG_DATUM(2);

	cq_arg_not_null(fcinfo, 0, "target");
	cq_require_shared();
	cq_watch_table(PG_GETARG_OID(0),
				   PG_ARGISNULL(1) ? NULL : PG_GETARG_ARRAYTYPE_P(1),
				   PG_ARGISNULL(2) ? NULL : &write_through);
	PG_RETURN_VOID();
}

/* cq.cache_unwatch(target regclass) → void */
Datum
cq_cache_unwatch(PG_FUNCTION_ARGS)
{
	cq_arg_not_null(fcinfo, 0, "target");
	cq_require_shared();
	cq_unwatch_table(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

/* ---- triggers -------------------------------------------------------- */

/* What the trigger functions are called for. */
typedef enum TriggerKind
{
	FOR_STATEMENT,
	FOR_TRUNCATE,
	AFTER_ROW
} TriggerKind;

/* What a trigger of this kind is called with; raises 39P01 for another call. */
static const TriggerData *
trigger_arg(FunctionCallInfo fcinfo, const char *name, TriggerKind kind)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		(TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) != 0) != (kind == AFTER_ROW) ||
		(TRIGGER_FIRED_BY_TRUNCATE(trigdata->tg_event) != 0) != (kind == FOR_TRUNCATE) ||
		(kind == AFTER_ROW && !TRIGGER_FIRED_AFTER(trigdata->tg_event)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called by a trigger made by cq.cache_watch",
						name)));
	return trigdata;
}

Datum
cq_watch_row(PG_FUNCTION_ARGS)
{
	cq_trigger_row(trigger_arg(fcinfo, "cq._watch_row", AFTER_ROW),
				   &fcinfo->flinfo->fn_extra);
	return PointerGetDatum(NULL);
}

Datum
cq_watch_statement(PG_FUNCTION_ARGS)
{
	cq_trigger_statement(trigger_arg(fcinfo, "cq._watch_statement", FOR_STATEMENT),
						 &fcinfo->flinfo->fn_extra);
	return PointerGetDatum(NULL);
}

Datum
cq_watch_truncate(PG_FUNCTION_ARGS)
{
	cq_trigger_truncate(trigger_arg(fcinfo, "cq._watch_truncate", FOR_TRUNCATE),
						&fcinfo->flinfo->fn_extra);
	return PointerGetDatum(NULL);
}

Datum
cq_watch_write(PG_FUNCTION_ARGS)
{
	cq_trigger_write(trigger_arg(fcinfo, "cq._watch_write", AFTER_ROW),
					 &fcinfo->flinfo->fn_extra);
	return PointerGetDatum(NULL);
}

/* Trigger function of cq.watch. */
Datum
cq_watch_changed(PG_FUNCTION_ARGS)
{
	cq_arg_trigger(fcinfo, "_watch_changed");
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

/* ---- event triggers -------------------------------------------------- */

/* cq._rewatch(relation oid): its parent or its partitions have changed. */
Datum
cq_rewatch(PG_FUNCTION_ARGS)
{
	cq_watch_follow(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

/* cq._rewatch_detached(): this transaction has detached partitions. */
Datum
cq_rewatch_detached(PG_FUNCTION_ARGS)
{
	cq_watch_follow_detached();
	PG_RETURN_VOID();
}

/* cq._enable_triggers(relation oid): its triggers have been switched. */
Datum
cq_enable_triggers(PG_FUNCTION_ARGS)
{
	cq_watch_keep_enabled(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

/* cq._relation_changed(relation oid): DDL has changed it. */
Datum
cq_relation_changed(PG_FUNCTION_ARGS)
{
	cq_relation_mark_changed(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

/* cq._relation_dropped(relation oid): so has DROP. */
Datum
cq_relation_dropped(PG_FUNCTION_ARGS)
{
	cq_relation_mark_dropped(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

/* cq._epoch_changed(): nothing recorded before may be served any more. */
Datum
cq_epoch_changed(PG_FUNCTION_ARGS)
{
	cq_epoch_mark();
	PG_RETURN_VOID();
}

/* cq._alter_table_does(command pg_ddl_command): text[] of join, leave, switch. */
Datum
cq_alter_table_does(PG_FUNCTION_ARGS)
{
	CollectedCommand *command = (CollectedCommand *) PG_GETARG_POINTER(0);
	Datum		does[3];
	bool		joins = false;
	bool		leaves = false;
	bool		switches = false;
	int			n = 0;
	ListCell   *cell;

	if (command->type != SCT_AlterTable)
		PG_RETURN_NULL();
	foreach(cell, command->d.alterTable.subcmds)
	{
		CollectedATSubcmd *subcommand = lfirst(cell);

		switch (castNode(AlterTableCmd, subcommand->parsetree)->subtype)
		{
			case AT_AttachPartition:
			case AT_AddInherit:
				joins = true;
				break;
			case AT_DetachPartition:
			case AT_DetachPartitionFinalize:
			case AT_DropInherit:
				leaves = true;
				break;
			case AT_EnableTrig:
			case AT_EnableTrigAll:
			case AT_EnableTrigUser:
			case AT_EnableReplicaTrig:
			case AT_DisableTrig:
			case AT_DisableTrigAll:
			case AT_DisableTrigUser:
				switches = true;
				break;
			default:
				break;
		}
	}
	if (joins)
		does[n++] = CStringGetTextDatum("join");
	if (leaves)
		does[n++] = CStringGetTextDatum("leave");
	if (switches)
		does[n++] = CStringGetTextDatum("switch");
	PG_RETURN_ARRAYTYPE_P(construct_array(does, n, TEXTOID, -1, false,
										  TYPALIGN_INT));
}

/* cq._check_write_through(target regclass): raises 2BP01, or void. */
Datum
cq_check_write_through(PG_FUNCTION_ARGS)
{
	cq_write_through_check_index(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}
