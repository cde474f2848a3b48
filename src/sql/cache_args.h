/*-------------------------------------------------------------------------
 *
 * cache_args.h
 *	  Arguments that the cache functions have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_SQL_CACHE_ARGS_H
#define CQ_SQL_CACHE_ARGS_H

#include "cache/key.h"
#include "cache/namespace.h"
#include "fmgr.h"

/*
 * The namespace in argument n, for that access, or owned.  Raises 22004, 42704,
 * 42501.
 */
extern const CqNamespace *cq_arg_namespace(FunctionCallInfo fcinfo, int n,
										   AclMode access);
extern const CqNamespace *cq_arg_own_namespace(FunctionCallInfo fcinfo, int n);

/*
 * The key in argument n of the namespace in argument ns, for one of those uses.
 * Raises 22004 (NULL), 22023 (empty), 54000 (too long), 55000 (not preloaded)
 * and what cq_arg_namespace does.
 */
extern const CqNamespace *cq_arg_key(FunctionCallInfo fcinfo, int n, int ns,
									 AclMode access, CqKey *key);

/*
 * Expiry for a TTL in argument n; NULL: by the namespace's default, which may
 * be never (0).  Raises 22023.
 */
extern int64 cq_arg_expiry(FunctionCallInfo fcinfo, int n,
						   const CqNamespace *name_space);

#endif							/* CQ_SQL_CACHE_ARGS_H */
