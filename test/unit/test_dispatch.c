/*-------------------------------------------------------------------------
 *
 * test_dispatch.c
 *	  The dispatcher of queues: what each part promises.
 *
 * What they do together is left to test_dispatch_model.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "dispatch_driver.h"
#include "queue/dispatch/heap.h"
#include "queue/dispatch/ready.h"
#include "random.h"

static Driver *driver;
static Session *session;		/* sends */
static Session *consumer;
static Session *worker;
static CqQueueOptions options;

static void
begin(uint32 entries, uint32 window)
{
	cq_test_clock_ms = 1000000;
	driver = driver_start(entries, window, &options);
	session = session_start(1);
	consumer = session_start(2);
	worker = session_start(3);
	driver_scan(driver);
	driver_maintain(driver, worker, NULL);
}

/* All is over: nothing may be left. */
static void
end(void)
{
	driver_check(driver);
	driver_stop(driver);
	free(session);
	free(consumer);
	free(worker);
	memset(&options, 0, sizeof(options));
	options.group_concurrency = 1;
}

static int64
send(int priority, int group, int64 due_ms)
{
	DriverRow	r = {.priority = priority,.group = group,.due = due_ms * 1000,.bytes = 10};

	return driver_send(driver, session, &r);
}

/* Claim one, for 1000 ms: its number, or 0. */
static int64
receive(Delivery *delivery)
{
	return driver_claim(driver, consumer, 1, 1000, delivery) == 1 ? delivery->msg_id : 0;
}

/* The same, and commit. */
static int64
receive_now(Delivery *delivery)
{
	int64		id = receive(delivery);

	driver_commit(driver, consumer);
	return id;
}

static bool
settle_now(const Delivery *delivery, CqOutcome outcome, int64 due_ms)
{
	bool		live = driver_settle(driver, consumer, delivery, outcome, due_ms * 1000);

	driver_commit(driver, consumer);
	return live;
}

/* What is left comes in this order, ended by 0. */
static bool
comes(const int64 *ids)
{
	Delivery	delivery;

	for (; *ids != 0; ids++)
	{
		if (receive_now(&delivery) != *ids)
			return false;
		settle_now(&delivery, CQ_OUTCOME_ACKNOWLEDGED, 0);
	}
	return receive_now(&delivery) == 0;
}

#define COMES(...) CHECK(comes((const int64[]) {__VA_ARGS__, 0}))

static void
test_memory(void)
{
	begin(100, 0);
	CHECK(cq_queues->pool_size == 100 && cq_queues->pool_nfree == 100);
	CHECK((char *) &cq_msgs[100] <= (char *) cq_queues + cq_dispatch_size(1, 100 * sizeof(CqMsg)));
	CHECK((char *) cq_queue_states >= (char *) (cq_queues + 1));
	CHECK((char *) cq_buckets >= (char *) (cq_queue_states + 1));
	CHECK((char *) cq_msgs >= (char *) (cq_buckets + cq_queues->bucket_mask + 1));
	CHECK((cq_queues->bucket_mask & (cq_queues->bucket_mask + 1)) == 0);
	end();
}

static void
test_pool(void)
{
	uint32		taken[100];

	begin(100, 0);
	for (int i = 0; i < 100; i++)
	{
		taken[i] = cq_pool_take();
		CHECK(taken[i] < 100);
		for (int j = 0; j < i; j++)
			CHECK(taken[j] != taken[i]);
	}
	CHECK(cq_pool_take() == CQ_NONE && cq_queues->pool_nfree == 0);
	for (int i = 0; i < 100; i++)
		cq_pool_give(taken[i]);
	CHECK(cq_queues->pool_nfree == 100);
	end();
}

