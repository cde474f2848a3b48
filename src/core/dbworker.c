/*-------------------------------------------------------------------------
 *
 * dbworker.c
 *	  The shared table of maintenance workers.
 *
 * The life of a row:
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
 * the freeing of its row.  Hence 'wanted' is cleared, and 'ready' with it,
 * *before* the worker looks; whoever asks later sets it again, and the row is
 * only freed, in the exit callback, while it is clear.  Requests for a ready
 * worker are no-ops.
 *
 * In the same way 'woken' is cleared before the tasks run.  The latch alone
 * would not do: a task that waits for a heavyweight lock resets it.
 *
 * 'failed' is pessimistic: set when a worker is started, cleared by one that
 * leaves on purpose, so that a worker which could not even load the library
 * counts as failed too.
 *
 * The row's pid is cleared by an on_shmem_exit callback registered before the
 * worker connects, so it runs after the process has left the ProcArray: pid =
 * 0 means that the worker no longer stands in the way of DROP DATABASE.
 *
 * Everything is guarded by one spinlock, held for one pass over the rows (16
 * by default) at the most.  Latches are set after it has been released; a
 * latch belongs to a PGPROC and stays valid memory when its process exits, and
 * setting it then is harmless.  A crash of any process makes the postmaster
 * initialise shared memory anew, and all of this with it.
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

/* a busy server pokes the worker at most so often */
#define POKE_MS 20

/* In a worker: its row, and whether it leaves since there's nothing to do. */
static CqDbWorker *my_row = NULL;
static bool my_leaving = false;

Size
cq_dbworkers_size(void)
{
	return add_size(offsetof(CqDbWorkers, rows),
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
	workers->nrows = cq_max_databases;
}

CqDbWorkers *
cq_dbworkers(void)
{
	return (CqDbWorkers *) CQ_SHARED_PART(workers);
}

/* The database's row, or NULL.  InvalidOid finds a free one.  Lock held. */
static CqDbWorker *
find_row(CqDbWorkers *workers, Oid database)
{
	for (int i = 0; i < workers->nrows; i++)
	{
		if (workers->rows[i].database == database)
			return &workers->rows[i];
	}
	return NULL;
}

/* The database's row, taking a free one if need be; NULL if full.  Lock held. */
static CqDbWorker *
find_or_take_row(CqDbWorkers *workers, Oid database)
{
	CqDbWorker *row = find_row(workers, database);

	if (row != NULL)
		return row;
	row = find_row(workers, InvalidOid);
	if (row != NULL)
	{
		memset(row, 0, sizeof(*row));
		row->database = database;
	}
	return row;
}

/* Free a row that nobody needs any more.  Lock held. */
static void
free_row_if_idle(CqDbWorker *row)
{
	if (row->pid == 0 && row->pauses == 0 && !row->wanted)
		memset(row, 0, sizeof(*row));
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
	CqDbWorker *row;
	Latch	   *launcher = NULL;
	bool		found;

	if (cq_shared == NULL)
		return false;
	workers = cq_dbworkers();

	SpinLockAcquire(&workers->lock);
	row = find_or_take_row(workers, database);
	found = (row != NULL);
	if (!found)
	{
		if (!workers->overflow)
			launcher = workers->launcher_latch;
		workers->overflow = true;
	}
	else if (!row->ready && !row->wanted)
	{
		row->wanted = true;
		launcher = workers->launcher_latch;
	}
	SpinLockRelease(&workers->lock);

	set_latch(launcher);
	return found;
}

void
cq_dbworker_wake(Oid database)
{
	CqDbWorkers *workers;
	CqDbWorker *row;
	Latch	   *latch = NULL;

	if (cq_shared == NULL)
		return;
	workers = cq_dbworkers();

	SpinLockAcquire(&workers->lock);
	row = find_row(workers, database);
	if (row != NULL && !row->woken)
	{
		row->woken = true;
		latch = row->latch;
	}
	SpinLockRelease(&workers->lock);

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
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker *row;
	Latch	   *latch = NULL;

	SpinLockAcquire(&workers->lock);
	row = find_row(workers, database);
	if (row != NULL && (row->due_ms == 0 || row->due_ms > due_ms))
	{
		row->due_ms = due_ms;
		row->woken = true;
		latch = row->latch;
	}
	SpinLockRelease(&workers->lock);

	set_latch(latch);
}

int64
cq_dbworker_due(bool reset)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker *row;
	int64		due_ms = 0;

	SpinLockAcquire(&workers->lock);
	row = find_row(workers, MyDatabaseId);
	if (row != NULL)
	{
		due_ms = row->due_ms;
		if (reset)
			row->due_ms = 0;
	}
	SpinLockRelease(&workers->lock);
	return due_ms;
}

