/*-------------------------------------------------------------------------
 *
 * lifecycle.h
 *	  The life of an entry: from the pool into one of its queue's structures,
 *	  from one to another, and back.
 *
 * Everything here is called with the queue's lock held exclusively, never
 * raises and allocates nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_LIFECYCLE_H
#define CQ_QUEUE_DISPATCH_LIFECYCLE_H

#include "queue/dispatch/memory.h"

/*
 * A new entry in state FREE, in the group of that hash (0: none), with
 * everything but its owner zero; CQ_NONE when the pool or the queue's share is
 * used up.
 */
extern uint32 cq_entry_take(CqQueueState *queue, bool sending, uint64 group_hash);

/* Back to the pool, from any state. */
extern void cq_entry_free(CqQueueState *queue, uint32 i, CqEffects *effects);

/* The same for a settled one: stays as a tombstone while a scan runs. */
extern void cq_entry_settled(CqQueueState *queue, uint32 i, CqEffects *effects);

/* Rollback of a sent message's transaction. */
extern void cq_entry_unsent(CqQueueState *queue, uint32 i, CqEffects *effects);

/* Free all entries and groups of the queue. */
extern void cq_entries_free_all(CqQueueState *queue);

/*
 * A message that is committed and unclaimed: ready, or waiting for its group,
 * delayed until entry->due, or doomed.  Gives the entry up (the message becomes
 * unloaded) when it is due far ahead, or waiting ones have used their share.
 */
extern void cq_entry_offer(CqQueueState *queue, uint32 i, CqEffects *effects);

/* The worker is to settle it, with that outcome. */
extern void cq_entry_doom(CqQueueState *queue, uint32 i, CqOutcome outcome, CqEffects *effects);

/* Free the entry: its message, which is committed, becomes unloaded. */
extern void cq_entry_unload(CqQueueState *queue, uint32 i, CqEffects *effects);

/* Commit of a sent message's transaction. */
extern void cq_entry_sent(CqQueueState *queue, uint32 i, CqEffects *effects);

/* A transaction settles a claimed, a doomed, or an unclaimed entry. */
extern void cq_entry_settling(CqQueueState *queue, uint32 i, CqOutcome outcome);

/* Commit and rollback of what made the entry SETTLING. */
extern void cq_entry_settle(CqQueueState *queue, uint32 i, CqEffects *effects);
extern void cq_entry_unsettle(CqQueueState *queue, uint32 i, CqEffects *effects);

/* A new entry in state FREE is under a durable lease, until that cq_clock_ms(). */
extern void cq_entry_resume_lease(CqQueueState *queue, uint32 i, uint32 nonce, int64 until,
								  CqEffects *effects);

/* The lease of a LEASED entry ends at that cq_clock_ms() instead. */
extern void cq_entry_extend_lease(CqQueueState *queue, uint32 i, int64 until,
								  CqEffects *effects);

/* A LEASED one comes back at once. */
extern void cq_entry_give_back(CqQueueState *queue, uint32 i, CqEffects *effects);

/* What time brings: messages become due or expire, groups get tokens. */
extern void cq_entries_release_due(CqQueueState *queue, CqEffects *effects);

/*
 * The end of a scan: parked messages are offered if it was complete, else they
 * become unloaded.
 */
extern void cq_entries_end_scan(CqQueueState *queue, bool complete, CqEffects *effects);

/*
 * Before the queue is unlocked: plan a notification of those who LISTEN, if
 * messages have become ready.
 */
extern void cq_dispatch_plan_notify(CqQueueState *queue, CqEffects *effects);

/*
 * When the worker has to look at entries or at the backlog, cq_clock_ms();
 * PG_INT64_MAX: not before it is woken.  Queue locked.
 */
extern int64 cq_dispatch_look_ms(const CqQueueState *queue);

#endif							/* CQ_QUEUE_DISPATCH_LIFECYCLE_H */
