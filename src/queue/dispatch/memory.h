/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  The queues' part of shared memory: a state for each queue, and a pool of
 *	  entries that stand for messages.
 *
 *	+----------+---------+---------+-----+---------+-------+-------+-----+
 *	| CqQueues | state 0 | state 1 | ... | buckets | entry | entry | ... |
 *	+----------+---------+---------+-----+---------+-------+-------+-----+
 *
 * Glossary: an *entry* stands for one unsettled message and knows where its
 * row is in the tables.  A message without an entry is *unloaded*.  A *claim*
 * is the right to settle a message, held by one delivery; its receipt names
 * entry, nonce and message number.  A *group* stands for the messages of one
 * group key that have entries; groups take their memory from the same pool, and
 * the buckets are heads of chains to find them by hash.  See
 * docs/internals/queue.md.
 *
 * Lock order: registry lock, then a queue's lock, then one of the spinlocks (of a
 * stripe of buckets, of the pool).  Under a queue's lock nothing is allocated,
 * nothing raises.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_MEMORY_H
#define CQ_QUEUE_DISPATCH_MEMORY_H

#include "core/registry.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "queue/dispatch/options.h"
#include "storage/block.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "storage/off.h"
#include "storage/spin.h"

#define CQ_NONE ((uint32) 0xFFFFFFFF)
#define CQ_SEGMENTS_MAX 64

/* message numbers taken from the sequence at a time */
#define CQ_NUMBER_BLOCK 1024

/*
 * States of an entry.  All before SETTLED are "in memory" for a scan; which
 * structure of the queue holds the entry follows from the state.
 */
typedef enum CqMsgState
{
	CQ_MSG_FREE,				/* pool's free list */
	CQ_MSG_OPEN,				/* list: sent by an open or prepared
								 * transaction */
	CQ_MSG_PARKED,				/* list: committed, but kept back until the
								 * scan that runs has ended */
	CQ_MSG_READY,				/* list of its priority, or late heap */
	CQ_MSG_HELD,				/* heap of its group, which has enough in
								 * flight */
	CQ_MSG_DELAYED,				/* heap by due */
	CQ_MSG_LEASED,				/* heap by until */
	CQ_MSG_SETTLING,			/* list: settled by an open or prepared
								 * transaction */
	CQ_MSG_DOOMED,				/* list: the worker is to settle it, as
								 * 'outcome' says */
	CQ_MSG_SETTLED,				/* list: tombstone for the scan that runs */
	CQ_MSG_GROUP				/* no message but a CqGroup */
} CqMsgState;

#define CQ_MSG_STATES (CQ_MSG_SETTLED + 1)

/* flags */
#define CQ_MSG_LATE 0x01		/* READY and in the late heap */
#define CQ_MSG_BY_XID 0x02		/* OPEN or SETTLING: xid decides, not a
								 * callback */
#define CQ_MSG_TAKEN 0x04		/* SETTLING without a lease to go back to */
#define CQ_MSG_TIMED 0x08		/* in the queue's heap by expires */
#define CQ_MSG_BLOCKS 0x10		/* DELAYED for another attempt, and its group
								 * waits for it */
#define CQ_MSG_DURABLE 0x20		/* LEASED, SETTLING: the lease is in the
								 * tables too */
#define CQ_MSG_GONE 0x40		/* SETTLING, and was DOOMED before: no session
								 * waits for it, it takes no room */

/* Places in a list, or in a pairing heap (heap.h). */
typedef struct CqLinks
{
	uint32		child;			/* heaps */
	uint32		next;			/* lists; next sibling in heaps; free list */
	uint32		prev;			/* lists; previous sibling or parent in heaps */
} CqLinks;

