/*-------------------------------------------------------------------------
 *
 * maintenance.c
 *	  The maintenance worker of one database.
 *
 * The launcher starts it; it connects as the bootstrap superuser.  It first
 * looks whether its database has the extension and leaves if not.  Then it
 * sleeps on its latch until another process wakes it (cq_dbworker_wake) or the
 * earliest of its tasks is due, and runs
 *
 *	- when woken, all tasks: cq_dbworker_wake() doesn't say which has work;
 *	- otherwise those that are due.
 *
 * A task (core/tasks.h) is a function that does whatever is due now and returns
 * when it is to be called next.  When it raises, the worker logs the error as a
 * warning and puts the task off for RETRY_MS_MIN, after further failures in a row
 * twice as long each time up to RETRY_MS_MAX; waking the worker doesn't shorten
 * that.  The other tasks go on.
 *
 * When the server stops, an idle worker calls each task's at_shutdown, for
 * LAST_TASKS_MS at most.  Nothing depends on its success.
 *
 * A session that drops the extension wakes the worker (worker/utility.c), and the
 * worker looks again after any change of a schema, which covers what that misses,
 * such as COMMIT PREPARED.  The failure of a task whose tables have just gone is
 * not reported.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "core/clock.h"
#include "core/dbworker.h"
#include "core/tasks.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lwlock.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timeout.h"
#include "utils/wait_event.h"
#include "worker/interrupts.h"
#include "worker/maintenance.h"

#define RETRY_MS_MIN 1000
#define RETRY_MS_MAX 60000

/* how long the last tasks may take when the server stops */
#define LAST_TASKS_MS 5000

typedef struct TaskState
{
	int64		due_ms;			/* 0: nothing planned */
	int			failures;		/* in a row; not called before due_ms if > 0 */
} TaskState;

static const CqTask *tasks;
static int	ntasks;
static TaskState states[CQ_TASKS_MAX];
static MemoryContext task_context;	/* reset after each task */
static bool schemas_changed = false;

/* syscache callback */
static void
on_schema_change(Datum arg, int cacheid, uint32 hashvalue)
{
	schemas_changed = true;
}

/*
 * Whether the database has the extension, as of now.  Reads the table itself:
 * a cached answer may be older than the request to look.
 */
static bool
extension_exists(void)
{
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	bool		found;

	StartTransactionCommand();
	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("cachequeue"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	return found;
}

static void
leave_unless_extension_exists(void)
{
	if (!extension_exists())
	{
		cq_dbworker_leaving();
		proc_exit(0);
	}
}

/* Make the settings of the database or the server harmless for the tasks. */
static void
configure_session(void)
{
	static const struct
	{
		const char *name;
		const char *value;
	}			overrides[] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"statement_timeout", "0"},
		{"transaction_timeout", "0"},	/* from 17 */
		/* one that is locked for long must not hold up the others */
		{"lock_timeout", "1s"},
		{"idle_in_transaction_session_timeout", "0"},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"default_transaction_deferrable", "off"},
	};

	for (int i = 0; i < lengthof(overrides); i++)
	{
		if (GetConfigOption(overrides[i].name, true, false) != NULL)
			SetConfigOption(overrides[i].name, overrides[i].value,
							PGC_SUSET, PGC_S_OVERRIDE);
	}
	/* as autovacuum does: go on while synchronous standbys are away */
	if (synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
		SetConfigOption("synchronous_commit", "local",
						PGC_SUSET, PGC_S_OVERRIDE);
	SetConfigOption("application_name", CQ_MAINTENANCE_TYPE,
					PGC_USERSET, PGC_S_SESSION);
}

static void
task_error_context(void *arg)
{
	errcontext("maintenance task \"%s\" of cachequeue in database %u",
			   (const char *) arg, MyDatabaseId);
}

/*
 * After a task raised: clean up, report, plan the next attempt.  Called in
 * PG_CATCH.
 */
static void
recover_from_task_error(int i)
{
	ErrorData  *error;
	int64		delay_ms;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(task_context);
	error = CopyErrorData();
	FlushErrorState();
	AbortCurrentTransaction();
	/* it does nothing outside a transaction */
	LWLockReleaseAll();
	pgstat_report_wait_end();
	RESUME_INTERRUPTS();

	states[i].failures++;
	delay_ms = Min((int64) RETRY_MS_MIN << Min(states[i].failures - 1, 16),
				   RETRY_MS_MAX);
	states[i].due_ms = cq_clock_ms() + delay_ms;

	/* it was interrupted because the server stops: see on_sigterm */
	if (ShutdownRequestPending)
		return;
	leave_unless_extension_exists();
	error->elevel = WARNING;
	ThrowErrorData(error);
}