static void
test_heap(void)
{
	uint32		root = CQ_NONE;
	uint64		random = 1;
	int			n = 0;
	int64		latest = 0;

	begin(400, 0);
	for (int i = 0; i < 400; i++)
	{
		CQ_MSG(i)->msg_id = i;
		CQ_MSG(i)->until = (next_random(&random) >> 32) % 50;
		cq_heap_add(&root, i, CQ_BY_UNTIL);
	}
	for (int i = 0; i < 400; i += 3)
		cq_heap_remove(&root, i, CQ_BY_UNTIL);
	for (uint32 i = root; i != CQ_NONE; i = cq_heap_next(i))
		n++;
	CHECK(n == 266);
	for (; root != CQ_NONE; n--)
	{
		CHECK(root % 3 != 0);
		CHECK(CQ_MSG(root)->until * 1000 + root >= latest);
		latest = CQ_MSG(root)->until * 1000 + root;
		cq_heap_remove(&root, root, CQ_BY_UNTIL);
	}
	CHECK(n == 0);
	end();
}

static void
test_tokens(void)
{
	CqRateLimit limit = {10, 5};
	CqTokenBucket bucket = {0};

	CHECK(cq_tokens_left(&bucket, &limit, 1000) == 5);
	cq_tokens_take(&bucket, &limit, 5);
	CHECK(cq_tokens_left(&bucket, &limit, 1000) == 0);
	CHECK(cq_tokens_time(&bucket, &limit, 1, 1000) == 1100);
	CHECK(cq_tokens_left(&bucket, &limit, 1099) == 0);
	CHECK(cq_tokens_left(&bucket, &limit, 1100) == 1);
	CHECK(cq_tokens_left(&bucket, &limit, 100000) == 5);
	limit.per_second = 0;
	CHECK(cq_tokens_left(&bucket, &limit, 100000) == INT_MAX);
	CHECK(cq_tokens_time(&bucket, &limit, 10, 100000) == 100000);
}

static void
test_rates(void)
{
	CqRate		rate = {0};

	cq_test_clock_ms = 1000000;
	cq_rate_count(&rate, 10);
	CHECK(cq_rate_per_second(&rate) == 0);	/* the second is not over */
	cq_test_clock_ms += 1000;
	CHECK(cq_rate_per_second(&rate) == 1);
	cq_rate_count(&rate, 20);
	cq_test_clock_ms += 1000;
	CHECK(cq_rate_per_second(&rate) == 3);
	cq_test_clock_ms += 9000;
	CHECK(cq_rate_per_second(&rate) == 2);
	cq_test_clock_ms += 100000;
	CHECK(cq_rate_per_second(&rate) == 0);
}

static void
test_priorities(void)
{
	begin(1000, 0);
	for (int i = 0; i < 6; i++)
		send(i % 2 == 0 ? 0 : CQ_PRIORITY_MAX, 0, 0);
	send(CQ_PRIORITY_MIN, 0, 0);
	driver_commit(driver, session);
	COMES(2, 4, 6, 1, 3, 5, 7);
	end();
}

/* One that commits late is delivered as soon as it can be, in its place. */
static void
test_late_commit(void)
{
	Session    *late = session_start(4);
	DriverRow	r = {.bytes = 10};

	begin(1000, 0);
	CHECK(driver_send(driver, late, &r) == 1);
	send(0, 0, 0);
	send(0, 0, 0);
	driver_commit(driver, session);
	driver_commit(driver, late);
	COMES(1, 2, 3);
	end();
	free(late);
}

static void
test_rollbacks(void)
{
	Delivery	delivery;

	begin(1000, 0);
	send(0, 0, 0);
	driver_abort(driver, session, 0);
	CHECK(receive(&delivery) == 0);
	send(0, 0, 0);
	send(0, 0, 0);
	driver_commit(driver, session);

	/* a claim that is rolled back comes back at once */
	CHECK(receive(&delivery) == 2);
	driver_abort(driver, consumer, 0);
	CHECK(receive_now(&delivery) == 2 && delivery.attempts == 2);

	/* an acknowledgement that is rolled back leaves the lease */
	CHECK(driver_settle(driver, consumer, &delivery, CQ_OUTCOME_ACKNOWLEDGED, 0));
	driver_abort(driver, consumer, 0);
	CHECK(settle_now(&delivery, CQ_OUTCOME_ACKNOWLEDGED, 0));
	CHECK(!settle_now(&delivery, CQ_OUTCOME_ACKNOWLEDGED, 0));

	/* one that was taken has no lease to go back to */
	CHECK(driver_claim(driver, consumer, 1, 0, &delivery) == 1 && delivery.msg_id == 3);
	driver_abort(driver, consumer, 0);
	COMES(3);
	end();
}

