/*-------------------------------------------------------------------------
 *
 * queue.h
 *	  What the rest of the library calls of the work queue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_QUEUE_H
#define CQ_QUEUE_QUEUE_H

extern Size cq_queue_shmem_size(void);
extern void cq_queue_shmem_init(void *mem);

/* Install the callbacks; called once from _PG_init when preloaded. */
extern void cq_queue_init(void);

#endif							/* CQ_QUEUE_QUEUE_H */
