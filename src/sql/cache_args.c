/*-------------------------------------------------------------------------
 *
 * cache_args.c
 *	  Arguments that the cache functions have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/request.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/shmem.h"
#include "sql/cache_args.h"

const CqNamespace *
cq_arg_namespace(FunctionCallInfo fcinfo, int n, AclMode access)
{
	text	   *name;

	cq_arg_not_null(fcinfo, n, "namespace");
	name = PG_GETARG_TEXT_PP(n);
	return cq_namespace_find(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), access);
}

const CqNamespace *
cq_arg_own_namespace(FunctionCallInfo fcinfo, int n)
{
	text	   *name;

	cq_arg_not_null(fcinfo, n, "namespace");
	name = PG_GETARG_TEXT_PP(n);
	return cq_namespace_find_own(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
}

const CqNamespace *
cq_arg_key(FunctionCallInfo fcinfo, int n, int ns, AclMode access, CqKey *key)
{
	const CqNamespace *name_space;
	text	   *name;

	cq_require_shared();
	cq_arg_not_null(fcinfo, n, "key");
	cq_arg_not_null(fcinfo, ns, "namespace");
	name = PG_GETARG_TEXT_PP(ns);
	name_space = cq_namespace_find_any(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), access);
	name = PG_GETARG_TEXT_PP(n);
	cq_check_key(name);
	cq_key_init(key, CQ_SPACE_USER, name_space->id, VARDATA_ANY(name),
				VARSIZE_ANY_EXHDR(name));
	key->behind = name_space->behind;
	return name_space;
}

int64
cq_arg_expiry(FunctionCallInfo fcinfo, int n, const CqNamespace *name_space)
{
	int64		ttl_ms = name_space->default_ttl_ms;

	if (!PG_ARGISNULL(n))
		ttl_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(n), 1, "ttl");
	return ttl_ms == 0 ? 0 : cq_clock_ms() + ttl_ms;
}