static void
test_leases(void)
{
	Delivery	first;
	Delivery	second;

	begin(1000, 0);
	send(0, 0, 0);
	driver_commit(driver, session);
	CHECK(receive_now(&first) == 1);
	CHECK(driver->queue->plan_ms == first.until);
	cq_test_clock_ms += 500;
	CHECK(driver_extend(driver, &first, cq_test_clock_ms + 2000));
	cq_test_clock_ms += 1999;
	driver_maintain(driver, worker, NULL);
	CHECK(driver->queue->plan_ms == cq_test_clock_ms + 1);
	CHECK(receive_now(&second) == 0);
	cq_test_clock_ms++;
	CHECK(!driver_extend(driver, &first, cq_test_clock_ms + 2000));
	driver_maintain(driver, worker, NULL);
	CHECK(driver->queue->expired == 1);
	CHECK(receive_now(&second) == 1 && second.attempts == 2);
	CHECK(!settle_now(&first, CQ_OUTCOME_ACKNOWLEDGED, 0));
	CHECK(settle_now(&second, CQ_OUTCOME_ACKNOWLEDGED, 0));
	end();
}

static void
test_dead_letters(void)
{
	Delivery	delivery;

	strcpy(options.dead_letter, "dead");
	options.max_attempts = 2;
	begin(1000, 0);
	for (int i = 0; i < 3; i++)
		send(i, 0, 0);
	driver_commit(driver, session);

	/* the last attempt fails, expires, is rolled back */
	for (int i = 0; i < 2; i++)
	{
		CHECK(receive_now(&delivery) == 3);
		CHECK(settle_now(&delivery, CQ_OUTCOME_FAILED, 0));
	}
	CHECK(driver->queue->failed == 2 && driver->queue->dead_lettered == 1);
	for (int i = 0; i < 2; i++)
	{
		CHECK(receive_now(&delivery) == 2);
		cq_test_clock_ms = delivery.until;
		driver_maintain(driver, worker, NULL);
	}
	CHECK(driver->queue->expired == 2 && driver->queue->dead_lettered == 2);
	for (int i = 0; i < 2; i++)
	{
		CHECK(receive(&delivery) == 1);
		driver_abort(driver, consumer, 0);
	}
	CHECK(receive(&delivery) == 0);
	CHECK(driver->queue->plan_ms == 0); /* the worker is to settle it */
	driver_maintain(driver, worker, NULL);
	CHECK(driver->queue->dead_lettered == 3 && cq_dispatch_entries(driver->queue) == 0);
	end();
}

static void
test_delays(void)
{
	Delivery	delivery;

	begin(1000, 0);
	send(0, 0, 1000500);
	send(0, 0, 1000200);
	driver_commit(driver, session);
	CHECK(driver->queue->plan_ms == 1000200);
	CHECK(receive_now(&delivery) == 0);
	cq_test_clock_ms = 1000200;
	CHECK(receive_now(&delivery) == 2);
	CHECK(settle_now(&delivery, CQ_OUTCOME_FAILED, 1001000));
	cq_test_clock_ms = 1000999;
	COMES(1);
	cq_test_clock_ms = 1001000;
	COMES(2);
	end();
}

