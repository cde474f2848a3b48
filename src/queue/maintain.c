/*-------------------------------------------------------------------------
 *
 * maintain.c
 *	  What the maintenance worker does for the queues of its database.
 *
 * Each queue says in plan_ms when the worker is going to look at it; a session that
 * makes something due earlier lowers that and wakes the worker (cq_dispatch_plan).
 * A pass does what is due and makes a new plan, all under the queue's lock, so
 * nothing is missed; with nothing to wait for, the worker is not woken at all.
 *
 * An error in one queue is reported as a warning, that queue is left alone for
 * CQ_CHORE_RETRY_MS, and the others go on.
 *
 * A procedure does the same by hand (step.c), for where there is no worker.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/async.h"
#include "core/chores.h"
#include "core/clock.h"
#include "core/faults.h"
#include "core/registry.h"
#include "core/step.h"
#include "miscadmin.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/check.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/dispatch/registry.h"
#include "queue/keys.h"
#include "queue/maintain.h"
#include "queue/move.h"
#include "queue/open.h"
#include "queue/prepared.h"
#include "queue/purge.h"
#include "queue/rotate.h"
#include "queue/scan.h"
#include "queue/segment.h"
#include "queue/settle.h"
#include "queue/wake.h"
#include "queue/xact.h"
#include "utils/timestamp.h"

#define XID_POLL_MS 1000

/* messages settled in one transaction */
#define SETTLE_MAX 500

/* LISTENers of a queue are notified at most so often */
#define NOTIFY_MS 5

/* ---- leases -------------------------------------------------------- */

/* Give the next delivery, or the dead letters, what is leased beyond its time. */
static void
expire_leases(CqQueueDef *def)
{
	CqClaim    *failed = palloc(SETTLE_MAX * sizeof(CqClaim));
	CqClaim    *dead = palloc(SETTLE_MAX * sizeof(CqClaim));
	int			nfailed = 0;
	int			ndead = 0;
	CqQueueState *queue;
	int64		now;
	uint32		i;

	cq_queue_items_reserve(SETTLE_MAX);
	queue = cq_queue_lock(def, LW_EXCLUSIVE);
	now = cq_clock_ms();
	while (nfailed + ndead < SETTLE_MAX &&
		   (i = queue->list[CQ_MSG_LEASED]) != CQ_NONE && CQ_MSG(i)->until <= now)
	{
		int			max_attempts = cq_dispatch_max_attempts(queue);

		CQ_MSG(i)->due = 0;
		if (max_attempts > 0 && CQ_MSG(i)->attempts >= max_attempts)
			cq_claim_settling(def, queue, i, CQ_OUTCOME_EXPIRED_LAST, &dead[ndead++]);
		else
			cq_claim_settling(def, queue, i, CQ_OUTCOME_EXPIRED, &failed[nfailed++]);
	}
	LWLockRelease(&queue->lock);

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
	CqQueueState *queue;
	CqEffects	effects = {0};
	uint32		i;

	cq_queue_items_reserve(SETTLE_MAX);
	queue = cq_queue_lock(def, LW_EXCLUSIVE);
	while (ndead + ndeleted < SETTLE_MAX && (i = queue->list[CQ_MSG_DOOMED]) != CQ_NONE)
	{
		CqOutcome	outcome = CQ_MSG(i)->outcome;

		if (outcome == CQ_OUTCOME_REJECTED && cq_dispatch_max_attempts(queue) == 0)
		{
			/* there are no dead letters any more */
			cq_entry_offer(queue, i, &effects);
			continue;
		}
		CQ_MSG(i)->flags |= CQ_MSG_TAKEN;
		CQ_MSG(i)->nonce = ++queue->nonce;
		if (outcome == CQ_OUTCOME_REJECTED)
			cq_claim_settling(def, queue, i, outcome, &dead[ndead++]);
		else
			cq_claim_settling(def, queue, i, outcome, &deleted[ndeleted++]);
	}
	cq_queue_unlock(queue, &effects);

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
	CqQueueState *queue;
	CqEffects	effects = {0};

	cq_scan_refill(def);
	queue = cq_queue_lock(def, LW_EXCLUSIVE);
	cq_dispatch_trim(queue, &effects);
	cq_queue_unlock(queue, &effects);
}

/* ---- LISTENers ------------------------------------------------------- */

