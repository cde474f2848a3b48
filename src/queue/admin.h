/*-------------------------------------------------------------------------
 *
 * admin.h
 *	  Creating, changing and dropping queues, and their privileges.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_ADMIN_H
#define CQ_QUEUE_ADMIN_H

#include "queue/definition.h"

/*
 * Create a queue with these values of its options, by CqOption, and its
 * dead-letter queue: one that must exist, or, when NULL, '<name>.dead', created
 * unless the user owns one by that name.  Returns false when if_not_exists and
 * the queue exists with these options.  *created_dead_letter, if wanted: the
 * dead-letter queue that was created, or NULL.  Raises 42710 when the queue
 * exists, 22004 and 22023 for bad values.
 */
extern bool cq_queue_create_named(const char *name, Datum *values, bool *nulls,
								  bool if_not_exists, CqQueueDef **created_dead_letter);

/* Change the options that 'changed' says, at the end of the transaction. */
extern void cq_queue_alter_named(const char *name, const Datum *values,
								 const bool *changed, const bool *nulls);

/* Stop or start its deliveries, at the end of the transaction. */
extern void cq_queue_set_paused(const char *name, bool paused);

/* Raises when something else needs a queue that is to be dropped; set by topics. */
extern void (*cq_queue_check_drop_hook) (const CqQueueDef *def);

/* Drop it with all its messages; for its owner. */
extern void cq_queue_drop_named(const char *name, bool if_exists);

/* Drop its carrier, without a check of privileges; a sweep must follow. */
extern void cq_queue_drop_by_id(int32 queue_id);

/* Delete the definitions of queues whose carrier is gone. */
extern void cq_queues_sweep(void);

/* Give or take privileges; role may be 'public'.  Raises 42501. */
extern void cq_queue_change_grant(const char *name, const char *role,
								  AclMode privileges, bool grant);

/* Raises 42501, 42704. */
extern void cq_queue_change_owner(const char *name, const char *role);

/* Whether the current role may execute cq.queue_create. */
extern bool cq_queue_may_create(void);

#endif							/* CQ_QUEUE_ADMIN_H */