/* What is due far ahead stays in the table, and is loaded before it is due. */
static void
test_far_ahead(void)
{
	int64		due_ms = 1000000 + 3600 * 1000;

	begin(1000, 0);
	send(0, 0, due_ms);
	driver_commit(driver, session);
	CHECK(cq_dispatch_entries(driver->queue) == 0);
	CHECK(driver->queue->backlog.due == due_ms * 1000 && cq_dispatch_length(driver->queue).n == 1);
	CHECK(driver->queue->plan_ms <= 1060000);	/* clocks are set */
	cq_test_clock_ms = due_ms - 60 * 1000;
	driver_maintain(driver, worker, NULL);
	CHECK(driver->queue->count[CQ_MSG_DELAYED] == 1 && cq_backlog_is_empty(driver->queue));
	cq_test_clock_ms = due_ms;
	COMES(1);
	end();
}

static void
test_expiry(void)
{
	DriverRow	r = {.bytes = 10,.expires = 1000500 * INT64CONST(1000)};
	Delivery	delivery;

	begin(1000, 0);
	for (int i = 0; i < 2; i++)
		driver_send(driver, session, &r);
	driver_commit(driver, session);
	CHECK(driver->queue->plan_ms == 1000500);
	CHECK(receive_now(&delivery) == 1);
	cq_test_clock_ms = 1000500;

	/* the one in flight may be settled, the other is gone */
	CHECK(settle_now(&delivery, CQ_OUTCOME_ACKNOWLEDGED, 0));
	CHECK(receive_now(&delivery) == 0);
	driver_maintain(driver, worker, NULL);
	CHECK(driver->queue->timed_out == 1 && cq_dispatch_entries(driver->queue) == 0);
	end();
}

static void
test_groups(void)
{
	Delivery	a;
	Delivery	b;
	Delivery	none;

	begin(1000, 0);
	send(0, 1, 0);
	send(0, 1, 0);
	send(0, 2, 0);
	send(0, 0, 0);
	driver_commit(driver, session);
	CHECK(driver->queue->ngroups == 2);
	CHECK(receive_now(&a) == 1);
	CHECK(receive_now(&b) == 3);
	settle_now(&b, CQ_OUTCOME_ACKNOWLEDGED, 0);
	CHECK(driver->queue->ngroups == 1);

	/* while it waits for its next attempt, its group waits for it */
	settle_now(&a, CQ_OUTCOME_FAILED, 1000100);
	CHECK(receive_now(&b) == 4);
	CHECK(receive_now(&none) == 0);
	settle_now(&b, CQ_OUTCOME_ACKNOWLEDGED, 0);
	cq_test_clock_ms = 1000100;
	COMES(1, 2);
	CHECK(driver->queue->ngroups == 0);
	end();
}

static void
test_group_concurrency(void)
{
	Delivery	deliveries[8];

	options.group_concurrency = 3;
	begin(1000, 0);
	for (int i = 0; i < 6; i++)
		send(0, 1, 0);
	driver_commit(driver, session);
	CHECK(driver_claim(driver, consumer, 8, 1000, deliveries) == 3);
	driver_commit(driver, consumer);
	CHECK(deliveries[0].msg_id == 1 && deliveries[2].msg_id == 3);
	settle_now(&deliveries[1], CQ_OUTCOME_ACKNOWLEDGED, 0);
	CHECK(driver_claim(driver, consumer, 8, 1000, deliveries) == 1);
	CHECK(deliveries[0].msg_id == 4);
	driver_commit(driver, consumer);

	/* a lower limit holds for what comes next */
	options.group_concurrency = 1;
	driver_set_options(driver, &options);
	settle_now(&deliveries[0], CQ_OUTCOME_ACKNOWLEDGED, 0);
	CHECK(driver_claim(driver, consumer, 8, 1000, deliveries) == 0);
	options.group_concurrency = 4;
	driver_set_options(driver, &options);
	CHECK(driver_claim(driver, consumer, 8, 1000, deliveries) == 2);
	end();
}

