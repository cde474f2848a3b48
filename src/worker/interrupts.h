/*-------------------------------------------------------------------------
 *
 * interrupts.h
 *	  What launcher and maintenance worker do each time they wake up.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_WORKER_INTERRUPTS_H
#define CQ_WORKER_INTERRUPTS_H

/*
 * Exit with the given code if told to, reload the configuration, accept
 * invalidations.  Outside a transaction.
 */
extern void cq_worker_handle_interrupts(int exit_code);

#endif							/* CQ_WORKER_INTERRUPTS_H */
