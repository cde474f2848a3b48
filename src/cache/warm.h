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
 * In the postmaster, when shared memory has been laid out: load the saved cache,
 * if it is still valid, and arrange for it to be saved at shutdown.  Does nothing
 * in other processes.  Never raises.
 */
extern void cq_warm_start(void);

#endif							/* CQ_CACHE_WARM_H */