static void
test_group_rate(void)
{
	Delivery	deliveries[8];
	int64		until = PG_INT64_MAX;

	options.group_rate.per_second = 2;
	options.group_rate.burst = 1;
	options.group_concurrency = 8;
	begin(1000, 0);
	for (int i = 0; i < 2; i++)
		send(0, 1, 0);
	driver_commit(driver, session);
	CHECK(driver_claim(driver, consumer, 8, 0, deliveries) == 1);
	driver_commit(driver, consumer);
	CHECK(!driver_is_ready(driver, &until) && until == 1000500);
	CHECK(driver->queue->plan_ms == 1000500);
	cq_test_clock_ms = 1000500;
	CHECK(driver_claim(driver, consumer, 8, 0, deliveries) == 1);
	driver_commit(driver, consumer);

	/* the group is remembered until its bucket is full */
	CHECK(driver->queue->ngroups == 1 && cq_dispatch_entries(driver->queue) == 0);
	cq_test_clock_ms = 1001000;
	driver_maintain(driver, worker, NULL);
	CHECK(driver->queue->ngroups == 0);
	end();
}

static void
test_queue_limits(void)
{
	Delivery	deliveries[8];
	int64		until = PG_INT64_MAX;

	options.concurrency = 2;
	options.rate.per_second = 1;
	options.rate.burst = 3;
	begin(1000, 0);
	for (int i = 0; i < 8; i++)
		send(0, 0, 0);
	driver_commit(driver, session);
	CHECK(driver_claim(driver, consumer, 8, 1000, deliveries) == 2);
	driver_commit(driver, consumer);

	/* the end of one tells a consumer that sleeps */
	driver_signals = 0;
	settle_now(&deliveries[0], CQ_OUTCOME_ACKNOWLEDGED, 0);
	settle_now(&deliveries[1], CQ_OUTCOME_ACKNOWLEDGED, 0);
	CHECK(driver_signals == 2);
	CHECK(driver_claim(driver, consumer, 8, 1000, deliveries) == 1);
	driver_commit(driver, consumer);
	settle_now(&deliveries[0], CQ_OUTCOME_ACKNOWLEDGED, 0);
	CHECK(!driver_is_ready(driver, &until) && until == 1001000);
	cq_test_clock_ms = 1001000;
	CHECK(driver_claim(driver, consumer, 8, 1000, deliveries) == 1);
	options.paused = true;
	driver_set_options(driver, &options);
	cq_test_clock_ms = 1009000;
	CHECK(driver_claim(driver, consumer, 8, 1000, deliveries) == 0);
	driver_signals = 0;
	options.paused = false;
	driver_set_options(driver, &options);
	CHECK(driver_signals >= 4);
	end();
}

/* Without regard to the limits of groups, and to those of the queue. */
static void
test_freely(void)
{
	CqTerms		terms = {.take = true,.freely = true};
	CqEffects	effects = {0};

	begin(1000, 0);
	for (int i = 0; i < 4; i++)
		send(0, 1, 0);
	driver_commit(driver, session);
	driver_lock(driver, LW_EXCLUSIVE);
	for (int i = 0; i < 4; i++)
		CHECK(cq_deliver_next(driver->queue, &terms, &effects) != CQ_NONE);
	CHECK(cq_deliver_next(driver->queue, &terms, &effects) == CQ_NONE);
	CHECK(driver->queue->count[CQ_MSG_SETTLING] == 4);
	driver_unlock(driver, &effects);
	end();
}

static void
test_length(void)
{
	Delivery	delivery;

	options.max_length = 2;
	begin(1000, 0);
	CHECK(send(0, 0, 0) == 1);
	CHECK(send(0, 0, 0) == 2);
	CHECK(send(0, 0, 0) == 0);
	driver_abort(driver, session, 0);
	CHECK(send(0, 0, 0) == 3);
	CHECK(send(0, 0, 0) == 4);
	driver_commit(driver, session);
	CHECK(receive_now(&delivery) == 3);
	CHECK(driver_settle(driver, consumer, &delivery, CQ_OUTCOME_ACKNOWLEDGED, 0));
	CHECK(send(0, 0, 0) == 0);	/* it is not committed yet */
	driver_commit(driver, consumer);
	CHECK(send(0, 0, 0) == 5);
	CHECK(cq_dispatch_length(driver->queue).bytes == 20);
	end();
}

