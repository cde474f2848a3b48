/*-------------------------------------------------------------------------
 *
 * definition.h
 *	  What a backend remembers of the topics it uses: options, privileges,
 *	  groups, segments, the state in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_DEFINITION_H
#define CQ_TOPIC_DEFINITION_H

#include "core/definitions.h"
#include "topic/memory.h"

#define CQ_TOPIC_NAME_BYTES_MAX 200

/* segments of a topic, at most; then the last one grows */
#define CQ_TOPIC_SEGMENTS_MAX 64

/* what the privileges on the carrier stand for; several may be added up */
#define CQ_TOPIC_NONE ACL_NO_RIGHTS
#define CQ_TOPIC_PUBLISH ACL_INSERT
#define CQ_TOPIC_CONSUME ACL_DELETE
#define CQ_TOPIC_READ ACL_SELECT
#define CQ_TOPIC_ALTER ACL_UPDATE
#define CQ_TOPIC_ANY (ACL_INSERT | ACL_DELETE | ACL_SELECT | ACL_UPDATE)

typedef struct CqGroupDef
{
	int32		group_id;
	char		name[CQ_TOPIC_NAME_BYTES_MAX + 1];
	bool		shared;			/* its records go to a queue */
	int32		queue_id;		/* that queue */
	int32		dead_letter_id; /* and one that was made with it; 0: none */
	CqAssignmentStrategy strategy;
	int64		timeout_ms;
	CqObject	object;			/* owner and privileges; the last member */
} CqGroupDef;

/* Segments in the order of their numbers; records of lower ones are older. */
typedef struct CqTopicSegment
{
	int64		number;
	int			table;			/* k of cq.t<id>_s<k> */
	Oid			relation;
	Oid			index;
} CqTopicSegment;

/* Two tables of offsets are used in turns; see offsets.h */
#define CQ_OFFSETS_TABLES 2

/*
 * Stays at its address for the life of the backend.  Whatever may wait may read it
 * again: cq_topic_open(), cq_topic_refresh(), cq_topic_lock(), reading or appending
 * records.  Arrays that have changed are replaced then, not overwritten: those from
 * before, and the groups and segments in them, stay as they were until the
 * transaction ends.  So a pointer to a group or segment is good until then; beyond
 * that, only its number is.
 */
typedef struct CqTopicDef
{
	CQ_DEFINITION_MEMBERS;
	int32		topic_id;
	int			npartitions;
	int64		retain_ms;		/* 0: for ever */
	int64		retain_bytes;	/* 0: any number */
	bool		compact;
	int64		tombstone_ms;	/* how long compaction keeps tombstones */
	bool		replica;		/* its records come by logical replication */
	bool		replica_ready;	/* and their initial copy is complete */
	int			ntables;		/* tables for segments, at most */
	bool		uncommitted;	/* as this transaction has made it */
	MemoryContext context;		/* of the arrays below; NULL: none yet */
	int			ngroups;
	CqGroupDef *groups;

	/* what follows is found by cq_topic_find_relations() */
	bool		located;
	int			room;			/* arrays by partition have so many elements */
	Oid		   *sequences;		/* of each partition */
	int			nsegments;
	CqTopicSegment *segments;
	Oid			offsets[CQ_OFFSETS_TABLES];
	Oid			offsets_indexes[CQ_OFFSETS_TABLES];

	/*
	 * For each partition: records from hint_offset on are in segments from
	 * hint_segment on.
	 */
	int64	   *hint_offset;
	int64	   *hint_segment;

	/* what follows is found by cq_topic_open(), see open.c */
	bool		attached;		/* partitions and options are the state's */
	CqTopicState *state;		/* NULL during recovery */
	uint32		generation;		/* of state, when attached */
	uint32	   *partitions;		/* cells */

	int			sticky;			/* partition of records without a key */
	LocalTransactionId sticky_xact; /* in that transaction */
} CqTopicDef;

/* Once, from _PG_init. */
extern void cq_topic_definition_init(void);

/* As cq_definition_find() and so on; no privilege is checked. */
static inline CqTopicDef *
cq_topic_find(const char *name)
{
	return (CqTopicDef *) cq_definition_find(CQ_OBJECT_TOPIC, name);
}

static inline CqTopicDef *
cq_topic_by_id(int32 topic_id)
{
	return (CqTopicDef *) cq_definition_by_id(CQ_OBJECT_TOPIC, topic_id);
}

/* CqTopicDef * */
static inline List *
cq_topics_all(void)
{
	return cq_definitions_all(CQ_OBJECT_TOPIC);
}

/*
 * Find the topic's relations, and take a lock that keeps it from being dropped, an
 * AccessShareLock on its first sequence, until the transaction ends.  Returns false
 * when it has been dropped.  Raises 42P01 when relations are missing; with
 * missing_ok that is false, too.
 */
extern bool cq_topic_find_relations(CqTopicDef *def, bool missing_ok);

/* Take that lock again, in another transaction, and learn of changes. */
extern void cq_topic_enter(const CqTopicDef *def);

/*
 * Read the definition again, and find the relations.  It is not attached to a state
 * then; cq_topic_lock() attaches it.  Raises 42704 when the topic has been dropped.
 */
extern void cq_topic_read_again(CqTopicDef *def);

/*
 * Lock its state.  NULL, with no lock held, when the definition is not attached to one
 * or the state has become another topic's.  Reads nothing, and does not raise.
 */
extern CqTopicState *cq_topic_lock_if_same(CqTopicDef *def, LWLockMode mode);

/* A group of the topic, or NULL; no privilege is asked for. */
extern CqGroupDef *cq_group_def_find(CqTopicDef *def, const char *name);

/* The same, but raises 42704 when there is none. */
extern CqGroupDef *cq_group_def(CqTopicDef *def, const char *name);

/*
 * Raise 42501 unless the current user may consume with the group: by a privilege on
 * the group, or as its owner who may consume the topic.
 */
extern void cq_group_check(CqTopicDef *def, CqGroupDef *group);

/* cq_group_def() and cq_group_check(). */
extern CqGroupDef *cq_group_to_consume(CqTopicDef *def, const char *name);

/* Raises 42809 for a shared group. */
extern void cq_group_refuse_shared(const CqTopicDef *def, const CqGroupDef *group);

/* Whether the current user has any privilege on the group. */
extern bool cq_group_visible(CqGroupDef *group);

/* A name from an argument; raises 22023 for empty or overlong ones. */
extern char *cq_topic_name(const text *arg, const char *what);

#endif							/* CQ_TOPIC_DEFINITION_H */
