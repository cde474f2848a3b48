/*-------------------------------------------------------------------------
 *
 * horizon.h
 *	  What the snapshots that are in use may still see.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_HORIZON_H
#define CQ_HORIZON_H

#include "access/transam.h"

/*
 * A dump takes its snapshot before it locks the tables.  So rows that have been
 * copied elsewhere stay until no snapshot is older than the copy, or for so long.
 */
#define CQ_HORIZON_WAIT_MS 60000

/* What every snapshot in this database sees is older than that. */
extern FullTransactionId cq_oldest_snapshot(void);

#endif							/* CQ_HORIZON_H */
