/*-------------------------------------------------------------------------
 *
 * groups.h
 *	  Messages with a group key: which of them are ready.
 *
 * Everything here is called with the row's lock held exclusively, never
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
extern uint32 cq_group_enter(CqQueueRow *row, uint64 hash);

/* One member less. */
extern void cq_group_remove(CqQueueRow *row, uint32 group, CqEffects *effects);

/* Make ready what the group's limits allow. */
extern void cq_group_advance(CqQueueRow *row, uint32 group, CqEffects *effects);

/* The same for groups that waited for that time; frees those that are done. */
extern void cq_groups_release(CqQueueRow *row, CqEffects *effects);

/* The limits have changed. */
extern void cq_groups_advance_all(CqQueueRow *row, CqEffects *effects);

/*
 * The entry of the group to be delivered when i, a READY one of it, is next: i
 * itself, or one with a lower number that was held, and takes its place.
 */
extern uint32 cq_group_lowest(CqQueueRow *row, uint32 group, uint32 i);

/* Whether a delivery from the group is within its limits. */
extern bool cq_group_may_deliver(CqQueueRow *row, uint32 group);

/* One of the group has been delivered. */
extern void cq_group_delivered(CqQueueRow *row, uint32 group);

/* Free all groups of a row without entries. */
extern void cq_groups_free_all(CqQueueRow *row);

#endif							/* CQ_QUEUE_DISPATCH_GROUPS_H */
