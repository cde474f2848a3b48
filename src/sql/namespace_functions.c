/*-------------------------------------------------------------------------
 *
 * namespace_functions.c
 *	  cq.namespace_create and its like.
 *
 * The tables belong to the extension's owner and are written as that role,
 * after the caller's rights on the namespace have been checked.  Dropping a
 * namespace is dropping its carrier, by namespace_drop or in whatever way; a
 * sweep then deletes definitions whose carrier is gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/pending.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "core/args.h"
#include "core/limits.h"
#include "core/object.h"
#include "core/owner.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "sql/cache_args.h"
#include "tables/write_behind_rule.h"
#include "utils/acl.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(cq_namespace_create);
PG_FUNCTION_INFO_V1(cq_namespace_alter);
PG_FUNCTION_INFO_V1(cq_namespace_drop);
PG_FUNCTION_INFO_V1(cq_namespace_grant);
PG_FUNCTION_INFO_V1(cq_namespace_revoke);
PG_FUNCTION_INFO_V1(cq_namespace_owner);

/* The default TTL in argument 1 as a parameter, checked. */
static Datum
arg_default_ttl(FunctionCallInfo fcinfo, char *null)
{
	*null = PG_ARGISNULL(1) ? 'n' : ' ';
	if (PG_ARGISNULL(1))
		return (Datum) 0;
	(void) cq_interval_ms(PG_GETARG_INTERVAL_P(1), 1, "default_ttl");
	return PG_GETARG_DATUM(1);
}

/* The memory quota in argument 2, in bytes; 0: none. */
static int64
arg_memory_quota(FunctionCallInfo fcinfo)
{
	int64		quota;

	if (PG_ARGISNULL(2))
		return 0;
	quota = PG_GETARG_INT64(2);
	if (quota < CQ_MEMORY_QUOTA_MIN)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("memory_quota must be at least %d bytes, not %lld",
						CQ_MEMORY_QUOTA_MIN, (long long) quota)));
	return quota;
}

/* what else carries the number of a namespace in its name: nothing */
static const char *const relation_formats[] = {NULL};

/* Drop what a restore without data has left of a namespace under that name. */
static void
drop_orphans(const char *name)
{
	ListCell   *cell;

	foreach(cell, cq_carrier_orphans(CQ_OBJECT_NAMESPACE, name))
		cq_carrier_drop(cq_carrier_by_id(CQ_OBJECT_NAMESPACE, lfirst_int(cell)));
}

/* Raises 42710 unless the namespace has these options. */
static void
check_same_options(uint32 id, const char *name, int nargs, Oid *types, Datum *values,
				   const char *nulls)
{
	Datum		id_datum = values[0];

	values[0] = Int32GetDatum((int32) id);
	if (cq_execute_as_owner("SELECT 1 FROM cq.namespace WHERE namespace_id = $1 "
							"AND default_ttl IS NOT DISTINCT FROM $3 "
							"AND memory_quota IS NOT DISTINCT FROM $4",
							nargs, types, values, nulls) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("namespace \"%s\" already exists with other options", name),
				 errhint("See cq.namespaces; cq.namespace_alter changes options.")));
	values[0] = id_datum;
	ereport(NOTICE,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("namespace \"%s\" already exists, skipping", name)));
}

/* Arguments: namespace, default_ttl, memory_quota, if_not_exists. */
Datum
cq_namespace_create(PG_FUNCTION_ARGS)
{
	Oid			types[] = {INT4OID, TEXTOID, INTERVALOID, INT8OID, OIDOID};
	Datum		values[5] = {0};
	char		nulls[] = "     ";
	char	   *name;
	const CqNamespace *existing;
	Size		len;
	int64		quota;
	int32		id;

	cq_require_shared();
	PreventCommandIfReadOnly("namespace_create()");
	cq_arg_not_null(fcinfo, 0, "namespace");
	cq_arg_not_null(fcinfo, 3, "if_not_exists");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	len = strlen(name);
	if (len == 0 || len > CQ_NAMESPACE_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a namespace's name must have 1 to %d bytes, not %zu",
						CQ_NAMESPACE_BYTES_MAX, len)));
	if (creating_extension)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("namespaces cannot be created by an extension's script")));
	values[1] = CStringGetTextDatum(name);
	values[2] = arg_default_ttl(fcinfo, &nulls[2]);
	quota = arg_memory_quota(fcinfo);
	values[3] = Int64GetDatum(quota);
	nulls[3] = quota == 0 ? 'n' : ' ';
	cq_namespaces_sweep(NIL);
	existing = cq_namespace_lookup(name);
	if (existing != NULL && PG_GETARG_BOOL(3))
	{
		check_same_options(existing->id, name, 4, types, values, nulls);
		PG_RETURN_VOID();
	}
	if (existing == NULL)
	{
		drop_orphans(name);
		id = cq_object_new_id(CQ_OBJECT_NAMESPACE, "namespace_namespace_id_seq", relation_formats);
		values[0] = Int32GetDatum(id);
		values[4] = ObjectIdGetDatum(cq_carrier_create(CQ_OBJECT_NAMESPACE, id, name));
	}
	if (existing != NULL ||
		cq_execute_as_owner("INSERT INTO cq.namespace (namespace_id, name, default_ttl, "
							"memory_quota, carrier) VALUES ($1, $2, $3, $4, $5) "
							"ON CONFLICT DO NOTHING RETURNING namespace_id",
							5, types, values, nulls) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("namespace \"%s\" already exists", name)));
	cq_pending_namespace((uint32) id, quota, true);

	/* the extension may have been dropped and created again since */
	cq_namespace_clear_now((uint32) id);
	PG_RETURN_VOID();
}

