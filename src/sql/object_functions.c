/*-------------------------------------------------------------------------
 *
 * object_functions.c
 *	  What all kinds of named objects have in common: privileges on many at
 *	  once, and what happens when carriers are dropped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/object.h"
#include "core/shmem.h"
#include "exchange/admin.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "tables/namespace_admin.h"
#include "topic/sweep.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(cq_objects_dropped);
PG_FUNCTION_INFO_V1(cq_grant_on_all);
PG_FUNCTION_INFO_V1(cq_revoke_on_all);

/*
 * cq._objects_dropped(carriers oid[]) → void: these views have been dropped.
 * Deletes the definitions of all objects whose carriers are gone.
 */
Datum
cq_objects_dropped(PG_FUNCTION_ARGS)
{
	Datum	   *oids;
	int			n;
	List	   *views = NIL;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), OIDOID, sizeof(Oid), true, TYPALIGN_INT,
					  &oids, NULL, &n);
	for (int i = 0; i < n; i++)
		views = lappend_oid(views, DatumGetObjectId(oids[i]));
	cq_exchanges_sweep();
	cq_topics_sweep();
	cq_namespaces_sweep(views);
	PG_RETURN_VOID();
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
