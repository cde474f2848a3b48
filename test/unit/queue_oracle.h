/*-------------------------------------------------------------------------
 *
 * queue_oracle.h
 *	  A naive queue: what may be delivered next, what must be, and what not.
 *
 * It knows what the documentation of queues promises (docs/queue.md), and nothing
 * of how the dispatcher keeps it: no entries, no memory that may be full, no
 * scans.  Whoever plays a history with a queue tells the oracle each step, and is
 * told what is wrong with it.  All searches are linear.
 *
 * 'soft' is a message whose new state the queue may show at once, and must show
 * after the next maintenance: so do the ends of prepared transactions.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_ORACLE_H
#define CQ_QUEUE_ORACLE_H

#define ORACLE_MESSAGES_MAX 4000
#define ORACLE_GROUPS_MAX 16

/* tokens may differ by that for rounding */
#define ORACLE_TOKEN_ERROR 1e-4

typedef enum OracleState
{
	ORACLE_OPEN,				/* sent, not committed */
	ORACLE_WAITING,				/* committed and unclaimed */
	ORACLE_LEASED,
	ORACLE_SETTLING,			/* settled, not committed */
	ORACLE_GONE
} OracleState;

typedef enum OracleOutcome
{
	ORACLE_ACK,
	ORACLE_NACK,
	ORACLE_REJECT,
	ORACLE_PURGE
} OracleOutcome;

typedef struct OracleMessage
{
	int64		id;
	int			priority;
	int			group;			/* 0: none */
	int64		due_ms;			/* 0: at once */
	int64		expires_ms;		/* 0: never */
	int64		bytes;

	OracleState state;
	bool		soft;
	bool		doomed;			/* WAITING, but no attempts are left, or it
								 * was dropped: gone with the next maintenance */
	bool		was_delayed;	/* at any time */
	bool		out_of_order;	/* committed after one with a higher number,
								 * or came back after it was claimed */
	bool		blocks;			/* WAITING for another attempt; its group
								 * waits for it */
	int			attempts;
	int64		until_ms;		/* LEASED */

	int			tx;				/* OPEN, SETTLING: whose */
	int			level;			/* of its savepoint */
	bool		taken;			/* SETTLING without a lease to go back to */
	OracleOutcome outcome;		/* SETTLING */
	int64		retry_ms;		/* SETTLING with NACK: due time */
	int			claim_tx;		/* LEASED: whose rollback gives it back; 0:
								 * nobody's */
	int			claim_level;
} OracleMessage;

/* A token bucket; per_second 0: no limit. */
typedef struct OracleBucket
{
	double		tokens;
	int64		filled_ms;
} OracleBucket;

typedef struct OracleRate
{
	double		per_second;
	double		burst;
} OracleRate;

typedef struct OracleOptions
{
	bool		paused;
	int			concurrency;	/* 0: any */
	int			group_concurrency;
	int			max_attempts;	/* 0: no dead letters */
	int			max_length;		/* 0: any */
	bool		drop_oldest;	/* else sends are refused */
	OracleRate	rate;
	OracleRate	group_rate;
} OracleOptions;

typedef struct Oracle
{
	int64		now_ms;
	OracleOptions options;

	/*
	 * What is sent does not fit into memory.  Then these promises do not hold
	 * that hold otherwise: that of all that may be delivered the best is
	 * next, and that what commits late, or is due, finds its place in its
	 * group. The order within a group of what commits in order, and that of
	 * priorities among messages that were never delayed, hold all the same.
	 */
	bool		spills;

	/*
	 * So many messages may be in flight, of open transactions, or out of
	 * order before a queue that spills may run out of memory for others; 0:
	 * any number.
	 */
	int			memory;

	/* messages are just being read from the tables: others may have to wait */
	bool		reading;

	OracleBucket bucket;
	OracleBucket group_bucket[ORACLE_GROUPS_MAX];
	int			n;
	OracleMessage messages[ORACLE_MESSAGES_MAX];

	int64		committed;		/* highest number that is */

	/* what has happened */
	int			delivered;
	int			acknowledged;
	int			dead;
} Oracle;

