/*-------------------------------------------------------------------------
 *
 * topic.c
 *	  Setting up topics in a process.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "topic/topic.h"
#include "topic/topic_sweep.h"
#include "topic/topic_definition.h"
#include "topic/topic_xact.h"

void
cq_topic_init(void)
{
	cq_topic_definition_init();
	cq_topic_xact_init();
	cq_topic_sweep_init();
}
