/*-------------------------------------------------------------------------
 *
 * lease_record.h
 *	  What is kept of the views behind leases, in seven words.
 *
 * A record stands for all snapshots with one xmax that leases were issued for.  It
 * sees what all of them see, or less: the ids below a limit, but for a few that were
 * running.  Builds without the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_LEASE_RECORD_H
#define CQ_CACHE_LEASE_RECORD_H

#include "cache/view.h"

#define CQ_LEASE_RUNNING_MAX 10

typedef struct CqLeaseRecord
{
	uint64		snapshot_xmax;	/* of the snapshots; 0: none */
	uint64		limit;			/* ids from there on are not seen */
	uint32		running[CQ_LEASE_RUNNING_MAX];	/* nor are these; 0: none */
} CqLeaseRecord;

/* The record of one view, without own, which the view may see; 0: none. */
extern void cq_lease_record_make(CqLeaseRecord *record, const CqView *view, uint64 own);

/* Let a record stand for those of another one with the same xmax, too. */
extern void cq_lease_record_merge(CqLeaseRecord *record, const CqLeaseRecord *other);

/* The view of a record.  running has room for CQ_LEASE_RUNNING_MAX ids. */
extern void cq_lease_record_view(const CqLeaseRecord *record, CqView *view,
								 uint32 *running);

#endif							/* CQ_CACHE_LEASE_RECORD_H */