static inline OracleMessage *
oracle_find(Oracle *o, int64 id)
{
	for (int i = o->n - 1; i >= 0; i--)
	{
		if (o->messages[i].id == id)
			return &o->messages[i];
	}
	return NULL;
}

/* ---- token buckets ---- */

static inline double
oracle_tokens(OracleBucket *bucket, const OracleRate *rate, int64 now_ms)
{
	if (rate->per_second == 0)
		return 1e9;
	if (bucket->filled_ms == 0)
		bucket->tokens = rate->burst;
	else
		bucket->tokens = Min(rate->burst, bucket->tokens +
							 (now_ms - bucket->filled_ms) * rate->per_second / 1000);
	bucket->filled_ms = now_ms;
	return bucket->tokens;
}

/* ---- what is so ---- */

static inline bool
oracle_has_expired(const Oracle *o, const OracleMessage *m)
{
	return m->expires_ms != 0 && m->expires_ms <= o->now_ms;
}

static inline bool
oracle_is_deliverable(const Oracle *o, const OracleMessage *m)
{
	return m->state == ORACLE_WAITING && !m->doomed && m->due_ms <= o->now_ms &&
		!oracle_has_expired(o, m);
}

/*
 * Messages in flight, of a group or of all (0): surely, or those that may be as
 * well.
 */
static inline int
oracle_in_flight(const Oracle *o, int group, bool perhaps)
{
	int			n = 0;

	for (int i = 0; i < o->n; i++)
	{
		const OracleMessage *m = &o->messages[i];
		bool		is = m->state == ORACLE_LEASED || m->state == ORACLE_SETTLING ||
		(group != 0 && m->state == ORACLE_WAITING && m->blocks &&
		 m->due_ms > o->now_ms);

		if (group != 0 && m->group != group)
			continue;
		n += perhaps ? (is || m->soft) : (is && !m->soft);
	}
	return n;
}

/* Whether it is the first of its group, of those that may be delivered. */
static inline bool
oracle_is_first_of_group(const Oracle *o, const OracleMessage *m)
{
	for (int i = 0; i < o->n; i++)
	{
		const OracleMessage *other = &o->messages[i];

		if (other->group == m->group && other->id < m->id && !other->soft &&
			!(o->spills && (other->out_of_order || other->was_delayed)) &&
			oracle_is_deliverable(o, other))
			return false;
	}
	return true;
}

/* Whether the group's limits let the queue deliver one of it; or make it. */
static inline bool
oracle_group_may(Oracle *o, int group)
{
	return oracle_in_flight(o, group, false) < o->options.group_concurrency &&
		oracle_tokens(&o->group_bucket[group], &o->options.group_rate, o->now_ms) >=
		1 - ORACLE_TOKEN_ERROR;
}

static inline bool
oracle_group_must(Oracle *o, int group)
{
	return oracle_in_flight(o, group, true) < o->options.group_concurrency &&
		oracle_tokens(&o->group_bucket[group], &o->options.group_rate, o->now_ms) >=
		1 + ORACLE_TOKEN_ERROR;
}

/* Whether nothing but its rank among others keeps the queue from delivering it. */
static inline bool
oracle_must_deliver(Oracle *o, const OracleMessage *m)
{
	return !m->soft && oracle_is_deliverable(o, m) &&
		(m->group == 0 || (oracle_is_first_of_group(o, m) && oracle_group_must(o, m->group)));
}

/* How many the queue's own limits allow to deliver, at most and at least. */
static inline int
oracle_allowance_max(Oracle *o)
{
	int			n = 1000000;

	if (o->options.paused)
		return 0;
	if (o->options.concurrency > 0)
		n = o->options.concurrency - oracle_in_flight(o, 0, false);
	return Min(n, (int) (oracle_tokens(&o->bucket, &o->options.rate, o->now_ms) +
						 ORACLE_TOKEN_ERROR));
}

