/*-------------------------------------------------------------------------
 *
 * object_functions.c
 *	  What all kinds of named objects have in common: privileges on many at
 *	  once, and what happens when carriers are dropped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/args.h"
#include "core/clock.h"
#include "core/object.h"
#include "core/shmem.h"
#include "exchange/admin.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "queue/step.h"
#include "sql/cache_args.h"
#include "sql/namespace.h"
#include "sql/object_functions.h"
#include "topic/topic_admin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(cq_objects_dropped);
PG_FUNCTION_INFO_V1(cq_grant_on_all);
PG_FUNCTION_INFO_V1(cq_revoke_on_all);

/* how often the worker looks, at most */
#define SWEEP_MS 60000

static void
sweep(void)
{
	cq_exchanges_sweep();
	cq_topics_sweep();
	cq_namespaces_sweep();
}

/*
 * cq._objects_dropped() → void: carriers may have been dropped.  Deletes the
 * definitions of those that are gone.
 */
Datum
cq_objects_dropped(PG_FUNCTION_ARGS)
{
	sweep();
	PG_RETURN_VOID();
}

/* It looks when it is awake anyway and relations have changed since. */
int64
cq_objects_maintain(void)
{
	static uint64 swept_epoch = 0;
	static int64 swept_ms = 0;
	uint64		epoch = cq_object_epoch();

	if (epoch == swept_epoch || (swept_ms != 0 && cq_clock_ms() - swept_ms < SWEEP_MS))
		return 0;
	swept_epoch = epoch;
	swept_ms = cq_clock_ms();
	cq_step_start();
	sweep();
	cq_step_commit();
	return 0;
}

/* Arguments: kind, role, privileges.  Returns on how many objects. */
static int64
change_on_all(FunctionCallInfo fcinfo, bool grant)
{
	CqObjectKind kind;
	char	   *role;
	AclMode		privileges;
	int64		n = 0;
	ListCell   *cell;

	cq_require_shared();
	PreventCommandIfReadOnly(grant ? "grant_on_all()" : "revoke_on_all()");
	cq_arg_not_null(fcinfo, 0, "kind");
	cq_arg_not_null(fcinfo, 1, "role");
	cq_arg_not_null(fcinfo, 2, "privileges");
	kind = cq_object_kind_named(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	role = text_to_cstring(PG_GETARG_TEXT_PP(1));
	privileges = cq_privileges_named(kind, text_to_cstring(PG_GETARG_TEXT_PP(2)));
	foreach(cell, cq_carriers(kind))
	{
		CqObject	object;

		CHECK_FOR_INTERRUPTS();
		cq_object_set(&object, kind, 0, lfirst_oid(cell));
		if (cq_object_owned(&object) &&
			cq_object_grant(&object, role, privileges, grant, false))
			n++;
	}
	return n;
}

/* cq.grant_on_all(kind, role, privileges) → bigint */
Datum
cq_grant_on_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(change_on_all(fcinfo, true));
}

/* cq.revoke_on_all(kind, role, privileges) → bigint */
Datum
cq_revoke_on_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(change_on_all(fcinfo, false));
}
