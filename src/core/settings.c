/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  Definition of the settings cachequeue.*.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "core/limits.h"
#include "core/settings.h"
#include "utils/guc.h"

int			cq_cache_memory_kb = 65536;
int			cq_dependency_slots = 65536;
int			cq_queue_memory_kb = 16384;
int			cq_max_queues = 256;
int			cq_topic_memory_kb = 4096;
int			cq_max_topics = 256;
int			cq_max_databases = 16;
int			cq_value_size_max = 1024 * 1024;
int			cq_segment_rows = 100000;
bool		cq_warm_restart = true;
int			cq_load_wait_ms = -1;
double		cq_verify_sample = 0;
int			cq_remember_misses = CQ_REMEMBER_TRANSACTION;

#ifdef CQ_FAULTS
char	   *cq_fault = NULL;
char	   *cq_pause_at = NULL;
#endif

static const struct config_enum_entry remember_misses_options[] = {
	{"transaction", CQ_REMEMBER_TRANSACTION, false},
	{"session", CQ_REMEMBER_SESSION, false},
	{NULL, 0, false}
};

static void
define_start(void)
{
	DefineCustomIntVariable("cachequeue.cache_memory",
							"Memory of the cache's arena.",
							"Never exceeded; entries are evicted instead.",
							&cq_cache_memory_kb, 65536, 1024, INT_MAX,
							PGC_POSTMASTER, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("cachequeue.dependency_slots",
							"Number of slots for tags, and as many for keys.",
							"64 bytes each; dependencies that share a slot only cost extra misses.",
							&cq_dependency_slots, 65536, 1024, 16 * 1024 * 1024,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cachequeue.queue_memory",
							"Memory for messages that are ready, delayed or in flight.",
							"A longer backlog stays in the tables and is read in as needed.",
							&cq_queue_memory_kb, 16384, 1024, INT_MAX,
							PGC_POSTMASTER, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("cachequeue.max_queues",
							"Largest number of queues in all databases together.",
							NULL,
							&cq_max_queues, 256, 1, 65536,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cachequeue.topic_memory",
							"Memory for partitions of topics, groups, members and open transactions.",
							"What does not fit is refused; records stay in the tables.",
							&cq_topic_memory_kb, 4096, 256, INT_MAX,
							PGC_POSTMASTER, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("cachequeue.max_topics",
							"Largest number of topics in all databases together.",
							NULL,
							&cq_max_topics, 256, 1, 65536,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("cachequeue.max_databases",
							"Largest number of databases with a maintenance worker.",
							"Each worker also needs one of max_worker_processes.",
							&cq_max_databases, 16, 1, 1024,
							PGC_POSTMASTER, 0, NULL, NULL, NULL);
}

static void
define_reloadable(void)
{
	DefineCustomIntVariable("cachequeue.value_size_max",
							"Largest value that the cache accepts.",
							NULL,
							&cq_value_size_max, 1024 * 1024, 1024, CQ_VALUE_BYTES_CEILING,
							PGC_SIGHUP, GUC_UNIT_BYTE, NULL, NULL, NULL);
	DefineCustomIntVariable("cachequeue.segment_rows",
							"Messages after which a queue or topic goes on to its next segment.",
							NULL,
							&cq_segment_rows, 100000, 16, 100000000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("cachequeue.warm_restart",
							 "Keep the cache over a clean restart.",
							 "It is saved to a file at shutdown and loaded at start.",
							 &cq_warm_restart, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
}

static void
define_session(void)
{
	DefineCustomIntVariable("cachequeue.load_wait",
							"How long a miss waits for another session that computes the same result.",
							"After that it computes the result itself; 0: it never waits; -1: as long as the other one computes.",
							&cq_load_wait_ms, -1, -1, INT_MAX,
							PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomRealVariable("cachequeue.verify_sample",
							 "Share of the hits on query results that are computed anew and compared.",
							 "A result that differs is logged, counted and replaced.",
							 &cq_verify_sample, 0, 0, 1,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("cachequeue.remember_misses",
							 "How long the snapshot of a cache miss is remembered for a later set.",
							 "\"session\" is for direct connections that serve one request at a time.",
							 &cq_remember_misses, CQ_REMEMBER_TRANSACTION,
							 remember_misses_options,
							 PGC_USERSET, 0, NULL, NULL, NULL);
}

#ifdef CQ_FAULTS
static void
define_faults(void)
{
	DefineCustomStringVariable("cachequeue.fault",
							   "Consistency rule to leave out (debug builds only).",
							   NULL,
							   &cq_fault, "",
							   PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
	DefineCustomStringVariable("cachequeue.pause",
							   "Place in the code to wait at for a test (debug builds only).",
							   NULL,
							   &cq_pause_at, "",
							   PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
}
#endif

/* Called once from _PG_init; raises nothing a user can cause. */
void
cq_settings_define(void)
{
	define_start();
	define_reloadable();
	define_session();
#ifdef CQ_FAULTS
	define_faults();
#endif
	MarkGUCPrefixReserved("cachequeue");
}
