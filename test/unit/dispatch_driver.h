/*-------------------------------------------------------------------------
 *
 * dispatch_driver.h
 *	  What the server does around the dispatcher, without the server: the table
 *	  of messages, transactions with savepoints, scans, the worker.
 *
 * Each function takes the steps of its model in src/queue, under the same locks
 * and in the same order; what is written to tables there stands in one array
 * here.  A Driver lives in shared memory and may be used by several processes,
 * each with Sessions of its own.  All of it concerns one queue.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_DISPATCH_DRIVER_H
#define CQ_DISPATCH_DRIVER_H

#include <sched.h>
#include <sys/mman.h>

#include "core/clock.h"
#include "port/pg_bitutils.h"
#include "queue/dispatch/backlog.h"
#include "queue/dispatch/check.h"
#include "queue/dispatch/deliver.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/groups.h"
#include "queue/dispatch/lifecycle.h"
#include "queue/dispatch/limits.h"
#include "tap.h"
#include "utils/timestamp.h"

#define DRIVER_ROWS_MAX 40000
#define DRIVER_ITEMS_MAX 2000
#define DRIVER_CLAIMS_MAX 32

/* rows in a block; rows that a scan reads beyond what it wants (SLACK_ROWS) */
#define DRIVER_BLOCK_ROWS 8
#define DRIVER_SLACK_ROWS 16

/* as GROUP_RANK_MAX of collect.c */
#define DRIVER_RANK_MAX 16

#define DRIVER_GROUPS_MAX 64

/* transaction number of what has committed, or rolled back */
#define TX_COMMITTED 0
#define TX_ABORTED (-1)

/* from here on they are prepared transactions */
#define TX_PREPARED 1000

/* A message in the table, and what the events say about it. */
typedef struct DriverRow
{
	int64		id;
	int			tx;				/* that inserted it */
	int			priority;
	int			group;			/* 0: none */
	int64		due;			/* of the message or its latest failed attempt */
	int64		expires;
	uint32		bytes;
	int			attempts;
	bool		settled;
	int			settler;		/* transaction that has appended an event, in
								 * progress; TX_COMMITTED: none */
	bool		retry;			/* the event is of a failed attempt ... */
	int64		retry_due;
	int			retry_attempts;
} DriverRow;

typedef struct Driver
{
	CqQueueState *queue;
	LWLock		lock;			/* guards the rest */
	int			nrows;
	DriverRow	rows[DRIVER_ROWS_MAX];
	int			nscans;
	int			nprepared;		/* transactions prepared so far */
	int			ended[64];		/* of them: 0 in progress, 1 committed, -1
								 * rolled back */
} Driver;

typedef enum DriverItemKind
{
	ITEM_SEND,
	ITEM_UNLOADED,
	ITEM_CLAIM,
	ITEM_SETTLE
} DriverItemKind;

typedef struct DriverItem
{
	DriverItemKind kind;
	int			level;
	uint32		entry;
	uint32		nonce;
	int64		msg_id;
	CqUnloaded	unloaded;
	BlockNumber last_block;
} DriverItem;

/* A session, with its transaction. */
typedef struct Session
{
	int			tx;				/* > 0, the same all the time */
	int			level;			/* 1, more below savepoints */
	int			nitems;
	DriverItem	items[DRIVER_ITEMS_MAX];
} Session;

/* A delivery: what a receipt says. */
typedef struct Delivery
{
	int64		msg_id;
	uint32		entry;
	uint32		nonce;
	int			attempts;
	int64		until;
} Delivery;

/* consumers woken, by all that was unlocked in this process */
static uint32 driver_signals = 0;

static inline void *
driver_map(Size size)
{
	void	   *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
						   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (mem == MAP_FAILED)
		abort();
	return mem;
}

/* A queue with one segment, in memory for so many entries; window 0: as usual. */
static inline Driver *
driver_start(uint32 entries, uint32 window, const CqQueueOptions *options)
{
	Driver	   *d = driver_map(sizeof(Driver));
	CqQueueState *queue;

	cq_dispatch_init(driver_map(cq_dispatch_size(1, entries * sizeof(CqMsg))), 1,
					 entries * sizeof(CqMsg), 0);
	if (window != 0)
	{
		cq_queues->window = window;
		cq_queues->pool_reserve = 0;
	}
	LWLockInitialize(&d->lock, 0);
	d->queue = queue = &cq_queue_states[0];
	queue->key.database = queue->key.id = queue->key.sequence = 1;
	queue->nsegments = 1;
	queue->options = *options;
	cq_backlog_init(queue);
	queue->number_next = 1;
	return d;
}

static inline void
driver_stop(Driver *d)
{
	munmap(cq_queues, cq_dispatch_size(1, (Size) cq_queues->pool_size * sizeof(CqMsg)));
	munmap(d, sizeof(Driver));
}

static inline Session *
session_start(int tx)
{
	Session    *s = calloc(1, sizeof(Session));

	s->tx = tx;
	s->level = 1;
	return s;
}

static inline void
driver_lock(Driver *d, LWLockMode mode)
{
	LWLockAcquire(&d->queue->lock, mode);
}

