/*-------------------------------------------------------------------------
 *
 * lifecycle.h
 *	  The life of an entry: from the pool into one of its row's structures,
 *	  from one to another, and back.
 *
 * Everything here is called with the row's lock held exclusively, never
 * raises and allocates nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_LIFECYCLE_H
#define CQ_QUEUE_DISPATCH_LIFECYCLE_H

#include "queue/dispatch/memory.h"

/* The earlier of two times, of which 0 is never. */
static inline TimestampTz
cq_earlier(TimestampTz a, TimestampTz b)
{
	return (a == 0 || (b != 0 && b < a)) ? b : a;
}

/* What a change means for others; see cq_row_unlock(). */
typedef struct CqEffects
{
	uint32		ready;			/* consumers to wake */
	bool		worker;			/* wake the worker */
	bool		scan_ended;		/* wake those who wait for the scan */
	bool		space;			/* wake senders who wait for room */
} CqEffects;

/* Messages that have no entry. */
typedef struct CqUnloaded
{
	int			segment;
	BlockNumber block;			/* lowest */
	TimestampTz due;			/* earliest; 0: ready */
	TimestampTz expires;		/* earliest; 0: never */
	uint32		priorities;		/* by bit */
	CqAmount	amount;
} CqUnloaded;

/* Memory for an entry or a group, or CQ_NONE; and back. */
extern uint32 cq_pool_take(void);
extern void cq_pool_give(uint32 i);

/*
 * A new entry in state FREE, in the group of that hash (0: none), with
 * everything but its owner zero; CQ_NONE when the pool or the row's share is
 * used up.
 */
extern uint32 cq_entry_take(CqQueueRow *row, bool sending, uint64 group_hash);

/* Put it into the structure of that state; it is in none. */
extern void cq_entry_link(CqQueueRow *row, uint32 i, CqMsgState state);

/* Take it out of its structure; its state becomes FREE. */
extern void cq_entry_unlink(CqQueueRow *row, uint32 i);

/* Both: from any state to another. */
extern void cq_entry_move(CqQueueRow *row, uint32 i, CqMsgState state);

/* Back to the pool, from any state. */
extern void cq_entry_free(CqQueueRow *row, uint32 i, CqEffects *effects);

/* The same for a settled one: stays as a tombstone while a scan runs. */
extern void cq_entry_settled(CqQueueRow *row, uint32 i, CqEffects *effects);

/* Rollback of a sent message's transaction. */
extern void cq_entry_unsent(CqQueueRow *row, uint32 i, CqEffects *effects);

/* Free all entries and groups of the row. */
extern void cq_entries_free_all(CqQueueRow *row);

/*
 * A message that is committed and unclaimed: ready, or waiting for its group,
 * delayed until entry->due, or doomed.  Gives the entry up (the message becomes
 * unloaded) when it is due far ahead, or waiting ones have used their share.
 */
extern void cq_entry_offer(CqQueueRow *row, uint32 i, CqEffects *effects);

/* The worker is to settle it, in that way. */
extern void cq_entry_doom(CqQueueRow *row, uint32 i, char settle, CqEffects *effects);

/* Make committed messages unloaded: the entry's, which is freed; or others. */
extern void cq_entry_unload(CqQueueRow *row, uint32 i, CqEffects *effects);
extern void cq_messages_unload(CqQueueRow *row, const CqUnloaded *unloaded,
							   CqEffects *effects);

/* Commit of a sent message's transaction. */
extern void cq_entry_sent(CqQueueRow *row, uint32 i, CqEffects *effects);

/*
 * Commit and rollback of what made the entry SETTLING.  The ways to settle:
 *	a	acknowledged or taken
 *	d	moved to the dead letters
 *	f	the same, since its last attempt failed
 *	e	the same, since the lease of its last attempt expired
 *	n	attempt failed: offered again
 *	x	lease expired: offered again
 *	p	purged, or sent home
 *	t	not delivered in time
 *	o	dropped, since the queue is too long
 *	m	moved to another segment, whose place the entry has by then
 */
extern void cq_entry_settle(CqQueueRow *row, uint32 i, CqEffects *effects);
extern void cq_entry_unsettle(CqQueueRow *row, uint32 i, CqEffects *effects);

/* A LEASED one comes back at once. */
extern void cq_entry_give_back(CqQueueRow *row, uint32 i, CqEffects *effects);

/* Let xid decide about the entry, or no longer. */
extern void cq_entry_set_by_xid(CqQueueRow *row, uint32 i, TransactionId xid);
extern void cq_entry_clear_by_xid(CqQueueRow *row, uint32 i);

/* What time does: delays, the patience of messages, tokens of groups end. */
extern void cq_entries_release_due(CqQueueRow *row, CqEffects *effects);

/* When delayed messages that are unloaded should be loaded; 0: there are none. */
extern TimestampTz cq_row_load_at(const CqQueueRow *row);

/* Those delivered and neither settled nor given back, as far as is committed. */
static inline uint32
cq_row_in_flight(const CqQueueRow *row)
{
	return row->count[CQ_MSG_LEASED] + row->count[CQ_MSG_SETTLING] - row->gone;
}

/* Deliveries after which a message is doomed; 0: never. */
static inline int
cq_row_max_attempts(const CqQueueRow *row)
{
	return (row->options.dead_letter[0] != '\0') ? row->options.max_attempts : 0;
}

/* See to it that the worker looks at the row by then. */
extern void cq_row_plan(CqQueueRow *row, int64 at_ms, CqEffects *effects);

/* The clock time of a due time. */
extern int64 cq_due_ms(TimestampTz due);

/* Release the row's lock and wake whom the effects concern. */
extern void cq_row_unlock(CqQueueRow *row, const CqEffects *effects);

/* Walk over all entries of a structure: first, then next until CQ_NONE. */
extern uint32 cq_entries_first(const CqQueueRow *row, CqMsgState state);
extern uint32 cq_entries_next(const CqQueueRow *row, uint32 i);

#endif							/* CQ_QUEUE_DISPATCH_LIFECYCLE_H */
