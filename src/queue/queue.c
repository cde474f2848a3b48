/*-------------------------------------------------------------------------
 *
 * queue.c
 *	  Setting up the work queue in a process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/items.h"
#include "core/settings.h"
#include "queue/definition.h"
#include "queue/dispatch/memory.h"
#include "queue/queue.h"
#include "queue/scan.h"
#include "queue/wait.h"
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

/* An error or a rollback ends the transaction, or a savepoint (level > 0). */
static void
on_abort(int level)
{
	cq_scan_abandon();
	cq_queue_items_undo(level);
	if (level == 0)
		cq_wait_pass_on();
}

static bool
awaits_prepared(void)
{
	return pg_atomic_read_u32(&cq_queues->by_xid) > 0;
}

static const CqItemHooks hooks = {
	.before_prepare = cq_queue_items_prepare,
	.commit = cq_queue_items_commit,
	.abort = on_abort,
	.awaits_prepared = awaits_prepared
};

void
cq_queue_init(void)
{
	cq_queue_definition_init();
	cq_item_list_register(cq_queue_items(), &hooks);
}
