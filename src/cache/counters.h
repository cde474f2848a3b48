/*-------------------------------------------------------------------------
 *
 * counters.h
 *	  Counters of the cache, for the server and by namespace.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_COUNTERS_H
#define CQ_CACHE_COUNTERS_H

#include "datatype/timestamp.h"
#include "port/atomics.h"

/* States of namespaces (namespace_states.c); 0 counts for all that have none. */
#define CQ_NAMESPACE_STATES 1024

/* In the order of cq.stat_cache's columns. */
typedef enum CqCounter
{
	/* by namespace */
	CQ_COUNT_HITS,
	CQ_COUNT_MISSES_ABSENT,
	CQ_COUNT_MISSES_EXPIRED,
	CQ_COUNT_MISSES_INVALIDATED,
	CQ_COUNT_MISSES_SNAPSHOT,
	CQ_COUNT_MISSES_BYPASS,
	CQ_COUNT_SETS,
	CQ_COUNT_SETS_REFUSED,		/* for any reason */
	CQ_COUNT_DELETES,

	/* of the server */
	CQ_COUNT_SETS_NO_MEMORY,
	CQ_COUNT_REFUSED_CHANGED,
	CQ_COUNT_REFUSED_EPOCH,
	CQ_COUNT_REFUSED_OWN_CHANGE,
	CQ_COUNT_REFUSED_LEASE,
	CQ_COUNT_REFUSED_BYPASS,
	CQ_COUNT_MARKS,
	CQ_COUNT_LOADS,
	CQ_COUNT_LOAD_WAITS,
	CQ_COUNT_LOAD_TIMEOUTS,
	CQ_COUNT_STALE_SERVED,
	CQ_COUNT_REFRESHES,
	CQ_COUNT_VERIFIED,
	CQ_COUNT_VERIFY_MISMATCHES,
	CQ_COUNT_EVICTIONS,			/* these two are counted by the engine */
	CQ_COUNT_EXPIRATIONS,
	CQ_NCOUNTERS
} CqCounter;

#define CQ_NAMESPACE_COUNTERS (CQ_COUNT_DELETES + 1)

extern Size cq_counters_size(void);
extern void cq_counters_init(void *mem, int tranche);

/* This process's counters, NULL: none.  Private to the inline functions. */
extern pg_atomic_uint64 *cq_own_counts;
extern pg_atomic_uint64 *cq_own_namespace_counts[CQ_NAMESPACE_STATES];
extern void cq_count_first(CqCounter counter, uint64 n);
extern void cq_count_shared(uint16 state, CqCounter counter, uint64 n);

/*
 * Count for the server, or for a namespace by its state.  Takes no lock, and
 * never raises.
 */
static inline void
cq_count(CqCounter counter, uint64 n)
{
	pg_atomic_uint64 *counts = cq_own_counts;

	if (likely(counts != NULL))
		pg_atomic_write_u64(&counts[counter],
							pg_atomic_read_u64(&counts[counter]) + n);
	else
		cq_count_first(counter, n);
}

static inline void
cq_count_namespace(uint16 state, CqCounter counter, uint64 n)
{
	pg_atomic_uint64 *counts = cq_own_namespace_counts[state];

	if (likely(counts != NULL))
		pg_atomic_write_u64(&counts[counter],
							pg_atomic_read_u64(&counts[counter]) + n);
	else
		cq_count_shared(state, counter, n);
}

/*
 * Begin, and end, counting for the namespace of a state.  At the end its counts
 * go to state 0.  Never raise; may be called from commit callbacks.
 */
extern void cq_counters_state_begin(uint16 state);
extern void cq_counters_state_end(uint16 state);

/* Give the state an entry in this process's block, if there is room. */
extern void cq_counters_attach(uint16 state);

/* All counts since the last reset. */
typedef struct CqCounts
{
	uint64		totals[CQ_NCOUNTERS];
	uint64		namespaces[CQ_NAMESPACE_STATES][CQ_NAMESPACE_COUNTERS];
	TimestampTz reset_at;		/* 0: never since the server start */
} CqCounts;

/* evictions, expirations: counts of the engine since the server start. */
extern void cq_counters_read(CqCounts *counts, uint64 evictions,
							 uint64 expirations);
extern void cq_counters_reset(uint64 evictions, uint64 expirations);

#endif							/* CQ_CACHE_COUNTERS_H */
