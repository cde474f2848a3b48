/*-------------------------------------------------------------------------
 *
 * topic.h
 *	  Setting up topics in a process.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_TOPIC_H
#define CQ_TOPIC_TOPIC_H

/* Called once from _PG_init. */
extern void cq_topic_init(void);

#endif							/* CQ_TOPIC_TOPIC_H */
