/*-------------------------------------------------------------------------
 *
 * launcher.c
 *	  The background worker that starts the others.
 *
 * One launcher per server, started once recovery has ended (on a standby: at
 * promotion).  It keeps a maintenance worker (maintenance.c) running in every
 * database that has the extension.  It cannot look into the databases itself,
 * so when it starts it tries a worker in each, PROBES_MAX at a time; a worker
 * that finds no extension exits at once and frees its entry.  From then on the
 * launcher sleeps until a process requests a worker (core/dbworker.c), a worker
 * exits, or a restart that it put off is due.
 *
 * The launcher restarts a worker unless it has left on purpose: after a second
 * at first, twice as long each time up to RETRY_MS_MAX.  When PostgreSQL has no
 * free worker slot (max_worker_processes) the launcher logs a warning, once an
 * hour at most, and tries again later in the same manner.  Template databases
 * have no worker, so that copying them always works.
 *
 * What the launcher remembers of a worker, by entry of the shared table, is in
 * local memory and may get lost: a new launcher leaves entries with a pid alone,
 * the worker's exit callback tells it of their end, and a second worker started
 * by mistake exits at cq_dbworker_attach().
 *
 * When the launcher itself fails the postmaster restarts it after
 * LAUNCHER_RESTART_S.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "cache/view.h"
#include "catalog/pg_database.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/dbworker.h"
#include "core/settings.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"
#include "worker/interrupts.h"
#include "worker/launcher.h"
#include "worker/maintenance.h"
#include "worker/utility.h"

#define LAUNCHER_RESTART_S 2

/* workers that have not yet found out whether their database has the extension */
#define PROBES_MAX 3

/* restart of a failed worker, and registration without a free slot */
#define RETRY_MS_MIN 1000
#define RETRY_MS_MAX 60000

/* the lack of slots is reported no more often */
#define NO_SLOT_REPORT_MS 3600000

/* a worker that lived this long starts again with the shortest delay */
#define STABLE_MS 120000

/* What the launcher knows of an entry of the shared table. */
typedef struct LauncherSlot
{
	Oid			database;		/* of the last worker started */
	BackgroundWorkerHandle *handle; /* NULL: this launcher has none running */
	int			failures;		/* in a row */
	int64		started_ms;
	int64		not_before_ms;	/* 0, or do not start one before */
} LauncherSlot;

static LauncherSlot *slots;		/* one per entry */
static List *untried = NIL;		/* databases still to be tried, TopMemory */
static int	no_slot_failures = 0;	/* registrations refused in a row */
static int64 no_slot_until_ms = 0;
static int64 no_slot_report_ms = 0; /* of the last warning */
static bool table_full_reported = false;
static MemoryContext loop_context;	/* reset at each turn */