/* cq_queue_unlock() of queue/wake.c */
static inline void
driver_unlock(Driver *d, CqEffects *effects)
{
	cq_dispatch_plan_notify(d->queue, effects);
	driver_signals += effects->ready;
	memset(effects, 0, sizeof(*effects));
	LWLockRelease(&d->queue->lock);
}

static inline void
driver_check(Driver *d)
{
	driver_lock(d, LW_EXCLUSIVE);
	cq_dispatch_check(d->queue);
	LWLockRelease(&d->queue->lock);
}

static inline BlockNumber
driver_block(const Driver *d, const DriverRow *r)
{
	return (r - d->rows) / DRIVER_BLOCK_ROWS;
}

/* Table locked; numbers come in order, but for late ones. */
static inline DriverRow *
driver_find(Driver *d, int64 id)
{
	for (int i = Min(id + 8, d->nrows) - 1; i >= 0; i--)
	{
		if (d->rows[i].id == id)
			return &d->rows[i];
	}
	for (int i = d->nrows - 1; i >= 0; i--)
	{
		if (d->rows[i].id == id)
			return &d->rows[i];
	}
	abort();
}

static inline uint64
driver_group_hash(int group)
{
	return group == 0 ? 0 : group * UINT64CONST(0x9E3779B97F4A7C15);
}

static inline DriverItem *
session_item(Session *s, DriverItemKind kind, uint32 entry)
{
	DriverItem *item = &s->items[s->nitems++];

	if (s->nitems == DRIVER_ITEMS_MAX)
		abort();
	memset(item, 0, sizeof(*item));
	item->kind = kind;
	item->level = s->level;
	item->entry = entry;
	if (entry != CQ_NONE)
	{
		item->nonce = CQ_MSG(entry)->nonce;
		item->msg_id = CQ_MSG(entry)->msg_id;
	}
	return item;
}

/* ---- send.c ---- */

/* Whether there is room for one more, or none is asked for. */
static inline bool
driver_fits(const CqQueueState *queue)
{
	const CqQueueOptions *options = &queue->options;

	return options->max_length == 0 || options->overflow == CQ_OVERFLOW_DROP_OLDEST ||
		cq_dispatch_length(queue).n + 1 <= options->max_length;
}

/* Queue locked: an entry for the new message, or the item of those without. */
static inline uint32
driver_take_entry(Driver *d, Session *s, const DriverRow *r)
{
	CqQueueState *queue = d->queue;
	uint32		i = cq_entry_take(queue, true, driver_group_hash(r->group));
	CqAmount	amount = {1, r->bytes};
	DriverItem *item;

	if (i == CQ_NONE)
	{
		cq_backlog_open(queue, &amount);
		item = session_item(s, ITEM_UNLOADED, CQ_NONE);
		item->msg_id = r->id;
		item->unloaded.due = r->due;
		item->unloaded.expires = r->expires;
		item->unloaded.amount = amount;
		item->unloaded.priorities = CQ_PRIORITY_BIT(r->priority);
		return CQ_NONE;
	}
	CQ_MSG(i)->msg_id = r->id;
	CQ_MSG(i)->due = r->due;
	CQ_MSG(i)->expires = r->expires;
	CQ_MSG(i)->bytes = r->bytes;
	CQ_MSG(i)->priority = r->priority;
	cq_entry_link(queue, i, CQ_MSG_OPEN);
	session_item(s, ITEM_SEND, i);
	return i;
}

/* Send what r says; returns its number, or 0 when the queue is full. */
static inline int64
driver_send(Driver *d, Session *s, const DriverRow *message)
{
	CqQueueState *queue = d->queue;
	CqEffects	effects = {0};
	DriverRow	r = *message;
	BlockNumber block;
	uint32		entry;

	driver_lock(d, LW_EXCLUSIVE);
	if (!driver_fits(queue))
	{
		driver_unlock(d, &effects);
		return 0;
	}
	r.id = queue->number_next++;
	r.tx = s->tx;
	entry = driver_take_entry(d, s, &r);
	queue->segment[0].inserted++;
	driver_unlock(d, &effects);

	LWLockAcquire(&d->lock, LW_EXCLUSIVE);
	if (d->nrows == DRIVER_ROWS_MAX)
		abort();
	d->rows[d->nrows] = r;
	block = driver_block(d, &d->rows[d->nrows++]);
	LWLockRelease(&d->lock);
	if (entry != CQ_NONE)
		CQ_MSG(entry)->block = block;
	else
		s->items[s->nitems - 1].unloaded.block = s->items[s->nitems - 1].last_block = block;
	return r.id;
}

/* ---- scan.c, collect.c ---- */

typedef struct DriverCandidate
{
	DriverRow	message;		/* as it was read */
	BlockNumber block;
	int			rank;
	bool		in_memory;
} DriverCandidate;

typedef struct DriverList
{
	DriverCandidate *items;
	int			n;
	int			limit;			/* 0: all */
	bool		by_due;
} DriverList;

typedef struct DriverScan
{
	CqBacklogTaken taken;
	CqBacklogLeft left;
	DriverList	ready;
	DriverList	delayed;
	DriverList	pending;
	DriverList	busy;
	int64	   *known;
	int			nknown;
	int			useful;
	int			in_group[DRIVER_GROUPS_MAX];
} DriverScan;

