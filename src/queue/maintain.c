/*-------------------------------------------------------------------------
 *
 * maintain.c
 *	  What the maintenance worker does for the queues of its database.
 *
 * Each row says in plan_ms when the worker has promised to look at it; whoever
 * makes something due earlier lowers that and wakes the worker (cq_row_plan).
 * A pass does what is due and makes a new plan, all under the row's lock, so
 * nothing is missed; with nothing to wait for, the worker is not woken at all.
 *
 * An error in one queue is reported as a warning, that queue is left alone for
 * RETRY_MS, and the others go on.
 *
 * A procedure does the same by hand (step.c), for where there is no worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "commands/async.h"
#include "core/clock.h"
#include "core/faults.h"
#include "core/shmem.h"
#include "core/step.h"
#include "miscadmin.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/check.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/dispatch/registry.h"
#include "queue/keys.h"
#include "queue/move.h"
#include "queue/purge.h"
#include "queue/queue.h"
#include "queue/rotate.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "queue/settle.h"
#include "queue/wake.h"
#include "queue/xact.h"
#include "storage/procarray.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define RETRY_MS 5000
#define XID_POLL_MS 1000

/* the worker's next try while somebody does maintenance by hand */
#define OTHERS_MS 50

/* messages settled in one transaction */
#define SETTLE_MAX 500

/* LISTENers of a queue are told at most so often */
#define NOTIFY_MS 5

/* entries looked at per lock of a row, for prepared transactions */
#define XIDS_MAX 64

/* ---- leases -------------------------------------------------------- */

/* Give the next delivery, or the dead letters, what is leased beyond its time. */
static void
expire_leases(CqQueueDef *def)
{
	CqClaim    *failed = palloc(SETTLE_MAX * sizeof(CqClaim));
	CqClaim    *dead = palloc(SETTLE_MAX * sizeof(CqClaim));
	int			nfailed = 0;
	int			ndead = 0;
	CqQueueRow *row;
	int64		now;
	uint32		i;

	cq_items_reserve(SETTLE_MAX);
	row = cq_queue_lock(def, LW_EXCLUSIVE);
	now = cq_clock_ms();
	while (nfailed + ndead < SETTLE_MAX &&
		   (i = row->list[CQ_MSG_LEASED]) != CQ_NONE && CQ_MSG(i)->until <= now)
	{
		int			max_attempts = cq_row_max_attempts(row);

		CQ_MSG(i)->due = 0;
		if (max_attempts > 0 && CQ_MSG(i)->attempts >= max_attempts)
			cq_claim_settling(def, row, i, CQ_OUTCOME_EXPIRED_LAST, &dead[ndead++]);
		else
			cq_claim_settling(def, row, i, CQ_OUTCOME_EXPIRED, &failed[nfailed++]);
	}
	LWLockRelease(&row->lock);

	cq_claims_event(def, failed, nfailed, CQ_EVENT_FAILED, 0, "lease expired");
	if (ndead > 0)
		cq_dead_letter(def, dead, ndead, "no attempts left: lease expired");
	pfree(failed);
	pfree(dead);
}

/* Settle what is doomed: out of attempts, not delivered in time, dropped. */
static void
settle_doomed(CqQueueDef *def)
{
	CqClaim    *dead = palloc(SETTLE_MAX * sizeof(CqClaim));
	CqClaim    *deleted = palloc(SETTLE_MAX * sizeof(CqClaim));
	int			ndead = 0;
	int			ndeleted = 0;
	CqQueueRow *row;
	CqEffects	effects = {0};
	uint32		i;

	cq_items_reserve(SETTLE_MAX);
	row = cq_queue_lock(def, LW_EXCLUSIVE);
	while (ndead + ndeleted < SETTLE_MAX && (i = row->list[CQ_MSG_DOOMED]) != CQ_NONE)
	{
		CqOutcome	outcome = CQ_MSG(i)->outcome;

		if (outcome == CQ_OUTCOME_REJECTED && cq_row_max_attempts(row) == 0)
		{
			/* there are no dead letters any more */
			cq_entry_offer(row, i, &effects);
			continue;
		}
		CQ_MSG(i)->flags |= CQ_MSG_TAKEN;
		CQ_MSG(i)->nonce = ++row->nonce;
		if (outcome == CQ_OUTCOME_REJECTED)
			cq_claim_settling(def, row, i, outcome, &dead[ndead++]);
		else
			cq_claim_settling(def, row, i, outcome, &deleted[ndeleted++]);
	}
	cq_row_unlock(row, &effects);

	cq_claims_settled(def, deleted, ndeleted);
	if (ndead > 0)
		cq_dead_letter(def, dead, ndead, "no attempts left: lease ended or transaction rolled back");
	pfree(dead);
	pfree(deleted);
}

