/*-------------------------------------------------------------------------
 *
 * cache_args.h
 *	  Arguments that the cache functions have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_SQL_CACHE_ARGS_H
#define CQ_SQL_CACHE_ARGS_H

#include "cache/cache.h"
#include "cache/namespace.h"
#include "fmgr.h"
#include "tables/write_behind.h"
#include "utils/array.h"
#include "utils/snapshot.h"

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

/* Raises 22004 (NULL), 22023 (empty) and 54000 (too long). */
extern void cq_check_key(const text *name);

/* The same for a key that is not an argument of its own; NULL raises. */
extern void cq_key_of_text(const text *name, uint32 name_space, CqKey *key);

/*
 * Expiry for a TTL in argument n; NULL: by the namespace's default, which may
 * be never (0).  Raises 22023.
 */
extern int64 cq_arg_expiry(FunctionCallInfo fcinfo, int n,
						   const CqNamespace *name_space);

/*
 * Fill request->slots with the basic ones and the tags of the array, and set
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

/*
 * Look the key up in the cache, and in a write-behind namespace in the log of
 * what the table has yet to follow.
 */
extern CqBehindFound cq_find(const CqKey *key, Snapshot snapshot,
							 CqValue *value);

/*
 * Let the request store this value (NULL raises 22004).  Raises 54000 when it
 * is larger than cachequeue.value_size_max.
 */
extern void cq_request_value(CqSetRequest *request, struct varlena *value);

/*
 * The value as a datum of the wanted type, in the current context; a counter
 * reads as text.  Raises 42809 for a value of another type.
 */
extern Datum cq_value_datum(const CqValue *value, CqValueType wanted);

/* Whether cq_value_datum would return it. */
extern bool cq_value_reads_as(const CqValue *value, CqValueType wanted);

/* Name of a value's type, for messages. */
extern const char *cq_value_type_name(uint8 type);

typedef struct CqSetLease
{
	bool		given;
	int64		number;
} CqSetLease;

/*
 * Set, under the view that the lease or the remembered miss stands for; a
 * plain one when there is neither, nor tags.  Conditional sets are immediate.
 * Returns whether it was (or at commit will be) stored.  Raises 55000 for tags
 * with neither lease nor miss.
 */
extern bool cq_set_with_rules(CqSetRequest *request, ArrayType *tags,
							  const CqSetLease *lease,
							  CqEngineCondition condition, uint64 version);

#endif							/* CQ_SQL_CACHE_ARGS_H */