/* An entry; 96 bytes, guarded by the lock of its queue, but see OPEN. */
typedef struct CqMsg
{
	int64		msg_id;
	int64		until;			/* LEASED, SETTLING: end of the lease, in
								 * cq_clock_ms() */
	TimestampTz due;			/* OPEN, PARKED, DELAYED: delivery time, 0
								 * none; SETTLING: new delivery time after a
								 * nack */
	TimestampTz expires;		/* deleted unless in flight then; 0: never */
	uint32		bytes;			/* of body and headers */
	uint32		nonce;			/* of the present or latest delivery */
	uint32		xid;			/* transaction id, with CQ_MSG_BY_XID */
	BlockNumber block;			/* where the row is; while OPEN written by its
								 * sender without the lock */
	uint32		group;			/* its CqGroup; CQ_NONE: none */
	uint32		holder;			/* LEASED: process that received it */
	int32		attempts;		/* deliveries so far */
	OffsetNumber offset;
	uint8		segment;
	uint8		state;			/* CqMsgState */
	uint16		queue;			/* owner */
	uint8		flags;
	uint8		outcome;		/* SETTLING, DOOMED: CqOutcome */
	int8		priority;
	uint8		unused[3];
	CqLinks		link;			/* of what the state says */
	CqLinks		expiry;			/* of the queue's heap by expires */
} CqMsg;

/*
 * The messages of one group key, or of several with the same hash; has the
 * place of an entry.  Exists while an entry refers to it, and after that until
 * its token bucket is full.  Guarded by the queue's lock; chain by its stripe's.
 */
typedef struct CqGroup
{
	uint64		hash;
	int64		until;			/* in the queue's heap of groups by this time
								 * of cq_clock_ms(); 0: not in it */
	CqTokenBucket bucket;		/* of group_rate_limit */
	uint32		members;		/* entries that refer to it */
	uint32		in_flight;		/* of them LEASED, SETTLING or with
								 * CQ_MSG_BLOCKS */
	uint32		offered;		/* of them READY */
	uint32		head;			/* latest one that became READY */
	uint32		held;			/* heap of the HELD ones */
	uint32		chain;			/* next of the same bucket */
	uint32		last;			/* highest number that it has had in memory,
								 * the lower half */
	bool		has_last;
	uint8		unused[2];
	uint8		state;			/* CQ_MSG_GROUP, at the place of an entry's */
	uint16		queue;			/* the same */
	uint8		unused_too[6];
	CqLinks		link;			/* of the queue's heap of groups by until */
	CqLinks		all;			/* of the queue's list of groups */
} CqGroup;

StaticAssertDecl(sizeof(CqMsg) == 96, "an entry has 96 bytes");
StaticAssertDecl(sizeof(CqGroup) == sizeof(CqMsg) &&
				 offsetof(CqGroup, until) == offsetof(CqMsg, until) &&
				 offsetof(CqGroup, state) == offsetof(CqMsg, state) &&
				 offsetof(CqGroup, queue) == offsetof(CqMsg, queue) &&
				 offsetof(CqGroup, link) == offsetof(CqMsg, link) &&
				 offsetof(CqGroup, all) == offsetof(CqMsg, expiry),
				 "a group has the place of an entry");

/* One segment of a queue, as dispatch sees it; guarded by the queue's lock. */
typedef struct CqSegment
{
	uint32		loaded;			/* entries of this segment, tombstones apart */
	uint32		inserted;		/* messages since it was truncated, about */
	int64		first_id;		/* lowest number, about: orders the ring */
	int64		began_ms;		/* when the first one came, about */
	int64		finished_ms;	/* when it was first seen finished; 0: not */
	uint64		finished;		/* mark (core/horizon.h) taken at finished_ms,
								 * or later; 0: not finished */
	bool		empty;			/* truncated and not written to since */
} CqSegment;

typedef enum CqRateKind
{
	CQ_RATE_SENT,
	CQ_RATE_DELIVERED,
	CQ_RATE_ACKNOWLEDGED,
	CQ_RATE_KINDS
} CqRateKind;

/* Messages and their bytes. */
typedef struct CqAmount
{
	int64		n;
	int64		bytes;
} CqAmount;

