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
 * Has this transaction changed the slot in such a way that a snapshot of that command
 * id does not see it, or sees what has been rolled back?  With 0: at all?
 */
extern bool cq_marks_changed_since(uint32 slot, CommandId curcid);

/*
 * Has a query been rolled back halfway that such a snapshot may have seen something of?
 * It may have changed any row without marking it yet.
 */
extern bool cq_marks_broken_since(CommandId curcid);

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

/*
 * Callbacks, from cache/xact.c.  halfway: a query is rolled back that may have changed
 * rows which are not marked yet.
 */
extern void cq_marks_subxact_start(int level);
extern void cq_marks_subxact_abort(int level, bool halfway);
extern void cq_marks_subxact_commit(int level);
extern void cq_marks_abort(bool halfway);
extern void cq_marks_forget(void);

#endif							/* CQ_CACHE_MARKS_H */
