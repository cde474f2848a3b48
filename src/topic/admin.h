/*-------------------------------------------------------------------------
 *
 * admin.h
 *	  Creating, changing and dropping topics and groups, and their privileges.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_ADMIN_H
#define CQ_TOPIC_ADMIN_H

#include "topic/definition.h"
#include "topic/position.h"
#include "utils/timestamp.h"

/* Options of a topic, as arguments; NULL in alter: as it is. */
typedef struct CqTopicOptions
{
	bool		set_partitions;
	int			partitions;
	bool		set_retain;
	Interval   *retain;			/* NULL: for ever */
	bool		set_retain_bytes;
	int64		retain_bytes;	/* 0: any number */
	bool		set_compact;
	bool		compact;
	bool		set_tombstone_retain;
	Interval   *tombstone_retain;
} CqTopicOptions;

/*
 * Put changes of all topics, or of one and its groups, one after another until the
 * transaction ends.  The latter reads the definition again.
 */
extern void cq_topics_lock(void);
extern void cq_topic_lock_definition(CqTopicDef *def);

/* Raises 42710, 22023, 53400. */
extern void cq_topic_create_named(const char *name, const CqTopicOptions *options,
								  bool if_not_exists);

/* Raises 42704, 42501, 22023 (fewer partitions). */
extern void cq_topic_alter_named(const char *name, const CqTopicOptions *options);

/* For its owner. */
extern void cq_topic_drop_named(const char *name, bool if_exists);

/*
 * Logical replication: the other end's part, and this one's.  Raise 42704, 42501,
 * 42710, 22023, 55000; the first returns the topic's number.
 */
extern int32 cq_topic_publication_create_for(const char *name, const char *publication,
											 int ntables);
extern void cq_topic_replica_create_named(const char *name, int32 topic_id, int partitions,
										  int ntables);
extern void cq_topic_replica_promote_named(const char *name);

/*
 * Give or take privileges; role may be 'public'.  Those on a group are for the
 * owners of group and topic.  Raise 42501, 42704.
 */
extern void cq_topic_change_grant(const char *name, const char *role,
								  AclMode privileges, bool grant);
extern void cq_group_change_grant(const char *topic, const char *name, const char *role,
								  AclMode privileges, bool grant);

/* Raise 42501, 42704. */
extern void cq_topic_change_owner(const char *name, const char *role);
extern void cq_group_change_owner(const char *topic, const char *name, const char *role);

typedef struct CqGroupOptions
{
	bool		shared;
	bool		range;			/* rather than sticky */
	CqPosition	start;
	Interval   *session_timeout;
} CqGroupOptions;

extern void cq_group_set_defaults(CqGroupOptions *options);

/* Raises 42710, 42501, 22023. */
extern void cq_group_create_named(CqTopicDef *def, const char *name,
								  const CqGroupOptions *options, bool if_not_exists);
extern void cq_group_drop_named(CqTopicDef *def, const char *name, bool if_exists);

#endif							/* CQ_TOPIC_ADMIN_H */