static void
test_drop_oldest(void)
{
	int64		dropped[DRIVER_ITEMS_MAX];

	options.max_length = 3;
	options.overflow = CQ_OVERFLOW_DROP_OLDEST;
	begin(1000, 0);
	send(1, 0, 0);
	send(0, 0, 0);
	send(0, 0, 0);
	send(1, 0, 0);
	send(0, 0, 0);
	driver_commit(driver, session);
	driver_maintain(driver, worker, dropped);
	CHECK(dropped[0] == 3 && dropped[1] == 2 && dropped[2] == 0);
	CHECK(driver->queue->dropped == 2);
	COMES(1, 4, 5);
	end();
}

/* Options change while the worker is to drop messages: it must come to an end. */
static void
test_trim_no_more(void)
{
	options.max_length = 1;
	options.overflow = CQ_OVERFLOW_DROP_OLDEST;
	begin(1000, 0);
	driver->queue->wants |= CQ_WANT_TRIM;
	options.overflow = CQ_OVERFLOW_REJECT;
	driver_set_options(driver, &options);
	CHECK((driver->queue->wants & CQ_WANT_TRIM) == 0);
	end();
}

/* What does not fit stays in the table and comes in order. */
static void
test_spilled(void)
{
	Delivery	delivery;

	begin(1000, 64);
	for (int i = 1; i <= 300; i++)
		CHECK(send(0, 0, 0) == i);
	driver_commit(driver, session);
	CHECK(driver->queue->backlog.ready == CQ_UNLOADED_SOME);
	CHECK(driver->queue->backlog.amount.n == 300 - CQ_ENTRIES_MIN &&
		  cq_dispatch_length(driver->queue).n == 300);
	for (int i = 1; i <= 300; i++)
	{
		CHECK(receive_now(&delivery) == i);
		settle_now(&delivery, CQ_OUTCOME_ACKNOWLEDGED, 0);
	}
	CHECK(receive_now(&delivery) == 0);
	CHECK(cq_backlog_is_empty(driver->queue) && cq_dispatch_length(driver->queue).n == 0);
	end();
}

/* A higher priority finds room, although all is taken. */
static void
test_spilled_priority(void)
{
	Delivery	delivery;

	begin(1000, 64);
	for (int i = 1; i <= 100; i++)
		send(0, 0, 0);
	driver_commit(driver, session);
	CHECK(receive_now(&delivery) == 1);
	CHECK(cq_dispatch_room(driver->queue, true) == 0);
	CHECK(send(5, 0, 0) == 101);
	driver_commit(driver, session);
	CHECK(receive_now(&delivery) == 101);
	end();
}

/* A consumer that sleeps is told when there is room for what is unloaded. */
static void
test_room_wakes(void)
{
	Delivery	deliveries[32];
	int64		until = PG_INT64_MAX;
	int			n;

	begin(1000, 64);
	for (int i = 1; i <= 100; i++)
		send(0, 0, 0);
	driver_commit(driver, session);
	while ((n = driver_claim(driver, consumer, 32, 1000, deliveries)) == 32)
		driver_commit(driver, consumer);
	CHECK(n == 0 && cq_dispatch_room(driver->queue, false) == 0);
	CHECK(!driver_is_ready(driver, &until));
	driver_signals = 0;
	settle_now(&deliveries[0], CQ_OUTCOME_ACKNOWLEDGED, 0);
	CHECK(driver_signals > 0 && driver_is_ready(driver, &until));
	end();
}

