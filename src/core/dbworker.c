/*-------------------------------------------------------------------------
 *
 * dbworker.c
 *	  The shared table of maintenance workers.
 *
 * The life of an entry:
 *
 *	  free --request--> wanted --launcher starts one--> attached (pid set)
 *	                      ^                                |
 *	                      |                       looks for the extension
 *	                      |                          |             |
 *	                      +-- died, or sent away -- ready       not there
 *	                                                               |
 *	  free <-------------------------------------------------------+
 *
 * A request must never get lost between the worker's look at the catalog and
 * the freeing of its entry.  Hence the worker clears 'wanted', and 'ready' with
 * it, *before* it looks; a later request sets 'wanted' again, and the exit
 * callback frees the entry only while 'wanted' is clear.  A request for a ready
 * worker does nothing.
 *
 * In the same way the worker clears 'woken' before it runs the tasks.  The latch
 * alone is not enough: a task that waits for a heavyweight lock resets it.
 *
 * 'failed' is pessimistic: the launcher sets it when it starts a worker, and a
 * worker that leaves on purpose clears it, so that a worker which could not even
 * load the library counts as failed too.
 *
 * An on_shmem_exit callback clears the entry's pid.  It is registered before the
 * worker connects, so it runs after the process has left the ProcArray: pid = 0
 * means that the worker no longer blocks DROP DATABASE.
 *
 * One spinlock guards everything.  It is held for one pass over the entries (16
 * by default) at most.  Latches are set after it has been released; a latch
 * belongs to a PGPROC and stays valid memory when its process exits, and setting
 * it then is harmless.  When a process crashes the postmaster initialises shared
 * memory anew, and all of this with it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <signal.h>

#include "core/clock.h"
#include "core/dbworker.h"
#include "core/settings.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/wait_event.h"

/* shortest time between two calls of cq_dbworker_poke() that wake the worker */
#define POKE_MS 20

/* In a worker: its entry, and whether it leaves because there is nothing to do. */
static CqDbWorker *my_entry = NULL;
static bool my_leaving = false;

Size
cq_dbworkers_size(void)
{
	return add_size(offsetof(CqDbWorkers, entries),
					mul_size(cq_max_databases, sizeof(CqDbWorker)));
}

void
cq_dbworkers_init(void *mem)
{
	CqDbWorkers *workers = mem;

	memset(workers, 0, cq_dbworkers_size());
	ConditionVariableInit(&workers->left);
	pg_atomic_init_u64(&workers->poked_ms, 0);
	SpinLockInit(&workers->lock);
	workers->nentries = cq_max_databases;
}

CqDbWorkers *
cq_dbworkers(void)
{
	return (CqDbWorkers *) CQ_SHARED_PART(workers);
}

/* The database's entry, or NULL.  InvalidOid finds a free one.  Lock held. */
static CqDbWorker *
find_entry(CqDbWorkers *workers, Oid database)
{
	for (int i = 0; i < workers->nentries; i++)
	{
		if (workers->entries[i].database == database)
			return &workers->entries[i];
	}
	return NULL;
}

/* The database's entry, taking a free one if need be; NULL if full.  Lock held. */
static CqDbWorker *
find_or_take_entry(CqDbWorkers *workers, Oid database)
{
	CqDbWorker *entry = find_entry(workers, database);

	if (entry != NULL)
		return entry;
	entry = find_entry(workers, InvalidOid);
	if (entry != NULL)
	{
		memset(entry, 0, sizeof(*entry));
		entry->database = database;
	}
	return entry;
}

/* Take the lock, and find the database's entry; NULL: it has none. */
static CqDbWorker *
lock_entry(Oid database)
{
	CqDbWorkers *workers = cq_dbworkers();

	SpinLockAcquire(&workers->lock);
	return find_entry(workers, database);
}

static void
unlock(void)
{
	SpinLockRelease(&cq_dbworkers()->lock);
}

/* Free an entry that is no longer needed.  Lock held. */
static void
free_entry_if_idle(CqDbWorker *entry)
{
	if (entry->pid == 0 && entry->pauses == 0 && !entry->wanted)
		memset(entry, 0, sizeof(*entry));
}

static void
set_latch(Latch *latch)
{
	if (latch != NULL)
		SetLatch(latch);
}

void
cq_dbworker_request(void)
{
	(void) cq_dbworker_request_for(MyDatabaseId);
}

