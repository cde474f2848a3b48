/*-------------------------------------------------------------------------
 *
 * write_behind_log.h
 *	  The log of write-behind: what the tables have yet to follow.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WRITE_BEHIND_LOG_H
#define CQ_TABLES_WRITE_BEHIND_LOG_H

#include "cache/key.h"
#include "cache/request.h"
#include "cache/value.h"
#include "utils/snapshot.h"

/* What a look-up in the log found. */
typedef enum CqBehindFound
{
	CQ_BEHIND_NOTHING,			/* the table is up to date */
	CQ_BEHIND_VALUE,
	CQ_BEHIND_DELETED
} CqBehindFound;

/* Once, from _PG_init. */
extern void cq_behind_init(void);

/*
 * What is pending for a key of such a namespace (key->behind), under the
 * snapshot or by this transaction itself.  *value is filled in the current
 * memory context.
 */
extern CqBehindFound cq_behind_find(const CqKey *key, Snapshot snapshot,
									CqValue *value);

/*
 * May such a namespace store this?  Raises 0A000 for what is not a plain set,
 * 25006 where nothing can be written, 22023 and 42804 for a value that the
 * rule does not take.
 */
extern void cq_behind_check_set(const CqSetRequest *request, bool plain);

/* Raises 0A000; what: the function, such as "cq.cache_incr()". */
extern void cq_behind_refuse(const CqKey *key, const char *what);

/*
 * This transaction drops the rule of the namespace.  Raises 55000 when
 * something is pending, now or when it commits.
 */
extern void cq_behind_dropping(uint32 namespace_id);

#endif							/* CQ_TABLES_WRITE_BEHIND_LOG_H */