/* A paused queue goes on: so do those who sleep until something can be loaded. */
static void
test_resume_wakes(void)
{
	options.paused = true;
	begin(1000, 64);
	driver_lock(driver, LW_EXCLUSIVE);
	cq_backlog_add_unknown(driver->queue, 0, 0);
	LWLockRelease(&driver->queue->lock);
	driver_signals = 0;
	options.paused = false;
	driver_set_options(driver, &options);
	CHECK(driver_signals > 0);
	end();
}

/* Delayed messages without room must not keep the worker busy. */
static void
test_no_room_for_delayed(void)
{
	Delivery	deliveries[32];

	begin(1000, 64);
	for (int i = 0; i < 64; i++)
		send(0, 0, 0);
	driver_commit(driver, session);
	while (driver_claim(driver, consumer, 32, 100000, deliveries) > 0)
		driver_commit(driver, consumer);
	CHECK(cq_dispatch_room(driver->queue, false) == 0);
	send(0, 0, 1000100);
	driver_commit(driver, session);
	cq_test_clock_ms = 1000200;
	driver_maintain(driver, worker, NULL);
	CHECK(driver->queue->plan_ms > cq_test_clock_ms);
	end();
}

/* What commits while a scan runs is kept back, and comes in order afterwards. */
static void
test_parked(void)
{
	CqBacklogTaken taken;
	CqBacklogLeft left = {.everything = true,.complete = true};
	CqEffects	effects = {0};

	begin(1000, 0);
	for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
		left.from[k] = InvalidBlockNumber;
	driver_lock(driver, LW_EXCLUSIVE);
	cq_backlog_add_ready(driver->queue, PG_UINT32_MAX);
	cq_backlog_take(driver->queue, 1, &taken);
	driver_unlock(driver, &effects);
	send(0, 0, 0);
	send(0, 0, 0);
	send(0, 0, 0);
	driver_commit(driver, session);
	CHECK(driver->queue->count[CQ_MSG_PARKED] == 3);
	driver_lock(driver, LW_EXCLUSIVE);
	cq_backlog_put_left(driver->queue, &taken, &left, &effects);
	cq_entries_end_scan(driver->queue, true, &effects);
	CHECK(effects.scan_ended && effects.ready == 3);
	driver_unlock(driver, &effects);
	COMES(1, 2, 3);
	end();
}

/* A message that is settled while a scan runs stays as a tombstone. */
static void
test_tombstones(void)
{
	CqBacklogTaken taken;
	CqEffects	effects = {0};
	Delivery	delivery;

	begin(1000, 0);
	send(0, 0, 0);
	driver_commit(driver, session);
	driver_lock(driver, LW_EXCLUSIVE);
	cq_backlog_take(driver->queue, 1, &taken);
	driver_unlock(driver, &effects);
	CHECK(receive_now(&delivery) == 1);
	settle_now(&delivery, CQ_OUTCOME_ACKNOWLEDGED, 0);
	CHECK(driver->queue->count[CQ_MSG_SETTLED] == 1);
	CHECK(cq_dispatch_length(driver->queue).n == 0);
	driver_lock(driver, LW_EXCLUSIVE);
	cq_backlog_give_back(driver->queue, &taken, -1);
	cq_entries_end_scan(driver->queue, false, &effects);
	driver_unlock(driver, &effects);
	CHECK(cq_queues->pool_nfree == cq_queues->pool_size);
	end();
}

static void
test_prepared(void)
{
	Delivery	delivery;
	int			first;
	int			second;

	begin(1000, 0);
	send(0, 0, 0);
	first = driver_prepare(driver, session);
	send(0, 0, 0);
	second = driver_prepare(driver, session);
	CHECK(driver->queue->by_xid == 2);
	driver_end_prepared(driver, first, false);
	driver_maintain(driver, worker, NULL);
	CHECK(driver->queue->by_xid == 1 && receive(&delivery) == 0);
	driver_end_prepared(driver, second, true);
	driver_maintain(driver, worker, NULL);
	COMES(2);
	end();
}

