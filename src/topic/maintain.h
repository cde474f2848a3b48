/*-------------------------------------------------------------------------
 *
 * maintain.h
 *	  What the maintenance worker does for topics.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_MAINTAIN_H
#define CQ_TOPIC_MAINTAIN_H

/* Task of the worker; see core/tasks.h. */
extern int64 cq_topic_maintain(void);

/*
 * The same once, by hand, from a procedure.  Raises 55000.
 */
extern void cq_topic_maintain_by_hand(void);

#endif							/* CQ_TOPIC_MAINTAIN_H */