/* Run a task; never raises on its account. */
static void
run_task(int i)
{
	ErrorContextCallback context;

	pgstat_report_activity(STATE_RUNNING, tasks[i].name);
	MemoryContextSwitchTo(task_context);
	context.callback = task_error_context;
	context.arg = unconstify(char *, tasks[i].name);
	context.previous = error_context_stack;

	PG_TRY();
	{
		int64		due_ms;

		error_context_stack = &context;
		due_ms = tasks[i].run();
		error_context_stack = context.previous;
		Assert(!IsTransactionState());

		/* a task that is always due must not keep the processor busy */
		states[i].due_ms = (due_ms == 0) ? 0 : Max(due_ms, cq_clock_ms() + 1);
		states[i].failures = 0;
	}
	PG_CATCH();
	{
		recover_from_task_error(i);
	}
	PG_END_TRY();

	MemoryContextSwitchTo(task_context);
	MemoryContextReset(task_context);
	pgstat_report_activity(STATE_IDLE, NULL);
}

/* Run what is due, or everything when woken.  Returns whether any was. */
static bool
run_tasks(bool woken)
{
	bool		any = false;

	for (int i = 0; i < ntasks && !ShutdownRequestPending; i++)
	{
		TaskState  *state = &states[i];
		bool		due = state->due_ms != 0 && state->due_ms <= cq_clock_ms();

		if (due || (woken && state->failures == 0))
		{
			run_task(i);
			any = true;
		}
	}
	if (any)
		pgstat_report_stat(true);
	return any;
}

/* Sleep until the earliest task is due or the latch is set. */
static void
sleep_until_due(void)
{
	int64		due_ms = 0;
	int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;
	long		timeout_ms = -1;

	for (int i = 0; i < ntasks; i++)
	{
		if (states[i].due_ms != 0 &&
			(due_ms == 0 || states[i].due_ms < due_ms))
			due_ms = states[i].due_ms;
	}
	if (due_ms != 0)
	{
		events |= WL_TIMEOUT;
		timeout_ms = (long) Min(Max(due_ms - cq_clock_ms(), 0), INT_MAX);
	}
	(void) WaitLatch(MyLatch, events, timeout_ms, PG_WAIT_EXTENSION);
}

/*
 * Cancel the task that is running, so that run_last_tasks() can run.  The postmaster
 * signals a process and its group, hence twice: the second signal must not interrupt
 * the last tasks, which have a time limit.
 */
static void
on_sigterm(SIGNAL_ARGS)
{
	int			save_errno = errno;

	if (!ShutdownRequestPending)
	{
		ShutdownRequestPending = true;
		QueryCancelPending = true;
		InterruptPending = true;
		SetLatch(MyLatch);
	}
	errno = save_errno;
}

/* The server stops: call what the tasks have for that, with a time limit. */
static void
run_last_tasks(void)
{
	QueryCancelPending = false;
	for (int i = 0; i < ntasks; i++)
	{
		if (tasks[i].at_shutdown == NULL)
			continue;
		MemoryContextSwitchTo(task_context);
		PG_TRY();
		{
			enable_timeout_after(STATEMENT_TIMEOUT, LAST_TASKS_MS);
			tasks[i].at_shutdown();
		}
		PG_CATCH();
		{
			HOLD_INTERRUPTS();
			FlushErrorState();
			AbortCurrentTransaction();
			RESUME_INTERRUPTS();
		}
		PG_END_TRY();
		disable_timeout(STATEMENT_TIMEOUT, false);
		QueryCancelPending = false;
	}
}

void
cq_maintenance_main(Datum main_arg)
{
	Oid			database = DatumGetObjectId(main_arg);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, on_sigterm);
	BackgroundWorkerUnblockSignals();
	if (!cq_dbworker_attach(database))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	configure_session();
	tasks = cq_tasks(&ntasks);
	CacheRegisterSyscacheCallback(NAMESPACEOID, on_schema_change, (Datum) 0);
	task_context = AllocSetContextCreate(TopMemoryContext, "cachequeue maintenance",
										 ALLOCSET_DEFAULT_SIZES);
	pgstat_report_activity(STATE_IDLE, NULL);

	for (;;)
	{
		CqDbWorkerOrders orders;

		ResetLatch(MyLatch);
		if (ShutdownRequestPending)
			run_last_tasks();
		cq_worker_handle_interrupts(0);
		orders = cq_dbworker_take_orders(schemas_changed);
		if (orders.leave)
			proc_exit(0);
		if (orders.look)
		{
			schemas_changed = false;
			leave_unless_extension_exists();
			cq_dbworker_ready();
		}
		/* a task may have reset the latch: look at the orders again */
		if (!run_tasks(orders.run))
			sleep_until_due();
	}
}
