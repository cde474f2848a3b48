/*-------------------------------------------------------------------------
 *
 * segment.h
 *	  The segments of a topic: a next one, retention, compaction.
 *
 * Each of these is one or more transactions of the worker (core/step.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_SEGMENT_H
#define CQ_TOPIC_SEGMENT_H

#include "topic/definition.h"

/*
 * Have an empty segment ready for when the current one is full.  Returns when to
 * try again if there is none, in ms of cq_clock_ms().
 */
extern int64 cq_topic_add_segment(int32 topic_id);

/* State locked: go on to the next segment, of which there is one. */
extern void cq_topic_next_segment(CqTopicState *state);

/*
 * Drop segments that have become too old or are too much.  Returns when to look
 * again, in ms of cq_clock_ms(), or PG_INT64_MAX.
 */
extern int64 cq_topic_retain(int32 topic_id);

/* Merge the segments before the current one when that is worth it. */
extern void cq_topic_compact(int32 topic_id);

/* Truncate tables that hold no segment any more; returns as above. */
extern int64 cq_topic_truncate_retired(int32 topic_id);

#endif							/* CQ_TOPIC_SEGMENT_H */
