/*-------------------------------------------------------------------------
 *
 * marks.h
 *	  What the running transaction has changed: its marks.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_MARKS_H
#define CQ_CACHE_MARKS_H

/*
 * Remember that this transaction changes what the slot stands for.  Pushed
 * into the slot before commit; with barrier, everything recorded before
 * misses for everybody from then on.  May raise out of memory only.
 */
extern void cq_local_mark(uint32 slot, bool barrier);

/*
 * A statement that changes rows with tags or keys of their own has begun, has ended.
 * In between, the functions it calls may see rows that are changed and not
 * yet marked: cq_local_in_statement() tells.  Rollback ends it, too.
 */
extern void cq_local_statement_begin(void);
extern void cq_local_statement_end(void);
extern bool cq_local_in_statement(void);

/* Value of the own-change counter when the slot was last changed; 0: never. */
extern uint64 cq_local_last_change(uint32 slot);

/* The own-change counter now. */
extern uint64 cq_local_change(void);

/*
 * The counter when a statement was last rolled back half way: rows that it had
 * changed and not yet marked may have been read, whatever they are.  A value
 * from before is of no use for a set any more.  0: never.
 */
extern uint64 cq_local_last_break(void);

/*
 * Push the marks made so far, and from now on each as soon as it is made:
 *
 * at PRE_COMMIT and PRE_PREPARE, after the last change (but for what other
 * extensions' callbacks may still do) and before anybody can see it;
 *
 * when a lease is handed out, since a value that this transaction reads may
 * then be set by another session before or after it ends; a miss that the
 * session remembers is as good as a lease.
 */
extern void cq_local_push_all(void);

/* Callbacks, from cache/xact.c. */
extern void cq_local_subxact_start(int level);
extern void cq_local_subxact_abort(int level);
extern void cq_local_subxact_commit(int level);
extern void cq_local_abort(void);
extern void cq_local_forget(void);

#endif							/* CQ_CACHE_MARKS_H */
