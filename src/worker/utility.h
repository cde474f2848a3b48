/*-------------------------------------------------------------------------
 *
 * utility.h
 *	  What the workers must learn from other sessions' statements.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_WORKER_UTILITY_H
#define CQ_WORKER_UTILITY_H

/* Install the hooks; once, from cq_workers_register(). */
extern void cq_worker_hooks_install(void);

#endif							/* CQ_WORKER_UTILITY_H */