bool
cq_dbworker_request_for(Oid database)
{
	CqDbWorkers *workers;
	CqDbWorker *entry;
	Latch	   *launcher = NULL;
	bool		found;

	if (cq_shared == NULL)
		return false;
	workers = cq_dbworkers();

	SpinLockAcquire(&workers->lock);
	entry = find_or_take_entry(workers, database);
	found = (entry != NULL);
	if (!found)
	{
		if (!workers->overflow)
			launcher = workers->launcher_latch;
		workers->overflow = true;
	}
	else if (!entry->ready && !entry->wanted)
	{
		entry->wanted = true;
		launcher = workers->launcher_latch;
	}
	SpinLockRelease(&workers->lock);

	set_latch(launcher);
	return found;
}

void
cq_dbworker_wake(Oid database)
{
	CqDbWorker *entry;
	Latch	   *latch = NULL;

	if (cq_shared == NULL)
		return;

	entry = lock_entry(database);
	if (entry != NULL && !entry->woken)
	{
		entry->woken = true;
		latch = entry->latch;
	}
	unlock();

	set_latch(latch);
}

void
cq_dbworker_poke(Oid database)
{
	pg_atomic_uint64 *poked_ms = &cq_dbworkers()->poked_ms;
	uint64		now = cq_clock_ms();
	uint64		last = pg_atomic_read_u64(poked_ms);

	if (now - last >= POKE_MS && pg_atomic_compare_exchange_u64(poked_ms, &last, now))
		cq_dbworker_wake(database);
}

void
cq_dbworker_wake_by(Oid database, int64 due_ms)
{
	CqDbWorker *entry;
	Latch	   *latch = NULL;

	entry = lock_entry(database);
	if (entry != NULL && (entry->due_ms == 0 || entry->due_ms > due_ms))
	{
		entry->due_ms = due_ms;
		entry->woken = true;
		latch = entry->latch;
	}
	unlock();

	set_latch(latch);
}

int64
cq_dbworker_due(bool reset)
{
	CqDbWorker *entry;
	int64		due_ms = 0;

	entry = lock_entry(MyDatabaseId);
	if (entry != NULL)
	{
		due_ms = entry->due_ms;
		if (reset)
			entry->due_ms = 0;
	}
	unlock();
	return due_ms;
}

void
cq_dbworker_recheck(Oid database)
{
	CqDbWorkers *workers;
	CqDbWorker *entry;
	Latch	   *latch = NULL;

	if (cq_shared == NULL)
		return;
	workers = cq_dbworkers();

	entry = lock_entry(database);
	if (entry != NULL)
	{
		entry->wanted = true;
		latch = entry->latch ? entry->latch : workers->launcher_latch;
	}
	unlock();

	set_latch(latch);
}

bool
cq_dbworker_pause(Oid database)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker *entry;
	bool		paused;
	pid_t		pid = 0;

	SpinLockAcquire(&workers->lock);
	entry = find_or_take_entry(workers, database);
	paused = (entry != NULL);
	if (paused)
	{
		entry->pauses++;
		pid = entry->pid;
	}
	SpinLockRelease(&workers->lock);

	/*
	 * A signal rather than a latch: the worker may be in the middle of a
	 * task.
	 */
	if (pid != 0)
		(void) kill(pid, SIGTERM);
	return paused;
}

void
cq_dbworker_resume(Oid database)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker *entry;
	Latch	   *launcher = NULL;

	entry = lock_entry(database);
	Assert(entry != NULL && entry->pauses > 0);
	if (entry != NULL && --entry->pauses == 0)
	{
		launcher = workers->launcher_latch;
		free_entry_if_idle(entry);
	}
	unlock();

	set_latch(launcher);
}

