/*-------------------------------------------------------------------------
 *
 * topic.c
 *	  Setting up topics in a process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "topic/definition.h"
#include "topic/sweep.h"
#include "topic/topic.h"
#include "topic/xact.h"

void
cq_topic_init(void)
{
	cq_topic_definition_init();
	cq_topic_xact_init();
	cq_topic_sweep_init();
}