static inline int
driver_compare_ids(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

static inline int
driver_by_number(const void *a, const void *b)
{
	return driver_compare_ids(&((const DriverCandidate *) a)->message.id,
							  &((const DriverCandidate *) b)->message.id);
}

static inline int
driver_by_due(const void *a, const void *b)
{
	int			order = driver_compare_ids(&((const DriverCandidate *) a)->message.due,
										   &((const DriverCandidate *) b)->message.due);

	return order != 0 ? order : driver_by_number(a, b);
}

static inline int
driver_by_priority(const void *a, const void *b)
{
	const DriverCandidate *x = a;
	const DriverCandidate *y = b;
	bool		x_back = x->rank >= DRIVER_RANK_MAX;
	bool		y_back = y->rank >= DRIVER_RANK_MAX;

	if (x_back != y_back)
		return x_back ? 1 : -1;
	if (x->message.priority != y->message.priority)
		return y->message.priority - x->message.priority;
	return driver_by_number(a, b);
}

/* cq_candidate_leave() */
static inline void
driver_leave(DriverScan *scan, const DriverCandidate *c)
{
	CqBacklogLeft *left = &scan->left;

	left->from[0] = cq_lower_block(left->from[0], c->block);
	left->expires = cq_earlier(left->expires, c->message.expires);
	left->amount.n++;
	left->amount.bytes += c->message.bytes;
	if (c->message.due == 0)
	{
		left->ready = true;
		left->priorities |= CQ_PRIORITY_BIT(c->message.priority);
	}
	else
	{
		left->delayed++;
		left->due = cq_earlier(left->due, c->message.due);
	}
}

static inline void
driver_add(DriverList *list, const DriverCandidate *c)
{
	if ((list->n & (list->n - 1)) == 0)
		list->items = realloc(list->items, Max(list->n * 2, 1) * sizeof(*c));
	list->items[list->n++] = *c;
}

static inline void
driver_cut(DriverScan *scan, DriverList *list)
{
	if (list->n == 0)
		return;
	if (list->limit > 0 && list->n > list->limit)
	{
		qsort(list->items, list->n, sizeof(DriverCandidate),
			  list->by_due ? driver_by_due : driver_by_priority);
		while (list->n > list->limit)
			driver_leave(scan, &list->items[--list->n]);
	}
	qsort(list->items, list->n, sizeof(DriverCandidate), driver_by_number);
}

/* Table locked: whether that transaction has been prepared, and not ended. */
static inline bool
driver_is_prepared(const Driver *d, int tx)
{
	return tx >= TX_PREPARED && d->ended[tx - TX_PREPARED] == 0;
}

/* note_message(): judge one row, at block. */
static inline void
driver_note(Driver *d, DriverScan *scan, const DriverRow *r)
{
	DriverCandidate c = {*r, driver_block(d, r), 0, false};
	int64		now = GetCurrentTimestamp();

	if (r->settled || r->tx == TX_ABORTED ||
		(scan->nknown > 0 && bsearch(&r->id, scan->known, scan->nknown, sizeof(int64),
									 driver_compare_ids) != NULL))
		return;
	if (c.message.due <= now)
		c.message.due = 0;
	if (r->tx != TX_COMMITTED)
	{
		if (scan->taken.dirty && driver_is_prepared(d, r->tx))
			driver_add(&scan->pending, &c);
		return;
	}
	if (r->settler != TX_COMMITTED)
	{
		if (driver_is_prepared(d, r->settler))
			driver_add(&scan->pending, &c);
		else
		{
			scan->left.amount.n++;
			scan->left.amount.bytes += r->bytes;
		}
		return;
	}
	if (c.message.due != 0 && r->group != 0 && r->attempts > 0 &&
		d->queue->options.group_concurrency == 1)
		driver_add(&scan->busy, &c);
	else if (c.message.due != 0)
		driver_add(&scan->delayed, &c);
	else
	{
		if (r->group != 0)
			c.rank = scan->in_group[r->group]++;
		scan->useful += (c.rank < DRIVER_RANK_MAX);
		driver_add(&scan->ready, &c);
	}
}

/* cq_collect() */
static inline void
driver_collect(Driver *d, DriverScan *scan)
{
	uint32		priorities = scan->taken.priorities;
	bool		mixed = (priorities & (priorities - 1)) != 0;
	int			slack = DRIVER_SLACK_ROWS;
	int64		i = (int64) scan->taken.from[0] * DRIVER_BLOCK_ROWS;

	LWLockAcquire(&d->lock, LW_SHARED);
	d->nscans++;				/* one at a time */
	scan->left.complete = true;
	scan->left.nblocks[0] = (d->nrows + DRIVER_BLOCK_ROWS - 1) / DRIVER_BLOCK_ROWS;
	for (; i < d->nrows; i++)
	{
		if (!scan->left.everything && !mixed && scan->useful >= scan->ready.limit &&
			--slack < 0)
		{
			scan->left.from[0] = cq_lower_block(scan->left.from[0],
												driver_block(d, &d->rows[i]));
			scan->left.ready = true;
			scan->left.priorities |= priorities;
			scan->left.complete = false;
			break;
		}
		driver_note(d, scan, &d->rows[i]);
	}
	LWLockRelease(&d->lock);
	driver_cut(scan, &scan->ready);
	driver_cut(scan, &scan->delayed);
	driver_cut(scan, &scan->pending);
	driver_cut(scan, &scan->busy);
}

/* cq_scan_mark_in_memory() */
static inline void
driver_mark_in_memory(DriverScan *scan, const CqQueueState *queue)
{
	DriverList *lists[] = {&scan->ready, &scan->delayed, &scan->pending, &scan->busy};

	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		for (uint32 i = cq_entries_first(queue, state); i != CQ_NONE;
			 i = cq_entries_next(queue, i))
		{
			DriverCandidate key = {.message.id = CQ_MSG(i)->msg_id};

			for (int j = 0; j < lengthof(lists); j++)
			{
				DriverCandidate *c = lists[j]->n == 0 ? NULL :
				bsearch(&key, lists[j]->items, lists[j]->n, sizeof(key),
						driver_by_number);

				if (c != NULL)
					c->in_memory = true;
			}
		}
	}
}

