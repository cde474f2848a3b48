/*-------------------------------------------------------------------------
 *
 * namespace_functions.c
 *	  cq.namespace_create and its like.
 *
 * The tables belong to the extension's owner and are written as that role,
 * after the caller's rights on the namespace have been checked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/pending.h"
#include "cachequeue.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/owner.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "sql/cache_args.h"
#include "sql/write_behind.h"
#include "utils/acl.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(cq_namespace_create);
PG_FUNCTION_INFO_V1(cq_namespace_alter);
PG_FUNCTION_INFO_V1(cq_namespace_drop);
PG_FUNCTION_INFO_V1(cq_namespace_grant);
PG_FUNCTION_INFO_V1(cq_namespace_revoke);

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

/* Arguments: namespace, default_ttl, memory_quota. */
Datum
cq_namespace_create(PG_FUNCTION_ARGS)
{
	Oid			types[] = {TEXTOID, INTERVALOID, OIDOID, INT8OID};
	Datum		values[4];
	char		nulls[] = "    ";
	text	   *name;
	Size		len;
	int64		quota;
	int64		id;

	cq_arg_not_null(fcinfo, 0, "namespace");
	name = PG_GETARG_TEXT_PP(0);
	len = VARSIZE_ANY_EXHDR(name);
	if (len == 0 || len > CQ_NAMESPACE_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a namespace's name must have 1 to %d bytes, not %zu",
						CQ_NAMESPACE_BYTES_MAX, len)));
	values[0] = PointerGetDatum(name);
	values[1] = arg_default_ttl(fcinfo, &nulls[1]);
	values[2] = ObjectIdGetDatum(GetUserId());
	quota = arg_memory_quota(fcinfo);
	values[3] = Int64GetDatum(quota);
	nulls[3] = quota == 0 ? 'n' : ' ';
	id = cq_execute_as_owner("INSERT INTO cq.namespace (name, default_ttl, owner, memory_quota) "
							 "SELECT $1, $2, $3::regrole, $4 WHERE $1 <> 'default' "
							 "ON CONFLICT DO NOTHING RETURNING namespace_id",
							 4, types, values, nulls);
	if (id < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("namespace \"%s\" already exists",
						text_to_cstring(name))));
	if (cq_shared != NULL)
	{
		cq_pending_namespace((uint32) id, quota, true);

		/* the extension may have been dropped and created again since */
		cq_namespace_clear_now((uint32) id);
	}
	PG_RETURN_VOID();
}

/* Arguments: namespace, default_ttl, memory_quota. */
Datum
cq_namespace_alter(PG_FUNCTION_ARGS)
{
	uint32		id = cq_arg_namespace(fcinfo, 0, CQ_NAMESPACE_MANAGE)->id;
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

/* Arguments: namespace. */
Datum
cq_namespace_drop(PG_FUNCTION_ARGS)
{
	const CqNamespace *name_space = cq_arg_namespace(fcinfo, 0,
													 CQ_NAMESPACE_MANAGE);
	uint32		number = name_space->id;
	Oid			types[] = {INT4OID};
	Datum		id = Int32GetDatum((int32) number);

	if (name_space->behind != 0)
		cq_behind_drop_rule(number, false);
	(void) cq_execute_as_owner("DELETE FROM cq.namespace_grant "
							   "WHERE namespace_id = $1",
							   1, types, &id, NULL);
	(void) cq_execute_as_owner("DELETE FROM cq.namespace WHERE namespace_id = $1",
							   1, types, &id, NULL);
	if (cq_shared != NULL)
		cq_pending_namespace(number, CQ_NAMESPACE_DROPPED, false);
	PG_RETURN_VOID();
}

static int
arg_access(FunctionCallInfo fcinfo, int n)
{
	char	   *privilege;

	cq_arg_not_null(fcinfo, n, "privilege");
	privilege = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (strcmp(privilege, "read") == 0)
		return CQ_NAMESPACE_READ;
	if (strcmp(privilege, "write") == 0)
		return CQ_NAMESPACE_WRITE;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown privilege \"%s\"", privilege),
			 errhint("Privileges of namespaces are read and write.")));
}

/* Arguments: namespace, role, privilege. */
static void
change_grant(FunctionCallInfo fcinfo, const char *command)
{
	const CqNamespace *name_space = cq_arg_namespace(fcinfo, 0,
													 CQ_NAMESPACE_MANAGE);
	Oid			types[] = {INT4OID, OIDOID, INT4OID};
	Datum		values[3];
	char	   *role;

	values[0] = Int32GetDatum((int32) name_space->id);
	cq_arg_not_null(fcinfo, 1, "role");
	role = text_to_cstring(PG_GETARG_TEXT_PP(1));
	values[1] = ObjectIdGetDatum(strcmp(role, "public") == 0 ? InvalidOid :
								 get_role_oid(role, false));
	values[2] = Int32GetDatum(arg_access(fcinfo, 2));
	(void) cq_execute_as_owner(command, 3, types, values, NULL);
}

Datum
cq_namespace_grant(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo,
				 "INSERT INTO cq.namespace_grant AS g VALUES ($1, $2::regrole, $3) "
				 "ON CONFLICT (namespace_id, grantee) "
				 "DO UPDATE SET access = g.access | $3");
	PG_RETURN_VOID();
}

Datum
cq_namespace_revoke(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo,
				 "UPDATE cq.namespace_grant SET access = access & ~$3 "
				 "WHERE namespace_id = $1 AND grantee = $2::regrole");
	PG_RETURN_VOID();
}
