/*-------------------------------------------------------------------------
 *
 * view.h
 *	  What a snapshot sees of top-level transactions, in 64 bits.
 *
 * A view is the part of an MVCC snapshot that the consistency rules need: which
 * writers had ended when it was taken.  Writers are identified by top-level ids,
 * so subtransactions don't matter.
 *
 *	 ended     | ended unless listed in xip | not ended
 *	-----------+----------------------------+----------->  full xid
 *	          xmin                        xmax
 *
 * The type and the inline functions also build without the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_VIEW_H
#define CQ_CACHE_VIEW_H

struct SnapshotData;

typedef struct CqView
{
	uint64		xmin;
	uint64		xmax;			/* 0: no view, nothing may be stored */
	uint64		snapshot_xmax;	/* greater than xmax in that of a lease */
	uint32		xcnt;
	const uint32 *xip;			/* running ids, the low 32 bits, any order */
	uint32		curcid;			/* sees its own transaction's commands before
								 * this one, 0: none (a lease, an earlier
								 * transaction) */
} CqView;

/* Had this writer committed or aborted when the view was taken? */
static inline bool
cq_view_sees(const CqView *view, uint64 xid)
{
	if (xid < view->xmin)
		return true;
	if (xid >= view->xmax)
		return false;
	for (uint32 i = 0; i < view->xcnt; i++)
	{
		if (view->xip[i] == (uint32) xid)
			return false;
	}
	return true;
}

/* The full id of one in the list, or of another near xmax. */
static inline uint64
cq_view_widen(const CqView *view, uint32 xid)
{
	return view->xmax + (int32) (xid - (uint32) view->xmax);
}

/* Of two views of one server: was the snapshot of a taken before that of b? */
static inline bool
cq_view_older(const CqView *a, const CqView *b)
{
	if (a->snapshot_xmax != b->snapshot_xmax)
		return a->snapshot_xmax < b->snapshot_xmax;
	return a->xcnt > b->xcnt;
}

/*
 * The view of a snapshot, into which it points.  Returns false if dependent
 * entries can neither be served nor stored under the snapshot: it is not an MVCC
 * snapshot, it is older than this server start (F0), the isolation level is
 * SERIALIZABLE, or the server is in recovery.  Never raises.
 */
extern bool cq_view_of_snapshot(struct SnapshotData *snapshot, CqView *view);

/*
 * The view under which something that is read from now on may be stored: that of the
 * snapshot without the transactions whose DDL this process may not have heard of.
 * Accepts invalidation messages: a plan that is still valid afterwards, and the caches
 * behind it, are as new as the view.  Returns false as cq_view_of_snapshot.  Its list lives
 * as long as the snapshot and the transaction.  Raises out of memory only.
 */
extern bool cq_view_of_miss(struct SnapshotData *snapshot, CqView *view);

/*
 * Which transactions have ended by now, for the marks that this transaction, which
 * has an id, is about to push; DDL counts as in cq_view_of_miss.  The list is valid
 * until the next call.  Returns false if no snapshot can be taken, since the
 * transaction has ended.  Raises out of memory only.
 */
extern bool cq_view_for_marks(CqView *view);

/*
 * Fix F0, unless it is fixed.  The launcher calls this as soon as the server is
 * out of recovery.
 */
extern void cq_cache_out_of_recovery(void);

/* F0.  Not during recovery. */
extern uint64 cq_view_first_xid(void);

#endif							/* CQ_CACHE_VIEW_H */
