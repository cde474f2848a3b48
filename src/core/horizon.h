/*-------------------------------------------------------------------------
 *
 * horizon.h
 *	  What the snapshots that are in use may still see.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_HORIZON_H
#define CQ_CORE_HORIZON_H

#include "access/transam.h"

/*
 * The horizon for the rows of a table of this database, not a shared one or a
 * system catalog: every snapshot that is in use, or will be taken, sees what
 * transactions below it have done.  Locks the table for a moment, AccessShare.
 */
extern FullTransactionId cq_horizon(Oid relid);

/* A mark: above all transactions that have ended until now. */
static inline FullTransactionId
cq_horizon_mark(void)
{
	return ReadNextFullTransactionId();
}

/* Whether every snapshot sees what had been committed when the mark was taken. */
static inline bool
cq_horizon_passed(FullTransactionId horizon, FullTransactionId mark)
{
	return FullTransactionIdPrecedesOrEquals(mark, horizon);
}

/*
 * A description, palloc'd, of the session, slot or prepared transaction that keeps the
 * horizon of this database below the mark; NULL: there is none any more.  Runs a query.
 */
extern char *cq_horizon_holder(FullTransactionId mark);

#endif							/* CQ_CORE_HORIZON_H */
