/*-------------------------------------------------------------------------
 *
 * dispatch_play.h
 *	  A random history of a queue, played with the dispatcher (dispatch_driver.h)
 *	  and with a naive queue (queue_oracle.h) at a time.
 *
 * Three sessions send, claim, settle and end their transactions, time goes by, a
 * worker does what it has promised to do, and a consumer sleeps until it is woken.
 * The numbers that decide come from a function: of a random generator (the model
 * test), or of a fuzzer's input.  play_start(), play_on() as often as one likes,
 * play_end_history().
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_DISPATCH_PLAY_H
#define CQ_DISPATCH_PLAY_H

#include "dispatch_driver.h"
#include "queue_oracle.h"

#define PLAY_SESSIONS 3
#define PLAY_RECEIPTS 64
#define PLAY_PREPARED 3

/* What a history is like. */
typedef struct PlayKind
{
	const char *name;
	int			entries;		/* of the pool */
	int			window;			/* 0: as usual */
	int			groups;			/* of messages; 0: none */
	int			priorities;		/* from 0 up; 1: one */
	bool		delays;
	bool		expiry;
	bool		prepare;
	bool		change_options;
	bool		spills;			/* what is sent does not fit in memory */
	int			memory;			/* see Oracle */
	bool		lazy;			/* what waits for its group, or a retry, may
								 * keep others out of memory for a time */
	OracleOptions options;
} PlayKind;

typedef struct PlayReceipt
{
	Delivery	delivery;
	int			attempts;		/* as the oracle counts them; 0: none */
} PlayReceipt;

typedef struct Play
{
	const PlayKind *kind;
	uint32		(*choose) (void *arg, uint32 below);
	void	   *arg;
	Driver	   *driver;
	Oracle	   *oracle;
	CqQueueOptions options;
	Session    *sessions[PLAY_SESSIONS];
	Session    *worker;
	PlayReceipt receipts[PLAY_RECEIPTS];
	int			nreceipts;		/* made so far */
	int			prepared[PLAY_PREPARED];	/* 0: none */
	DriverScan *scan;			/* one that takes its time; NULL: none */
	bool		collected;		/* it has read the table */
	bool		asleep;			/* the consumer that sleeps ... */
	int64		sleep_until;	/* ... at most until then */
	uint32		signals;		/* driver_signals when it looked last */
	int			step;
	bool		failed;
} Play;

static inline uint32
play_choose(Play *play, uint32 below)
{
	return play->choose(play->arg, below);
}

static inline void
play_fail(Play *play, int64 id, const char *what)
{
	if (!play->failed)
		printf("# %s, step %d, %lld ms: message %lld was %s\n", play->kind->name,
			   play->step, (long long) cq_test_clock_ms, (long long) id, what);
	play->failed = true;
}

static inline void
play_expect(Play *play, bool good, const char *what)
{
	if (!good && !play->failed)
		printf("# %s, step %d, %lld ms: %s\n", play->kind->name, play->step,
			   (long long) cq_test_clock_ms, what);
	play->failed |= !good;
}

/* The dispatcher's options from the oracle's. */
static inline void
play_set_options(CqQueueOptions *options, const OracleOptions *from)
{
	options->paused = from->paused;
	options->concurrency = from->concurrency;
	options->group_concurrency = from->group_concurrency;
	options->max_attempts = Max(from->max_attempts, 1);
	strcpy(options->dead_letter, from->max_attempts > 0 ? "dead" : "");
	options->max_length = from->max_length;
	options->overflow = from->drop_oldest ? CQ_OVERFLOW_DROP_OLDEST : CQ_OVERFLOW_REJECT;
	options->rate.per_second = from->rate.per_second;
	options->rate.burst = from->rate.burst;
	options->group_rate.per_second = from->group_rate.per_second;
	options->group_rate.burst = from->group_rate.burst;
}

static inline Session *
play_session(Play *play)
{
	return play->sessions[play_choose(play, PLAY_SESSIONS)];
}

/* ---- the steps ---- */