/* new_entry() */
static inline uint32
driver_load_entry(CqQueueState *queue, const DriverCandidate *c)
{
	uint32		i = cq_entry_take(queue, false, driver_group_hash(c->message.group));

	if (i != CQ_NONE)
	{
		CQ_MSG(i)->msg_id = c->message.id;
		CQ_MSG(i)->block = c->block;
		CQ_MSG(i)->attempts = c->message.attempts;
		CQ_MSG(i)->due = c->message.due;
		CQ_MSG(i)->expires = c->message.expires;
		CQ_MSG(i)->bytes = c->message.bytes;
		CQ_MSG(i)->priority = c->message.priority;
	}
	return i;
}

/* push_list() */
static inline void
driver_push(DriverScan *scan, CqQueueState *queue, const DriverList *list, bool *full,
			CqEffects *effects)
{
	for (int j = 0; j < list->n; j++)
	{
		const DriverCandidate *c = &list->items[j];
		uint32		i = CQ_NONE;

		if (c->in_memory)
			continue;
		if (!*full)
			i = driver_load_entry(queue, c);
		if (i == CQ_NONE)
		{
			*full = true;
			driver_leave(scan, c);
			continue;
		}
		cq_entry_offer(queue, i, effects);
		scan->left.loaded.n++;
		scan->left.loaded.bytes += c->message.bytes;
		scan->left.loaded_delayed += list->by_due;
	}
}

/* push_pending() */
static inline void
driver_push_pending(DriverScan *scan, CqQueueState *queue, CqEffects *effects)
{
	for (int j = 0; j < scan->pending.n; j++)
	{
		const DriverCandidate *c = &scan->pending.items[j];
		bool		sent = c->message.tx != TX_COMMITTED;
		uint32		i;

		if (c->in_memory)
			continue;
		i = driver_load_entry(queue, c);
		if (i == CQ_NONE)
		{
			scan->left.from[0] = cq_lower_block(scan->left.from[0], c->block);
			scan->left.ready = true;
			scan->left.priorities |= CQ_PRIORITY_BIT(c->message.priority);
			scan->left.amount.n += !sent;
			scan->left.amount.bytes += sent ? 0 : c->message.bytes;
			cq_backlog_add_pending(queue);
			continue;
		}
		if (sent)
			cq_entry_link(queue, i, CQ_MSG_OPEN);
		else
		{
			CQ_MSG(i)->outcome = c->message.retry ? CQ_OUTCOME_FAILED :
				CQ_OUTCOME_ACKNOWLEDGED;
			CQ_MSG(i)->attempts = Max(c->message.attempts, c->message.retry_attempts);
			CQ_MSG(i)->due = c->message.retry ? c->message.retry_due : 0;
			CQ_MSG(i)->flags |= CQ_MSG_TAKEN;
			cq_entry_link(queue, i, CQ_MSG_SETTLING);
			scan->left.loaded.n++;
			scan->left.loaded.bytes += c->message.bytes;
		}
		cq_entry_set_by_xid(queue, i, sent ? c->message.tx : c->message.settler);
	}
}

/* finish_locked(), with the queue locked */
static inline void
driver_finish_scan(DriverScan *scan, CqQueueState *queue, CqEffects *effects)
{
	bool		news = queue->backlog.priorities_new != 0;
	bool		full = false;

	driver_mark_in_memory(scan, queue);
	driver_push_pending(scan, queue, effects);
	driver_push(scan, queue, &scan->busy, &full, effects);
	driver_push(scan, queue, &scan->ready, &full, effects);
	driver_push(scan, queue, &scan->delayed, &full, effects);
	cq_backlog_put_left(queue, &scan->taken, &scan->left, effects);
	cq_entries_end_scan(queue, !cq_backlog_has_ready(queue), effects);
	if (queue->count[CQ_MSG_READY] == 0 && !news)
		cq_backlog_set_stuck(queue);
	cq_dispatch_trim(queue, effects);
	cq_dispatch_check(queue);
}

