/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  What differs between the supported PostgreSQL versions (15 to 18).
 *
 * The only file that looks at PG_VERSION_NUM.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_COMPAT_H
#define CQ_COMPAT_H

#include "access/transam.h"
#include "access/xact.h"

#if PG_VERSION_NUM < 150000
#error "cachequeue needs PostgreSQL 15 or later"
#endif

/*
 * The next full transaction id, read without XidGenLock: an aligned 64-bit
 * load, which every platform we support does in one piece.  The value may be
 * a moment old; callers only use it to widen 32-bit ids that are at most 2^31
 * behind it.
 */
static inline uint64
cq_next_full_xid_unlocked(void)
{
#if PG_VERSION_NUM >= 170000
	return *(volatile uint64 *) &TransamVariables->nextXid.value;
#else
	return *(volatile uint64 *) &ShmemVariableCache->nextXid.value;
#endif
}

#endif							/* CQ_COMPAT_H */
