/*-------------------------------------------------------------------------
 *
 * stat.h
 *	  The state of topics and groups, for the views.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_STAT_H
#define CQ_TOPIC_STAT_H

#include "nodes/pg_list.h"
#include "topic/definition.h"
#include "topic/memory.h"
#include "utils/timestamp.h"

/* A partition as of one moment. */
typedef struct CqPartitionStat
{
	int64		first;			/* offset of the first record */
	bool		has_first;		/* there is one */
	int64		end;
	int64		stable;
	int64		open;			/* transactions that have published and go on */
	int64		published;
} CqPartitionStat;

/* A partition of a group, copied under the topic's lock. */
typedef struct CqAssignmentStat
{
	CqAssignment assignment;
	CqMember	owner;			/* if assignment.owner is a cell */
	int64		end;
	int64		stable;
} CqAssignmentStat;

/* A member of a group. */
typedef struct CqMemberStat
{
	CqMember	member;
	int			npartitions;
	int32		partitions[CQ_PARTITIONS_MAX];
} CqMemberStat;

/* May the current role see all of the topic, with its groups? */
extern bool cq_topic_visible(CqTopicDef *def);

/* Names (char *) of the topics of which it may see anything. */
extern List *cq_topics_visible(void);

/* Bytes of the topic's tables. */
extern int64 cq_topic_bytes(const CqTopicDef *def);

/*
 * What keeps tables of the topic from being truncated (core/horizon.h), palloc'd; NULL:
 * nothing.
 */
extern char *cq_topic_held_by(CqTopicDef *def);

extern void cq_partition_stat(CqTopicDef *def, int partition, CqPartitionStat *stat);

/* False when the group has no such partition. */
extern bool cq_assignment_stat(CqTopicDef *def, int32 group_id, int partition, CqAssignmentStat *stat);

/* When the first record was published that a group has yet to read; 0: there is none. */
extern TimestampTz cq_assignment_lag_since(CqTopicDef *def, int partition, const CqAssignmentStat *stat);

/* The n-th member of the group; false when there is none. */
extern bool cq_member_stat(CqTopicDef *def, int32 group_id, int n, CqMemberStat *stat);

#endif							/* CQ_TOPIC_STAT_H */