/* What both kinds of workers have in common. */
static void
fill_worker(BackgroundWorker *worker, const char *function, const char *type)
{
	memset(worker, 0, sizeof(*worker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker->bgw_start_time = BgWorkerStart_RecoveryFinished;
	strlcpy(worker->bgw_library_name, "cachequeue", BGW_MAXLEN);
	strlcpy(worker->bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker->bgw_type, type, BGW_MAXLEN);
}

void
cq_workers_register(void)
{
	BackgroundWorker worker;

	cq_worker_hooks_install();

	/* pg_upgrade needs databases without other connections */
	if (IsBinaryUpgrade)
		return;

	fill_worker(&worker, "cq_launcher_main", CQ_LAUNCHER_TYPE);
	worker.bgw_restart_time = LAUNCHER_RESTART_S;
	strlcpy(worker.bgw_name, CQ_LAUNCHER_TYPE, BGW_MAXLEN);
	RegisterBackgroundWorker(&worker);
}

/*
 * A launcher that sleeps exits without a message; one that waits for a lock, say, is
 * interrupted as any backend is.
 */
static void
on_sigterm(SIGNAL_ARGS)
{
	ShutdownRequestPending = true;
	die(CQ_PASS_SIGNAL_ARGS);
}

static int64
retry_delay_ms(int failures)
{
	return Min((int64) RETRY_MS_MIN << Min(failures - 1, 16), RETRY_MS_MAX);
}

/*
 * The databases that may have a worker, in the current memory context.
 * Runs a transaction of its own.
 */
static List *
startable_databases(void)
{
	MemoryContext result_context = CurrentMemoryContext;
	List	   *result = NIL;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;

	StartTransactionCommand();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_database database = (Form_pg_database) GETSTRUCT(tuple);
		MemoryContext old_context;

		/* a limit below -1 marks an interrupted DROP DATABASE */
		if (!database->datallowconn || database->datistemplate ||
			database->datconnlimit < -1)
			continue;
		old_context = MemoryContextSwitchTo(result_context);
		result = lappend_oid(result, database->oid);
		MemoryContextSwitchTo(old_context);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();

	MemoryContextSwitchTo(result_context);
	return result;
}

/* Forget the handles of workers that have ended. */
static void
reap_workers(void)
{
	for (int i = 0; i < cq_max_databases; i++)
	{
		pid_t		pid;

		if (slots[i].handle != NULL &&
			GetBackgroundWorkerPid(slots[i].handle, &pid) == BGWH_STOPPED)
		{
			pfree(slots[i].handle);
			slots[i].handle = NULL;
			/* PostgreSQL has a free slot again */
			no_slot_until_ms = 0;
		}
	}
}

/*
 * Register a worker for the database; false when PostgreSQL has no slot left.
 */
static bool
start_worker(LauncherSlot *slot, Oid database)
{
	BackgroundWorker worker;
	MemoryContext old_context;
	bool		registered;

	fill_worker(&worker, "cq_maintenance_main", CQ_MAINTENANCE_TYPE);
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	snprintf(worker.bgw_name, BGW_MAXLEN, "%s for database %u",
			 CQ_MAINTENANCE_TYPE, database);
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = MyProcPid;

	old_context = MemoryContextSwitchTo(TopMemoryContext);
	registered = RegisterDynamicBackgroundWorker(&worker, &slot->handle);
	MemoryContextSwitchTo(old_context);
	if (!registered)
		slot->handle = NULL;
	return registered;
}

/* No worker slot was free: warn, though not each time, and put off the next attempt. */
static void
report_no_slot(void)
{
	int64		now_ms = cq_clock_ms();

	if (no_slot_report_ms == 0 ||
		now_ms - no_slot_report_ms > NO_SLOT_REPORT_MS)
	{
		no_slot_report_ms = now_ms;
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("out of background worker slots for cachequeue"),
				 errdetail("Some databases have no maintenance worker; the launcher keeps trying."),
				 errhint("Increase max_worker_processes.")));
	}
	no_slot_failures++;
	no_slot_until_ms = now_ms + retry_delay_ms(no_slot_failures);
}

/* The table of workers is full: warn once. */
static void
report_table_full(void)
{
	if (!table_full_reported)
		ereport(WARNING,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("more databases than cachequeue.max_databases (%d) may have a maintenance worker",
						cq_max_databases),
				 errhint("Increase cachequeue.max_databases.")));
	table_full_reported = true;
}

/* Databases whose worker has been started and is not ready yet. */
static int
count_probes(void)
{
	int			probes = 0;

	for (int i = 0; i < cq_max_databases; i++)
	{
		if (slots[i].handle != NULL && !cq_dbworker_entry(i).ready)
			probes++;
	}
	return probes;
}

/* (Re)fill the list of databases to be tried. */
static void
list_untried(void)
{
	MemoryContext old_context = MemoryContextSwitchTo(TopMemoryContext);

	Assert(untried == NIL);
	untried = startable_databases();
	MemoryContextSwitchTo(old_context);
}

/*
 * Ask for workers in the next untried databases, as far as PROBES_MAX, the
 * shared table and PostgreSQL's slots allow.
 *
 * Requests that found the table full left nothing but a flag.  Once there is
 * room all databases are tried again, though not before the current round is
 * through: the probes themselves fill the table for a moment.
 */
