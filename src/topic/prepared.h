/*-------------------------------------------------------------------------
 *
 * prepared.h
 *	  Prepared transactions that topics wait for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_PREPARED_H
#define CQ_TOPIC_PREPARED_H

#include "topic/memory.h"

/*
 * Find out which of the prepared transactions that the state waits for have ended,
 * and apply or undo what they did.  No lock held.  Returns whether any had.
 */
extern bool cq_topic_settle_prepared(CqTopicState *state);

#endif							/* CQ_TOPIC_PREPARED_H */
