/*-------------------------------------------------------------------------
 *
 * queue.c
 *	  Setting up the work queue in a process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/settings.h"
#include "queue/definition.h"
#include "queue/dispatch/memory.h"
#include "queue/queue.h"
#include "queue/xact.h"

static Size
memory_bytes(void)
{
	return (Size) cq_queue_memory_kb * 1024;
}

Size
cq_queue_shmem_size(void)
{
	return cq_dispatch_size(cq_max_queues, memory_bytes());
}

void
cq_queue_shmem_init(void *mem)
{
	cq_dispatch_init(mem, cq_max_queues, memory_bytes(), cq_lwlock_tranche("CachequeueQueue"));
}

void
cq_queue_init(void)
{
	cq_queue_definition_init();
	cq_queue_xact_init();
}
