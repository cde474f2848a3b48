/*-------------------------------------------------------------------------
 *
 * assignment.h
 *	  Groups: members, who owns which partition, positions.
 *
 * State locked, exclusively, where nothing else is said; nothing raises then.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_ASSIGNMENT_H
#define CQ_TOPIC_ASSIGNMENT_H

#include "topic/memory.h"

/* The assignment of a group in a partition, a cell, or CQ_NO_CELL. */
extern uint32 cq_assignment_find(const CqTopicState *state, uint32 group, int partition);

/*
 * Add a member, or give the one of that name a new generation; CQ_NO_CELL when
 * there is no memory.  pid: of the session that it is bound to, or 0.
 */
extern uint32 cq_member_join(CqTopicState *state, uint32 group, const char *name, int pid);

/*
 * The member by that name, CQ_NO_CELL when there is none or it is not of that
 * generation (0: any).  Counts as a heartbeat.
 */
extern uint32 cq_member_find(CqTopicState *state, uint32 group, const char *name,
							 int64 generation);

/* Give each partition a target, by the members that there are. */
extern void cq_group_rebalance(CqTopicState *state, uint32 group);

/* Remove a member; its partitions go to others. */
extern void cq_member_remove(CqTopicState *state, uint32 member);

/* Remove members without a heartbeat in time; returns when the next may be due. */
extern int64 cq_members_expire(CqTopicState *state);

/* Note that the transaction that the assignment was busy with has ended. */
extern void cq_assignment_end_busy(CqTopicState *state, uint32 assignment);

/* Let its target own it; what the owner has begun is fenced off. */
extern void cq_assignment_fence(CqTopicState *state, uint32 assignment);

/*
 * Note that a transaction has committed an offset, or a seek: then rewind is ahead of
 * the assignment's.
 */
extern void cq_assignment_commit(CqAssignment *assignment, int64 offset, int64 rewind, TimestampTz at);

#endif							/* CQ_TOPIC_ASSIGNMENT_H */