void
cq_dbworker_recheck(Oid database)
{
	CqDbWorkers *workers;
	CqDbWorker *row;
	Latch	   *latch = NULL;

	if (cq_shared == NULL)
		return;
	workers = cq_dbworkers();

	SpinLockAcquire(&workers->lock);
	row = find_row(workers, database);
	if (row != NULL)
	{
		row->wanted = true;
		latch = row->latch ? row->latch : workers->launcher_latch;
	}
	SpinLockRelease(&workers->lock);

	set_latch(latch);
}

bool
cq_dbworker_pause(Oid database)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker *row;
	bool		paused;
	pid_t		pid = 0;

	SpinLockAcquire(&workers->lock);
	row = find_or_take_row(workers, database);
	paused = (row != NULL);
	if (paused)
	{
		row->pauses++;
		pid = row->pid;
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
	CqDbWorker *row;
	Latch	   *launcher = NULL;

	SpinLockAcquire(&workers->lock);
	row = find_row(workers, database);
	Assert(row != NULL && row->pauses > 0);
	if (row != NULL && --row->pauses == 0)
	{
		launcher = workers->launcher_latch;
		free_row_if_idle(row);
	}
	SpinLockRelease(&workers->lock);

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
		CqDbWorker *row;
		int64		remaining_ms = deadline_ms - cq_clock_ms();

		SpinLockAcquire(&workers->lock);
		row = find_row(workers, database);
		stopped = (row == NULL || row->pid == 0);
		SpinLockRelease(&workers->lock);

		if (stopped || remaining_ms <= 0)
			break;
		(void) ConditionVariableTimedSleep(&workers->left, (long) remaining_ms,
										   PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
	return stopped;
}

/* on_shmem_exit callback of a worker: give the row back. */
static void
detach(int code, Datum arg)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker *row = my_row;
	Latch	   *launcher;

	SpinLockAcquire(&workers->lock);
	row->pid = 0;
	row->latch = NULL;
	row->ready = false;
	if (my_leaving || row->pauses > 0)
		row->failed = false;
	if (!my_leaving)
		row->wanted = true;
	free_row_if_idle(row);
	launcher = workers->launcher_latch;
	SpinLockRelease(&workers->lock);

	my_row = NULL;
	set_latch(launcher);
	ConditionVariableBroadcast(&workers->left);
}

bool
cq_dbworker_attach(Oid database)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker *row;

	Assert(my_row == NULL);
	Assert(!OidIsValid(MyDatabaseId));

	SpinLockAcquire(&workers->lock);
	row = find_row(workers, database);
	if (row != NULL && row->pid == 0 && row->pauses == 0)
	{
		row->pid = MyProcPid;
		row->latch = MyLatch;
		row->wanted = true;		/* look for the extension first */
		row->woken = true;		/* then run all tasks */
		my_row = row;
	}
	else if (row != NULL && row->pid == 0)
		row->failed = false;	/* started just before the pause */
	SpinLockRelease(&workers->lock);

	if (my_row != NULL)
		on_shmem_exit(detach, 0);
	return my_row != NULL;
}

CqDbWorkerOrders
cq_dbworker_take_orders(bool look)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorkerOrders orders;

	SpinLockAcquire(&workers->lock);
	orders.leave = my_row->pauses > 0;
	orders.look = look || my_row->wanted;
	orders.run = my_row->woken;
	my_row->woken = false;
	if (orders.look)
	{
		my_row->wanted = false;
		my_row->ready = false;
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
	my_row->ready = true;
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
cq_dbworker_row(int i)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker	copy;

	SpinLockAcquire(&workers->lock);
	copy = workers->rows[i];
	SpinLockRelease(&workers->lock);
	return copy;
}

bool
cq_dbworker_starting(Oid database)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker *row;
	bool		start;

	SpinLockAcquire(&workers->lock);
	row = find_row(workers, database);
	start = (row != NULL && row->wanted && row->pid == 0 && row->pauses == 0);
	if (start)
		row->failed = true;
	SpinLockRelease(&workers->lock);
	return start;
}

bool
cq_dbworker_take_failure(Oid database)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker *row;
	bool		failed;

	SpinLockAcquire(&workers->lock);
	row = find_row(workers, database);
	failed = (row != NULL && row->pid == 0 && row->failed);
	if (failed)
		row->failed = false;
	SpinLockRelease(&workers->lock);
	return failed;
}

void
cq_dbworker_forget(Oid database)
{
	CqDbWorkers *workers = cq_dbworkers();
	CqDbWorker *row;

	SpinLockAcquire(&workers->lock);
	row = find_row(workers, database);
	if (row != NULL && row->pid == 0)
	{
		row->wanted = false;
		free_row_if_idle(row);
	}
	SpinLockRelease(&workers->lock);
}

bool
cq_dbworkers_full(bool *overflow)
{
	CqDbWorkers *workers = cq_dbworkers();
	bool		full;

	SpinLockAcquire(&workers->lock);
	full = (find_row(workers, InvalidOid) == NULL);
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