static inline void
play_send(Play *play)
{
	const PlayKind *kind = play->kind;
	Session    *s = play_session(play);
	int64		now = cq_test_clock_ms;
	OracleMessage m = {0};
	DriverRow	r = {0};
	int			least = oracle_length(play->oracle, false) + 1;
	int			most = oracle_length(play->oracle, true) + 1;
	int			max = play->oracle->options.max_length;

	if (play->oracle->n == ORACLE_MESSAGES_MAX || s->nitems > DRIVER_ITEMS_MAX / 2)
		return;
	if (kind->groups > 0 && play_choose(play, 3) > 0)
		r.group = 1 + play_choose(play, kind->groups);
	else if (kind->priorities > 1)
		r.priority = play_choose(play, kind->priorities);
	if (kind->delays && play_choose(play, 5) == 0)
		m.due_ms = now + 1 + play_choose(play, 1500);
	if (kind->expiry && play_choose(play, 5) == 0)
		m.expires_ms = now + 1 + play_choose(play, 2000);
	r.bytes = 1 + play_choose(play, 100);
	r.due = m.due_ms * 1000;
	r.expires = m.expires_ms * 1000;
	m.group = r.group;
	m.priority = r.priority;
	m.bytes = r.bytes;
	m.id = driver_send(play->driver, s, &r);
	if (max > 0 && !play->oracle->options.drop_oldest)
	{
		play_expect(play, m.id != 0 || most > max, "a send was refused, but there was room");
		play_expect(play, m.id == 0 || least <= max, "a send was not refused, but the queue was full");
	}
	else
		play_expect(play, m.id != 0, "a send was refused");
	if (m.id != 0)
		oracle_send(play->oracle, &m, s->tx, s->level);
}

static inline void
play_claim_by(Play *play, Session *s, int max, int64 lease_ms)
{
	Delivery	deliveries[DRIVER_CLAIMS_MAX];
	Oracle	   *o = play->oracle;
	OracleMessage *missed;
	int			n;

	if (s->nitems > DRIVER_ITEMS_MAX / 2)
		return;
	n = driver_claim(play->driver, s, max, lease_ms, deliveries);
	for (int j = 0; j < n && !play->failed; j++)
	{
		PlayReceipt *receipt = &play->receipts[play->nreceipts++ % PLAY_RECEIPTS];
		const char *wrong = oracle_deliver(o, deliveries[j].msg_id,
										   lease_ms == 0 ? 0 : deliveries[j].until,
										   s->tx, s->level);

		if (wrong != NULL)
			play_fail(play, deliveries[j].msg_id, wrong);
		else
		{
			receipt->delivery = deliveries[j];
			receipt->attempts = oracle_find(o, deliveries[j].msg_id)->attempts;
		}
	}
	if (n < max && !play->kind->lazy && (missed = oracle_any(o)) != NULL)
		play_fail(play, missed->id, "not delivered, though nothing was in its way");
}

static inline void
play_claim(Play *play)
{
	Session    *s = play_session(play);
	int			max = 1 + play_choose(play, play_choose(play, 4) == 0 ? DRIVER_CLAIMS_MAX : 4);
	int64		lease_ms = play_choose(play, 4) == 0 ? 0 : 20 + play_choose(play, 1500);

	play_claim_by(play, s, max, lease_ms);
}

/* Whether the queue was right to take the receipt, or not to. */
static inline void
play_expect_live(Play *play, const PlayReceipt *receipt, bool live)
{
	const OracleMessage *m = oracle_find(play->oracle, receipt->delivery.msg_id);

	if (m->soft)
		return;
	play_expect(play, live == oracle_is_live(play->oracle, m->id, receipt->attempts),
				live ? "an old receipt was good" : "a receipt was refused");
}

static inline void
play_settle(Play *play)
{
	static const CqOutcome outcomes[] = {
		[ORACLE_ACK] = CQ_OUTCOME_ACKNOWLEDGED,
		[ORACLE_NACK] = CQ_OUTCOME_FAILED,
		[ORACLE_REJECT] = CQ_OUTCOME_REJECTED
	};
	PlayReceipt *receipt = &play->receipts[play_choose(play, PLAY_RECEIPTS)];
	Session    *s = play_session(play);
	uint32		way = play_choose(play, 8);
	OracleOutcome outcome = way < 4 ? ORACLE_ACK : way < 7 ? ORACLE_NACK : ORACLE_REJECT;
	int64		retry_ms = 0;
	bool		live;

	if (receipt->attempts == 0 || s->nitems > DRIVER_ITEMS_MAX / 2)
		return;
	if (outcome == ORACLE_REJECT && play->oracle->options.max_attempts == 0)
		outcome = ORACLE_ACK;
	if (outcome == ORACLE_NACK && play_choose(play, 2) == 0)
		retry_ms = cq_test_clock_ms + 1 + play_choose(play, 1000);
	live = driver_settle(play->driver, s, &receipt->delivery, outcomes[outcome],
						 retry_ms * 1000);
	play_expect_live(play, receipt, live);
	if (live)
		oracle_settle(play->oracle, receipt->delivery.msg_id, outcome, retry_ms, s->tx,
					  s->level);
}

