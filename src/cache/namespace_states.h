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

extern Size cq_namespace_states_size(void);
extern void cq_namespace_states_init(void *mem, int tranche);

/*
 * Transfer all states; no other process may use them.  After loading, _count
 * lets counters.c count by them.
 */
extern bool cq_namespace_states_transfer(CqTransfer transfer, void *arg);
extern void cq_namespace_states_count(void);

/*
 * The state of a namespace of the current database, taken at its first use; 0 if
 * none is left.  After the first call this is a look into an array of the process.
 * Never raises.
 */
extern uint16 cq_namespace_state(uint32 name_space);

/*
 * Limit the memory of a namespace to bytes; 0: no limit.  Has no effect if there
 * is no state left for the namespace, or no pool (see cq_engine_set_quota).
 */
extern void cq_namespace_set_quota(uint32 name_space, uint64 bytes);

/*
 * Free the state of a dropped namespace of the current database, or those of a
 * dropped database.  Never raise; may be called from commit callbacks.
 */
extern void cq_namespace_release(uint32 name_space);
extern void cq_namespace_release_database(Oid database);

/* Forget the states that this process has found: namespaces may be dropped. */
extern void cq_namespace_states_forget(void);

/*
 * The state of a namespace of the current database; 0 if it has none.  For
 * statistics.
 */
extern uint16 cq_namespace_state_find(uint32 name_space);

#endif							/* CQ_CACHE_NAMESPACE_STATES_H */