/* Drop the oldest of a queue that is too long, when they are not in memory. */
static void
trim(CqQueueDef *def)
{
	CqQueueRow *row;
	CqEffects	effects = {0};

	cq_scan_refill(def);
	row = cq_queue_lock(def, LW_EXCLUSIVE);
	cq_row_trim(row, &effects);
	cq_row_unlock(row, &effects);
}

/* ---- LISTENers ------------------------------------------------------- */

/* Tell those who listen that messages are ready. */
static void
notify(CqQueueDef *def)
{
	CqQueueRow *row = cq_queue_lock(def, LW_EXCLUSIVE);
	bool		wanted = (row->wants & CQ_WANT_NOTIFY) != 0;

	row->wants &= ~CQ_WANT_NOTIFY;
	row->notify_ms = cq_clock_ms() + NOTIFY_MS;
	LWLockRelease(&row->lock);
	if (wanted && def->options.notify[0] != '\0')
		Async_Notify(def->options.notify, def->name);
}

/* ---- prepared transactions ----------------------------------------- */

/* Row locked: collect the transactions that entries wait for. */
static int
collect_xids(CqQueueRow *row, TransactionId *xids)
{
	static const CqMsgState states[] = {CQ_MSG_OPEN, CQ_MSG_SETTLING};
	int			n = 0;

	for (int s = 0; s < lengthof(states); s++)
	{
		for (uint32 i = cq_entries_first(row, states[s]); i != CQ_NONE;
			 i = cq_entries_next(row, i))
		{
			bool		known = (CQ_MSG(i)->flags & CQ_MSG_BY_XID) == 0;

			for (int j = 0; j < n && !known; j++)
				known = (xids[j] == CQ_MSG(i)->xid);
			if (!known && n < XIDS_MAX)
				xids[n++] = CQ_MSG(i)->xid;
		}
	}
	return n;
}

/* Row locked: that transaction has ended. */
static void
settle_xid(CqQueueRow *row, TransactionId xid, bool committed, CqEffects *effects)
{
	uint32		next;

	for (uint32 i = cq_entries_first(row, CQ_MSG_OPEN); i != CQ_NONE; i = next)
	{
		next = cq_entries_next(row, i);
		if ((CQ_MSG(i)->flags & CQ_MSG_BY_XID) == 0 || CQ_MSG(i)->xid != xid)
			continue;
		if (committed)
			cq_entry_sent(row, i, effects);
		else
			cq_entry_unsent(row, i, effects);
	}
	for (uint32 i = cq_entries_first(row, CQ_MSG_SETTLING); i != CQ_NONE; i = next)
	{
		next = cq_entries_next(row, i);
		if ((CQ_MSG(i)->flags & CQ_MSG_BY_XID) == 0 || CQ_MSG(i)->xid != xid)
			continue;
		if (committed)
			cq_entry_settle(row, i, effects);
		else
			cq_entry_unsettle(row, i, effects);
	}
}

