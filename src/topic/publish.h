/*-------------------------------------------------------------------------
 *
 * publish.h
 *	  Publishing to a topic.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_PUBLISH_H
#define CQ_TOPIC_PUBLISH_H

#include "message/message.h"
#include "topic/definition.h"

/* record.partition: by the key, or in turns */
#define CQ_PARTITION_ANY (-1)

/*
 * Publish n records, of which are given: group_key (the record's key) or NULL,
 * body or no_body, headers or no_headers, partition or CQ_PARTITION_ANY, bytes.
 * Fills in partition, msg_id (the offset) and enqueued_at (published_at).  Raises
 * 22023 for a partition that the topic doesn't have, and 22004 for a record
 * without a key that needs one.
 */
extern void cq_topic_publish_records(CqTopicDef *def, CqNewMessage *records, int n);

#endif							/* CQ_TOPIC_PUBLISH_H */
