/*-------------------------------------------------------------------------
 *
 * dispatch.h
 *	  The queues' part of shared memory: one row per queue, and a pool of
 *	  entries that stand for messages.
 *
 *	+----------+-------+-------+-----+--------+--------+--------+-----+
 *	| CqQueues | row 0 | row 1 | ... | entry 0| entry 1| entry 2| ... |
 *	+----------+-------+-------+-----+--------+--------+--------+-----+
 *
 * Glossary: an *entry* stands for one unsettled message and knows where its
 * row is in the tables.  A message without an entry is *unloaded*.  A *claim*
 * is the right to settle a message, held by one delivery; its receipt names
 * entry, nonce and message number.  See docs/internals/queue.md.
 *
 * Lock order: registry lock, then a row's lock, then the pool's spinlock.
 * Under a row's lock nothing is allocated, nothing raises.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_DISPATCH_H
#define CQ_DISPATCH_H

#include "access/transam.h"
#include "cachequeue.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"
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
 * States of an entry.  The first five are "in memory" for a scan; which
 * structure of the row holds the entry follows from the state.
 */
typedef enum CqMsgState
{
	CQ_MSG_FREE,				/* pool's free list */
	CQ_MSG_OPEN,				/* list: sent by an open or prepared
								 * transaction */
	CQ_MSG_PARKED,				/* list: committed, but kept back until the
								 * scan that runs has ended */
	CQ_MSG_READY,				/* ready list, or late heap when it came out
								 * of order */
	CQ_MSG_DELAYED,				/* heap by due */
	CQ_MSG_LEASED,				/* heap by until; until = 0: out of attempts */
	CQ_MSG_SETTLING,			/* list: settled by an open or prepared
								 * transaction */
	CQ_MSG_SETTLED				/* list: tombstone for the scan that runs */
} CqMsgState;

#define CQ_MSG_STATES (CQ_MSG_SETTLED + 1)

/* flags */
#define CQ_MSG_LATE 0x01		/* READY and in the late heap */
#define CQ_MSG_BY_XID 0x02		/* OPEN or SETTLING: xid decides, not a
								 * callback */
#define CQ_MSG_TAKEN 0x04		/* SETTLING by queue_take: no lease to go back
								 * to */

/* An entry; 64 bytes, guarded by the lock of its row, but see OPEN. */
typedef struct CqMsg
{
	int64		msg_id;
	int64		until;			/* LEASED, SETTLING: end of the lease, in
								 * cq_clock_ms() */
	TimestampTz due;			/* OPEN, PARKED, DELAYED: delivery time, 0
								 * none; SETTLING: new delivery time after a
								 * nack */
	uint32		nonce;			/* of the present or latest delivery */
	TransactionId xid;			/* with CQ_MSG_BY_XID */
	BlockNumber block;			/* where the row is; while OPEN written by its
								 * sender without the lock */
	OffsetNumber offset;
	uint8		segment;
	uint8		state;			/* CqMsgState */
	int32		attempts;		/* deliveries so far */
	int16		priority;
	uint8		flags;
	char		settle;			/* SETTLING: kind of event, 'a' or 'n' */
	uint16		row;			/* owner */
	uint16		unused;
	uint32		child;			/* heaps */
	uint32		next;			/* lists; next sibling in heaps; free list */
	uint32		prev;			/* lists; previous sibling or parent in heaps */
} CqMsg;

StaticAssertDecl(sizeof(CqMsg) == 64, "an entry is one cache line");

/* One segment of a queue, as dispatch sees it; guarded by the row's lock. */
typedef struct CqSegment
{
	BlockNumber scan_from;		/* lowest block that may hold an unloaded
								 * message; Invalid: none does */
	BlockNumber known_blocks;	/* length for which the above is true */
	uint32		loaded;			/* entries of this segment, tombstones apart */
	uint32		inserted;		/* messages since it was truncated, about */
	int64		first_id;		/* lowest number, about: orders the ring */
	bool		empty;			/* truncated and not written to since */
} CqSegment;