static void
test_notify(void)
{
	strcpy(options.notify, "news");
	begin(1000, 0);
	driver->queue->notify_ms = 1000005;
	send(0, 0, 0);
	driver_commit(driver, session);
	CHECK((driver->queue->wants & CQ_WANT_NOTIFY) != 0);
	CHECK(driver->queue->plan_ms == 1000005);
	COMES(1);
	end();
}

static void
test_segments(void)
{
	CqEffects	effects = {0};
	Delivery	delivery;

	begin(1000, 0);
	send(0, 0, 0);
	driver_commit(driver, session);
	CHECK(driver->queue->segment[0].loaded == 1);
	driver_lock(driver, LW_EXCLUSIVE);
	driver->queue->nsegments = 2;
	driver->queue->current = 1;
	cq_backlog_clear_segment(driver->queue, 1);
	driver_unlock(driver, &effects);
	CHECK(!cq_segment_is_finished(driver->queue, 0));
	CHECK(receive_now(&delivery) == 1);
	settle_now(&delivery, CQ_OUTCOME_ACKNOWLEDGED, 0);

	/* the last message of a segment that is not current: it may be emptied */
	CHECK(cq_segment_is_finished(driver->queue, 0));
	CHECK((driver->queue->wants & CQ_WANT_TRUNCATE) != 0);
	end();
}

static void
test_free_all(void)
{
	Delivery	delivery;

	begin(1000, 0);
	for (int i = 0; i < 40; i++)
		send(0, i % 3, i % 5 == 0 ? 1000500 : 0);
	driver_commit(driver, session);
	CHECK(receive_now(&delivery) != 0);
	send(0, 1, 0);
	driver_lock(driver, LW_EXCLUSIVE);
	cq_entries_free_all(driver->queue);
	CHECK(cq_dispatch_entries(driver->queue) == 0 && driver->queue->ngroups == 0);
	CHECK(cq_queues->pool_nfree == cq_queues->pool_size);
	LWLockRelease(&driver->queue->lock);
	end();
}

int
main(void)
{
	options.group_concurrency = 1;
	run_test("the parts of shared memory do not overlap", test_memory);
	run_test("the pool gives each entry once", test_pool);
	run_test("a heap returns its least element", test_heap);
	run_test("a token bucket fills", test_tokens);
	run_test("rates are those of the last ten seconds", test_rates);
	run_test("higher priorities come first", test_priorities);
	run_test("a late commit finds its place", test_late_commit);
	run_test("rollbacks undo sends, claims and settlements", test_rollbacks);
	run_test("leases end, and are extended", test_leases);
	run_test("messages without attempts left become dead letters", test_dead_letters);
	run_test("delayed messages come when they are due", test_delays);
	run_test("what is due far ahead is not in memory", test_far_ahead);
	run_test("messages expire", test_expiry);
	run_test("one message of a group at a time", test_groups);
	run_test("several messages of a group at a time", test_group_concurrency);
	run_test("rates of groups", test_group_rate);
	run_test("concurrency, rate and pause of the queue", test_queue_limits);
	run_test("claims that no limit holds for", test_freely);
	run_test("a full queue refuses", test_length);
	run_test("a full queue drops its oldest", test_drop_oldest);
	run_test("nothing is dropped when options have changed", test_trim_no_more);
	run_test("more messages than memory come in order", test_spilled);
	run_test("a higher priority finds room in memory", test_spilled_priority);
	run_test("room for unloaded messages wakes a consumer", test_room_wakes);
	run_test("a queue that goes on wakes consumers for unloaded messages", test_resume_wakes);
	run_test("the worker waits for room for delayed messages", test_no_room_for_delayed);
	run_test("commits during a scan are parked", test_parked);
	run_test("settled messages stay as tombstones during a scan", test_tombstones);
	run_test("prepared transactions", test_prepared);
	run_test("LISTENers are told", test_notify);
	run_test("finished segments are noticed", test_segments);
	run_test("a queue that is dropped leaves nothing", test_free_all);
	return failed_tests > 0;
}
