/*-------------------------------------------------------------------------
 *
 * pair.h
 *	  Pairs of tables that are written to in turns.
 *
 * Rows go to one table of a pair while the other one is emptied: what is needed of it
 * is copied to the first, and once no snapshot needs the originals it is truncated.
 * So a table that only grows costs no vacuum and gives its space back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_PAIR_H
#define CQ_CORE_PAIR_H

#include "access/transam.h"

typedef enum CqPairResult
{
	CQ_PAIR_EMPTY,				/* the table is empty now */
	CQ_PAIR_COPIED,				/* what is needed of it has been copied */
	CQ_PAIR_NOT_YET				/* it is used, or needed */
} CqPairResult;

/* The table of a pair that is to be emptied. */
typedef struct CqPairTable
{
	Oid			relid;
	const char *name;			/* in schema cq, as in "q1_k0" */
	const char *catalog;		/* the table of schema cq whose horizon counts */

	/*
	 * Copies what is needed, with a ShareLock on the table; false: too much
	 * to do so yet.
	 */
	bool		(*copy) (void *arg);
	void	   *arg;
	bool		copy_again;		/* rows come without regard to locks: copy
								 * once more before truncating */
} CqPairTable;

/*
 * One step towards an empty table, in a transaction of its own.  *copied is the mark
 * of the copy, invalid while there is none; set when the step has copied.  Locks that
 * are not free make it CQ_PAIR_NOT_YET; those that are taken stay until the
 * transaction ends.
 */
extern CqPairResult cq_pair_empty(const CqPairTable *table, FullTransactionId *copied);

#endif							/* CQ_CORE_PAIR_H */