/* Settle what waited for transactions that have ended. */
static void
settle_ended_xids(CqQueueRow *row, Oid database, int32 queue_id)
{
	TransactionId xids[XIDS_MAX];
	int			n = 0;

	LWLockAcquire(&row->lock, LW_SHARED);
	if (row->database == database && row->queue_id == queue_id && row->by_xid > 0)
		n = collect_xids(row, xids);
	LWLockRelease(&row->lock);

	for (int j = 0; j < n; j++)
	{
		CqEffects	effects = {0};
		bool		committed;

		if (TransactionIdIsInProgress(xids[j]))
			continue;
		committed = TransactionIdDidCommit(xids[j]);
		LWLockAcquire(&row->lock, LW_EXCLUSIVE);
		if (row->database == database && row->queue_id == queue_id)
		{
			settle_xid(row, xids[j], committed, &effects);
			cq_row_trim(row, &effects);
		}
		cq_row_unlock(row, &effects);
	}
}

/* ---- one queue ----------------------------------------------------- */

/* What has to be done for a row. */
typedef struct Chores
{
	/* in a transaction of all of them */
	bool		expire;
	bool		doomed;
	bool		scan;
	bool		trim;
	bool		notify;

	/* each in its own */
	bool		expired;
	bool		keys;
	bool		segment;
	bool		move;
	bool		truncate;
} Chores;

/* Row locked; what was due has been released. */
static Chores
look(const CqQueueRow *row)
{
	Chores		chores;
	int64		now = cq_clock_ms();
	uint32		leased = row->list[CQ_MSG_LEASED];

	chores.expire = leased != CQ_NONE && CQ_MSG(leased)->until <= now;
	chores.doomed = row->list[CQ_MSG_DOOMED] != CQ_NONE;
	chores.scan = !row->backlog.loaded || (row->wants & CQ_WANT_SCAN) != 0 ||
		cq_backlog_delayed_due(row);
	chores.trim = (row->wants & CQ_WANT_TRIM) != 0;
	chores.notify = (row->wants & CQ_WANT_NOTIFY) != 0 && row->notify_ms <= now;
	chores.expired = row->backlog.expires != 0 && row->expire_ms <= now &&
		row->backlog.expires <= GetCurrentTimestamp();
	/* by hand what was put off, for a lock say, is tried again */
	chores.keys = (row->wants & CQ_WANT_KEYS) != 0 &&
		(row->keys_ms <= now ||
		 (row->keys_copied != 0 && cq_step_by_hand()));
	chores.segment = (row->wants & CQ_WANT_SEGMENT) != 0;
	chores.move = (row->wants & CQ_WANT_MOVE) != 0 &&
		(row->move_ms <= now || cq_step_by_hand());
	chores.truncate = (row->wants & CQ_WANT_TRUNCATE) != 0 &&
		(row->truncate_ms <= now || cq_step_by_hand());
	return chores;
}

/* Row locked: when to look again; PG_INT64_MAX: when woken. */
static int64
plan(const CqQueueRow *row)
{
	int64		at = PG_INT64_MAX;
	uint32		first;

	if ((first = row->list[CQ_MSG_DELAYED]) != CQ_NONE)
		at = Min(at, cq_due_ms(CQ_MSG(first)->due));
	if ((first = row->expiry) != CQ_NONE)
		at = Min(at, cq_due_ms(CQ_MSG(first)->expires));
	if ((first = row->group_times) != CQ_NONE)
		at = Min(at, CQ_GROUP(first)->until);
	if ((first = row->list[CQ_MSG_LEASED]) != CQ_NONE)
		at = Min(at, CQ_MSG(first)->until);
	at = Min(at, cq_backlog_look_ms(row));
	if (row->backlog.expires != 0)
		at = Min(at, Max(cq_due_ms(row->backlog.expires), row->expire_ms));
	if ((row->wants & CQ_WANT_SCAN) != 0 || row->list[CQ_MSG_DOOMED] != CQ_NONE ||
		((row->wants & CQ_WANT_TRIM) != 0 && row->backlog.ready != CQ_UNLOADED_STUCK))
		at = Min(at, cq_clock_ms());
	if (row->by_xid > 0)
		at = Min(at, cq_clock_ms() + XID_POLL_MS);
	if (row->wants & CQ_WANT_NOTIFY)
		at = Min(at, row->notify_ms);
	if (row->wants & CQ_WANT_KEYS)
		at = Min(at, row->keys_ms);
	if (row->wants & CQ_WANT_MOVE)
		at = Min(at, row->move_ms);
	if (row->wants & CQ_WANT_TRUNCATE)
		at = Min(at, row->truncate_ms);
	if ((row->wants & CQ_WANT_SEGMENT) != 0 || !row->backlog.loaded)
		at = Min(at, cq_clock_ms() + XID_POLL_MS);
	at = Max(at, row->retry_ms);

	/*
	 * Keep an earlier plan: with one lease after another, each settled long
	 * before its end, whoever makes the next one need not wake us.
	 */
	if (row->plan_ms > cq_clock_ms())
		at = Min(at, row->plan_ms);
	return at;
}

