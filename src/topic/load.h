/*-------------------------------------------------------------------------
 *
 * load.h
 *	  Loading topics and groups from the tables into shared memory.
 *
 * No lock held; the definition may be read again (cq_topic_read_again).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_LOAD_H
#define CQ_TOPIC_LOAD_H

#include "topic/definition.h"

/*
 * A state for the topic, with its partitions and what prepared transactions hold of
 * them; not locked.  Raises 53400.
 */
extern CqTopicState *cq_topic_load(CqTopicDef *def);

/* Add the partitions that the definition has and its state has not.  Raises 53400. */
extern void cq_topic_load_partitions(CqTopicDef *def);

/*
 * Give the group its cells, with its offsets, unless it has them.  False when the
 * definition is not attached to the topic's state any more.  Raises 53400.
 */
extern bool cq_topic_load_group(CqTopicDef *def, const CqGroupDef *group);

/*
 * The end of a partition, and the time of its last record or 0, as the tables have
 * them.
 */
extern void cq_topic_read_end(CqTopicDef *def, int partition, int64 *end, TimestampTz *last_time);

#endif							/* CQ_TOPIC_LOAD_H */
