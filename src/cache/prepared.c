/*-------------------------------------------------------------------------
 *
 * prepared.c
 *	  Keys that prepared transactions have deleted.
 *
 * A commit removes the plain entries that its transaction has deleted.  COMMIT
 * PREPARED runs in any session, after a restart, or never, and calls nothing of
 * ours.  So PREPARE removes the entries, and until the transaction has ended plain
 * sets of these keys are refused.
 *
 * Who refuses them is a heavyweight lock on the key, or on the namespace, that the
 * transaction takes before it is prepared.  PostgreSQL keeps the locks of a
 * prepared transaction over restarts and crashes, and releases them when it ends.
 * A set asks for the lock in a conflicting mode, without waiting, and lets it go
 * at once.  The modes:
 *
 *	prepared delete		ShareLock			two may delete one key
 *	plain set			RowExclusiveLock	for an instant
 *
 * A set asks only while a transaction may be prepared that has deleted something:
 * prepared_xid is the largest id of such a transaction, F0 (view.c) stands for
 * those from before the start, and both are behind us when they are below the xmin
 * of the own snapshot.  A server without max_prepared_transactions asks never.
 *
 * A set and a PREPARE at the same time:
 *
 *	set			reads the count; asks for the lock; publishes; reads the count
 *	PREPARE		takes the lock; advances the count; removes
 *
 * If the set does not see the lock, then either the entry is removed after it was
 * published, or the count has moved on between the two reads.  Then the set asks
 * again, or, in the commit callback, which must not, removes its entry itself: an
 * unrelated PREPARE at that instant costs an entry.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/twophase.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "cache/prepared.h"
#include "cache/state.h"
#include "cache/view.h"
#include "core/faults.h"
#include "core/locktags.h"
#include "utils/snapmgr.h"

static LOCKTAG
tag_of_key(const CqKey *key)
{
	return cq_lock_tag(CQ_LOCK_PREPARED_KEY, (uint32) (key->identity >> 32),
					   (uint32) key->identity);
}

static LOCKTAG
tag_of_namespace(uint32 name_space)
{
	return cq_lock_tag(CQ_LOCK_PREPARED_NAMESPACE, name_space, 0);
}

static void
lock(LOCKTAG tag)
{
	if (!CQ_FAULT("no-prepared-lock"))
		(void) LockAcquire(&tag, ShareLock, false, false);
}

void
cq_prepared_lock_key(const CqKey *key)
{
	lock(tag_of_key(key));
}

void
cq_prepared_lock_namespace(uint32 name_space)
{
	lock(tag_of_namespace(name_space));
}

void
cq_prepared_locked(void)
{
	uint64		own = U64FromFullTransactionId(GetTopFullTransactionId());
	uint64		largest = pg_atomic_read_u64(&cq_cache_state->prepared_xid);

	while (largest < own &&
		   !pg_atomic_compare_exchange_u64(&cq_cache_state->prepared_xid,
										   &largest, own))
		;
	pg_atomic_fetch_add_u64(&cq_cache_state->prepared_changes, 1);
}

uint64
cq_prepared_changes(void)
{
	pg_memory_barrier();
	return pg_atomic_read_u64(&cq_cache_state->prepared_changes);
}

/* May a transaction be prepared that has deleted keys? */
static bool
any_open(void)
{
	uint64		largest;

	if (max_prepared_xacts == 0 || RecoveryInProgress())
		return false;
	largest = pg_atomic_read_u64(&cq_cache_state->prepared_xid);
	return !TransactionIdPrecedesOrEquals((TransactionId) cq_view_first_xid(),
										  TransactionXmin) ||
		(largest != 0 &&
		 !TransactionIdPrecedes((TransactionId) largest, TransactionXmin));
}

static bool
is_locked(LOCKTAG tag)
{
	if (LockAcquire(&tag, RowExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	(void) LockRelease(&tag, RowExclusiveLock, false);
	return false;
}

bool
cq_prepared_refuses(const CqKey *key)
{
	return any_open() && (is_locked(tag_of_namespace(key->name_space)) ||
						  is_locked(tag_of_key(key)));
}
