/*-------------------------------------------------------------------------
 *
 * locktags.h
 *	  The advisory locks of the extension.
 *
 * A lock's tag is the database, two numbers and a class.  The SQL functions for
 * advisory locks use the classes 1 and 2, so users cannot take these.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_LOCKTAGS_H
#define CQ_CORE_LOCKTAGS_H

#include "miscadmin.h"
#include "storage/lock.h"

/* What a lock guards; behind it, the two numbers. */
typedef enum CqLockClass
{
	/* the passes of maintenance in a database (0, 0x6371): one at a time */
	CQ_LOCK_MAINTENANCE = 3,

	/* a key of a queue's deduplication (hash): look-up and insertion */
	CQ_LOCK_DEDUP_KEY = 4,

	/*
	 * The write-behind log of a namespace (namespace, 0).  Commits that
	 * append to it hold it in ShareLock, with the locks of the keys; one with
	 * many keys, and a drop of the rule, in ExclusiveLock.
	 */
	CQ_LOCK_BEHIND_LOG = 200,

	/*
	 * A key of a write-behind namespace (its identity): the log has its
	 * operations in the order of the commits.
	 */
	CQ_LOCK_BEHIND_KEY = 201,

	/* the flush of a namespace's log (namespace, 0): one at a time */
	CQ_LOCK_BEHIND_FLUSH = 202,

	/*
	 * A key (its identity), or a namespace (its number, 0), that a prepared
	 * transaction has deleted: plain sets are refused (cache/prepared.c)
	 */
	CQ_LOCK_PREPARED_KEY = 203,
	CQ_LOCK_PREPARED_NAMESPACE = 204
} CqLockClass;

/* the second number of CQ_LOCK_MAINTENANCE */
#define CQ_LOCK_MAINTENANCE_NUMBER 0x6371

static inline LOCKTAG
cq_lock_tag(CqLockClass class, uint32 a, uint32 b)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, a, b, class);
	return tag;
}

/*
 * Take a lock until the end of the transaction.  False when another session holds
 * it, and 'wait' is false.
 */
static inline bool
cq_lock(CqLockClass class, uint32 a, uint32 b, LOCKMODE mode, bool wait)
{
	LOCKTAG		tag = cq_lock_tag(class, a, b);

	return LockAcquire(&tag, mode, false, !wait) != LOCKACQUIRE_NOT_AVAIL;
}

#endif							/* CQ_CORE_LOCKTAGS_H */
