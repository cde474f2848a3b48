/*-------------------------------------------------------------------------
 *
 * tasks.h
 *	  The tasks of the maintenance worker.
 *
 * They are registered while the library is loaded, so that the worker need not know
 * what it works for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_TASKS_H
#define CQ_CORE_TASKS_H

#define CQ_TASKS_MAX 8

typedef struct CqTask
{
	const char *name;

	/*
	 * Does what is due.  Returns when to call it next, in ms of
	 * cq_clock_ms(), in the past: at once; 0: not until woken.  Called
	 * outside a transaction, must come back outside one.
	 */
	int64		(*run) (void);

	/*
	 * Called once before the worker leaves because the server stops; may
	 * raise.  NULL: nothing to do.
	 */
	void		(*at_shutdown) (void);
} CqTask;

extern void cq_task_register(const CqTask *task);

extern const CqTask *cq_tasks(int *ntasks);

#endif							/* CQ_CORE_TASKS_H */
