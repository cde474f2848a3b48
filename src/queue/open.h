/*-------------------------------------------------------------------------
 *
 * open.h
 *	  Opening a queue: privileges, tables, the state in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_OPEN_H
#define CQ_QUEUE_OPEN_H

#include "queue/definition.h"

/*
 * The queue by that name, ready for use.  Holds an AccessShareLock on its sequence
 * until the transaction ends.  Raises 42704 when there is none, 42501 without one
 * of the privileges (CQ_QUEUE_NONE: none is wanted), 55000 when not preloaded.
 */
extern CqQueueDef *cq_queue_open(const char *name, AclMode privileges);

/*
 * The same without a check of privileges; NULL when there is none by that name,
 * or tables of it are missing.
 */
extern CqQueueDef *cq_queue_open_if_exists(const char *name);

/* Read it again; raises 42704 when it has been dropped. */
extern void cq_queue_refresh(CqQueueDef *def);

/*
 * Lock its state; the definition may be read again before that.  Raises, with no lock
 * held, 42704 when the queue has been dropped meanwhile, and 25006 during recovery.
 */
extern CqQueueState *cq_queue_lock(CqQueueDef *def, LWLockMode mode);

/* Unsettled messages of the queue, those of open transactions included. */
extern int64 cq_queue_length(CqQueueDef *def);

#endif							/* CQ_QUEUE_OPEN_H */