/* Those that share a transaction. */
static void
do_small_chores(int32 queue_id, const Chores *chores)
{
	CqQueueDef *def;

	cq_step_start();
	def = cq_definition_by_id(queue_id);
	if (def != NULL)
	{
		def = cq_queue_open(def->name, CQ_QUEUE_NONE);
		if (chores->scan)
			cq_scan_refill(def);
		if (chores->trim)
			trim(def);
		if (chores->expire && !CQ_FAULT("queue-no-expiry"))
			expire_leases(def);
		if (chores->doomed)
			settle_doomed(def);
		if (chores->notify)
			notify(def);
	}
	cq_step_commit();
}

/* Something that has a transaction of its own. */
static void
in_transaction(int32 queue_id, void (*work) (CqQueueDef *def))
{
	CqQueueDef *def;

	cq_step_start();
	def = cq_definition_by_id(queue_id);
	if (def != NULL)
		work(cq_queue_open(def->name, CQ_QUEUE_NONE));
	cq_step_commit();
}

static void
do_chores(int32 queue_id, const Chores *chores)
{
	if (chores->scan || chores->trim || chores->expire || chores->doomed || chores->notify)
		do_small_chores(queue_id, chores);
	if (chores->expired)
		in_transaction(queue_id, cq_queue_purge_expired);
	if (chores->keys)
		cq_keys_rotate(queue_id);
	if (chores->segment)
		cq_rotate_add_segment(queue_id);
	if (chores->move)
		cq_move_stragglers(queue_id);
	if (chores->truncate)
		cq_rotate_truncate(queue_id);
}

/*
 * do_chores(), but in the worker an error is logged and remembered.  By hand
 * it ends the pass.
 */
static void
do_chores_safely(CqQueueRow *row, int32 queue_id, const Chores *chores)
{
	MemoryContext context = CurrentMemoryContext;

	if (cq_step_by_hand())
	{
		do_chores(queue_id, chores);
		return;
	}
	PG_TRY();
	{
		do_chores(queue_id, chores);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		AbortCurrentTransaction();
		LWLockReleaseAll();
		RESUME_INTERRUPTS();

		LWLockAcquire(&row->lock, LW_EXCLUSIVE);
		if (row->database == MyDatabaseId && row->queue_id == queue_id)
			row->retry_ms = cq_clock_ms() + RETRY_MS;
		LWLockRelease(&row->lock);
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("maintenance of queue %d failed: %s", queue_id, error->message),
				 errhint("It will be tried again in %d seconds.", RETRY_MS / 1000)));
		FreeErrorData(error);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
}

/* Do what needs no transaction, see what else there is; false: no such queue. */
static bool
release_and_look(CqQueueRow *row, int32 queue_id, Chores *chores)
{
	CqEffects	effects = {0};
	bool		same;

	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	same = row->database == MyDatabaseId && row->queue_id == queue_id;
	if (same)
	{
		cq_entries_release_due(row, &effects);
		*chores = look(row);
	}
	effects.worker = false;		/* we are there */
	cq_row_unlock(row, &effects);
	return same;
}

