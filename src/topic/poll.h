/*-------------------------------------------------------------------------
 *
 * poll.h
 *	  Reading a topic: as a member of a group, or without one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_POLL_H
#define CQ_TOPIC_POLL_H

#include "topic/definition.h"
#include "topic/record.h"

#define CQ_POLL_MAX 100000

/* Who polls, and how much. */
typedef struct CqPollRequest
{
	const char *member;
	int64		generation;		/* 0: any */
	int			max;			/* records */
	bool		auto_commit;
} CqPollRequest;

/*
 * Read records for the member, from its partitions, and move its position; with
 * auto_commit commit it too.  Raises 55000 when it is no member of that generation,
 * and 40001 when it loses a partition meanwhile.
 */
extern void cq_topic_poll_records(CqTopicDef *def, const CqGroupDef *group,
								  const CqPollRequest *request,
								  CqRecordReader reader, void *arg);

/*
 * Commit that the member is done with the partition up to and with that record.
 * False when it doesn't own it, or hasn't polled so far, or was further already.
 */
extern bool cq_topic_commit_offset(CqTopicDef *def, const CqGroupDef *group,
								   const char *member, int64 generation, int partition,
								   int64 record_offset);

/*
 * Read up to max records of a partition from that offset on, without a group;
 * during recovery too.
 */
extern void cq_topic_read_records(CqTopicDef *def, int partition, int64 from, int max,
								  CqRecordReader reader, void *arg);

/*
 * Wait until there is something to poll; negative: for ever.  The caller is in a
 * procedure's transaction, which this commits.
 */
extern bool cq_topic_wait_for(const char *topic, const char *group, const char *member,
							  int64 generation, int64 timeout_ms);

#endif							/* CQ_TOPIC_POLL_H */