bool
cq_dbworker_await_stop(Oid database, int64 timeout_ms)
{
	CqDbWorkers *workers = cq_dbworkers();
	int64		deadline_ms = cq_clock_ms() + timeout_ms;
	bool		stopped;

	ConditionVariablePrepareToSleep(&workers->left);
	for (;;)
	{
		CqDbWorker *entry;
		int64		remaining_ms = deadline_ms - cq_clock_ms();

		entry = lock_entry(database);
		stopped = (entry == NULL || entry->pid == 0);
		unlock();

		if (stopped || remaining_ms <= 0)
			break;
		(void) ConditionVariableTimedSleep(&workers->left, (long) remaining_ms,
										   PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return stopped;
}

/* on_shmem_exit callback of a worker: give the entry back. */
static void
detach(int code, Datum arg)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker *entry = my_entry;
	Latch	   *launcher;

	SpinLockAcquire(&workers->lock);
	entry->pid = 0;
	entry->latch = NULL;
	entry->ready = false;
	if (my_leaving || entry->pauses > 0)
		entry->failed = false;
	if (!my_leaving)
		entry->wanted = true;
	free_entry_if_idle(entry);
	launcher = workers->launcher_latch;
	SpinLockRelease(&workers->lock);

	my_entry = NULL;
	set_latch(launcher);
	ConditionVariableBroadcast(&workers->left);
}

bool
cq_dbworker_attach(Oid database)
{
	CqDbWorker *entry;

	Assert(my_entry == NULL);
	Assert(!OidIsValid(MyDatabaseId));

	entry = lock_entry(database);
	if (entry != NULL && entry->pid == 0 && entry->pauses == 0)
	{
		entry->pid = MyProcPid;
		entry->latch = MyLatch;
		entry->wanted = true;	/* look for the extension first */
		entry->woken = true;	/* then run all tasks */
		my_entry = entry;
	}
	else if (entry != NULL && entry->pid == 0)
		entry->failed = false;	/* started just before the pause */
	unlock();

	if (my_entry != NULL)
		on_shmem_exit(detach, 0);
	return my_entry != NULL;
}

CqDbWorkerOrders
cq_dbworker_take_orders(bool look)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorkerOrders orders;

	SpinLockAcquire(&workers->lock);
	orders.leave = my_entry->pauses > 0;
	orders.look = look || my_entry->wanted;
	orders.run = my_entry->woken;
	my_entry->woken = false;
	if (orders.look)
	{
		my_entry->wanted = false;
		my_entry->ready = false;
	}
	SpinLockRelease(&workers->lock);

	return orders;
}

void
cq_dbworker_ready(void)
{
	CqDbWorkers *workers = cq_dbworkers();
	Latch	   *launcher;

	SpinLockAcquire(&workers->lock);
	my_entry->ready = true;
	launcher = workers->launcher_latch;
	SpinLockRelease(&workers->lock);

	/* it may be waiting to try the next databases */
	set_latch(launcher);
}

void
cq_dbworker_leaving(void)
{
	my_leaving = true;
}

/* on_shmem_exit callback of the launcher */
static void
launcher_detach(int code, Datum arg)
{
	CqDbWorkers *workers = cq_dbworkers();

	SpinLockAcquire(&workers->lock);
	workers->launcher_latch = NULL;
	SpinLockRelease(&workers->lock);
}

void
cq_dbworkers_launcher_attach(void)
{
	CqDbWorkers *workers = cq_dbworkers();

	on_shmem_exit(launcher_detach, 0);
	SpinLockAcquire(&workers->lock);
	workers->launcher_latch = MyLatch;
	SpinLockRelease(&workers->lock);
}

CqDbWorker
cq_dbworker_entry(int i)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker	copy;

	SpinLockAcquire(&workers->lock);
	copy = workers->entries[i];
	SpinLockRelease(&workers->lock);
	return copy;
}

bool
cq_dbworker_starting(Oid database)
{
	CqDbWorker *entry;
	bool		start;

	entry = lock_entry(database);
	start = (entry != NULL && entry->wanted && entry->pid == 0 && entry->pauses == 0);
	if (start)
		entry->failed = true;
	unlock();
	return start;
}

bool
cq_dbworker_take_failure(Oid database)
{
	CqDbWorker *entry;
	bool		failed;

	entry = lock_entry(database);
	failed = (entry != NULL && entry->pid == 0 && entry->failed);
	if (failed)
		entry->failed = false;
	unlock();
	return failed;
}

void
cq_dbworker_forget(Oid database)
{
	CqDbWorker *entry;

	entry = lock_entry(database);
	if (entry != NULL && entry->pid == 0)
	{
		entry->wanted = false;
		free_entry_if_idle(entry);
	}
	unlock();
}

bool
cq_dbworkers_full(bool *overflow)
{
	CqDbWorkers *workers = cq_dbworkers();
	bool		full;

	SpinLockAcquire(&workers->lock);
	full = (find_entry(workers, InvalidOid) == NULL);
	*overflow = workers->overflow;
	SpinLockRelease(&workers->lock);
	return full;
}

void
cq_dbworkers_clear_overflow(void)
{
	CqDbWorkers *workers = cq_dbworkers();

	SpinLockAcquire(&workers->lock);
	workers->overflow = false;
	SpinLockRelease(&workers->lock);
}