static inline void
play_extend(Play *play)
{
	PlayReceipt *receipt = &play->receipts[play_choose(play, PLAY_RECEIPTS)];
	int64		until = cq_test_clock_ms + 1 + play_choose(play, 1500);
	bool		live;

	if (receipt->attempts == 0)
		return;
	live = driver_extend(play->driver, &receipt->delivery, until);
	play_expect_live(play, receipt, live);
	if (live)
		oracle_find(play->oracle, receipt->delivery.msg_id)->until_ms = until;
}

static inline void
play_purge(Play *play)
{
	Session    *s = play_session(play);
	int64		ids[DRIVER_ITEMS_MAX / 4];
	int			n;

	if (s->nitems > DRIVER_ITEMS_MAX / 2)
		return;
	n = driver_purge(play->driver, s, ids, lengthof(ids));
	for (int j = 0; j < n; j++)
	{
		const OracleMessage *m = oracle_find(play->oracle, ids[j]);

		if (m == NULL || m->state != ORACLE_WAITING)
			play_fail(play, ids[j], "purged, but did not wait");
		else
			oracle_settle(play->oracle, ids[j], ORACLE_PURGE, 0, s->tx, s->level);
	}
}

/* A pass of the worker. */
static inline void
play_pass(Play *play)
{
	int64		dropped[DRIVER_ITEMS_MAX];
	int			n = 0;
	Oracle	   *o = play->oracle;

	driver_maintain(play->driver, play->worker, dropped);
	while (dropped[n] != 0)
		n++;
	for (int j = n - 1; j >= 0; j--)
	{
		const char *wrong = oracle_drop(o, dropped[j]);

		if (wrong != NULL)
			play_fail(play, dropped[j], wrong);
	}
	oracle_maintained(o);
}

/* Passes until it has nothing left to do, or waits for a scan. */
static inline void
play_maintain(Play *play)
{
	int			passes = 0;

	do
		play_pass(play);
	while (play->driver->queue->plan_ms <= cq_test_clock_ms && ++passes < 10);
	play_expect(play, passes < 10 || play->scan != NULL,
				"the worker does not come to an end");
}

static inline void
play_end(Play *play, Session *s, bool commit)
{
	if (commit)
		driver_commit(play->driver, s);
	else
		driver_abort(play->driver, s, 0);
	oracle_end(play->oracle, s->tx, commit);
	if (play->oracle->options.drop_oldest)
		play_maintain(play);
}

static inline void
play_savepoint(Play *play)
{
	Session    *s = play_session(play);
	uint32		way = play_choose(play, 3);

	if (way == 0 && s->level < 4)
		driver_savepoint(s);
	else if (s->level > 1)
	{
		oracle_end_savepoint(play->oracle, s->tx, s->level, way == 1);
		if (way == 1)
			driver_release_savepoint(s);
		else
			driver_abort(play->driver, s, s->level);
	}
}

static inline void
play_prepare(Play *play)
{
	Session    *s = play_session(play);
	int			i = play_choose(play, PLAY_PREPARED);
	bool		commit = play_choose(play, 2) == 0;

	if (play->prepared[i] != 0)
	{
		driver_end_prepared(play->driver, play->prepared[i], commit);
		oracle_end_prepared(play->oracle, play->prepared[i], commit);
		play->prepared[i] = 0;
	}
	else if (s->nitems > 0 && (play->prepared[i] = driver_prepare(play->driver, s)) != 0)
		oracle_prepare(play->oracle, s->tx, play->prepared[i]);
}

static inline void
play_change_options(Play *play)
{
	OracleOptions *options = &play->oracle->options;

	switch (play_choose(play, 4))
	{
		case 0:
			options->paused = !options->paused;
			break;
		case 1:
			options->paused = false;
			break;
		case 2:
			options->concurrency = play_choose(play, 2) * play_choose(play, 8);
			break;
		case 3:
			if (options->max_length > 0)
				options->max_length = 10 + play_choose(play, 40);
			break;
	}
	play_set_options(&play->options, options);
	driver_set_options(play->driver, &play->options);
	if (options->drop_oldest)
		play_maintain(play);
}

