/*-------------------------------------------------------------------------
 *
 * definition.h
 *	  What a backend remembers of the topics it uses: options, privileges,
 *	  groups, segments, the row in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_DEFINITION_H
#define CQ_TOPIC_DEFINITION_H

#include "core/object.h"
#include "nodes/pg_list.h"
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
	CqAssignment assignment;
	int64		timeout_ms;
	CqObject	object;			/* who owns it, who may do what; the last one */
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
 * Stays at its address for the life of the backend.  It may be read again by
 * whatever may wait: cq_topic_open(), cq_topic_refresh(), cq_topic_lock(),
 * reading or appending records.  Then other arrays may take the place of
 * these; those from before, and the groups and segments in them, stay as they
 * were until the end of the transaction.
 */
typedef struct CqTopicDef
{
	char		name[CQ_TOPIC_NAME_BYTES_MAX + 1];	/* hash key */
	uint64		epoch;			/* of the definitions; old: read again */
	int32		topic_id;
	CqObject	object;			/* who owns it, who may do what */
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

	/* what follows is resolved on first need */
	bool		resolved;
	int			room;			/* arrays by partition have so many elements */
	Oid		   *sequences;		/* of each partition */
	int			nsegments;
	CqTopicSegment *segments;
	Oid			offsets[CQ_OFFSETS_TABLES];
	Oid			offsets_indexes[CQ_OFFSETS_TABLES];
	CqTopicRow *row;			/* NULL during recovery */
	uint32		generation;		/* of row, when resolved */
	uint32	   *partitions;		/* cells */

	/*
	 * For each partition: records from hint_offset on are in segments from
	 * hint_segment on.
	 */
	int64	   *hint_offset;
	int64	   *hint_segment;
	int			sticky;			/* partition of records without a key */
	LocalTransactionId sticky_xact; /* in that transaction */
} CqTopicDef;

extern void cq_topic_definition_init(void);

/* Changes of topics become known to all backends at commit. */
extern void cq_topics_changed(void);

/* Advances whenever a definition may have changed. */
extern uint64 cq_topics_epoch(void);

/* The definition by that name or number, or NULL; no privilege is asked for. */
extern CqTopicDef *cq_topic_find(const char *name);
extern CqTopicDef *cq_topic_by_id(int32 topic_id);

/* All definitions, without order; freshly read. */
extern List *cq_topics_all(void);

/*
 * The topic by that name, ready for use.  Raises 42704 when there is none, 42501
 * without one of the privileges, 55000 when not preloaded.
 */
extern CqTopicDef *cq_topic_open(const char *name, AclMode privileges);

/*
 * The same without asking for privileges; NULL when there is none by that name,
 * or tables of it are missing.
 */
extern CqTopicDef *cq_topic_open_if_exists(const char *name);

/* Read it again; raises 42704 when it is no more. */
extern void cq_topic_refresh(CqTopicDef *def);

/* A group of the topic, or NULL; no privilege is asked for. */
extern CqGroupDef *cq_group_def_find(CqTopicDef *def, const char *name);

/* The same, but raises 42704 when there is none. */
extern CqGroupDef *cq_group_def(CqTopicDef *def, const char *name);

/*
 * Raise 42501 unless the current user may consume with the group: who has the
 * privilege on the group, or who owns it and may consume the topic.
 */
extern void cq_group_check(CqTopicDef *def, CqGroupDef *group);

/* cq_group_def() and cq_group_check(). */
extern CqGroupDef *cq_group_to_consume(CqTopicDef *def, const char *name);

/* Raises 42809 for a shared group. */
extern void cq_group_refuse_shared(const CqTopicDef *def, const CqGroupDef *group);

/* Whether the current user has any privilege on the group. */
extern bool cq_group_visible(CqGroupDef *group);

/*
 * Lock its row; the definition may be read again before that.  Raises, with no
 * lock held, 42704 when the topic has been dropped meanwhile, and 25006 during
 * recovery.
 */
extern CqTopicRow *cq_topic_lock(CqTopicDef *def, LWLockMode mode);

/*
 * The same, but NULL, with no lock held, when there is no row or it has become
 * another topic's.  Nothing is read or resolved, nothing raises.
 */
extern CqTopicRow *cq_topic_lock_if_same(CqTopicDef *def, LWLockMode mode);

/* A name from an argument; raises 22023 for empty or overlong ones. */
extern char *cq_topic_name(const text *arg, const char *what);

#endif							/* CQ_TOPIC_DEFINITION_H */
