/*-------------------------------------------------------------------------
 *
 * age.h
 *	  The age of what a snapshot shows.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_AGE_H
#define CQ_CACHE_AGE_H

#include "utils/snapshot.h"

/* so long ago that no ttl reaches from there to the present */
#define CQ_TAKEN_UNKNOWN (PG_INT64_MIN / 2)

/*
 * When the snapshot was taken, or somewhat before, in cq_clock_ms(); or
 * CQ_TAKEN_UNKNOWN.  For a snapshot in use by the running statement.
 */
extern int64 cq_snapshot_taken_ms(Snapshot snapshot);

/* Does the transaction run under an imported snapshot? */
extern bool cq_snapshot_imported(void);

/* Once, from _PG_init. */
extern void cq_snapshot_age_init(void);

#endif							/* CQ_CACHE_AGE_H */
