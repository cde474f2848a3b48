/*-------------------------------------------------------------------------
 *
 * cachequeue.c
 *	  Loading the library, and the layout of its shared memory.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/age.h"
#include "cache/cache.h"
#include "cache/ddl_window.h"
#include "cache/hot_keys.h"
#include "cache/in_flight.h"
#include "cache/lease.h"
#include "cache/load.h"
#include "cache/namespace.h"
#include "cache/namespace_states.h"
#include "cache/slots.h"
#include "cache/warm.h"
#include "core/crash_report.h"
#include "core/dbworker.h"
#include "core/object.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "core/tasks.h"
#include "exchange/definition.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "queue/maintain.h"
#include "queue/queue.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "tables/ddl_hook.h"
#include "tables/write_behind_flush.h"
#include "tables/write_behind_log.h"
#include "topic/maintain.h"
#include "topic/memory.h"
#include "topic/topic.h"
#include "worker/launcher.h"
#include "worker/sweep.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

/* Give a part its place; returns the offset behind it. */
static Size
place(Size *offset, Size end, Size size)
{
	*offset = CACHELINEALIGN(end);
	return add_size(*offset, size);
}

static CqShared
layout(void)
{
	CqShared	l;
	Size		end = sizeof(CqShared);

	end = place(&l.workers, end, cq_dbworkers_size());
	end = place(&l.cache, end, cq_cache_state_size());
	end = place(&l.slots, end, cq_slots_size());
	end = place(&l.in_flight, end, cq_in_flight_size());
	end = place(&l.engine, end, cq_engine_size((Size) cq_cache_memory_kb * 1024));
	end = place(&l.loads, end, cq_load_size());
	end = place(&l.leases, end, cq_leases_size());
	end = place(&l.ddl_windows, end, cq_ddl_windows_size());
	end = place(&l.counters, end, cq_counters_size());
	end = place(&l.namespaces, end, cq_namespace_states_size());
	end = place(&l.hot_keys, end, cq_hot_keys_size());
	end = place(&l.queues, end, cq_queue_shmem_size());
	end = place(&l.topics, end, cq_topic_shmem_size());
	l.size = CACHELINEALIGN(end);
	return l;
}

static void
request_shared_memory(void)
{
	if (previous_request_hook)
		previous_request_hook();
	RequestAddinShmemSpace(add_size(layout().size, PG_CACHE_LINE_SIZE));
}

static void
start_shared_memory(void)
{
	bool		found;
	CqShared	l = layout();

	if (previous_startup_hook)
		previous_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	cq_shared = ShmemInitStruct("cachequeue", l.size, &found);
	if (!found)
	{
		*cq_shared = l;
		cq_dbworkers_init(CQ_SHARED_PART(workers));
		cq_cache_shmem_init(CQ_SHARED_PART(cache));
		cq_in_flight_init(CQ_SHARED_PART(in_flight));
		cq_load_init(CQ_SHARED_PART(loads));
		cq_leases_init(CQ_SHARED_PART(leases));
		cq_ddl_windows_init(CQ_SHARED_PART(ddl_windows));
		cq_queue_shmem_init(CQ_SHARED_PART(queues));
		cq_topic_shmem_init(CQ_SHARED_PART(topics));
	}
	LWLockRelease(AddinShmemInitLock);
	if (!found)
		cq_warm_start();
}

/* What the maintenance worker of each database does, in this order. */
static void
register_tasks(void)
{
	static const CqTask tasks[] = {
		{"cache", cq_cache_maintain, NULL},
		{"objects", cq_objects_maintain, NULL},
		{"queue", cq_queue_maintain, NULL},
		{"topic", cq_topic_maintain, NULL},
		{"write-behind", cq_behind_maintain, cq_behind_at_shutdown},
	};

	for (int i = 0; i < lengthof(tasks); i++)
		cq_task_register(&tasks[i]);
}

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;					/* functions will say that it isn't preloaded */

	cq_crash_report_init();
	cq_settings_define();
	previous_request_hook = shmem_request_hook;
	shmem_request_hook = request_shared_memory;
	previous_startup_hook = shmem_startup_hook;
	shmem_startup_hook = start_shared_memory;
	cq_object_init();
	cq_cache_init();
	cq_namespace_init();
	cq_snapshot_age_init();
	cq_ddl_hook_init();
	cq_behind_init();
	cq_queue_init();
	cq_topic_init();
	cq_exchange_init();
	register_tasks();
	cq_workers_register();
}
