/*-------------------------------------------------------------------------
 *
 * entry.h
 *	  Where an entry is: the lists and heaps of its queue.
 *
 * Everything here is called with the queue's lock held, exclusively where the queue
 * is not const, never raises and allocates nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_ENTRY_H
#define CQ_QUEUE_DISPATCH_ENTRY_H

#include "queue/dispatch/memory.h"

/* Whether it counts as in flight for its group, whose other messages wait. */
static inline bool
cq_entry_in_flight(const CqMsg *msg)
{
	return msg->state == CQ_MSG_LEASED ||
		(msg->state == CQ_MSG_SETTLING && (msg->flags & CQ_MSG_GONE) == 0) ||
		(msg->flags & CQ_MSG_BLOCKS) != 0;
}

/* Whether it counts for the length of the queue. */
static inline bool
cq_entry_has_weight(const CqMsg *msg)
{
	return msg->state < CQ_MSG_DOOMED && (msg->flags & CQ_MSG_GONE) == 0;
}

/* Whether an entry in that state waits, and so may expire. */
static inline bool
cq_entry_waits(CqMsgState state)
{
	return state == CQ_MSG_READY || state == CQ_MSG_HELD || state == CQ_MSG_DELAYED;
}

/*
 * Whether its number is above all that its group has had in memory.  Unloaded
 * messages of the group have higher numbers.  A late one with a lower number must
 * not become unloaded, or others would overtake it.
 */
static inline bool
cq_entry_is_last(const CqMsg *msg)
{
	const CqGroup *group = CQ_GROUP(msg->group);

	return !group->has_last || (int32) ((uint32) msg->msg_id - group->last) > 0;
}

/* Put the entry into the structure of that state; it is in none. */
extern void cq_entry_link(CqQueueState *queue, uint32 i, CqMsgState state);

/* Take it out of its structure; its state becomes FREE. */
extern void cq_entry_unlink(CqQueueState *queue, uint32 i);

/* Both: from any state to another. */
extern void cq_entry_move(CqQueueState *queue, uint32 i, CqMsgState state);

/* Let a transaction id decide about the entry, or no longer. */
extern void cq_entry_set_by_xid(CqQueueState *queue, uint32 i, uint32 xid);
extern void cq_entry_clear_by_xid(CqQueueState *queue, uint32 i);

/* Walk over all entries in that state: first, then next until CQ_NONE. */
extern uint32 cq_entries_first(const CqQueueState *queue, CqMsgState state);
extern uint32 cq_entries_next(const CqQueueState *queue, uint32 i);

#endif							/* CQ_QUEUE_DISPATCH_ENTRY_H */
