/*-------------------------------------------------------------------------
 *
 * namespace_functions.c
 *	  cq.namespace_create and its like: unpack, call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/args.h"
#include "core/catalog.h"
#include "core/limits.h"
#include "core/object.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "sql/cache_args.h"
#include "tables/namespace_admin.h"
#include "utils/builtins.h"
#include "utils/inval.h"

PG_FUNCTION_INFO_V1(cq_namespace_create);
PG_FUNCTION_INFO_V1(cq_namespace_alter);
PG_FUNCTION_INFO_V1(cq_namespace_drop);
PG_FUNCTION_INFO_V1(cq_namespace_grant);
PG_FUNCTION_INFO_V1(cq_namespace_revoke);
PG_FUNCTION_INFO_V1(cq_namespace_owner);
PG_FUNCTION_INFO_V1(cq_namespace_changed);

/* Arguments default_ttl and memory_quota; raises 22023. */
static void
option_args(FunctionCallInfo fcinfo, CqNamespaceOptions *options)
{
	memset(options, 0, sizeof(*options));
	if (!PG_ARGISNULL(1))
	{
		options->default_ttl = PG_GETARG_INTERVAL_P(1);
		(void) cq_interval_ms(options->default_ttl, 1, "default_ttl");
	}
	if (!PG_ARGISNULL(2))
	{
		options->memory_quota = PG_GETARG_INT64(2);
		if (options->memory_quota < CQ_MEMORY_QUOTA_MIN)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("memory_quota must be at least %d bytes, not %lld",
							CQ_MEMORY_QUOTA_MIN, (long long) options->memory_quota)));
	}
}

/* cq.namespace_create(namespace, default_ttl, memory_quota, if_not_exists) → void */
Datum
cq_namespace_create(PG_FUNCTION_ARGS)
{
	char	   *name;
	CqNamespaceOptions options;

	cq_require_shared();
	name = cq_arg_text(fcinfo, 0, "namespace");
	cq_arg_not_null(fcinfo, 3, "if_not_exists");
	cq_check_name("a namespace's name", strlen(name), CQ_NAMESPACE_BYTES_MAX);
	option_args(fcinfo, &options);
	cq_namespace_create_named(name, &options, PG_GETARG_BOOL(3));
	PG_RETURN_VOID();
}

/* cq.namespace_alter(namespace, default_ttl, memory_quota) → void */
Datum
cq_namespace_alter(PG_FUNCTION_ARGS)
{
	uint32		id = cq_arg_own_namespace(fcinfo, 0)->id;
	CqNamespaceOptions options;

	option_args(fcinfo, &options);
	cq_namespace_alter_options(id, &options);
	PG_RETURN_VOID();
}

/* cq.namespace_drop(namespace, if_exists) → void */
Datum
cq_namespace_drop(PG_FUNCTION_ARGS)
{
	char	   *name;

	cq_require_shared();
	name = cq_arg_text(fcinfo, 0, "namespace");
	cq_arg_not_null(fcinfo, 1, "if_exists");
	cq_namespace_drop_named(name, PG_GETARG_BOOL(1));
	PG_RETURN_VOID();
}

/* Of namespace_grant and namespace_revoke: namespace, role, privilege. */
static void
change_grant(FunctionCallInfo fcinfo, bool grant)
{
	char	   *name;
	char	   *role;
	AclMode		privileges;

	cq_require_shared();
	name = cq_arg_text(fcinfo, 0, "namespace");
	role = cq_arg_text(fcinfo, 1, "role");
	privileges = cq_privileges_named(CQ_OBJECT_NAMESPACE, cq_arg_text(fcinfo, 2, "privilege"));
	cq_namespace_change_grant(name, role, privileges, grant);
}

/* cq.namespace_grant(namespace, role, privilege) → void */
Datum
cq_namespace_grant(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, true);
	PG_RETURN_VOID();
}

/* cq.namespace_revoke(namespace, role, privilege) → void */
Datum
cq_namespace_revoke(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, false);
	PG_RETURN_VOID();
}

/* cq.namespace_owner(namespace, new_owner) → void */
Datum
cq_namespace_owner(PG_FUNCTION_ARGS)
{
	char	   *role;

	cq_require_shared();
	role = cq_arg_text(fcinfo, 1, "new_owner");
	cq_namespace_change_owner(cq_arg_text(fcinfo, 0, "namespace"), role);
	PG_RETURN_VOID();
}

/* cq._namespace_changed(): trigger of cq.namespace and cq.write_behind. */
Datum
cq_namespace_changed(PG_FUNCTION_ARGS)
{
	cq_arg_trigger(fcinfo, "_namespace_changed");
	CacheInvalidateRelcacheByRelid(cq_relation_if_exists("namespace"));
	return PointerGetDatum(NULL);
}