static inline int
oracle_allowance_min(Oracle *o)
{
	int			n = 1000000;

	if (o->options.paused)
		return 0;
	if (o->options.concurrency > 0)
		n = o->options.concurrency - oracle_in_flight(o, 0, true);
	return Min(n, (int) (oracle_tokens(&o->bucket, &o->options.rate, o->now_ms) -
						 ORACLE_TOKEN_ERROR));
}

/* Whether nothing that is open, in flight or being read keeps others from memory. */
static inline bool
oracle_has_memory(const Oracle *o)
{
	int			n = 0;

	for (int i = 0; i < o->n && o->memory != 0; i++)
	{
		const OracleMessage *m = &o->messages[i];

		n += m->state == ORACLE_OPEN || m->state == ORACLE_LEASED ||
			m->state == ORACLE_SETTLING || m->soft ||
			(m->state == ORACLE_WAITING && m->out_of_order);
	}
	return !o->reading && (o->memory == 0 || n <= o->memory);
}

/* A message that must be delivered if a consumer asks now, or NULL. */
static inline OracleMessage *
oracle_any(Oracle *o)
{
	if (oracle_allowance_min(o) < 1 || !oracle_has_memory(o))
		return NULL;
	for (int i = 0; i < o->n; i++)
	{
		if (oracle_must_deliver(o, &o->messages[i]))
			return &o->messages[i];
	}
	return NULL;
}

/* Messages that count for max_length: surely, or perhaps. */
static inline int
oracle_length(const Oracle *o, bool perhaps)
{
	int			n = 0;

	for (int i = 0; i < o->n; i++)
	{
		const OracleMessage *m = &o->messages[i];
		bool		is = m->state != ORACLE_GONE && !m->doomed;
		bool		expired = m->state == ORACLE_WAITING && oracle_has_expired(o, m);

		n += perhaps ? (is || m->soft) : (is && !m->soft && !expired);
	}
	return n;
}

/* ---- what happens ---- */

static inline void
oracle_send(Oracle *o, const OracleMessage *message, int tx, int level)
{
	OracleMessage *m = &o->messages[o->n++];

	*m = *message;
	m->state = ORACLE_OPEN;
	m->tx = tx;
	m->level = level;
}

/* It waits, from now on. */
static inline void
oracle_offer(Oracle *o, OracleMessage *m, int64 due_ms)
{
	if (m->state != ORACLE_OPEN || m->id < o->committed)
		m->out_of_order = true;
	o->committed = Max(o->committed, m->id);
	m->state = ORACLE_WAITING;
	m->tx = m->claim_tx = 0;
	m->due_ms = due_ms;
	m->was_delayed |= due_ms != 0;
	m->doomed = o->options.max_attempts > 0 && m->attempts >= o->options.max_attempts;
	m->blocks = m->group != 0 && m->attempts > 0 && due_ms > o->now_ms &&
		o->options.group_concurrency == 1;
}

/* Is one of them to be delivered before the other? */
static inline bool
oracle_precedes(const OracleMessage *a, const OracleMessage *b)
{
	return a->priority != b->priority ? a->priority > b->priority : a->id < b->id;
}

/* Why the message must not be delivered now, or NULL. */
static inline const char *
oracle_forbids(Oracle *o, const OracleMessage *m)
{
	if (m == NULL)
		return "delivered, but was never sent";
	if (m->state == ORACLE_GONE)
		return "delivered, but was settled";
	if (m->state == ORACLE_OPEN)
		return "delivered, but its sender has not committed";
	if (m->state != ORACLE_WAITING)
		return "delivered, but is in flight";
	if (m->doomed)
		return "delivered, but has no attempts left";
	if (m->due_ms > o->now_ms)
		return "delivered before it was due";
	if (oracle_has_expired(o, m))
		return "delivered after it had expired";
	if (o->options.paused)
		return "delivered, but the queue is paused";
	if (oracle_allowance_max(o) < 1)
		return "delivered beyond the queue's limits";
	if (m->group != 0 && !oracle_group_may(o, m->group))
		return "delivered beyond its group's limits";
	if (m->group != 0 && !oracle_is_first_of_group(o, m))
		return "delivered before an earlier one of its group";
	for (int i = 0; i < o->n; i++)
	{
		OracleMessage *other = &o->messages[i];

		if (other == m || !oracle_precedes(other, m) || !oracle_must_deliver(o, other))
			continue;
		/* of groups with several in flight only the order within is promised */
		if (other->group != 0 && (o->options.group_concurrency > 1 || o->spills))
			continue;
		if (o->spills && (other->was_delayed || other->priority == m->priority ||
						  !oracle_has_memory(o)))
			continue;
		return other->priority > m->priority ?
			"delivered before one of a higher priority" :
			"delivered before an earlier one";
	}
	return NULL;
}