/* cq_scan_begin(); NULL when another scan runs */
static inline DriverScan *
driver_begin_scan(Driver *d)
{
	DriverScan *scan = calloc(1, sizeof(DriverScan));
	CqQueueState *queue = d->queue;
	CqEffects	effects = {0};

	driver_lock(d, LW_EXCLUSIVE);
	if (queue->backlog.scanning)
	{
		driver_unlock(d, &effects);
		free(scan);
		return NULL;
	}
	scan->left.everything = !queue->backlog.loaded || queue->backlog.dirty;
	scan->ready.limit = Max(cq_dispatch_room(queue, false), 1);
	scan->delayed.limit = Max(cq_queues->window / 2, 1);
	scan->delayed.by_due = true;
	queue->wants &= ~CQ_WANT_SCAN;
	cq_backlog_take(queue, 1, &scan->taken);
	for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
		scan->left.from[k] = InvalidBlockNumber;
	scan->known = calloc(cq_dispatch_entries(queue) + queue->count[CQ_MSG_SETTLED] + 1, sizeof(int64));
	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		for (uint32 i = cq_entries_first(queue, state); i != CQ_NONE;
			 i = cq_entries_next(queue, i))
			scan->known[scan->nknown++] = CQ_MSG(i)->msg_id;
	}
	driver_unlock(d, &effects);
	qsort(scan->known, scan->nknown, sizeof(int64), driver_compare_ids);
	return scan;
}

/* After driver_collect(). */
static inline void
driver_end_scan(Driver *d, DriverScan *scan)
{
	CqEffects	effects = {0};

	driver_lock(d, LW_EXCLUSIVE);
	driver_finish_scan(scan, d->queue, &effects);
	driver_unlock(d, &effects);
	free(scan->ready.items);
	free(scan->delayed.items);
	free(scan->pending.items);
	free(scan->busy.items);
	free(scan->known);
	free(scan);
}

/* cq_scan_refill(); whoever comes while another scan runs does without */
static inline void
driver_scan(Driver *d)
{
	DriverScan *scan = driver_begin_scan(d);

	if (scan == NULL)
	{
		sched_yield();
		return;
	}
	driver_collect(d, scan);
	driver_end_scan(d, scan);
}

/* ---- claim.c, wait.c ---- */

/* Claim up to max, for that long or (0) taken; returns how many. */
static inline int
driver_claim(Driver *d, Session *s, int max, int64 lease_ms, Delivery *deliveries)
{
	CqQueueState *queue = d->queue;
	CqTerms		terms = {.take = lease_ms == 0,.holder = s->tx};
	int			n = 0;

	for (int attempt = 0;; attempt++)
	{
		CqEffects	effects = {0};
		int64		ignored = PG_INT64_MAX;
		int			allowance;
		bool		refill;
		int			got = 0;

		if (n == 0 && lease_ms > 0)
			terms.until = cq_clock_ms_after(lease_ms);
		driver_lock(d, LW_EXCLUSIVE);
		cq_entries_release_due(queue, &effects);
		allowance = Min(max - n, cq_dispatch_allowance(queue, &ignored));
		if (allowance > 0 && attempt < 2 && cq_backlog_wants_room(queue))
			cq_dispatch_make_room(queue, pg_leftmost_one_pos32(queue->backlog.priorities) +
								  CQ_PRIORITY_MIN, &effects);
		refill = allowance > 0 && attempt < 2 && cq_backlog_scan_due(queue);
		while (!refill && got < allowance)
		{
			uint32		i;
			Delivery   *delivery = &deliveries[n + got];

			if (got > 0 && cq_backlog_has_ready(queue) && cq_backlog_scan_due(queue))
				break;
			i = cq_deliver_next(queue, &terms, &effects);
			if (i == CQ_NONE)
				break;
			session_item(s, terms.take ? ITEM_SETTLE : ITEM_CLAIM, i);
			delivery->msg_id = CQ_MSG(i)->msg_id;
			delivery->entry = i;
			delivery->nonce = CQ_MSG(i)->nonce;
			delivery->attempts = CQ_MSG(i)->attempts;
			delivery->until = CQ_MSG(i)->until;
			got++;
		}
		if (!refill)
			cq_deliver_done(queue, got, &terms, &effects);
		n += got;
		if (got > 0 && got < allowance && cq_backlog_scan_due(queue))
		{
			refill = true;
			attempt = 0;
		}
		driver_unlock(d, &effects);
		if (refill)
			driver_scan(d);
		else
			break;
	}
	if (terms.take && n > 0)
	{
		LWLockAcquire(&d->lock, LW_EXCLUSIVE);
		for (int j = 0; j < n; j++)
		{
			driver_find(d, deliveries[j].msg_id)->settler = s->tx;
			driver_find(d, deliveries[j].msg_id)->retry = false;
		}
		LWLockRelease(&d->lock);
	}
	return n;
}

/*
 * is_ready(): whether a consumer finds something; if not, *until is lowered to
 * when it looks again of its own accord.
 */