/* A scan begins, reads the table, and ends, with other steps between. */
static inline void
play_scan(Play *play)
{
	if (play->scan == NULL)
	{
		play->scan = driver_begin_scan(play->driver);
		play->collected = false;
	}
	else if (!play->collected)
	{
		driver_collect(play->driver, play->scan);
		play->collected = true;
	}
	else
	{
		driver_end_scan(play->driver, play->scan);
		play->scan = NULL;
	}
	play->oracle->reading = (play->scan != NULL);
	if (play->oracle->options.drop_oldest)
		play_maintain(play);
}

static inline void
play_advance(Play *play)
{
	cq_test_clock_ms += 1 + play_choose(play, play_choose(play, 8) == 0 ? 2000 : 100);
	play->oracle->now_ms = cq_test_clock_ms;
}

/* ---- what must hold after each ---- */

/* The consumer that sleeps is woken, or looks itself, when there is something. */
static inline void
play_look_at_sleeper(Play *play)
{
	const OracleMessage *m;

	if (play->asleep &&
		(driver_signals != play->signals || cq_test_clock_ms >= play->sleep_until))
		play->asleep = false;
	if (!play->asleep)
	{
		play->sleep_until = PG_INT64_MAX;
		play->asleep = !driver_is_ready(play->driver, &play->sleep_until);
		play->signals = driver_signals;
	}
	if (play->asleep && !play->kind->lazy && (m = oracle_any(play->oracle)) != NULL)
		play_fail(play, m->id, "not told of to a consumer that sleeps");
}

static inline void
play_look(Play *play)
{
	CqQueueState *queue = play->driver->queue;
	int64		length = cq_dispatch_length(queue).n;

	if (queue->plan_ms <= cq_test_clock_ms)
		play_maintain(play);
	play_expect(play, !oracle_lease_overdue(play->oracle), "the worker was not told of a lease");
	if (!play->failed)
		play_look_at_sleeper(play);
	length = cq_dispatch_length(queue).n;
	play_expect(play, play->kind->spills ||
				(length >= oracle_length(play->oracle, false) &&
				 length <= oracle_length(play->oracle, true)), "the length is wrong");
	if (play->step % 8 == 0)
		driver_check(play->driver);
}

static inline void
play_step(Play *play)
{
	uint32		way = play_choose(play, 100);
	const PlayKind *kind = play->kind;

	if (way < 30)
		play_send(play);
	else if (way < 50)
		play_claim(play);
	else if (way < 66)
		play_settle(play);
	else if (way < 69)
		play_extend(play);
	else if (way < 82)
		play_end(play, play_session(play), true);
	else if (way < 86)
		play_end(play, play_session(play), false);
	else if (way < 91)
		play_savepoint(play);
	else if (way < 96)
		play_advance(play);
	else if (way < 97)
		play_maintain(play);
	else if (way < 98 && kind->prepare)
		play_prepare(play);
	else if (way < 99 && kind->change_options)
		play_change_options(play);
	else if (play_choose(play, 4) == 0)
		play_purge(play);
	if (play_choose(play, play->scan == NULL ? 100 : 10) == 0)
		play_scan(play);
}

/* ---- a history ---- */

static inline void
play_start(Play *play)
{
	const PlayKind *kind = play->kind;

	cq_test_clock_ms = 1000000;
	driver_signals = 0;
	play->oracle = calloc(1, sizeof(Oracle));
	play->oracle->options = kind->options;
	play->oracle->spills = kind->spills;
	play->oracle->memory = kind->memory;
	play->oracle->now_ms = cq_test_clock_ms;
	play_set_options(&play->options, &kind->options);
	play->driver = driver_start(kind->entries, kind->window, &play->options);
	for (int i = 0; i < PLAY_SESSIONS; i++)
		play->sessions[i] = session_start(i + 1);
	play->worker = session_start(PLAY_SESSIONS + 1);
	driver_scan(play->driver);
	driver_maintain(play->driver, play->worker, NULL);
}

