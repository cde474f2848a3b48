/*-------------------------------------------------------------------------
 *
 * entries.h
 *	  The life of an entry: from the pool into one of its row's structures,
 *	  from one to another, and back.
 *
 * Everything here is called with the row's lock held exclusively, never
 * raises and allocates nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_ENTRIES_H
#define CQ_ENTRIES_H

#include "queue/dispatch.h"

/* What a change means for others; see cq_row_unlock(). */
typedef struct CqEffects
{
	uint32		ready;			/* consumers to wake */
	bool		worker;			/* wake the worker */
	bool		scan_ended;		/* wake those who wait for the scan */
} CqEffects;

/*
 * A new entry in state FREE with everything but its owner zero, or CQ_NONE
 * when the pool or the row's share is used up.
 */
extern uint32 cq_entry_take(CqQueueRow *row, bool sending);

/* Put it into the structure of that state; it is in none. */
extern void cq_entry_link(CqQueueRow *row, uint32 i, CqMsgState state);

/* Take it out of its structure; its state becomes FREE. */
extern void cq_entry_unlink(CqQueueRow *row, uint32 i);

/* Both: from any state to another. */
extern void cq_entry_move(CqQueueRow *row, uint32 i, CqMsgState state);

/* Back to the pool, from any state. */
extern void cq_entry_free(CqQueueRow *row, uint32 i);

/* The same for a settled one: stays as a tombstone while a scan runs. */
extern void cq_entry_settled(CqQueueRow *row, uint32 i, CqEffects *effects);

/* Rollback of a sent message's transaction. */
extern void cq_entry_unsent(CqQueueRow *row, uint32 i, CqEffects *effects);

/* Free all entries of the row. */
extern void cq_entries_free_all(CqQueueRow *row);

/* The entry with the lowest number among the ready, or CQ_NONE. */
extern uint32 cq_entry_first_ready(const CqQueueRow *row);

/*
 * A message that is committed and unclaimed: ready, delayed until entry->due,
 * or out of attempts.  Gives the entry up (the message becomes unloaded) when
 * the delayed ones have used their share.
 */
extern void cq_entry_offer(CqQueueRow *row, uint32 i, CqEffects *effects);

/* Make this message, of the entry or without one, unloaded. */
extern void cq_message_unload(CqQueueRow *row, int segment, BlockNumber block,
							  TimestampTz due, CqEffects *effects);

/* Commit of a sent message's transaction. */
extern void cq_entry_sent(CqQueueRow *row, uint32 i, CqEffects *effects);

/* Commit and rollback of what made the entry SETTLING. */
extern void cq_entry_settle(CqQueueRow *row, uint32 i, CqEffects *effects);
extern void cq_entry_unsettle(CqQueueRow *row, uint32 i, CqEffects *effects);

/* A LEASED one comes back at once. */
extern void cq_entry_give_back(CqQueueRow *row, uint32 i, CqEffects *effects);

/* Let xid decide about the entry, or no longer. */
extern void cq_entry_set_by_xid(CqQueueRow *row, uint32 i, TransactionId xid);
extern void cq_entry_clear_by_xid(CqQueueRow *row, uint32 i);

/* Delayed ones whose time has come become ready. */
extern void cq_entries_release_due(CqQueueRow *row, CqEffects *effects);

/* See to it that the worker looks at the row by then. */
extern void cq_row_plan(CqQueueRow *row, int64 at_ms, CqEffects *effects);

/* The clock time of a due time. */
extern int64 cq_due_ms(TimestampTz due);

/* Release the row's lock and wake whom the effects concern. */
extern void cq_row_unlock(CqQueueRow *row, const CqEffects *effects);

/* Walk over all entries of a structure: first, then next until CQ_NONE. */
extern uint32 cq_entries_first(const CqQueueRow *row, CqMsgState state);
extern uint32 cq_entries_next(const CqQueueRow *row, uint32 i);

#endif							/* CQ_ENTRIES_H */