static inline bool
driver_is_ready(Driver *d, int64 *until)
{
	CqQueueState *queue = d->queue;
	CqEffects	effects = {0};
	bool		ready;

	driver_lock(d, LW_EXCLUSIVE);
	cq_entries_release_due(queue, &effects);
	ready = (queue->count[CQ_MSG_READY] > 0 || cq_backlog_scan_due(queue)) &&
		cq_dispatch_allowance(queue, until) > 0;
	if (!ready && queue->list[CQ_MSG_DELAYED] != CQ_NONE)
		*until = Min(*until, cq_due_ms(CQ_MSG(queue->list[CQ_MSG_DELAYED])->due));
	if (!ready && queue->group_times != CQ_NONE)
		*until = Min(*until, CQ_GROUP(queue->group_times)->until);
	driver_unlock(d, &effects);
	return ready;
}

/* ---- settle.c ---- */

/* find_live(), with the queue locked */
static inline bool
driver_is_live(const Delivery *delivery)
{
	const CqMsg *msg = CQ_MSG(delivery->entry);

	return msg->state == CQ_MSG_LEASED && msg->msg_id == delivery->msg_id &&
		msg->nonce == delivery->nonce && msg->until > cq_clock_ms();
}

/* An event in progress: settled, or (FAILED) to be delivered again at due. */
static inline void
driver_event(Driver *d, Session *s, int64 id, CqOutcome outcome, int64 due, int attempts)
{
	DriverRow  *r;

	LWLockAcquire(&d->lock, LW_EXCLUSIVE);
	r = driver_find(d, id);
	r->settler = s->tx;
	r->retry = (outcome == CQ_OUTCOME_FAILED || outcome == CQ_OUTCOME_EXPIRED);
	r->retry_due = due;
	r->retry_attempts = attempts;
	LWLockRelease(&d->lock);
}

/*
 * Settle a delivery: ACKNOWLEDGED, REJECTED, or FAILED and due then.  Returns false
 * when it is not live.
 */
static inline bool
driver_settle(Driver *d, Session *s, const Delivery *delivery, CqOutcome outcome,
			  int64 due)
{
	CqQueueState *queue = d->queue;
	CqEffects	effects = {0};
	bool		live;
	int			attempts = 0;

	driver_lock(d, LW_EXCLUSIVE);
	live = driver_is_live(delivery);
	if (live)
	{
		attempts = CQ_MSG(delivery->entry)->attempts;
		if (outcome == CQ_OUTCOME_FAILED && cq_dispatch_max_attempts(queue) > 0 &&
			attempts >= cq_dispatch_max_attempts(queue))
			outcome = CQ_OUTCOME_FAILED_LAST;
		CQ_MSG(delivery->entry)->due = due;
		cq_entry_settling(queue, delivery->entry, outcome);
		session_item(s, ITEM_SETTLE, delivery->entry);
	}
	driver_unlock(d, &effects);
	if (live)
		driver_event(d, s, delivery->msg_id, outcome, due, attempts);
	return live;
}

static inline bool
driver_extend(Driver *d, const Delivery *delivery, int64 until)
{
	CqEffects	effects = {0};
	bool		live;

	driver_lock(d, LW_EXCLUSIVE);
	live = driver_is_live(delivery);
	if (live)
		cq_entry_extend_lease(d->queue, delivery->entry, until, &effects);
	driver_unlock(d, &effects);
	return live;
}

/* purge_loaded(): settle what waits in memory; returns how many, their numbers. */
static inline int
driver_purge(Driver *d, Session *s, int64 *ids, int max)
{
	static const CqMsgState states[] = {
		CQ_MSG_PARKED, CQ_MSG_READY, CQ_MSG_HELD, CQ_MSG_DELAYED
	};
	CqQueueState *queue = d->queue;
	CqEffects	effects = {0};
	int			n = 0;
	uint32		i;

	driver_lock(d, LW_EXCLUSIVE);
	for (int k = 0; k < lengthof(states); k++)
	{
		while (n < max && (i = cq_entries_first(queue, states[k])) != CQ_NONE)
		{
			CQ_MSG(i)->outcome = CQ_OUTCOME_PURGED;
			CQ_MSG(i)->flags |= CQ_MSG_TAKEN;
			CQ_MSG(i)->nonce = ++queue->nonce;
			cq_entry_move(queue, i, CQ_MSG_SETTLING);
			session_item(s, ITEM_SETTLE, i);
			ids[n++] = CQ_MSG(i)->msg_id;
		}
	}
	driver_unlock(d, &effects);
	for (int j = 0; j < n; j++)
		driver_event(d, s, ids[j], CQ_OUTCOME_PURGED, 0, 0);
	return n;
}

/* ---- xact.c ---- */

/* Table locked: the queue's sender or settler has ended so. */
static inline void
driver_end_row(DriverRow *r, int tx, bool commit)
{
	if (r->tx == tx)
		r->tx = commit ? TX_COMMITTED : TX_ABORTED;
	if (r->settler == tx && tx != TX_COMMITTED)
	{
		r->settler = TX_COMMITTED;
		if (commit && r->retry)
		{
			r->attempts = Max(r->attempts, r->retry_attempts);
			r->due = r->retry_due;
		}
		else if (commit)
			r->settled = true;
	}
}

/* What the session has sent and settled at that level and deeper ones ends so. */
static inline void
driver_end_rows(Driver *d, const Session *s, int level, bool commit)
{
	LWLockAcquire(&d->lock, LW_EXCLUSIVE);
	for (int j = s->nitems - 1; j >= 0 && s->items[j].level >= level; j--)
	{
		if (s->items[j].kind != ITEM_CLAIM)
			driver_end_row(driver_find(d, s->items[j].msg_id), s->tx, commit);
	}
	LWLockRelease(&d->lock);
}

