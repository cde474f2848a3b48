/*-------------------------------------------------------------------------
 *
 * queue.c
 *	  Setting up the work queue in a process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "queue/definition.h"
#include "queue/queue.h"
#include "queue/xact.h"

void
cq_queue_init(void)
{
	cq_queue_definition_init();
	cq_queue_xact_init();
}
