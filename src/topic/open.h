/*-------------------------------------------------------------------------
 *
 * open.h
 *	  Opening a topic, or a group: privileges, relations, the state in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_OPEN_H
#define CQ_TOPIC_OPEN_H

#include "topic/definition.h"

/*
 * The topic by that name, ready for use.  Holds an AccessShareLock on its first
 * sequence until the transaction ends.  Raises 42704 when there is none, 42501
 * without one of the privileges (CQ_TOPIC_NONE: none is wanted), 55000 when not
 * preloaded.
 */
extern CqTopicDef *cq_topic_open(const char *name, AclMode privileges);

/* The same by its number and without a check of privileges; NULL: there is none. */
extern CqTopicDef *cq_topic_open_by_id(int32 topic_id);

/*
 * The same without a check of privileges; NULL when there is none by that name,
 * or tables of it are missing.
 */
extern CqTopicDef *cq_topic_open_if_exists(const char *name);

/* Read it again; raises 42704 when it has been dropped. */
extern void cq_topic_refresh(CqTopicDef *def);

/*
 * Lock its state; the definition may be read again before that.  Raises, with no lock
 * held, 42704 when the topic has been dropped meanwhile, and 25006 during recovery.
 */
extern CqTopicState *cq_topic_lock(CqTopicDef *def, LWLockMode mode);

/*
 * Make sure that the group has its cells, with its offsets.  No lock held.  Raises
 * as cq_topic_lock() does, and 53400.
 */
extern void cq_group_open(CqTopicDef *def, const CqGroupDef *group);

#endif							/* CQ_TOPIC_OPEN_H */