/* Notify LISTENers that messages are ready. */
static void
notify(CqQueueDef *def)
{
	CqQueueState *queue = cq_queue_lock(def, LW_EXCLUSIVE);
	bool		wanted = (queue->wants & CQ_WANT_NOTIFY) != 0;

	queue->wants &= ~CQ_WANT_NOTIFY;
	queue->notify_ms = cq_clock_ms() + NOTIFY_MS;
	LWLockRelease(&queue->lock);
	if (wanted && def->options.notify[0] != '\0')
		Async_Notify(def->options.notify, def->name);
}

/* ---- one queue ----------------------------------------------------- */

/* What has to be done for a queue. */
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

/* Queue locked; what was due has been released. */
static Chores
look(const CqQueueState *queue)
{
	Chores		chores;
	int64		now = cq_clock_ms();
	uint32		leased = queue->list[CQ_MSG_LEASED];

	chores.expire = leased != CQ_NONE && CQ_MSG(leased)->until <= now;
	chores.doomed = queue->list[CQ_MSG_DOOMED] != CQ_NONE;
	chores.scan = !queue->backlog.loaded || (queue->wants & CQ_WANT_SCAN) != 0 ||
		cq_backlog_delayed_due(queue);
	chores.trim = (queue->wants & CQ_WANT_TRIM) != 0;
	chores.notify = (queue->wants & CQ_WANT_NOTIFY) != 0 && queue->notify_ms <= now;
	chores.expired = queue->backlog.expires != 0 && queue->expire_ms <= now &&
		queue->backlog.expires <= GetCurrentTimestamp();
	/* by hand what was put off, for a lock say, is tried again */
	chores.keys = (queue->wants & CQ_WANT_KEYS) != 0 &&
		(queue->keys_ms <= now ||
		 (queue->keys_copied != 0 && cq_step_by_hand()));
	chores.segment = (queue->wants & CQ_WANT_SEGMENT) != 0;
	chores.move = (queue->wants & CQ_WANT_MOVE) != 0 &&
		(queue->move_ms <= now || cq_step_by_hand());
	chores.truncate = (queue->wants & CQ_WANT_TRUNCATE) != 0 &&
		(queue->truncate_ms <= now || cq_step_by_hand());
	return chores;
}

/* Queue locked: when to look again; PG_INT64_MAX: when woken. */
static int64
plan(const CqQueueState *queue)
{
	int64		at = cq_dispatch_look_ms(queue);

	if (queue->backlog.expires != 0)
		at = Min(at, Max(cq_due_ms(queue->backlog.expires), queue->expire_ms));
	if (queue->by_xid > 0)
		at = Min(at, cq_clock_ms() + XID_POLL_MS);
	if (queue->wants & CQ_WANT_NOTIFY)
		at = Min(at, queue->notify_ms);
	if (queue->wants & CQ_WANT_KEYS)
		at = Min(at, queue->keys_ms);
	if (queue->wants & CQ_WANT_MOVE)
		at = Min(at, queue->move_ms);
	if (queue->wants & CQ_WANT_TRUNCATE)
		at = Min(at, queue->truncate_ms);
	if ((queue->wants & CQ_WANT_SEGMENT) != 0 || !queue->backlog.loaded)
		at = Min(at, cq_clock_ms() + XID_POLL_MS);
	at = Max(at, queue->retry_ms);

	/*
	 * Keep an earlier plan: with one lease after another, each settled long
	 * before its end, the next one need not wake the worker.
	 */
	if (queue->plan_ms > cq_clock_ms())
		at = Min(at, queue->plan_ms);
	return at;
}

