/*-------------------------------------------------------------------------
 *
 * namespace_states.h
 *	  The namespaces in use, of all databases, in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_NAMESPACE_STATES_H
#define CQ_CACHE_NAMESPACE_STATES_H

#include "core/transfer.h"


extern Size cq_namespace_rows_size(void);
extern void cq_namespace_rows_init(void *mem, int tranche);

/* All of them, when nobody uses them; then, in a new server: have them counted. */
extern bool cq_namespace_rows_transfer(CqTransfer transfer, void *arg);
extern void cq_namespace_rows_count(void);

/*
 * The row of a namespace of the current database, taken at its first use; 0
 * when there is none left.  Costs a look into an array of this process's own,
 * but for the first time.  Never raises.
 */
extern uint16 cq_namespace_row(uint32 name_space);

/*
 * Limit what the entries of a namespace may take, in bytes; 0: no limit.  A
 * namespace without a row has none, nor has one for which the engine has no
 * room (see cq_engine_set_quota).
 */
extern void cq_namespace_set_quota(uint32 name_space, uint64 bytes);

/*
 * Give back the row of a namespace of the current database, or those of a
 * database, which are no more.  What was stored under a row keeps its number;
 * rows are reused as late as possible.  Never raise; fit for commit callbacks.
 */
extern void cq_namespace_release(uint32 name_space);
extern void cq_namespace_release_database(Oid database);

/* Ask for the rows again: namespaces may have been dropped. */
extern void cq_namespace_rows_forget(void);

/*
 * The row of a namespace of the current database, if it has one, else 0:
 * for statistics.
 */
extern uint16 cq_namespace_row_find(uint32 name_space);

#endif							/* CQ_CACHE_NAMESPACE_STATES_H */
