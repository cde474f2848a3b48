/*-------------------------------------------------------------------------
 *
 * groups.h
 *	  Messages with a group key: which of them are ready.
 *
 * Everything here is called with the queue's lock held exclusively, never
 * raises and allocates nothing but from the pool.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_GROUPS_H
#define CQ_QUEUE_DISPATCH_GROUPS_H

#include "queue/dispatch/memory.h"

/*
 * The group of that hash, with one member more, or CQ_NONE when there is no
 * room for a new one.
 */
extern uint32 cq_group_enter(CqQueueState *queue, uint64 hash);

/* One member less. */
extern void cq_group_remove(CqQueueState *queue, uint32 group, CqEffects *effects);

/* Make ready what the group's limits allow. */
extern void cq_group_advance(CqQueueState *queue, uint32 group, CqEffects *effects);

/* The same for groups that waited for that time; frees those that are done. */
extern void cq_groups_release(CqQueueState *queue, CqEffects *effects);

/* The limits have changed. */
extern void cq_groups_advance_all(CqQueueState *queue, CqEffects *effects);

/*
 * The entry of the group to be delivered when i, a READY one of it, is next: i
 * itself, or one with a lower number that was held, and takes its place.
 */
extern uint32 cq_group_lowest(CqQueueState *queue, uint32 group, uint32 i);

/* Whether a delivery from the group is within its limits. */
extern bool cq_group_may_deliver(CqQueueState *queue, uint32 group);

/* One of the group has been delivered. */
extern void cq_group_delivered(CqQueueState *queue, uint32 group);

/* Free all groups of a queue without entries. */
extern void cq_groups_free_all(CqQueueState *queue);

#endif							/* CQ_QUEUE_DISPATCH_GROUPS_H */