/*
 * The queue delivers it, for a lease or (until_ms 0) taken by the transaction.
 * Returns what is wrong with that, or NULL.
 */
static inline const char *
oracle_deliver(Oracle *o, int64 id, int64 until_ms, int tx, int level)
{
	OracleMessage *m = oracle_find(o, id);
	const char *wrong = oracle_forbids(o, m);

	if (wrong != NULL)
		return wrong;
	o->delivered++;
	o->bucket.tokens -= 1;
	if (m->group != 0)
		o->group_bucket[m->group].tokens -= 1;
	m->attempts++;
	m->soft = false;
	m->blocks = false;
	m->due_ms = 0;
	m->until_ms = until_ms;
	m->taken = (until_ms == 0);
	m->claim_tx = 0;
	if (m->taken)
	{
		m->state = ORACLE_SETTLING;
		m->outcome = ORACLE_ACK;
		m->tx = tx;
		m->level = level;
	}
	else
	{
		m->state = ORACLE_LEASED;
		m->claim_tx = tx;
		m->claim_level = level;
	}
	return NULL;
}

/* Whether a receipt is good: from the delivery that the message is leased for. */
static inline bool
oracle_is_live(Oracle *o, int64 id, int attempts)
{
	const OracleMessage *m = oracle_find(o, id);

	return m->state == ORACLE_LEASED && m->attempts == attempts &&
		m->until_ms > o->now_ms;
}

/* A message under a lease is settled, or (PURGE) one that waits. */
static inline void
oracle_settle(Oracle *o, int64 id, OracleOutcome outcome, int64 retry_ms, int tx, int level)
{
	OracleMessage *m = oracle_find(o, id);

	m->taken = (m->state == ORACLE_WAITING);
	m->state = ORACLE_SETTLING;
	m->outcome = outcome;
	m->retry_ms = retry_ms;
	m->tx = tx;
	m->level = level;
}

static inline void
oracle_commit_message(Oracle *o, OracleMessage *m)
{
	bool		last = o->options.max_attempts > 0 &&
	m->attempts >= o->options.max_attempts;

	if (m->state == ORACLE_OPEN)
		oracle_offer(o, m, m->due_ms);
	else if (m->outcome == ORACLE_NACK && !last)
		oracle_offer(o, m, m->retry_ms);
	else
	{
		m->state = ORACLE_GONE;
		o->acknowledged += (m->outcome == ORACLE_ACK);
		o->dead += (m->outcome == ORACLE_NACK || m->outcome == ORACLE_REJECT);
	}
}

static inline void
oracle_abort_message(Oracle *o, OracleMessage *m)
{
	if (m->state == ORACLE_OPEN)
		m->state = ORACLE_GONE;
	else if (m->taken)
		oracle_offer(o, m, m->outcome == ORACLE_PURGE ? m->due_ms : 0);
	else
		m->state = ORACLE_LEASED;
}