static inline bool
driver_item_is(const DriverItem *item, CqMsgState state)
{
	const CqMsg *msg = CQ_MSG(item->entry);

	return msg->state == state && msg->msg_id == item->msg_id && msg->nonce == item->nonce;
}

static inline void
driver_commit_item(CqQueueState *queue, const DriverItem *item, CqEffects *effects)
{
	switch (item->kind)
	{
		case ITEM_SEND:
			if (driver_item_is(item, CQ_MSG_OPEN))
				cq_entry_sent(queue, item->entry, effects);
			break;
		case ITEM_UNLOADED:
			cq_backlog_close(queue, &item->unloaded.amount);
			cq_backlog_add(queue, &item->unloaded, effects);
			cq_backlog_note_block(queue, 0, item->last_block);
			break;
		case ITEM_CLAIM:
			break;
		case ITEM_SETTLE:
			if (driver_item_is(item, CQ_MSG_SETTLING))
				cq_entry_settle(queue, item->entry, effects);
			break;
	}
}

static inline void
driver_abort_item(CqQueueState *queue, const DriverItem *item, CqEffects *effects)
{
	switch (item->kind)
	{
		case ITEM_SEND:
			if (driver_item_is(item, CQ_MSG_OPEN))
				cq_entry_unsent(queue, item->entry, effects);
			break;
		case ITEM_UNLOADED:
			cq_backlog_close(queue, &item->unloaded.amount);
			effects->space = true;
			break;
		case ITEM_CLAIM:
			if (driver_item_is(item, CQ_MSG_LEASED))
				cq_entry_give_back(queue, item->entry, effects);
			break;
		case ITEM_SETTLE:
			if (driver_item_is(item, CQ_MSG_SETTLING))
				cq_entry_unsettle(queue, item->entry, effects);
			break;
	}
}

static inline void
driver_commit(Driver *d, Session *s)
{
	CqEffects	effects = {0};

	if (s->nitems == 0)
		return;
	driver_end_rows(d, s, 0, true);
	driver_lock(d, LW_EXCLUSIVE);
	for (int i = 0; i < s->nitems; i++)
		driver_commit_item(d->queue, &s->items[i], &effects);
	cq_dispatch_trim(d->queue, &effects);
	driver_unlock(d, &effects);
	s->nitems = 0;
	s->level = 1;
}

/* Undo what was done at that level and deeper ones; 0: all. */
static inline void
driver_abort(Driver *d, Session *s, int level)
{
	CqEffects	effects = {0};

	driver_end_rows(d, s, level, false);
	driver_lock(d, LW_EXCLUSIVE);
	while (s->nitems > 0 && s->items[s->nitems - 1].level >= level)
		driver_abort_item(d->queue, &s->items[--s->nitems], &effects);
	driver_unlock(d, &effects);
	s->level = Max(level - 1, 1);
}

static inline void
driver_savepoint(Session *s)
{
	s->level++;
}

static inline void
driver_release_savepoint(Session *s)
{
	for (int i = s->nitems - 1; i >= 0 && s->items[i].level >= s->level; i--)
		s->items[i].level = s->level - 1;
	s->level--;
}

/* PREPARE TRANSACTION; returns its number, or 0 when there were too many. */
static inline int
driver_prepare(Driver *d, Session *s)
{
	CqQueueState *queue = d->queue;
	CqEffects	effects = {0};
	int			tx = TX_PREPARED + d->nprepared;

	if (d->nprepared == lengthof(d->ended))
		return 0;
	d->nprepared++;
	LWLockAcquire(&d->lock, LW_EXCLUSIVE);
	for (int i = 0; i < d->nrows; i++)
	{
		if (d->rows[i].tx == s->tx)
			d->rows[i].tx = tx;
		if (d->rows[i].settler == s->tx)
			d->rows[i].settler = tx;
	}
	LWLockRelease(&d->lock);
	driver_lock(d, LW_EXCLUSIVE);
	for (int i = 0; i < s->nitems; i++)
	{
		const DriverItem *item = &s->items[i];

		if ((item->kind == ITEM_SEND && driver_item_is(item, CQ_MSG_OPEN)) ||
			(item->kind == ITEM_SETTLE && driver_item_is(item, CQ_MSG_SETTLING)))
			cq_entry_set_by_xid(queue, item->entry, tx);
		else if (item->kind == ITEM_UNLOADED)
		{
			cq_backlog_close(queue, &item->unloaded.amount);
			cq_backlog_add_prepared(queue, &item->unloaded);
		}
	}
	driver_unlock(d, &effects);
	s->nitems = 0;
	s->level = 1;
	return tx;
}

/* COMMIT or ROLLBACK PREPARED: the worker has yet to see it. */
static inline void
driver_end_prepared(Driver *d, int tx, bool commit)
{
	LWLockAcquire(&d->lock, LW_EXCLUSIVE);
	d->ended[tx - TX_PREPARED] = commit ? 1 : -1;
	for (int i = 0; i < d->nrows; i++)
		driver_end_row(&d->rows[i], tx, commit);
	LWLockRelease(&d->lock);
}

