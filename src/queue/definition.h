/*-------------------------------------------------------------------------
 *
 * definition.h
 *	  What a backend remembers of the queues it uses: options, privileges,
 *	  the tables of the segments, the state in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DEFINITION_H
#define CQ_QUEUE_DEFINITION_H

#include "core/definitions.h"
#include "queue/dispatch/memory.h"
#include "queue/options.h"

/* what the privileges on the carrier stand for; several may be added up */
#define CQ_QUEUE_NONE ACL_NO_RIGHTS
#define CQ_QUEUE_SEND ACL_INSERT
#define CQ_QUEUE_CONSUME ACL_DELETE
#define CQ_QUEUE_PEEK ACL_SELECT
#define CQ_QUEUE_ALTER ACL_UPDATE
#define CQ_QUEUE_PURGE ACL_TRUNCATE
#define CQ_QUEUE_ANY (ACL_INSERT | ACL_DELETE | ACL_SELECT | ACL_UPDATE | ACL_TRUNCATE)

/* tables of keys, used in turns; see keys.h */
#define CQ_KEY_TABLES 2

/*
 * Stays at its address for the life of the backend.  Its contents change only when
 * the same queue is found, opened or refreshed.
 */
typedef struct CqQueueDef
{
	CQ_DEFINITION_MEMBERS;
	int32		queue_id;
	CqQueueOptions options;

	/* what follows is found by cq_queue_open(), see open.c */
	bool		resolved;
	Oid			sequence;
	int			nsegments;
	Oid			messages[CQ_SEGMENTS_MAX];
	Oid			events[CQ_SEGMENTS_MAX];
	Oid			keys[CQ_KEY_TABLES];
	Oid			key_indexes[CQ_KEY_TABLES];
	CqQueueState *state;
	uint32		generation;		/* of state, when resolved */
	uint64		salt;			/* of state, when resolved */
	bool		has_secret;		/* it was read, see secret.h ... */
	uint64		secret;			/* ... and is this */
} CqQueueDef;

/* Of the table cq.queue; its columns in order. */
#define CQ_QUEUE_COLUMN_ID 1
#define CQ_QUEUE_COLUMN_NAME 2
#define CQ_QUEUE_COLUMN_CARRIER 3
#define CQ_QUEUE_COLUMN_VERSION 5
#define CQ_QUEUE_COLUMN_PAUSED 6
#define CQ_QUEUE_COLUMN_OPTIONS 7	/* the first of them */
#define CQ_QUEUE_COLUMNS (CQ_QUEUE_COLUMN_OPTIONS + CQ_OPTIONS - 1)

/* Once, from _PG_init. */
extern void cq_queue_definition_init(void);

/* As cq_definition_find() and so on; no privilege is checked. */
static inline CqQueueDef *
cq_queue_find(const char *name)
{
	return (CqQueueDef *) cq_definition_find(CQ_OBJECT_QUEUE, name);
}

static inline CqQueueDef *
cq_queue_by_id(int32 queue_id)
{
	return (CqQueueDef *) cq_definition_by_id(CQ_OBJECT_QUEUE, queue_id);
}

/* CqQueueDef * */
static inline List *
cq_queues_all(void)
{
	return cq_definitions_all(CQ_OBJECT_QUEUE);
}

/*
 * Lock its state.  NULL, with no lock held, when it has none or that has become
 * another queue's.  Reads and resolves nothing, and does not raise.
 */
extern CqQueueState *cq_queue_lock_if_same(CqQueueDef *def, LWLockMode mode);

/* A queue's name from an argument; raises 22023 for empty or overlong ones. */
extern char *cq_queue_name(const text *arg);

#endif							/* CQ_QUEUE_DEFINITION_H */
