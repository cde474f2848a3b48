/*-------------------------------------------------------------------------
 *
 * step.h
 *	  The transactions of maintenance, and whose turn it is.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_STEP_H
#define CQ_CORE_STEP_H

/*
 * Start a transaction with a snapshot.  It is READ COMMITTED: a statement sees what
 * shared memory has said before it.
 */
extern void cq_step_start(void);

/* Commit it. */
extern void cq_step_commit(void);

/*
 * Whether a user's procedure runs the maintenance, rather than the worker.
 */
extern bool cq_step_by_hand(void);

/*
 * Call 'run' while no other process of this database does maintenance.  In the
 * worker: outside a transaction; false when another process is at it.  By hand:
 * in a procedure that may end its transaction, which this does; waits.  Errors
 * of 'run' are passed on.
 */
extern bool cq_step_run_alone(void (*run) (void), bool by_hand);

#endif							/* CQ_CORE_STEP_H */
