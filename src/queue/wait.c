/*-------------------------------------------------------------------------
 *
 * wait.c
 *	  Waiting until a queue has something to deliver.
 *
 * A consumer sleeps on the condition variable of the queue's state; a session that
 * makes a message ready signals one sleeper for it.  The worker releases delayed
 * messages when they become due, and so does the sleeper, which wakes up for it.
 *
 * With one signal for each message, a sleeper that was woken and then dies, is
 * cancelled, or loses its client before it has claimed anything must pass the
 * signal on: else the message stays while other consumers sleep.  'signalled' is
 * set from the moment the session begins to sleep until it claims; the end of a
 * transaction by an error and the end of the session look at it.  After a signal
 * too many a session finds nothing.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "core/clock.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "queue/definition.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "queue/open.h"
#include "queue/scan.h"
#include "queue/wait.h"
#include "queue/wake.h"
#include "storage/ipc.h"

/* longest sleep in one piece */
#define SLEEP_MS_MAX 3600000

/* queue whose signal this session may have received; NULL: none */
static CqQueueState *signalled = NULL;

void
cq_wait_claimed(const CqQueueState *queue)
{
	if (queue == signalled)
		signalled = NULL;
}

void
cq_wait_pass_on(void)
{
	CqQueueState *queue = signalled;

	signalled = NULL;
	if (queue == NULL)
		return;
	ConditionVariableCancelSleep();
	ConditionVariableSignal(&queue->ready_cv);
}

/* before_shmem_exit callback */
static void
end_of_session(int code, Datum arg)
{
	cq_wait_pass_on();
}

/* From here on this session may receive a signal of the queue. */
static void
expect_signal(CqQueueState *queue)
{
	static bool registered = false;

	if (!registered)
		before_shmem_exit(end_of_session, (Datum) 0);
	registered = true;
	if (signalled != queue)
		cq_wait_pass_on();
	signalled = queue;
}

/*
 * Whether something can be delivered.	If not, *until is lowered to when a
 * delayed message will be due.	 False in *same: the queue has been dropped.
 */
static bool
is_ready(CqQueueDef *def, int64 *until, bool *same)
{
	CqQueueState *queue = cq_queue_lock_if_same(def, LW_EXCLUSIVE);
	CqEffects	effects = {0};
	bool		ready;

	*same = (queue != NULL);
	if (queue == NULL)
		return false;
	cq_entries_release_due(queue, &effects);
	ready = (queue->count[CQ_MSG_READY] > 0 || cq_backlog_scan_due(queue)) &&
		cq_dispatch_allowance(queue, until) > 0;
	if (!ready && queue->list[CQ_MSG_DELAYED] != CQ_NONE)
		*until = Min(*until, cq_due_ms(CQ_MSG(queue->list[CQ_MSG_DELAYED])->due));
	if (!ready && queue->group_times != CQ_NONE)
		*until = Min(*until, CQ_GROUP(queue->group_times)->until);
	cq_queue_unlock(queue, &effects);
	return ready;
}

/* The same with a look into the tables; in a transaction. */
static bool
is_ready_in_tables(CqQueueDef *def)
{
	int64		until = PG_INT64_MAX;
	bool		same;

	for (int attempt = 0; attempt < 2; attempt++)
	{
		CqQueueState *queue = cq_queue_lock(def, LW_SHARED);
		bool		due = cq_backlog_scan_due(queue);

		LWLockRelease(&queue->lock);
		if (due)
			cq_scan_refill(def);
		if (is_ready(def, &until, &same) || !cq_scan_check_growth(def))
			break;
	}
	return is_ready(def, &until, &same);
}

static bool
sleep_until_ready(CqQueueDef *def, int64 timeout_ms, bool *same)
{
	int64		end = (timeout_ms < 0) ? PG_INT64_MAX : cq_clock_ms() + timeout_ms;
	int64		ignored = PG_INT64_MAX;
	bool		ready;

	expect_signal(def->state);
	ConditionVariablePrepareToSleep(&def->state->ready_cv);
	for (;;)
	{
		int64		until = end;
		int64		now;

		ready = is_ready(def, &until, same);
		now = cq_clock_ms();
		if (ready || !*same || now >= end)
			break;
		ConditionVariableTimedSleep(&def->state->ready_cv,
									Min(Max(until - now, 1), SLEEP_MS_MAX),
									PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();

	/* there may have been a signal since the last look */
	if (!ready && *same)
		ready = is_ready(def, &ignored, same);
	if (!ready)
		signalled = NULL;
	return ready;
}

bool
cq_queue_wait_until_ready(const char *name, int64 timeout_ms)
{
	CqQueueDef *def;
	bool		same;
	bool		ready;

	PreventCommandDuringRecovery("queue_wait()");
	def = cq_queue_open(name, CQ_QUEUE_CONSUME);
	if (is_ready_in_tables(def))
		return true;

	/* what holds back vacuum goes with the transaction */
	SPI_connect_ext(SPI_OPT_NONATOMIC);
	SPI_commit();
	SPI_finish();

	ready = sleep_until_ready(def, timeout_ms, &same);
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", name),
				 errdetail("It was dropped while waiting for it.")));
	return ready;
}