/* Arguments: namespace, default_ttl, memory_quota. */
Datum
cq_namespace_alter(PG_FUNCTION_ARGS)
{
	uint32		id = cq_arg_own_namespace(fcinfo, 0)->id;
	Oid			types[] = {INT4OID, INTERVALOID, INT8OID};
	Datum		values[3];
	char		nulls[] = "   ";
	int64		quota = arg_memory_quota(fcinfo);

	values[0] = Int32GetDatum((int32) id);
	values[1] = arg_default_ttl(fcinfo, &nulls[1]);
	values[2] = Int64GetDatum(quota);
	nulls[2] = quota == 0 ? 'n' : ' ';
	(void) cq_execute_as_owner("UPDATE cq.namespace SET default_ttl = $2, memory_quota = $3 "
							   "WHERE namespace_id = $1",
							   3, types, values, nulls);
	if (cq_shared != NULL)
		cq_pending_namespace(id, quota, false);
	PG_RETURN_VOID();
}

/*
 * The carrier is gone: delete what is left.  When it has been gone for longer,
 * nobody can flush what is pending.
 */
static void
forget(uint32 id, const List *views)
{
	Oid			types[] = {INT4OID};
	Datum		value = Int32GetDatum((int32) id);
	const CqNamespace *name_space = cq_namespace_by_id(id);

	if (name_space != NULL && name_space->behind != 0)
	{
		char	   *name = cq_namespace_name(id);
		bool		discard = !list_member_oid(views, cq_namespace_carrier(id));
		int64		discarded = cq_behind_drop_rule(id, discard);

		if (discarded > 0)
			ereport(WARNING,
					(errmsg("%lld sets or deletes of namespace \"%s\" did not reach its table",
							(long long) discarded, name),
					 errdetail("The namespace was dropped while event triggers were disabled.")));
	}
	(void) cq_execute_as_owner("DELETE FROM cq.namespace WHERE namespace_id = $1",
							   1, types, &value, NULL);
	if (cq_shared != NULL)
		cq_pending_namespace(id, CQ_NAMESPACE_DROPPED, false);
}

void
cq_namespaces_sweep(const List *views)
{
	ListCell   *cell;

	foreach(cell, cq_objects_without_carrier(CQ_OBJECT_NAMESPACE))
		forget((uint32) lfirst_int(cell), views);
}

/* Arguments: namespace, if_exists. */
Datum
cq_namespace_drop(PG_FUNCTION_ARGS)
{
	char	   *name;
	const CqNamespace *name_space;
	CqObject	object;

	cq_require_shared();
	PreventCommandIfReadOnly("namespace_drop()");
	cq_arg_not_null(fcinfo, 0, "namespace");
	cq_arg_not_null(fcinfo, 1, "if_exists");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	cq_namespaces_sweep(NIL);
	if (PG_GETARG_BOOL(1) && cq_namespace_lookup(name) == NULL)
	{
		ereport(NOTICE,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("namespace \"%s\" does not exist, skipping", name)));
		PG_RETURN_VOID();
	}
	name_space = cq_arg_own_namespace(fcinfo, 0);
	if (name_space->behind != 0)
		(void) cq_behind_drop_rule(name_space->id, false);
	object = cq_namespace_object(name, strlen(name));
	cq_object_drop(&object);
	cq_namespaces_sweep(NIL);
	PG_RETURN_VOID();
}

/* Of namespace_grant and namespace_revoke: namespace, role, privilege. */
static void
change_grant(FunctionCallInfo fcinfo, bool grant)
{
	char	   *name;
	CqObject	object;
	AclMode		privileges;

	cq_require_shared();
	PreventCommandIfReadOnly(grant ? "namespace_grant()" : "namespace_revoke()");
	cq_arg_not_null(fcinfo, 0, "namespace");
	cq_arg_not_null(fcinfo, 1, "role");
	cq_arg_not_null(fcinfo, 2, "privilege");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	privileges = cq_privileges_named(CQ_OBJECT_NAMESPACE,
									 text_to_cstring(PG_GETARG_TEXT_PP(2)));
	object = cq_namespace_object(name, strlen(name));
	if (!cq_object_grant(&object, text_to_cstring(PG_GETARG_TEXT_PP(1)), privileges, grant, false))
		cq_object_denied(CQ_OBJECT_NAMESPACE, name, NULL, false);
}

Datum
cq_namespace_grant(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, true);
	PG_RETURN_VOID();
}

Datum
cq_namespace_revoke(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, false);
	PG_RETURN_VOID();
}

/* Arguments: namespace, new_owner. */
Datum
cq_namespace_owner(PG_FUNCTION_ARGS)
{
	char	   *name;
	CqObject	object;

	cq_require_shared();
	PreventCommandIfReadOnly("namespace_owner()");
	cq_arg_not_null(fcinfo, 1, "new_owner");
	(void) cq_arg_own_namespace(fcinfo, 0);
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	object = cq_namespace_object(name, strlen(name));
	if (!cq_object_change_owner(&object, text_to_cstring(PG_GETARG_TEXT_PP(1))))
		cq_object_denied(CQ_OBJECT_NAMESPACE, name, NULL, true);
	PG_RETURN_VOID();
}
