/*-------------------------------------------------------------------------
 *
 * admin.h
 *	  Creating and dropping queues, and who may use them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_ADMIN_H
#define CQ_ADMIN_H

#include "queue/definition.h"
#include "utils/timestamp.h"

/*
 * Create a queue, with its dead-letter queue: dead_letter, which must exist,
 * or, when NULL, '<name>.dead', created unless it exists.	max_attempts 0: no
 * limit.  Raises 42710 when the queue exists.
 */
extern void cq_queue_create_named(const char *name, const Interval *lease,
								  int max_attempts, const char *dead_letter);

/* Drop it with all its messages. */
extern void cq_queue_drop_named(const char *name);

/* CqQueuePrivilege by name; raises 22023. */
extern int	cq_queue_privilege_named(const char *name);

/* Give or take privileges; role may be 'public'. */
extern void cq_queue_grant_to(const char *queue, const char *role, int privileges);
extern void cq_queue_revoke_from(const char *queue, const char *role, int privileges);

#endif							/* CQ_ADMIN_H */