static void
request_untried(void)
{
	int			probes = count_probes();
	bool		overflow;
	bool		full = cq_dbworkers_full(&overflow);

	if (!full && overflow && untried == NIL)
	{
		cq_dbworkers_clear_overflow();
		list_untried();
	}

	while (untried != NIL && probes < PROBES_MAX &&
		   no_slot_until_ms <= cq_clock_ms())
	{
		full = cq_dbworkers_full(&overflow);
		if (full || !cq_dbworker_request_for(linitial_oid(untried)))
			break;
		untried = list_delete_first(untried);
		probes++;
	}

	if (full && probes == 0 && (overflow || untried != NIL))
		report_table_full();
}

/*
 * When the entry's worker may be started: 0 for now, a time, or -1 when none is to
 * be started until something changes.
 */
static int64
start_obstacle_ms(LauncherSlot *slot, const CqDbWorker *entry)
{
	int64		now_ms = cq_clock_ms();

	if (!OidIsValid(entry->database) || slot->handle != NULL || entry->pid != 0)
		return -1;
	if (slot->database != entry->database)
	{
		memset(slot, 0, sizeof(*slot));
		slot->database = entry->database;
	}
	if (cq_dbworker_take_failure(entry->database))
	{
		if (now_ms - slot->started_ms > STABLE_MS)
			slot->failures = 0;
		slot->failures++;
		slot->not_before_ms = now_ms + retry_delay_ms(slot->failures);
	}
	if (!entry->wanted || entry->pauses > 0)
		return -1;
	if (slot->not_before_ms > now_ms)
		return slot->not_before_ms;
	if (no_slot_until_ms > now_ms)
		return no_slot_until_ms;
	return 0;
}

/*
 * Start what is wanted.  Returns when a start that was put off is due, or 0.
 */
static int64
start_wanted(void)
{
	List	   *startable = NIL;
	bool		have_startable = false;
	bool		started = false;
	bool		refused = false;
	int64		next_ms = 0;

	if (untried != NIL && no_slot_until_ms > cq_clock_ms())
		next_ms = no_slot_until_ms;
	for (int i = 0; i < cq_max_databases; i++)
	{
		CqDbWorker	entry = cq_dbworker_entry(i);
		int64		obstacle_ms = start_obstacle_ms(&slots[i], &entry);

		if (obstacle_ms == 0)
		{
			if (!have_startable)
				startable = startable_databases();
			have_startable = true;
			if (!list_member_oid(startable, entry.database))
			{
				cq_dbworker_forget(entry.database);
				SetLatch(MyLatch);	/* there is room for an untried one */
				continue;
			}
			if (!cq_dbworker_starting(entry.database))
				continue;
			if (start_worker(&slots[i], entry.database))
			{
				slots[i].started_ms = cq_clock_ms();
				started = true;
				continue;
			}
			(void) cq_dbworker_take_failure(entry.database);
			report_no_slot();
			refused = true;
			obstacle_ms = no_slot_until_ms;
		}
		if (obstacle_ms > 0 && (next_ms == 0 || obstacle_ms < next_ms))
			next_ms = obstacle_ms;
	}
	if (started && !refused)
		no_slot_failures = 0;
	return next_ms;
}

void
cq_launcher_main(Datum main_arg)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, on_sigterm);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	SetConfigOption("application_name", CQ_LAUNCHER_TYPE,
					PGC_USERSET, PGC_S_SESSION);

	slots = MemoryContextAllocZero(TopMemoryContext,
								   mul_size(cq_max_databases, sizeof(LauncherSlot)));
	loop_context = AllocSetContextCreate(TopMemoryContext, "cachequeue launcher",
										 ALLOCSET_DEFAULT_SIZES);
	cq_dbworkers_launcher_attach();
	cq_cache_out_of_recovery();

	list_untried();

	for (;;)
	{
		int64		next_ms;
		long		timeout_ms = -1;

		ResetLatch(MyLatch);
		cq_worker_handle_interrupts(1); /* 0 would mean: never restart */
		MemoryContextSwitchTo(loop_context);
		MemoryContextReset(loop_context);

		reap_workers();
		request_untried();
		next_ms = start_wanted();

		if (next_ms > 0)
			timeout_ms = (long) Max(next_ms - cq_clock_ms(), 0);
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH |
						 (timeout_ms >= 0 ? WL_TIMEOUT : 0),
						 timeout_ms, PG_WAIT_EXTENSION);
	}
}
