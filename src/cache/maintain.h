/*-------------------------------------------------------------------------
 *
 * maintain.h
 *	  Removing expired entries: when the maintenance worker does it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_MAINTAIN_H
#define CQ_CACHE_MAINTAIN_H

/*
 * The maintenance worker's task: remove expired entries if it is time.  Returns
 * when it is due again (core/clock.h), 0 if nothing can expire.
 */
extern int64 cq_cache_maintain(void);

/* Wake the worker if expires_ms (0: never) is before its planned time. */
extern void cq_cache_expiry_added(int64 expires_ms);

/* Plan the removal of what has been loaded. */
extern void cq_cache_plan_expiry(void);

#endif							/* CQ_CACHE_MAINTAIN_H */
