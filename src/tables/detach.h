/*-------------------------------------------------------------------------
 *
 * detach.h
 *	  DETACH PARTITION CONCURRENTLY and the cache.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_DETACH_H
#define CQ_TABLES_DETACH_H

/* Once, from _PG_init. */
extern void cq_detach_init(void);

#endif							/* CQ_TABLES_DETACH_H */
