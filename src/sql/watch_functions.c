/*-------------------------------------------------------------------------
 *
 * watch_functions.c
 *	  cq.cache_watch, cq.cache_unwatch, the functions of the triggers that these make,
 *	  and those of the event triggers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "core/args.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "tables/ddl_events.h"
#include "tables/ddl_objects.h"
#include "tables/trigger.h"
#include "tables/watch_ddl.h"
#include "tables/watch_definition.h"
#include "utils/array.h"
#include "utils/inval.h"

PG_FUNCTION_INFO_V1(cq_cache_watch);
PG_FUNCTION_INFO_V1(cq_cache_unwatch);
PG_FUNCTION_INFO_V1(cq_watch_row);
PG_FUNCTION_INFO_V1(cq_watch_statement);
PG_FUNCTION_INFO_V1(cq_watch_truncate);
PG_FUNCTION_INFO_V1(cq_watch_write);
PG_FUNCTION_INFO_V1(cq_watch_changed);
PG_FUNCTION_INFO_V1(cq_rewatch);
PG_FUNCTION_INFO_V1(cq_epoch_changed);
PG_FUNCTION_INFO_V1(cq_event_ddl);
PG_FUNCTION_INFO_V1(cq_event_drop);

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
	cq_watch_follow(PG_GETARG_OID(0), true);
	PG_RETURN_VOID();
}

/* cq._epoch_changed(): nothing recorded before may be served any more. */
Datum
cq_epoch_changed(PG_FUNCTION_ARGS)
{
	cq_epoch_mark();
	PG_RETURN_VOID();
}

/* Raises 39P03 for another call than that of an event trigger. */
static void
check_event(FunctionCallInfo fcinfo, const char *name)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" must be called by an event trigger", name)));
}

/* Event trigger cachequeue_ddl. */
Datum
cq_event_ddl(PG_FUNCTION_ARGS)
{
	check_event(fcinfo, "cq._ddl_command_end");
	cq_ddl_command_end();
	PG_RETURN_NULL();
}

/* Event trigger cachequeue_drop. */
Datum
cq_event_drop(PG_FUNCTION_ARGS)
{
	check_event(fcinfo, "cq._sql_drop");
	cq_ddl_sql_drop();
	PG_RETURN_NULL();
}
