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

/*
 * Create a queue with these values of its options, by CqOption, and its
 * dead-letter queue: one that must exist, or, when NULL, '<name>.dead', created
 * unless it exists.  Raises 42710 when the queue exists, 22004 and 22023 for bad
 * values.
 */
extern void cq_queue_create_named(const char *name, Datum *values, bool *nulls);

/* Change the options that 'changed' says, at the end of the transaction. */
extern void cq_queue_alter_named(const char *name, const Datum *values,
								 const bool *changed, const bool *nulls);

/* Stop or start its deliveries, at the end of the transaction. */
extern void cq_queue_set_paused(const char *name, bool paused);

/* Drop it with all its messages. */
extern void cq_queue_drop_named(const char *name);

/* The same whatever privileges the current user has on the queue. */
extern void cq_queue_drop_unchecked(const char *name);

/* CqQueuePrivilege by name; raises 22023. */
extern int	cq_queue_privilege_named(const char *name);

/* Give or take privileges; role may be 'public'. */
extern void cq_queue_grant_to(const char *queue, const char *role, int privileges);
extern void cq_queue_revoke_from(const char *queue, const char *role, int privileges);

#endif							/* CQ_ADMIN_H */
