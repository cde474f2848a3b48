/*-------------------------------------------------------------------------
 *
 * stable.h
 *	  How far a topic can be read: stable offsets.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_STABLE_H
#define CQ_TOPIC_STABLE_H

#include "topic/definition.h"

/* The first offset of a partition that is not to be read yet; during recovery too. */
extern int64 cq_topic_stable_offset(CqTopicDef *def, int partition);

/*
 * Bring shared memory up to date with what happens without it: records that are
 * replicated or restored, and the end of prepared transactions.
 */
extern void cq_topic_follow(CqTopicDef *def);

#endif							/* CQ_TOPIC_STABLE_H */
