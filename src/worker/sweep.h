/*-------------------------------------------------------------------------
 *
 * sweep.h
 *	  Definitions whose carriers were dropped while event triggers were off.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_WORKER_SWEEP_H
#define CQ_WORKER_SWEEP_H

/*
 * Task of the maintenance worker (core/tasks.h): delete them.  Does nothing until
 * relations have changed.
 */
extern int64 cq_objects_maintain(void);

#endif							/* CQ_WORKER_SWEEP_H */
