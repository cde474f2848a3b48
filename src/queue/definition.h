/*-------------------------------------------------------------------------
 *
 * definition.h
 *	  What a backend remembers of the queues it uses: options, privileges,
 *	  the tables of the segments, the row in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DEFINITION_H
#define CQ_QUEUE_DEFINITION_H

#include "core/object.h"
#include "nodes/pg_list.h"
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
 * Stays at its address for the life of the backend.  Its contents change only
 * in cq_queue_open() and cq_queue_refresh() of the same queue.
 */
typedef struct CqQueueDef
{
	char		name[CQ_QUEUE_NAME_BYTES_MAX + 1];	/* hash key */
	uint64		epoch;			/* of the definitions; old: read again */
	int32		queue_id;
	CqObject	object;			/* who owns it, who may do what */
	CqQueueOptions options;

	/* what follows is resolved on first need */
	bool		resolved;
	Oid			sequence;
	int			nsegments;
	Oid			messages[CQ_SEGMENTS_MAX];
	Oid			events[CQ_SEGMENTS_MAX];
	Oid			keys[CQ_KEY_TABLES];
	Oid			key_indexes[CQ_KEY_TABLES];
	CqQueueRow *row;
	uint32		generation;		/* of row, when resolved */
	uint64		salt;			/* of row, when resolved */
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

extern void cq_definition_init(void);

/* Changes of queues become known to all backends at commit. */
extern void cq_definitions_changed(void);

/* Advances whenever a definition may have changed. */
extern uint64 cq_definitions_epoch(void);

/*
 * The definition by that name, or NULL.  Without shared memory; no privilege
 * is asked for.
 */
extern CqQueueDef *cq_definition_find(const char *name);

/* The definition of the queue with that number, or NULL. */
extern CqQueueDef *cq_definition_by_id(int32 queue_id);

/* All definitions, without order; freshly read. */
extern List *cq_definitions_all(void);

/*
 * The queue by that name, ready for use.  Raises 42704 when there is none,
 * 42501 without one of the privileges, 55000 when not preloaded.
 */
extern CqQueueDef *cq_queue_open(const char *name, AclMode privileges);

/*
 * The same without asking for privileges; NULL when there is none by that name,
 * or tables of it are missing.
 */
extern CqQueueDef *cq_queue_open_if_exists(const char *name);

/* Read it again; raises 42704 when it is no more. */
extern void cq_queue_refresh(CqQueueDef *def);

/*
 * Lock its row.  Raises, with no lock held, 42704 when the queue has been dropped
 * meanwhile, and 25006 during recovery.
 */
extern CqQueueRow *cq_queue_lock(CqQueueDef *def, LWLockMode mode);

/*
 * The same, but NULL, with no lock held, when there is no row or it has become
 * another queue's.  Nothing is read or resolved, nothing raises.
 */
extern CqQueueRow *cq_queue_lock_if_same(CqQueueDef *def, LWLockMode mode);

/* A queue's name from an argument; raises 22023 for empty or overlong ones. */
extern char *cq_queue_name(const text *arg);

#endif							/* CQ_QUEUE_DEFINITION_H */
