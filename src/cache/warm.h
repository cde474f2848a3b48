/*-------------------------------------------------------------------------
 *
 * warm.h
 *	  The cache over a clean restart.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_WARM_H
#define CQ_CACHE_WARM_H

/*
 * In the postmaster, when shared memory has been laid out: load the cache that
 * was saved, if it is still right, and see to it that it is saved when the
 * server is shut down.  Does nothing in other processes.  Raises no error.
 */
extern void cq_warm_start(void);

#endif							/* CQ_CACHE_WARM_H */