/* Those that share a transaction. */
static void
do_small_chores(int32 queue_id, const Chores *chores)
{
	CqQueueDef *def;

	cq_step_start();
	def = cq_queue_by_id(queue_id);
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
	def = cq_queue_by_id(queue_id);
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

/* A queue that is being maintained, and what is due. */
typedef struct Work
{
	CqQueueState *queue;
	int32		queue_id;
	Chores		chores;
} Work;

static void
work_off(void *arg)
{
	const Work *work = arg;

	do_chores(work->queue_id, &work->chores);
}

/* Lock the state if it still is the queue's; false, with no lock held: it is not. */
static bool
lock_if_same(const Work *work)
{
	CqQueueState *queue = work->queue;

	LWLockAcquire(&queue->lock, LW_EXCLUSIVE);
	if (queue->key.database == MyDatabaseId && queue->key.id == work->queue_id)
		return true;
	LWLockRelease(&queue->lock);
	return false;
}

/* do_chores(); in the worker, an error puts off the queue's next maintenance. */
static void
do_chores_safely(Work *work)
{
	ErrorData  *error = cq_chore_run(work_off, work);

	if (error == NULL)
		return;
	if (lock_if_same(work))
	{
		work->queue->retry_ms = cq_clock_ms() + CQ_CHORE_RETRY_MS;
		LWLockRelease(&work->queue->lock);
	}
	cq_chore_warn(error, psprintf("queue %d", work->queue_id));
	FreeErrorData(error);
}

/* Do what needs no transaction, see what else there is; false: no such queue. */
static bool
release_and_look(Work *work)
{
	CqEffects	effects = {0};

	if (!lock_if_same(work))
		return false;
	cq_entries_release_due(work->queue, &effects);
	work->chores = look(work->queue);
	effects.worker = false;		/* it is here */
	cq_queue_unlock(work->queue, &effects);
	return true;
}

static bool
any_due(const Chores *chores)
{
	return chores->expire || chores->doomed || chores->scan || chores->trim ||
		chores->notify || chores->expired || chores->keys || chores->segment ||
		chores->move || chores->truncate;
}

/* Returns when the queue is to be looked at again, or PG_INT64_MAX. */
static int64
maintain(int i)
{
	CqQueueState *queue = &cq_queue_states[i];
	Work		work = {queue};
	CqEffects	effects = {0};
	int64		at;

	LWLockAcquire(&queue->lock, LW_SHARED);
	work.queue_id = (queue->key.database == MyDatabaseId) ? queue->key.id : 0;
	at = queue->retry_ms;
	LWLockRelease(&queue->lock);
	if (work.queue_id == 0)
		return PG_INT64_MAX;
	if (at > cq_clock_ms() && !cq_step_by_hand())
		return at;

	if (queue->by_xid > 0)
		cq_queue_settle_prepared(queue, work.queue_id);
	if (!release_and_look(&work))
		return PG_INT64_MAX;
	if (any_due(&work.chores))
		do_chores_safely(&work);

	if (!lock_if_same(&work))
		return PG_INT64_MAX;
	cq_entries_release_due(queue, &effects);
	at = plan(queue);
	queue->plan_ms = at;
	/* a plan is for the worker to keep: by hand, let it make its own */
	effects.worker = cq_step_by_hand();
	cq_dispatch_check(queue);
	cq_queue_unlock(queue, &effects);
	return at;
}

/* ---- all queues ---------------------------------------------------- */

/* Open the queue, so that it has its state. */
static void
open_queue(const void *name)
{
	(void) cq_queue_open(name, CQ_QUEUE_NONE);
}

/* Free states whose queue is gone; give every other queue its state. */
static void
sync_rows(void)
{
	List	   *defs;
	ListCell   *cell;

	cq_step_start();
	defs = cq_queues_all();
	for (int i = 0; i < cq_queues->nqueues; i++)
	{
		CqStateKey	key = cq_state_key(&cq_queue_states[i]);
		bool		found = false;

		if (key.database != MyDatabaseId)
			continue;
		foreach(cell, defs)
			found |= (((CqQueueDef *) lfirst(cell))->queue_id == key.id);
		if (!found)
			cq_queue_state_forget(MyDatabaseId, key.id);
	}
	foreach(cell, defs)
	{
		CqQueueDef *def = lfirst(cell);

		/*
		 * An error is no matter here: a dump is being restored, or the table
		 * of queues is full.  The queue's lock must not stay, or this could
		 * deadlock with a drop of two queues.
		 */
		if (!def->resolved)
			cq_chore_probe(open_queue, def->name);
	}
	cq_step_commit();
}

static int
count_rows(void)
{
	return cq_queues->nqueues;
}

static CqChores chores = {
	.kind = CQ_OBJECT_QUEUE,
	.sync = sync_rows,
	.count = count_rows,
	.maintain = maintain
};

int64
cq_queue_maintain(void)
{
	return cq_chores_run(&chores);
}

void
cq_queue_maintain_by_hand(void)
{
	cq_chores_run_by_hand(&chores, "queue_maintain()");
}
