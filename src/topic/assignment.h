/*-------------------------------------------------------------------------
 *
 * assignment.h
 *	  Groups: members, who owns which partition, positions.
 *
 * Row locked, exclusively, where nothing else is said; nothing raises then.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_ASSIGNMENT_H
#define CQ_TOPIC_ASSIGNMENT_H

#include "topic/definition.h"

/*
 * A row for the topic, with its partitions and what prepared transactions hold
 * of them.  No lock held.	Raises 53400.
 */
extern CqTopicRow *cq_share_load_topic(CqTopicDef *def);

/*
 * The end of a partition, and the time of its last record or 0, as the tables
 * have them.  No lock held.
 */
extern void cq_share_read_end(CqTopicDef *def, int partition, int64 *end,
							  TimestampTz *last_time);

/* Partitions that the definition has and the row has not.  No lock held. */
extern void cq_share_add_partitions(CqTopicDef *def);

/*
 * Give the group its cells, with its offsets, unless it has them.  No lock held.
 * False when the definition is not attached to the topic's row any more.  Raises
 * 53400.
 */
extern bool cq_share_load_group(CqTopicDef *def, const CqGroupDef *group);

/* The share of a group in a partition, or CQ_NO_CELL. */
extern uint32 cq_share_find(const CqTopicRow *row, uint32 group, int partition);

/*
 * Add a member, or give the one of that name a new generation; CQ_NO_CELL when
 * there is no memory.  pid: of the session that it is bound to, or 0.
 */
extern uint32 cq_member_join(CqTopicRow *row, uint32 group, const char *name, int pid);

/*
 * The member by that name, CQ_NO_CELL when there is none or it has another
 * generation than the one that is not 0.  It has been heard of now.
 */
extern uint32 cq_member_find(CqTopicRow *row, uint32 group, const char *name,
							 int64 generation);

/* Its partitions go to others. */
extern void cq_member_remove(CqTopicRow *row, uint32 member);

/* Remove members that have not been heard of; returns when the next may be due. */
extern int64 cq_members_expire(CqTopicRow *row);

/* The transaction that the share was busy with has ended. */
extern void cq_share_end_busy(CqTopicRow *row, uint32 share);

/* From here on what has been begun is fenced off. */
extern void cq_share_fence(CqTopicRow *row, uint32 share);

/*
 * A transaction has committed an offset for the share, or a seek (rewind is
 * ahead of the share's).
 */
extern void cq_share_commit(CqShare *share, int64 offset, int64 rewind, TimestampTz at);

#endif							/* CQ_TOPIC_ASSIGNMENT_H */