typedef struct CqQueueRow
{
	LWLock		lock;
	ConditionVariable ready_cv; /* consumers in queue_wait */
	ConditionVariable scan_cv;	/* those who wait for a scan to end */

	/* written under registry lock and lock, read under either */
	Oid			database;		/* InvalidOid: row is free */
	int32		queue_id;
	Oid			sequence;		/* tells a queue from an earlier one of that
								 * id */
	uint32		generation;		/* changes when the row is freed */

	/* the rest is guarded by lock */
	int64		number_next;	/* next message number ... */
	int64		number_limit;	/* ... and the end of the block it is from */
	int32		max_attempts;	/* 0: no limit */
	int			nsegments;
	int			current;		/* segment that sends go to */

	bool		loaded;			/* the first scan has ended */
	bool		overflow;		/* ready messages may be unloaded: commits are
								 * not pushed, a scan is due when ready is dry */
	bool		dirty;			/* a scan has to look for transactions in
								 * progress */
	bool		scanning;
	bool		want_segment;	/* for the worker: create one */
	bool		want_truncate;	/* for the worker: look for finished ones */
	TimestampTz unloaded_due;	/* earliest delayed one unloaded; 0: none */
	int64		unloaded;		/* committed, ready or delayed, not in memory */

	uint32		list[CQ_MSG_STATES];	/* heads of lists and roots of heaps */
	uint32		ready_tail;
	uint32		late;			/* root of the heap beside the ready list */
	uint32		count[CQ_MSG_STATES];
	uint32		by_xid;			/* entries with CQ_MSG_BY_XID */
	uint32		nonce;			/* latest one given out */

	int64		plan_ms;		/* when the worker will look, cq_clock_ms();
								 * PG_INT64_MAX: never */
	int64		retry_ms;		/* maintenance failed: not before */
	int64		truncate_ms;	/* a table was locked: not before */

	/* since the row was taken */
	int64		sent;
	int64		delivered;
	int64		acknowledged;
	int64		failed;			/* nack */
	int64		expired;
	int64		dead_lettered;

	CqSegment	segment[CQ_SEGMENTS_MAX];
} CqQueueRow;

typedef struct CqQueues
{
	LWLock		registry_lock;
	int			tranche;
	int			nrows;
	uint32		salt;			/* of this server start; never 0 */
	pg_atomic_uint32 by_xid;	/* sum over the rows */
	pg_atomic_uint64 poked_ms;	/* when a worker was last woken for these */

	slock_t		pool_lock;		/* guards the three below */
	uint32		pool_free;		/* first of the free list */
	uint32		pool_fresh;		/* entries from here on were never used */
	uint32		pool_nfree;
	uint32		pool_size;
	uint32		pool_reserve;	/* kept back for queues with few entries */
	uint32		window;			/* most entries of one queue */
} CqQueues;

/* Set at server start, the same in every process. */
extern CqQueues *cq_queues;
extern CqQueueRow *cq_rows;
extern CqMsg *cq_msgs;

#define CQ_MSG(i) (&cq_msgs[i])
#define CQ_ROW_INDEX(row) ((uint32) ((row) - cq_rows))

/* entries a queue always gets, as long as the reserve lasts */
#define CQ_ENTRIES_MIN 64

/* Entries of the row that stand for messages. */
static inline uint32
cq_row_entries(const CqQueueRow *row)
{
	uint32		n = 0;

	for (int i = CQ_MSG_OPEN; i < CQ_MSG_SETTLED; i++)
		n += row->count[i];
	return n;
}

/*
 * How many entries the row may still take, at least approximately.  Those who
 * send may only take half of the window: the rest is for loading what is
 * committed.
 */
extern uint32 cq_row_room(const CqQueueRow *row, bool sending);

/*
 * A row for this queue; takes one when there is none.  nblocks are the lengths
 * of its segments.  Raises 53400 when the table is full.  No lock held.
 */
extern CqQueueRow *cq_registry_get(int32 queue_id, Oid sequence, int nsegments,
								   const BlockNumber *nblocks);

/*
 * The row of this queue or NULL; no lock held, the row may go at any time.	 One
 * of an earlier queue with the same number, that nobody freed, is freed.
 */
extern CqQueueRow *cq_registry_find(int32 queue_id, Oid sequence);

/*
 * Free the queue's row and all its entries, waking who waits.  Never raises;
 * fit for callbacks.  No lock held.
 */
extern void cq_registry_forget(Oid database, int32 queue_id);

#ifdef USE_ASSERT_CHECKING
/* Row's lock held: its lists, heaps and counters agree. */
extern void cq_row_check(CqQueueRow *row);
#else
#define cq_row_check(row) ((void) 0)
#endif

#endif							/* CQ_DISPATCH_H */
