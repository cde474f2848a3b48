/*-------------------------------------------------------------------------
 *
 * misses.h
 *	  Remembered misses: under which snapshot will a later set's value have
 *	  been read?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_MISSES_H
#define CQ_CACHE_MISSES_H

#include "cache/view.h"

/*
 * Remember a miss of the key under the view (copied).  change: the own-change
 * counter (local.h).
 */
extern void cq_misses_remember(uint64 key_hash, const CqView *view,
							   uint64 change);

/*
 * The view and counter to be used for a set of the key; NULL if it was not
 * missed.  Valid until the next call into this module.
 */
extern const CqView *cq_misses_find(uint64 key_hash, uint64 *change);

/* End of the transaction. */
extern void cq_misses_end_transaction(void);

#endif							/* CQ_CACHE_MISSES_H */
