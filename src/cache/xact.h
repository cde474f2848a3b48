/*-------------------------------------------------------------------------
 *
 * xact.h
 *	  The cache's transaction callbacks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_XACT_H
#define CQ_CACHE_XACT_H

/*
 * Called at PRE_COMMIT if there are operations of write-behind
 * (cq_pending_next_behind), before any set is prepared.  May raise.  Set by
 * tables/write_behind_log.c when the library is loaded.
 */
extern void (*cq_log_behind_hook) (void);

/* Once, from _PG_init. */
extern void cq_cache_register_callbacks(void);

#endif							/* CQ_CACHE_XACT_H */
