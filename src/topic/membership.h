/*-------------------------------------------------------------------------
 *
 * membership.h
 *	  Joining and leaving consumer groups.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_MEMBERSHIP_H
#define CQ_TOPIC_MEMBERSHIP_H

#include "topic/definition.h"

/*
 * Join, creating the group unless it exists; returns the member's generation.
 * bound: it leaves when this session ends.
 */
extern int64 cq_group_join_as(CqTopicDef *def, const char *group, const char *member,
							  bool bound);

/* False when it is no member of that generation (0: any). */
extern bool cq_group_leave_as(CqTopicDef *def, const char *group, const char *member,
							  int64 generation);
extern bool cq_group_heartbeat_as(CqTopicDef *def, const char *group, const char *member,
								  int64 generation);

#endif							/* CQ_TOPIC_MEMBERSHIP_H */
