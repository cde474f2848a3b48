/*-------------------------------------------------------------------------
 *
 * sweep.h
 *	  What goes with the carriers of topics and groups.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_SWEEP_H
#define CQ_TOPIC_SWEEP_H

/* Once, from cq_topic_init(). */
extern void cq_topic_sweep_init(void);

/*
 * Delete the definitions of topics and groups that are gone, then those of
 * queues.  Locks definitions when there is something to do.
 */
extern void cq_topics_sweep(void);

#endif							/* CQ_TOPIC_SWEEP_H */