/* What is known about ready messages without entries. */
typedef enum CqUnloadedReady
{
	CQ_UNLOADED_NONE,			/* there are none */
	CQ_UNLOADED_SOME,			/* there may be some, which a scan would bring */
	CQ_UNLOADED_STUCK			/* the same, but the latest scan brought
								 * nothing that can be delivered, and nothing
								 * has happened since */
} CqUnloadedReady;

/*
 * The committed messages that have no entry.  backlog.c has what reads and
 * changes it.
 */
typedef struct CqBacklog
{
	CqUnloadedReady ready;		/* commits that could overtake unloaded ready
								 * messages are not pushed */
	bool		loaded;			/* the first scan has ended */
	bool		scanning;
	bool		dirty;			/* a scan has to look for transactions in
								 * progress */
	uint32		priorities;		/* of unloaded ready ones, by bit of
								 * CQ_PRIORITY_BIT; perhaps more */
	uint32		priorities_new; /* those added since the scan that runs began */
	TimestampTz due;			/* earliest delayed one; 0: none */
	TimestampTz expires;		/* earliest of all; 0: never */
	CqAmount	amount;			/* ready and delayed */
	int64		delayed;		/* of those, about */
	CqAmount	open;			/* sent by open transactions without entries */
	BlockNumber from[CQ_SEGMENTS_MAX];	/* of each segment: lowest block that
										 * may hold one; Invalid: none does */
	BlockNumber known[CQ_SEGMENTS_MAX]; /* length for which that is true */
} CqBacklog;

/* What the worker is to do for a queue, apart from what time brings. */
typedef enum CqWant
{
	CQ_WANT_SEGMENT = 0x01,		/* create a segment */
	CQ_WANT_TRUNCATE = 0x02,	/* look for finished segments */
	CQ_WANT_MOVE = 0x04,		/* look for nearly finished ones */
	CQ_WANT_TRIM = 0x08,		/* drop the oldest, some of them unloaded */
	CQ_WANT_SCAN = 0x10,		/* see what is left unloaded */
	CQ_WANT_NOTIFY = 0x20,		/* tell LISTENers */
	CQ_WANT_KEYS = 0x40			/* go on to the other table of keys */
} CqWant;

/* How an entry that is SETTLING or DOOMED is settled. */
typedef enum CqOutcome
{
	CQ_OUTCOME_NONE,
	CQ_OUTCOME_ACKNOWLEDGED,	/* or taken */
	CQ_OUTCOME_REJECTED,		/* moved to the dead letters */
	CQ_OUTCOME_FAILED_LAST,		/* the same, since its last attempt failed */
	CQ_OUTCOME_EXPIRED_LAST,	/* the same, since the lease of its last
								 * attempt expired */
	CQ_OUTCOME_FAILED,			/* attempt failed: offered again */
	CQ_OUTCOME_EXPIRED,			/* lease expired: offered again */
	CQ_OUTCOME_PURGED,			/* or redriven */
	CQ_OUTCOME_TIMED_OUT,		/* not delivered in time */
	CQ_OUTCOME_DROPPED,			/* since the queue is too long */
	CQ_OUTCOME_MOVED			/* to another segment, whose place the entry
								 * has by then */
} CqOutcome;

