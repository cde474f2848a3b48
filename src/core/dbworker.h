/*-------------------------------------------------------------------------
 *
 * dbworker.h
 *	  The shared table of maintenance workers, one entry per database, and how
 *	  other processes reach them.
 *
 * It is part of core because the cache and the queue wake the worker from their
 * commit callbacks without knowing what it does.  dbworker.c describes the life
 * of an entry.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_DBWORKER_H
#define CQ_CORE_DBWORKER_H

#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/latch.h"
#include "storage/spin.h"

typedef struct CqDbWorker
{
	Oid			database;		/* InvalidOid: entry is free */
	bool		wanted;			/* a worker has yet to look whether the
								 * extension is there */
	bool		ready;			/* the worker has looked, and it is there */
	bool		woken;			/* cq_dbworker_wake() since the worker last
								 * took its orders */
	bool		failed;			/* set when a worker is started, cleared by
								 * one that leaves on purpose */
	int64		due_ms;			/* earliest cq_dbworker_wake_by(), 0: none */
	int			pauses;			/* statements that need the database for
								 * themselves; no worker while > 0 */
	pid_t		pid;			/* 0: not running */
	Latch	   *latch;			/* the worker's process latch (main shared
								 * memory, same address in every process) */
} CqDbWorker;

typedef struct CqDbWorkers
{
	ConditionVariable left;		/* broadcast when a worker has gone; has its
								 * own lock */
	pg_atomic_uint64 poked_ms;	/* latest cq_dbworker_poke() that woke one */
	slock_t		lock;			/* guards all fields below */
	bool		overflow;		/* a request found no free entry */
	Latch	   *launcher_latch; /* NULL: no launcher */
	int			nentries;		/* = cachequeue.max_databases; constant */
	CqDbWorker	entries[FLEXIBLE_ARRAY_MEMBER];
} CqDbWorkers;

/* What a worker is to do; see cq_dbworker_take_orders(). */
typedef struct CqDbWorkerOrders
{
	bool		leave;			/* a statement needs the database */
	bool		look;			/* look whether the extension is still there */
	bool		run;			/* run the tasks: cq_dbworker_wake() */
} CqDbWorkerOrders;

extern Size cq_dbworkers_size(void);
extern void cq_dbworkers_init(void *mem);
extern CqDbWorkers *cq_dbworkers(void);

/*
 * ---- For all processes.  These take the spinlock and set a latch, never raise,
 * allocate nothing, and do nothing when the library was not preloaded: fit
 * for commit callbacks.
 */

/*
 * Make sure that the current database has, or soon gets, a worker.  For cold
 * paths (first use in a backend, CREATE EXTENSION, queue_create).
 */
extern void cq_dbworker_request(void);

/* The same for any database; false when the table is full. */
extern bool cq_dbworker_request_for(Oid database);

/* Wake the worker of the given database, if any: its tasks may have work. */
extern void cq_dbworker_wake(Oid database);

/*
 * The same for callers on every commit and abort, which seldom have work for it: at
 * most once in 20 ms in the whole server.
 */
extern void cq_dbworker_poke(Oid database);

/*
 * There will be work at that time, in ms of cq_clock_ms(): wake the worker
 * unless it knows of an earlier time.
 */
extern void cq_dbworker_wake_by(Oid database, int64 due_ms);

/* Have the worker, if any, look whether the extension is still there. */
extern void cq_dbworker_recheck(Oid database);

/*
 * ---- For statements that need a database for themselves.
 */

/*
 * Make the worker leave and let none start until cq_dbworker_resume(), which must
 * follow.  False, and nothing to resume, when the table is full.  Neither
 * raises.  Several sessions may pause the same database.
 */
extern bool cq_dbworker_pause(Oid database);
extern void cq_dbworker_resume(Oid database);

/*
 * Wait until the database has no worker; false after timeout_ms.  Raises when
 * interrupted.
 */
extern bool cq_dbworker_await_stop(Oid database, int64 timeout_ms);

/*
 * ---- For the worker.
 */

/*
 * Become the worker of that database; false when there is one already, or
 * none is wanted.  Must be called before the process connects to the database
 * (so that pid = 0 means: gone from it), once.
 */
extern bool cq_dbworker_attach(Oid database);

/*
 * Take the orders given since the last call.  With 'look' the worker says
 * that it is going to look for the extension whatever the orders are.
 */
extern CqDbWorkerOrders cq_dbworker_take_orders(bool look);

/* The earliest time given to cq_dbworker_wake_by(), 0: none; reset: forget it. */
extern int64 cq_dbworker_due(bool reset);

/* The extension is there. */
extern void cq_dbworker_ready(void);

/* This worker is about to exit because there is nothing to maintain. */
extern void cq_dbworker_leaving(void);

/*
 * ---- For the launcher.
 */

/* Receive requests; until the process exits. */
extern void cq_dbworkers_launcher_attach(void);

/* A copy of entry i. */
extern CqDbWorker cq_dbworker_entry(int i);

/*
 * Mark the entry as having had a worker started.  False when none is wanted
 * any more.
 */
extern bool cq_dbworker_starting(Oid database);

/* Whether a worker of this database has failed since the last call. */
extern bool cq_dbworker_take_failure(Oid database);

/* Free the entry of a database that can have no worker. */
extern void cq_dbworker_forget(Oid database);

/*
 * Whether all entries are taken; *overflow tells whether a request got lost for
 * that reason since cq_dbworkers_clear_overflow().
 */
extern bool cq_dbworkers_full(bool *overflow);
extern void cq_dbworkers_clear_overflow(void);

#endif							/* CQ_CORE_DBWORKER_H */
