/*-------------------------------------------------------------------------
 *
 * horizon.c
 *	  What the snapshots that are in use may still see.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/horizon.h"
#include "storage/procarray.h"

FullTransactionId
cq_oldest_snapshot(void)
{
	TransactionId xid = GetOldestNonRemovableTransactionId(NULL);
	FullTransactionId next = ReadNextFullTransactionId();
	uint32		epoch = EpochFromFullTransactionId(next);

	if (xid > XidFromFullTransactionId(next))
		epoch--;
	return FullTransactionIdFromEpochAndXid(epoch, xid);
}