typedef struct CqQueueState
{
	LWLock		lock;			/* this and the key as in CqState */
	CqStateKey	key;
	ConditionVariable ready_cv; /* consumers in queue_wait */
	ConditionVariable scan_cv;	/* sessions that wait for a scan to end */
	ConditionVariable space_cv; /* senders that wait for room */
	uint64		salt;			/* random; key of the receipts of leases in
								 * memory; written when the state is taken */

	/* the rest is guarded by lock */
	int64		number_next;	/* next message number ... */
	int64		number_limit;	/* ... and the end of the block it is from */
	CqQueueOptions options;		/* latest that are known */
	int			nsegments;
	int			current;		/* segment that sends go to */

	uint32		wants;			/* chores for the worker, bits of CqWant */
	CqBacklog	backlog;
	int64		bytes;			/* of entries before DOOMED, less those GONE */
	uint32		gone;			/* entries with CQ_MSG_GONE */

	uint32		ready_head[CQ_PRIORITIES];
	uint32		ready_tail[CQ_PRIORITIES];
	uint32		late[CQ_PRIORITIES];	/* roots of heaps beside these lists */
	uint32		ready_bits;		/* priorities that have any */
	uint32		list[CQ_MSG_STATES];	/* heads of lists and roots of heaps
										 * of the other states */
	uint32		count[CQ_MSG_STATES];
	uint32		expiry;			/* root of the heap by expires */
	uint32		groups;			/* list of all groups */
	uint32		ngroups;
	uint32		group_times;	/* root of the heap of groups by until */
	uint32		by_xid;			/* entries with CQ_MSG_BY_XID */
	uint32		nonce;			/* latest one given out */
	uint32		durable_loaded; /* leases that came from the tables */
	uint32		space_waiters;
	CqTokenBucket bucket;		/* of rate_limit */

	int			keys_current;	/* table of keys that new ones go to */
	uint64		keys_copied;	/* mark: the other one is not needed any more;
								 * 0: it may be */
	int64		keys_ms;		/* CQ_WANT_KEYS: not before */

	int64		plan_ms;		/* when the worker will look, cq_clock_ms();
								 * PG_INT64_MAX: never */
	int64		retry_ms;		/* maintenance failed: not before */
	int64		truncate_ms;	/* a table was locked or needed: not before */
	int64		move_ms;		/* nothing could be moved: not before */
	int64		expire_ms;		/* unloaded ones were looked at: not before */
	int64		notify_ms;		/* LISTENers were told: not again before */

	/* since the state was taken */
	int64		sent;
	int64		delivered;
	int64		acknowledged;
	int64		failed;			/* nack */
	int64		expired;
	int64		dead_lettered;
	int64		timed_out;
	int64		dropped;
	int64		duplicates;
	CqRate		rate[CQ_RATE_KINDS];

	CqSegment	segment[CQ_SEGMENTS_MAX];
} CqQueueState;

/* spinlocks of the buckets */
#define CQ_STRIPES 32

typedef struct CqQueues
{
	LWLock		registry_lock;
	int			tranche;
	int			nqueues;
	pg_atomic_uint32 by_xid;	/* sum over the queues */

	uint32		bucket_mask;	/* number of buckets, less 1 */
	slock_t		stripe[CQ_STRIPES]; /* guards the chains of the buckets with
									 * that number, modulo */

	slock_t		pool_lock;		/* guards the three below */
	uint32		pool_free;		/* first of the free list */
	uint32		pool_fresh;		/* entries from here on were never used */
	uint32		pool_nfree;
	uint32		pool_size;
	uint32		pool_reserve;	/* kept back for queues with few entries */
	uint32		window;			/* most entries of one queue */
} CqQueues;

/* after the start of the server, tables of keys are looked at so much later */
#define CQ_KEYS_MS 60000

/* Set at server start, the same in every process. */
extern CqQueues *cq_queues;
extern CqQueueState *cq_queue_states;
extern CqMsg *cq_msgs;
extern uint32 *cq_buckets;

#define CQ_MSG(i) (&cq_msgs[i])
#define CQ_GROUP(i) ((CqGroup *) &cq_msgs[i])
#define CQ_QUEUE_INDEX(queue) ((uint32) ((queue) - cq_queue_states))

/* entries a queue always gets, as long as the reserve lasts */
#define CQ_ENTRIES_MIN 64

/* Entries of the queue that stand for messages. */
static inline uint32
cq_dispatch_entries(const CqQueueState *queue)
{
	uint32		n = 0;

	for (int i = CQ_MSG_OPEN; i < CQ_MSG_SETTLED; i++)
		n += queue->count[i];
	return n;
}