/* ---- maintain.c ---- */

/* settle_ended_xids() */
static inline void
driver_settle_prepared(Driver *d)
{
	static const CqMsgState states[] = {CQ_MSG_OPEN, CQ_MSG_SETTLING};
	CqQueueState *queue = d->queue;
	CqEffects	effects = {0};
	uint32		next;

	driver_lock(d, LW_EXCLUSIVE);
	for (int k = 0; k < lengthof(states) && queue->by_xid > 0; k++)
	{
		for (uint32 i = cq_entries_first(queue, states[k]); i != CQ_NONE; i = next)
		{
			int			ended = 0;

			next = cq_entries_next(queue, i);
			if (CQ_MSG(i)->flags & CQ_MSG_BY_XID)
				ended = d->ended[CQ_MSG(i)->xid - TX_PREPARED];
			if (ended == 0)
				continue;
			if (k == 0)
				(ended > 0 ? cq_entry_sent : cq_entry_unsent) (queue, i, &effects);
			else
				(ended > 0 ? cq_entry_settle : cq_entry_unsettle) (queue, i, &effects);
		}
	}
	cq_dispatch_trim(queue, &effects);
	driver_unlock(d, &effects);
}

/*
 * expire_leases() and settle_doomed(), in a transaction of the worker's.  What was
 * dropped is told in *dropped, the latest first, ended by 0.
 */
static inline void
driver_settle_ended(Driver *d, Session *worker, int64 *dropped)
{
	CqQueueState *queue = d->queue;
	CqEffects	effects = {0};
	int			first = worker->nitems;
	uint32		i;

	driver_lock(d, LW_EXCLUSIVE);
	while (worker->nitems < DRIVER_ITEMS_MAX - 1 &&
		   (i = queue->list[CQ_MSG_LEASED]) != CQ_NONE && CQ_MSG(i)->until <= cq_clock_ms())
	{
		int			max_attempts = cq_dispatch_max_attempts(queue);

		CQ_MSG(i)->due = 0;
		cq_entry_settling(queue, i, max_attempts > 0 && CQ_MSG(i)->attempts >= max_attempts ?
						  CQ_OUTCOME_EXPIRED_LAST : CQ_OUTCOME_EXPIRED);
		session_item(worker, ITEM_SETTLE, i);
	}
	while (worker->nitems < DRIVER_ITEMS_MAX - 1 &&
		   (i = queue->list[CQ_MSG_DOOMED]) != CQ_NONE)
	{
		if (CQ_MSG(i)->outcome == CQ_OUTCOME_DROPPED && dropped != NULL)
			*dropped++ = CQ_MSG(i)->msg_id;
		CQ_MSG(i)->flags |= CQ_MSG_TAKEN;
		CQ_MSG(i)->nonce = ++queue->nonce;
		cq_entry_settling(queue, i, CQ_MSG(i)->outcome);
		session_item(worker, ITEM_SETTLE, i);
	}
	driver_unlock(d, &effects);
	if (dropped != NULL)
		*dropped = 0;
	for (int j = first; j < worker->nitems; j++)
	{
		const CqMsg *msg = CQ_MSG(worker->items[j].entry);

		driver_event(d, worker, msg->msg_id, msg->outcome, 0, msg->attempts);
	}
	driver_commit(d, worker);
}

/* plan(): when the worker has to look again */
static inline int64
driver_plan(const CqQueueState *queue)
{
	int64		at = cq_dispatch_look_ms(queue);

	if (queue->plan_ms > cq_clock_ms())
		at = Min(at, queue->plan_ms);
	return at;
}

/* A pass of the worker. */
static inline void
driver_maintain(Driver *d, Session *worker, int64 *dropped)
{
	CqQueueState *queue = d->queue;
	CqEffects	effects = {0};
	bool		scan;
	bool		trim;

	driver_settle_prepared(d);
	driver_lock(d, LW_EXCLUSIVE);
	cq_entries_release_due(queue, &effects);
	trim = (queue->wants & CQ_WANT_TRIM) != 0;
	scan = trim || !queue->backlog.loaded || (queue->wants & CQ_WANT_SCAN) != 0 ||
		cq_backlog_delayed_due(queue);
	driver_unlock(d, &effects);
	if (scan)
		driver_scan(d);
	if (trim)
	{
		driver_lock(d, LW_EXCLUSIVE);
		cq_dispatch_trim(queue, &effects);
		driver_unlock(d, &effects);
	}
	driver_settle_ended(d, worker, dropped);

	driver_lock(d, LW_EXCLUSIVE);
	cq_entries_release_due(queue, &effects);
	queue->plan_ms = driver_plan(queue);
	cq_dispatch_check(queue);
	driver_unlock(d, &effects);
}

/* ALTER, at its commit */
static inline void
driver_set_options(Driver *d, CqQueueOptions *options)
{
	CqEffects	effects = {0};

	options->version++;
	driver_lock(d, LW_EXCLUSIVE);
	cq_dispatch_set_options(d->queue, options, &effects);
	driver_unlock(d, &effects);
}

#endif							/* CQ_DISPATCH_DRIVER_H */
