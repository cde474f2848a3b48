/*-------------------------------------------------------------------------
 *
 * marks.h
 *	  The running transaction's marks: what it has changed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_MARKS_H
#define CQ_CACHE_MARKS_H

/*
 * Mark a slot: this transaction changes a dependency of that slot.  The mark is
 * pushed to the slot before commit.  With barrier, all entries recorded before it
 * are then misses for every session.  Raises out of memory only.
 */
extern void cq_mark_slot(uint32 slot, bool barrier);

/*
 * A statement that changes rows with tags or keys of their own begins, or ends.
 * While _in_statement, functions that the statement calls may see rows that are
 * changed but not marked yet.  A rollback ends the statement, too.
 */
extern void cq_marks_statement_begin(void);
extern void cq_marks_statement_end(void);
extern bool cq_marks_in_statement(void);

/* The own-change counter when this transaction last changed the slot; 0: never. */
extern uint64 cq_marks_last_change(uint32 slot);

/* The own-change counter now. */
extern uint64 cq_marks_change(void);

/*
 * The own-change counter when a statement was last rolled back halfway; 0: never.
 * The statement may have changed any row without marking it yet, so a value that
 * was read before cannot be stored.
 */
extern uint64 cq_marks_last_break(void);

/* Has this transaction set a barrier, rolled back to a savepoint or not? */
extern bool cq_marks_any_barrier(void);

/*
 * Push the marks made so far, and from now on each mark as soon as it is made.
 * Called
 *
 * at PRE_COMMIT and PRE_PREPARE: after the last change (except those of other
 * extensions' callbacks), before other transactions can see any;
 *
 * when a lease is issued: another session may then set a value that this
 * transaction has read, before or after it ends.  A miss that the session
 * remembers is as good as a lease.
 */
extern void cq_marks_push_all(void);

/* Callbacks, from cache/xact.c. */
extern void cq_marks_subxact_start(int level);
extern void cq_marks_subxact_abort(int level);
extern void cq_marks_subxact_commit(int level);
extern void cq_marks_abort(void);
extern void cq_marks_forget(void);

#endif							/* CQ_CACHE_MARKS_H */