/* Returns when the row wants to be looked at again, or PG_INT64_MAX. */
static int64
maintain_row(CqQueueRow *row)
{
	Chores		chores;
	CqEffects	effects = {0};
	int32		queue_id;
	int64		at;

	LWLockAcquire(&row->lock, LW_SHARED);
	queue_id = (row->database == MyDatabaseId) ? row->queue_id : 0;
	if (queue_id != 0 && row->retry_ms > cq_clock_ms() && !cq_step_by_hand())
	{
		at = row->retry_ms;
		LWLockRelease(&row->lock);
		return at;
	}
	LWLockRelease(&row->lock);
	if (queue_id == 0)
		return PG_INT64_MAX;

	if (row->by_xid > 0)
		settle_ended_xids(row, MyDatabaseId, queue_id);
	if (!release_and_look(row, queue_id, &chores))
		return PG_INT64_MAX;
	if (chores.expire || chores.doomed || chores.scan || chores.trim || chores.notify ||
		chores.expired || chores.keys || chores.segment || chores.move || chores.truncate)
		do_chores_safely(row, queue_id, &chores);

	LWLockAcquire(&row->lock, LW_EXCLUSIVE);
	if (row->database != MyDatabaseId || row->queue_id != queue_id)
	{
		LWLockRelease(&row->lock);
		return PG_INT64_MAX;
	}
	cq_entries_release_due(row, &effects);
	at = plan(row);
	row->plan_ms = at;
	/* the plan is the worker's promise: by hand, let it make its own */
	effects.worker = cq_step_by_hand();
	cq_row_check(row);
	cq_row_unlock(row, &effects);
	return at;
}

/* ---- all queues ---------------------------------------------------- */

/* result of the latest pass */
static int64 next_look;

/* Free rows whose queue is gone; give every other queue its row. */
static void
take_stock(void)
{
	List	   *defs;
	ListCell   *cell;

	cq_step_start();
	defs = cq_definitions_all();
	for (int i = 0; i < cq_queues->nrows; i++)
	{
		CqQueueRow *row = &cq_rows[i];
		bool		found = false;
		int32		queue_id;

		LWLockAcquire(&row->lock, LW_SHARED);
		queue_id = (row->database == MyDatabaseId) ? row->queue_id : 0;
		LWLockRelease(&row->lock);
		if (queue_id == 0)
			continue;
		foreach(cell, defs)
			found |= (((CqQueueDef *) lfirst(cell))->queue_id == queue_id);
		if (!found)
			cq_registry_forget(MyDatabaseId, queue_id);
	}
	foreach(cell, defs)
	{
		CqQueueDef *def = lfirst(cell);
		MemoryContext context = CurrentMemoryContext;
		ResourceOwner owner = CurrentResourceOwner;

		if (def->resolved)
			continue;
		BeginInternalSubTransaction(NULL);
		PG_TRY();
		{
			(void) cq_queue_open(def->name, CQ_QUEUE_NONE);

			/* without its lock: who drops two queues must not meet us between */
			RollbackAndReleaseCurrentSubTransaction();
		}
		PG_CATCH();
		{
			/* a dump is being restored, or the table of queues is full */
			MemoryContextSwitchTo(context);
			FlushErrorState();
			RollbackAndReleaseCurrentSubTransaction();
		}
		PG_END_TRY();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
	}
	cq_step_commit();
}

/* One pass over all queues; next_look is when there is something to do again. */
static void
pass(void)
{
	static uint64 known_epoch = 0;
	uint64		epoch = cq_definitions_epoch();

	next_look = PG_INT64_MAX;
	if (known_epoch != epoch)
	{
		take_stock();
		known_epoch = epoch;
	}
	for (int i = 0; i < cq_queues->nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		next_look = Min(next_look, maintain_row(&cq_rows[i]));
	}
}

int64
cq_queue_maintain(void)
{
	if (cq_shared == NULL || RecoveryInProgress())
		return 0;
	if (!cq_step_run_alone(pass, false))
		return cq_clock_ms() + OTHERS_MS;
	return (next_look == PG_INT64_MAX) ? 0 : Max(next_look, 1);
}

void
cq_queue_maintain_by_hand(void)
{
	cq_require_shared();
	PreventCommandDuringRecovery("queue_maintain()");
	(void) cq_step_run_alone(pass, true);
}
