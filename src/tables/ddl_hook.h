/*-------------------------------------------------------------------------
 *
 * ddl_hook.h
 *	  Statements that matter to the cache and that no event trigger sees in time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_DDL_HOOK_H
#define CQ_TABLES_DDL_HOOK_H

/* Once, from _PG_init. */
extern void cq_ddl_hook_init(void);

#endif							/* CQ_TABLES_DDL_HOOK_H */