/* End all that is open, lift the limits: then everything must come out. */
static inline void
play_drain(Play *play)
{
	OracleOptions *options = &play->oracle->options;
	bool		left = true;

	while (play->scan != NULL)
		play_scan(play);
	for (int i = 0; i < PLAY_SESSIONS; i++)
		play_end(play, play->sessions[i], play_choose(play, 2) == 0);
	for (int i = 0; i < PLAY_PREPARED; i++)
	{
		bool		commit = play_choose(play, 2) == 0;

		if (play->prepared[i] != 0)
		{
			driver_end_prepared(play->driver, play->prepared[i], commit);
			oracle_end_prepared(play->oracle, play->prepared[i], commit);
		}
	}
	options->paused = false;
	options->concurrency = options->max_length = 0;
	memset(&options->rate, 0, sizeof(options->rate));
	memset(&options->group_rate, 0, sizeof(options->group_rate));
	play_set_options(&play->options, options);
	driver_set_options(play->driver, &play->options);
	for (int round = 0; round < 20000 && left && !play->failed; round++)
	{
		play->step++;
		play_claim_by(play, play->sessions[0], DRIVER_CLAIMS_MAX, 0);
		play_end(play, play->sessions[0], true);
		if (round % 4 == 0)
			play_advance(play);
		play_look(play);
		left = false;
		for (int i = 0; i < play->oracle->n; i++)
			left |= play->oracle->messages[i].state != ORACLE_GONE;
	}
	cq_test_clock_ms += 100000;
	play->oracle->now_ms = cq_test_clock_ms;
	play_maintain(play);
	play_expect(play, !left, "messages are left that nobody gets");
}

/* Nothing of it is left in memory. */
static inline void
play_stop(Play *play)
{
	while (play->scan != NULL)
		play_scan(play);
	driver_check(play->driver);
	if (!play->failed)
	{
		play_expect(play, cq_dispatch_entries(play->driver->queue) == 0, "entries are left");
		play_expect(play, play->driver->queue->ngroups == 0, "groups are left");
		play_expect(play, cq_queues->pool_nfree == cq_queues->pool_size, "the pool has a leak");
	}
	driver_stop(play->driver);
	for (int i = 0; i < PLAY_SESSIONS; i++)
		free(play->sessions[i]);
	free(play->worker);
	free(play->oracle);
}

/* ---- kinds of histories ---- */

static const PlayKind play_kinds[] = {
	{"plain",.entries = 8192,.priorities = 1,.prepare = true,.change_options = true,
	.options = {.group_concurrency = 1}},
	{"priorities, delays",.entries = 8192,.priorities = 4,.delays = true,.expiry = true,
		.prepare = true,.change_options = true,
	.options = {.group_concurrency = 1,.max_attempts = 3}},
	{"groups",.entries = 8192,.priorities = 2,.groups = 6,.delays = true,.expiry = true,
		.prepare = true,.change_options = true,
	.options = {.group_concurrency = 1,.max_attempts = 4}},
	{"groups of several",.entries = 8192,.priorities = 1,.groups = 4,.delays = true,
		.change_options = true,
	.options = {.group_concurrency = 3}},
	{"limits",.entries = 8192,.priorities = 3,.groups = 3,.change_options = true,
		.options = {.group_concurrency = 1,.concurrency = 5,.max_length = 30,
	.rate = {20, 5}}},
	{"group rates",.entries = 8192,.priorities = 1,.groups = 8,.delays = true,
		.change_options = true,
	.options = {.group_concurrency = 2,.group_rate = {4, 2}}},
	{"drop oldest",.entries = 8192,.priorities = 3,.groups = 3,.change_options = true,
	.options = {.group_concurrency = 1,.max_length = 25,.drop_oldest = true}},
	{"spilled",.entries = 96,.window = 64,.priorities = 1,.prepare = true,
		.change_options = true,.spills = true,.memory = 20,
	.options = {.group_concurrency = 1}},
	{"spilled priorities",.entries = 96,.window = 64,.priorities = 4,.delays = true,
		.change_options = true,.spills = true,.memory = 20,
	.options = {.group_concurrency = 1}},
	{"spilled groups",.entries = 192,.window = 128,.priorities = 1,.groups = 6,
		.delays = true,.change_options = true,.spills = true,.lazy = true,
	.options = {.group_concurrency = 1}},
};

/* Play one step, and see what has come of it. */
static inline void
play_on(Play *play)
{
	play->step++;
	play_step(play);
	if (!play->failed)
		play_look(play);
}

/* Play the end; returns whether all was right. */
static inline bool
play_end_history(Play *play)
{
	if (!play->failed)
		play_drain(play);
	play_stop(play);
	return !play->failed;
}

#endif							/* CQ_DISPATCH_PLAY_H */
