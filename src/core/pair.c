/*-------------------------------------------------------------------------
 *
 * pair.c
 *	  Pairs of tables that are written to in turns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/catalog.h"
#include "core/horizon.h"
#include "core/owner.h"
#include "core/pair.h"
#include "storage/lmgr.h"

CqPairResult
cq_pair_empty(const CqPairTable *table, FullTransactionId *copied)
{
	if (cq_table_is_empty(table->relid))
		return CQ_PAIR_EMPTY;
	if (!FullTransactionIdIsValid(*copied))
	{
		/* with this lock, no session writes to it any more */
		if (!ConditionalLockRelationOid(table->relid, ShareLock) || !table->copy(table->arg))
			return CQ_PAIR_NOT_YET;
		*copied = cq_horizon_mark();
		return CQ_PAIR_COPIED;
	}
	if (!cq_horizon_passed(cq_horizon(cq_relation(table->catalog)), *copied) ||
		!ConditionalLockRelationOid(table->relid, AccessExclusiveLock))
		return CQ_PAIR_NOT_YET;
	if (table->copy_again)
		(void) table->copy(table->arg);
	(void) cq_execute_as_owner(psprintf("TRUNCATE cq.%s", table->name), 0, NULL, NULL, NULL);
	return CQ_PAIR_EMPTY;
}
