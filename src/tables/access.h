/*-------------------------------------------------------------------------
 *
 * access.h
 *	  Getting and setting entries, in namespaces that a table follows and in others.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_ACCESS_H
#define CQ_TABLES_ACCESS_H

#include "cache/key.h"
#include "cache/request.h"
#include "cache/value.h"
#include "tables/write_behind_log.h"
#include "utils/array.h"
#include "utils/snapshot.h"

/*
 * Look the key up in the cache, and in a write-behind namespace in the log of
 * what the table has yet to follow.
 */
extern CqBehindFound cq_access_find(const CqKey *key, Snapshot snapshot,
									CqValue *value);

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
extern bool cq_access_set(CqSetRequest *request, ArrayType *tags,
						  const CqSetLease *lease,
						  CqEngineCondition condition, uint64 version);

/*
 * Remove at commit; false when there was nothing to remove.  In a namespace that a
 * table follows this deletes the row; there it raises 25006.
 */
extern bool cq_access_delete(const CqKey *key);

#endif							/* CQ_TABLES_ACCESS_H */
