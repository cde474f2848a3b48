/*-------------------------------------------------------------------------
 *
 * ddl_window.h
 *	  Transactions whose DDL is committed and whose catalog invalidations are not
 *	  out yet.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_DDL_WINDOW_H
#define CQ_CACHE_DDL_WINDOW_H

extern Size cq_ddl_windows_size(void);

/* In the postmaster, once. */
extern void cq_ddl_windows_init(void *mem);

/* Once, from _PG_init. */
extern void cq_ddl_window_register(void);

/*
 * Open this process's window, for a transaction that is about to commit: its own, or
 * a prepared one.  It closes by itself when the current transaction has ended.  Never
 * raises.
 */
extern void cq_ddl_window_open(uint64 xid);

/*
 * The ids of the transactions with an open window, in no order.  Returns their number;
 * *ids is an array in the memory of the current transaction, or NULL.  Raises out of
 * memory only.
 */
extern int	cq_ddl_windows_read(uint64 **ids);

#endif							/* CQ_CACHE_DDL_WINDOW_H */
