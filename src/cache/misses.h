/*-------------------------------------------------------------------------
 *
 * misses.h
 *	  Remembered misses: the snapshot under which a later set's value was read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_MISSES_H
#define CQ_CACHE_MISSES_H

#include "cache/view.h"

/*
 * Remember a miss of the key under the view, which is copied.  Raises out of memory
 * only.
 */
extern void cq_misses_remember(uint64 key_hash, const CqView *view);

/*
 * The view for a set of the key; false if there was no miss.  Its list is valid until
 * the next call of a function declared here.
 */
extern bool cq_misses_find(uint64 key_hash, CqView *view);

/* At the end of the transaction.  Never raises. */
extern void cq_misses_end_transaction(void);

#endif							/* CQ_CACHE_MISSES_H */