/* The transaction ends. */
static inline void
oracle_end(Oracle *o, int tx, bool commit)
{
	for (int i = 0; i < o->n; i++)
	{
		OracleMessage *m = &o->messages[i];

		if (m->tx == tx && (m->state == ORACLE_OPEN || m->state == ORACLE_SETTLING))
		{
			if (commit)
				oracle_commit_message(o, m);
			else
				oracle_abort_message(o, m);
		}
		if (m->claim_tx == tx)
		{
			m->claim_tx = 0;
			/* soft: it was being settled all the time, and keeps its lease */
			if (!commit && m->state == ORACLE_LEASED && !m->soft)
				oracle_offer(o, m, 0);
		}
	}
}

/* It rolls back to before its savepoint of that level, or releases that. */
static inline void
oracle_end_savepoint(Oracle *o, int tx, int level, bool release)
{
	for (int i = 0; i < o->n; i++)
	{
		OracleMessage *m = &o->messages[i];

		if (m->tx == tx && m->level >= level &&
			(m->state == ORACLE_OPEN || m->state == ORACLE_SETTLING))
		{
			if (release)
				m->level = level - 1;
			else
				oracle_abort_message(o, m);
		}
		if (m->claim_tx == tx && m->claim_level >= level)
		{
			if (release)
				m->claim_level = level - 1;
			else
			{
				m->claim_tx = 0;
				if (m->state == ORACLE_LEASED && !m->soft)
					oracle_offer(o, m, 0);
			}
		}
	}
}

/* It is prepared, under another number; its leases go on whatever follows. */
static inline void
oracle_prepare(Oracle *o, int tx, int prepared)
{
	for (int i = 0; i < o->n; i++)
	{
		OracleMessage *m = &o->messages[i];

		if (m->claim_tx == tx)
			m->claim_tx = 0;
		if (m->tx == tx && (m->state == ORACLE_OPEN || m->state == ORACLE_SETTLING))
			m->tx = prepared;
	}
}

static inline void
oracle_end_prepared(Oracle *o, int prepared, bool commit)
{
	for (int i = 0; i < o->n; i++)
	{
		OracleMessage *m = &o->messages[i];

		if (m->tx == prepared && (m->state == ORACLE_OPEN || m->state == ORACLE_SETTLING))
			m->soft = true;
	}
	oracle_end(o, prepared, commit);
}

/* Whether a lease has ended that the queue should have taken back. */
static inline bool
oracle_lease_overdue(const Oracle *o)
{
	for (int i = 0; i < o->n; i++)
	{
		const OracleMessage *m = &o->messages[i];

		if (m->state == ORACLE_LEASED && !m->soft && m->until_ms <= o->now_ms)
			return true;
	}
	return false;
}

/* The worker has done what there was to do. */
static inline void
oracle_maintained(Oracle *o)
{
	for (int i = 0; i < o->n; i++)
	{
		OracleMessage *m = &o->messages[i];

		m->soft = false;
		if (m->state == ORACLE_LEASED && m->until_ms <= o->now_ms)
			oracle_offer(o, m, 0);
		if (m->state == ORACLE_WAITING && (m->doomed || oracle_has_expired(o, m)))
		{
			o->dead += m->doomed;
			m->state = ORACLE_GONE;
		}
	}
}

/* The queue drops messages after a commit: what is wrong with this one, or NULL. */
static inline const char *
oracle_drop(Oracle *o, int64 id)
{
	OracleMessage *m = oracle_find(o, id);
	int			committed = 0;

	for (int i = 0; i < o->n; i++)
	{
		const OracleMessage *other = &o->messages[i];

		committed += other->state != ORACLE_GONE && other->state != ORACLE_OPEN &&
			!other->doomed;
		if (other->group == 0 && m != NULL && m->group == 0 && !o->spills &&
			oracle_is_deliverable(o, other) &&
			(other->priority < m->priority ||
			 (other->priority == m->priority && other->id < m->id)))
			return "dropped before an earlier one";
	}
	if (m == NULL || !oracle_is_deliverable(o, m))
		return "dropped, but was not ready";
	if (!o->options.drop_oldest || committed <= o->options.max_length)
		return "dropped, but there was room";
	m->state = ORACLE_GONE;
	return NULL;
}

#endif							/* CQ_QUEUE_ORACLE_H */
