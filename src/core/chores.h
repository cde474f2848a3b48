/*-------------------------------------------------------------------------
 *
 * chores.h
 *	  Maintenance of the objects of a database, one after another.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_CHORES_H
#define CQ_CORE_CHORES_H

#include "core/object.h"

/* after an error an object is left alone for so long */
#define CQ_CHORE_RETRY_MS 5000

/* How to maintain the objects of one kind, each of which has a shared state. */
typedef struct CqChores
{
	CqObjectKind kind;
	void		(*sync) (void); /* free the states of objects that are gone,
								 * and give one to each other object */
	int			(*count) (void);	/* number of states */
	int64		(*maintain) (int i);	/* do what is due for state i; returns
										 * when to look again, or PG_INT64_MAX */
	uint64		synced;			/* epoch of the definitions at the latest
								 * sync() */
} CqChores;

/*
 * One pass over all objects.  In the worker, outside a transaction.  Returns when
 * to be called again, or 0: not before the worker is woken.
 */
extern int64 cq_chores_run(CqChores *chores);

/*
 * The same in a procedure that may end its transaction, which this does.  Waits
 * while the worker is at it; an error of a chore is raised.  Raises 55000 when not
 * preloaded, and 25006 during recovery: 'function' names the procedure.
 */
extern void cq_chores_run_by_hand(CqChores *chores, const char *function);

/*
 * Call work(arg), outside a transaction.  In the worker an error aborts the
 * transaction that it came in, releases all locks, and is returned, palloc'd in
 * the caller's memory context; else NULL.  By hand it is raised.
 */
extern ErrorData *cq_chore_run(void (*work) (void *arg), void *arg);

/* Report the error: maintenance of 'what' has failed, and will be tried again. */
extern void cq_chore_warn(const ErrorData *error, const char *what);

/*
 * Call work(arg) in a savepoint that is rolled back in any case, so its locks do
 * not stay; errors are ignored.
 */
extern void cq_chore_probe(void (*work) (const void *arg), const void *arg);

#endif							/* CQ_CORE_CHORES_H */
