/*-------------------------------------------------------------------------
 *
 * maintain.h
 *	  What the maintenance worker does for the queues of its database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_MAINTAIN_H
#define CQ_QUEUE_MAINTAIN_H

/*
 * Everything that is due now in the queues of this database: expired leases,
 * due messages, ended prepared transactions, loading, rotation.  Called by the
 * maintenance worker outside a transaction; starts and commits its own.
 * Returns when it wants to be called again, in ms of cq_clock_ms(), or 0: not
 * before the worker is woken.  What goes wrong in one queue is logged and tried
 * again later, without harm to the others.
 */
extern int64 cq_queue_maintain(void);

/*
 * The same in a procedure that may end its transaction, which this does.
 * Waits while the worker is at it; an error in one queue is raised.
 */
extern void cq_queue_maintain_by_hand(void);

#endif							/* CQ_QUEUE_MAINTAIN_H */
