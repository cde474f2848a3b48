/*-------------------------------------------------------------------------
 *
 * cache.c
 *	  The cache as one transaction sees it: engine below, rules on top.
 *
 * The parts, each in a file of its own:
 *
 *	engine/			a bounded map from bytes to bytes
 *	state.c			the engine of this server, and other shared state
 *	slots.c			which transactions changed what, and in which order
 *	visibility.c	the two rules: may a value be stored, may it be served?
 *	view.c			the part of a snapshot that the rules need; leases
 *	key.c			keys; clearing of namespaces
 *	namespace.c		namespaces: options and privileges
 *	namespace_states.c	the same in shared memory: quotas and counters
 *	marks.c			what the running transaction has changed
 *	in_flight.c		misses whose sets may be in flight
 *	age.c			the age of what a snapshot shows
 *	pending.c		its sets and deletes, until it commits
 *	prepared.c		plain entries that prepared transactions have deleted
 *	misses.c		the snapshots under which it has missed
 *	lookup.c		looking a key up
 *	store.c			setting, deleting, invalidating
 *	query_levels.c	which running queries change watched rows
 *	xact.c			the callbacks of transactions
 *	ddl_window.c	who has committed DDL that others may not know of yet
 *	load.c			of many processes that miss one key, one computes
 *	counters.c, hot_keys.c	statistics
 *	warm.c			the cache over a clean restart
 *
 * Lock order: no lock of these files is held while another one is taken, except
 * that the lock of namespace_states.c comes before those of counters.c and of the
 * engine.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/cache.h"
#include "cache/ddl_window.h"
#include "cache/hot_keys.h"
#include "cache/namespace_states.h"
#include "cache/query_levels.h"
#include "cache/slots.h"
#include "cache/xact.h"
#include "core/shmem.h"

void
cq_cache_start_empty(void)
{
	cq_slots_init(CQ_SHARED_PART(slots));
	cq_namespace_states_init(CQ_SHARED_PART(namespaces), cq_cache_state->tranche);
	cq_cache_state_start_empty();
}

void
cq_cache_shmem_init(void *mem)
{
	cq_cache_state_init(mem);
	cq_counters_init(CQ_SHARED_PART(counters), cq_cache_state->tranche);
	cq_hot_keys_init(CQ_SHARED_PART(hot_keys), cq_cache_state->tranche);
	cq_cache_start_empty();
}

bool
cq_cache_transfer(CqTransfer transfer, void *arg)
{
	return cq_cache_state_transfer(transfer, arg) &&
		cq_slots_transfer(transfer, arg) &&
		cq_namespace_states_transfer(transfer, arg) &&
		cq_engine_transfer(cq_cache_engine(), transfer, arg);
}

void
cq_cache_start_loaded(void)
{
	Assert(cq_engine_check(cq_cache_engine()) == NULL);
	cq_namespace_states_count();
	cq_cache_plan_expiry();
}

void
cq_cache_init(void)
{
	cq_cache_register_callbacks();
	cq_query_levels_install();
	cq_ddl_window_register();
}

void
cq_cache_counts(CqCounts *counts, CqEngineStats *stats)
{
	cq_engine_stats(cq_cache_engine(), stats);
	cq_counters_read(counts, stats->evictions, stats->expirations);
}

void
cq_cache_reset_counts(void)
{
	CqEngineStats stats;

	cq_engine_stats(cq_cache_engine(), &stats);
	cq_counters_reset(stats.evictions, stats.expirations);
	cq_hot_keys_reset();
}
