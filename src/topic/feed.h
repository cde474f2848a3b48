/*-------------------------------------------------------------------------
 *
 * feed.h
 *	  Shared groups: their queues get the topic's records.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_FEED_H
#define CQ_TOPIC_FEED_H


/*
 * Feed the shared groups of the topic, in transactions of the worker.  Returns
 * when to go on, in ms of cq_clock_ms(), or PG_INT64_MAX: when there is more.
 */
extern int64 cq_feed_groups(int32 topic_id);

#endif							/* CQ_TOPIC_FEED_H */
