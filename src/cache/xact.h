/*-------------------------------------------------------------------------
 *
 * xact.h
 *	  The cache's transaction callbacks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_XACT_H
#define CQ_CACHE_XACT_H

/* Once, from _PG_init. */
extern void cq_cache_register_callbacks(void);

#endif							/* CQ_CACHE_XACT_H */
