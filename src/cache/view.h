/*-------------------------------------------------------------------------
 *
 * view.h
 *	  What a snapshot sees of top-level transactions, in 64 bits.
 *
 * A view is the part of an MVCC snapshot that the consistency rules need:
 * which writers had ended when it was taken.  Only top-level ids are asked
 * about, so subtransactions don't matter.  A lease is a view without a list.
 *
 *	 ended     | ended unless listed in xip | not ended
 *	-----------+----------------------------+----------->  full xid
 *	          xmin                        xmax
 *
 * Builds without the server.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_VIEW_H
#define CQ_CACHE_VIEW_H

typedef struct CqView
{
	uint64		xmin;
	uint64		xmax;
	uint32		xcnt;
	const uint32 *xip;			/* running ids, the low 32 bits, any order */
} CqView;

/* Had this writer ended, whichever way, when the view was taken? */
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

/*
 * Of two views taken on one server: was a taken before b, as far as it makes
 * a difference?
 */
static inline bool
cq_view_older(const CqView *a, const CqView *b)
{
	if (a->xmax != b->xmax)
		return a->xmax < b->xmax;
	return a->xcnt > b->xcnt;
}

#endif							/* CQ_CACHE_VIEW_H */
