/*-------------------------------------------------------------------------
 *
 * lease.h
 *	  Leases of misses: a bigint that stands for a view on this server start.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_LEASE_H
#define CQ_CACHE_LEASE_H

#include "cache/view.h"

struct SnapshotData;

extern Size cq_leases_size(void);

/* In the postmaster, once. */
extern void cq_leases_init(void *mem);

/*
 * A lease for what is read under this snapshot, or later.  Pushes the marks of the
 * transaction.  If the snapshot has no view, the lease is always refused.
 */
extern int64 cq_lease_issue(struct SnapshotData *snapshot);

/*
 * The view of a lease, or one that sees less; its list is valid until the next call.
 * Returns false for a lease that must be refused.
 */
extern bool cq_lease_view(int64 lease, CqView *view);

#endif							/* CQ_CACHE_LEASE_H */
