/*-------------------------------------------------------------------------
 *
 * topic.c
 *	  Setting up topics in a process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/items.h"
#include "topic/definition.h"
#include "topic/sweep.h"
#include "topic/topic.h"
#include "topic/xact.h"

static bool
awaits_prepared(void)
{
	return pg_atomic_read_u32(&cq_topics->by_xid) > 0;
}

static const CqItemHooks hooks = {
	.before_commit = cq_topic_items_before_commit,
	.before_prepare = cq_topic_items_before_prepare,
	.commit = cq_topic_items_commit,
	.abort = cq_topic_items_undo,
	.awaits_prepared = awaits_prepared
};

void
cq_topic_init(void)
{
	cq_topic_definition_init();
	cq_item_list_register(cq_topic_items(), &hooks);
	cq_topic_sweep_init();
}
