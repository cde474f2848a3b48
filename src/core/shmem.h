/*-------------------------------------------------------------------------
 *
 * shmem.h
 *	  The one block of main shared memory, and how it is laid out.
 *
 *	+----------+---------+-------------+-------+--------+-------+----------+
 *	| CqShared | workers | cache state | slots | engine | loads | counters |
 *	+----------+---------+-------------+-------+--------+-------+----------+
 *	+-------------+----------------+----------+--------+--------+
 *	| DDL windows | namespace rows | hot keys | queues | topics |
 *	+-------------+----------------+----------+--------+--------+
 *
 * Requested in shmem_request_hook, laid out and initialised once in
 * shmem_startup_hook, never resized.  Every part starts on a cache line.
 * Nothing in it holds a pointer into it: parts refer to their contents by
 * index or offset.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_SHMEM_H
#define CQ_CORE_SHMEM_H

typedef struct CqShared
{
	Size		size;			/* of the whole block, bytes */
	/* offsets of the parts from the start of this struct */
	Size		workers;		/* core/dbworker.c */
	Size		cache;			/* cache/state.c: F0, salt */
	Size		slots;			/* cache/slots.c: dependency slots */
	Size		in_flight;		/* cache/in_flight.c: misses */
	Size		engine;			/* cache/engine/engine.c: the arena */
	Size		loads;			/* cache/load.c: load leases */
	Size		leases;			/* cache/lease.c: views of leases */
	Size		ddl_windows;	/* cache/ddl_window.c */
	Size		counters;		/* cache/counters.c */
	Size		namespaces;		/* cache/namespace_states.c */
	Size		hot_keys;		/* cache/hot_keys.c */
	Size		queues;			/* queue/dispatch/memory.c */
	Size		topics;			/* topic/memory.c */
} CqShared;

/* NULL when the library was not preloaded; constant after start. */
extern CqShared *cq_shared;

#define CQ_SHARED_PART(part) ((void *) ((char *) cq_shared + cq_shared->part))

/* Raises 55000 with a hint when the library was not preloaded. */
extern void cq_require_shared(void);

#endif							/* CQ_CORE_SHMEM_H */
