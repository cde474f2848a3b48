/*-------------------------------------------------------------------------
 *
 * cache_args.h
 *	  Arguments that the cache functions have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ARGS_H
#define CQ_CACHE_ARGS_H

#include "cache/cache.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/snapshot.h"

/* Raises 22004 if the argument is NULL; name is the parameter's. */
extern void cq_arg_not_null(FunctionCallInfo fcinfo, int n, const char *name);

/* A namespace's number.  Raises 22004 and 42704. */
extern uint32 cq_arg_namespace(FunctionCallInfo fcinfo, int n);

/*
 * The key in argument n of the namespace in argument ns.  Raises 22004 (NULL),
 * 22023 (empty), 54000 (too long), 55000 (not preloaded).
 */
extern void cq_arg_key(FunctionCallInfo fcinfo, int n, int ns, CqKey *key);

/* Expiry for a TTL in argument n, NULL: never.  Raises 22023. */
extern int64 cq_arg_expiry(FunctionCallInfo fcinfo, int n);

/*
 * Fill request->slots with epoch, key and the tags of the array, and set
 * dependent.  Raises 22004 (NULL tag), 22023 (empty tag), 54000 (too long, too
 * many).
 */
extern void cq_request_depend(CqSetRequest *request, ArrayType *tags);

/* The slot of one tag; raises as above. */
extern uint32 cq_tag_slot(text *tag);

/* Number of elements of a tags array; NULL argument: 0. */
extern int	cq_array_length(ArrayType *array);

/* The snapshot of the running statement. */
extern Snapshot cq_statement_snapshot(void);

/* Raises 54000 when the value is larger than cachequeue.value_size_max. */
extern void cq_check_value_size(Size len);

#endif							/* CQ_CACHE_ARGS_H */