/* The earlier of two times, of which 0 is never. */
static inline TimestampTz
cq_earlier(TimestampTz a, TimestampTz b)
{
	return (a == 0 || (b != 0 && b < a)) ? b : a;
}

/* more consumers than this are woken all at once */
#define CQ_SIGNALS_MAX 32

/*
 * What a change under the queue's lock means for others, to be done when the lock
 * has been released; see cq_queue_unlock().
 */
typedef struct CqEffects
{
	uint32		ready;			/* consumers to wake */
	bool		worker;			/* wake the worker */
	bool		scan_ended;		/* wake sessions that wait for the scan */
	bool		space;			/* wake senders that wait for room */
} CqEffects;

/* Messages that have no entry. */
typedef struct CqUnloaded
{
	int			segment;
	BlockNumber block;			/* lowest */
	TimestampTz due;			/* earliest; 0: ready */
	TimestampTz expires;		/* earliest; 0: never */
	uint32		priorities;		/* by bit */
	CqAmount	amount;
} CqUnloaded;

/*
 * Shared memory for so many queues and so many bytes of entries.  The first is
 * called before the second, in the postmaster; mem has that size.
 */
extern Size cq_dispatch_size(int nqueues, Size bytes);
extern void cq_dispatch_init(void *mem, int nqueues, Size bytes, int tranche);

/* Set all but whose it is as at the start, without entries. */
extern void cq_dispatch_reset(CqQueueState *queue);

/* Memory for an entry or a group, or CQ_NONE; and back. */
extern uint32 cq_pool_take(void);
extern void cq_pool_give(uint32 i);

/*
 * Queue locked: how many entries the queue may still take, at least approximately.
 * Senders may only take half of the window: the rest is for loading what is
 * committed.
 */
static inline uint32
cq_dispatch_room(const CqQueueState *queue, bool sending)
{
	uint32		entries = cq_dispatch_entries(queue) + queue->ngroups;
	uint32		share = sending ? cq_queues->window / 2 : cq_queues->window;
	uint32		nfree = *(volatile uint32 *) &cq_queues->pool_nfree;
	uint32		room = 0;

	if (nfree > cq_queues->pool_reserve && entries < share)
		room = Min(share - entries, nfree - cq_queues->pool_reserve);
	if (entries < CQ_ENTRIES_MIN)
		room = Max(room, Min(CQ_ENTRIES_MIN - entries, nfree));
	return room;
}

/*
 * The clock time of a due time, at most a minute ahead: the system time may be
 * set meanwhile.
 */
extern int64 cq_due_ms(TimestampTz due);

/* Queue locked: have the worker look at the queue by then. */
static inline void
cq_dispatch_plan(CqQueueState *queue, int64 at_ms, CqEffects *effects)
{
	if (at_ms < queue->plan_ms)
	{
		queue->plan_ms = at_ms;
		effects->worker = true;
	}
}

/* Queue locked: have the worker do that, not before at_ms. */
static inline void
cq_dispatch_want(CqQueueState *queue, CqWant want, int64 at_ms, CqEffects *effects)
{
	queue->wants |= want;
	cq_dispatch_plan(queue, at_ms, effects);
}

/* Queue locked: those delivered and neither settled nor given back, as committed. */
static inline uint32
cq_dispatch_in_flight(const CqQueueState *queue)
{
	return queue->count[CQ_MSG_LEASED] + queue->count[CQ_MSG_SETTLING] - queue->gone;
}

/* Queue locked: deliveries after which a message is doomed; 0: never. */
static inline int
cq_dispatch_max_attempts(const CqQueueState *queue)
{
	return (queue->options.dead_letter[0] != '\0') ? queue->options.max_attempts : 0;
}

/* Queue locked: messages that may be in memory though they cannot be delivered. */
static inline uint32
cq_dispatch_waiting_max(void)
{
	return Max(cq_queues->window / 2, CQ_ENTRIES_MIN / 2);
}

#endif							/* CQ_QUEUE_DISPATCH_MEMORY_H */
