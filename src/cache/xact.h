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
 * Called at PRE_COMMIT when there are operations that a table is to follow
 * (cq_pending_next_behind), before anything of the transaction is prepared.
 * May raise.  Set by sql, which knows tables, when the library is loaded.
 */
extern void (*cq_log_behind_hook) (void);

/* Once, from _PG_init. */
extern void cq_cache_register_callbacks(void);

#endif							/* CQ_CACHE_XACT_H */
