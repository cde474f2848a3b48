/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  The topics' part of shared memory: one state per topic, and a pool of cells
 *	  for what belongs to it.
 *
 *	+----------+---------+-----+---------+------+------+-----+
 *	| CqTopics | state 0 | ... | state n | cell | cell | ... |
 *	+----------+---------+-----+---------+------+------+-----+
 *
 *	state --> partition --> partition --> ...
 *				|
 *				+--> open --> open			transactions, by lowest offset
 *	state --> group --> group
 *				|
 *				+--> assignment --> assignment ...	one for each partition
 *				+--> member --> member ...	in the order of their names
 *	state --> prepared --> prepared			offsets of prepared transactions
 *	state --> notice --> notice				of channels; in a state of their own
 *
 * Glossary: an *assignment* is the state of one partition in one group: its owner, how
 * far the owner has read (position) and how far the group is done (committed).
 * Both are offsets of the next record.  The *stable offset* of a partition is the
 * lowest one that an open transaction has been given, or the end when there is
 * none: readers stop below it.
 *
 * Lock order: registry lock, then a state's lock, then the pool's spinlock.  Under
 * a state's lock nothing is allocated, nothing raises.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_MEMORY_H
#define CQ_TOPIC_MEMORY_H

#include "access/transam.h"
#include "core/compat.h"
#include "core/registry.h"
#include "datatype/timestamp.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "storage/spin.h"

#define CQ_NO_CELL ((uint32) 0xFFFFFFFF)

/* in the place of a topic's number: the state for a database's channels */
#define CQ_CHANNELS (-1)

#define CQ_PARTITIONS_MAX 1024
#define CQ_MEMBER_NAME_BYTES_MAX 100

/* stable offsets are written to the tables so often, at most */
#define CQ_LIMITS_MS 200

/* new records of a replica are looked for so often, while a session waits */
#define CQ_REPLICA_POLL_MS 200

/* ended prepared transactions are looked for so often, at least */
#define CQ_XID_POLL_MS 1000

/*
 * Times of maintenance: at once, and the worker has not begun; at once, and it
 * has.  It plans the next time only if that is still so when it is done: else
 * something has happened meanwhile that it may not have seen.
 */
#define CQ_AT_ONCE 0
#define CQ_BEGUN 1

/* offsets taken from a partition's sequence at a time */
#define CQ_OFFSET_BLOCK 1024

typedef enum CqCellKind
{
	CQ_CELL_FREE,
	CQ_CELL_PARTITION,
	CQ_CELL_OPEN,
	CQ_CELL_GROUP,
	CQ_CELL_ASSIGNMENT,
	CQ_CELL_MEMBER,
	CQ_CELL_PREPARED,
	CQ_CELL_NOTICE,				/* begin of a notification of a channel */
	CQ_CELL_TEXT				/* more of it */
} CqCellKind;

typedef struct CqPartition
{
	int32		number;
	uint32		open_head;		/* transactions that have published and not
								 * ended, in the order of their lowest offsets */
	uint32		open_tail;
	uint32		untracked;		/* those that found no cell */
	int64		untracked_lowest;	/* not above the lowest offset of any of
									 * them */
	int64		offset_next;	/* to be given out, below offset_limit */
	int64		offset_limit;	/* end of the block from the sequence */
	int64		end;			/* above every offset given out */
	int64		limit_written;	/* stable offset in the tables */
	int64		published;		/* records committed since the start */
	TimestampTz last_time;		/* published_at of the latest record */
} CqPartition;

/* A transaction that has published to a partition. */
typedef struct CqOpen
{
	uint32		prev;
	uint32		partition;		/* cell */
	TransactionId xid;			/* valid: prepared, it decides; else a
								 * callback does */
	int64		lowest;
	int64		segment;		/* number of the segment that was current */
} CqOpen;

typedef enum CqAssignmentStrategy
{
	CQ_ASSIGN_STICKY,
	CQ_ASSIGN_RANGE
} CqAssignmentStrategy;

typedef struct CqGroupState
{
	int32		group_id;
	uint32		members;		/* in the order of their names */
	int			nmembers;
	uint32		assignments;	/* in the order of partitions */
	CqAssignmentStrategy strategy;
	int64		timeout_ms;		/* a member lives so long after its heartbeat */
} CqGroupState;

typedef struct CqAssignment
{
	int32		number;			/* of the partition */
	uint32		partition;		/* cell */
	uint32		owner;			/* member, or CQ_NO_CELL */
	uint32		target;			/* its next owner: differs from owner until
								 * the transaction in busy has ended */
	uint32		epoch;			/* advances when the owner changes, and at a
								 * seek: what began earlier is fenced off */
	int			busy;			/* backend whose open transaction has polled
								 * or committed, 0: none */
	int			passing;		/* transactions that may no more be fenced off
								 * and have not ended */
	int			seeking;		/* of these, seeks: one at most */
	bool		started;		/* position is valid; else the owner starts
								 * from committed when passing is 0 */
	int64		position;
	int64		committed;
	int64		rewind;			/* number of seeks */
	TimestampTz committed_at;	/* 0: not since the start */
} CqAssignment;

/* busy: of a prepared transaction */
#define CQ_BUSY_PREPARED (-1)

typedef struct CqMember
{
	uint32		group;			/* cell */
	int			pid;			/* session that it is bound to, or 0 */
	int32		turn;			/* partition that was polled last */
	int			count;			/* assignments it has, while they are made */
	int			allowed;		/* most it may have, while they are made */
	int64		generation;
	int64		until_ms;		/* cq_clock_ms(): end of its life */
	TimestampTz joined_at;
	char		name[CQ_MEMBER_NAME_BYTES_MAX + 1];
} CqMember;

/* Offsets, or a seek, of a prepared transaction. */
typedef struct CqPrepared
{
	uint32		assignment;		/* cell */
	uint32		serial;			/* of that cell */
	uint32		epoch;
	TransactionId xid;
	bool		polled;			/* go back to position if it is rolled back */
	bool		commits;		/* counted in passing */
	bool		busy;			/* the assignment is, with it */
	int64		position;
	int64		offset;			/* committed, from then on */
	int64		rewind;
} CqPrepared;

/* bytes of a notification in one cell */
#define CQ_NOTICE_BYTES 112

/* the cells of one with so many bytes */
#define CQ_NOTICE_CELLS(bytes) (((bytes) + CQ_NOTICE_BYTES - 1) / CQ_NOTICE_BYTES)

/*
 * A notification: the channel and the payload, each with a terminating zero; goes
 * on in the cells linked by next.
 */
typedef struct CqNotice
{
	uint32		next_notice;
	uint32		bytes;			/* of both, in all cells */
	char text[	CQ_NOTICE_BYTES];
} CqNotice;

typedef struct CqCell
{
	uint32		next;			/* in the list that it stands in */
	uint32		serial;			/* advances when it is freed */
	CqCellKind	kind;
	union
	{
		CqPartition partition;
		CqOpen		open;
		CqGroupState group;
		CqAssignment assignment;
		CqMember	member;
		CqPrepared	prepared;
		CqNotice	notice;		/* of TEXT: the text only */
	};
} CqCell;

/* Guarded by lock, where nothing else is said. */
typedef struct CqTopicState
{
	LWLock		lock;			/* this and the key as in CqState */
	CqStateKey	key;			/* sequence: of partition 0 */
	ConditionVariable cv;		/* records can be read, or assignments have
								 * changed; has its own lock */

	bool		creating;		/* by a transaction that has not ended */
	TransactionId creating_xid; /* valid: which was prepared */
	int			npartitions;
	uint32		partitions;
	uint32		groups;
	uint32		prepared;
	int			by_xid;			/* prepared cells, and open ones with an xid */
	int64		generations;	/* given to members */

	/*
	 * of the state for channels (topic_id CQ_CHANNELS): not sent yet, in
	 * order
	 */
	uint32		pending_head;
	uint32		pending_tail;
	bool		stored;			/* payloads have been stored in a table */

	/* segments have numbers, in order */
	int64		current;
	int64		next;			/* empty, to be used after it; 0: none */
	int64		inserted;		/* rows in the current one, as far as is known */
	int64		bytes;			/* of bodies and headers in it */
	int64		began_ms;

	/* options */
	int64		retain_ms;		/* 0: for ever */
	int64		retain_bytes;	/* 0: any number */
	bool		compact;
	bool		replica;
	int			feeds;			/* shared groups */

	/* offsets are appended to one of two tables */
	int			offsets_table;
	int64		offsets_rows;	/* appended since it came to be that one */
	FullTransactionId offsets_copied;	/* mark (core/horizon.h): what is
										 * needed of the other one has been
										 * copied; 0: not yet */
	int64		offsets_at_ms;	/* next look at the other one */

	/* maintenance */
	bool		limits_due;		/* something was published since limits were
								 * written */
	int64		limits_at_ms;	/* not before that */
	bool		feed_due;		/* and shared groups have not been fed */
	int64		plan_ms;		/* when the worker is going to look */
	bool		compact_due;	/* and segments have been closed */
	int64		feed_at_ms;		/* next look whether a queue has room, or 0 */
	int64		segment_at_ms;	/* next try to have a next segment, or
								 * CQ_AT_ONCE */
	int64		retain_at_ms;	/* next look for segments to be dropped, or
								 * CQ_AT_ONCE */
	int64		compacted;		/* number of the last segment that was */
	uint64		retired_tables[2];	/* some that hold no segment, by number
									 * ... */
	FullTransactionId retired;	/* ... and the mark from when that was seen;
								 * 0: there are none.  Channels: of the table
								 * of payloads that is to be emptied */
	int64		retired_turn;	/* channels: whose turn it was then */
	int64		retired_at_ms;	/* next look for such tables, 0: not needed */
	int64		retry_ms;		/* after an error */
} CqTopicState;

typedef struct CqTopics
{
	LWLock		registry_lock;
	int			tranche;
	int			nstates;
	uint32		salt;			/* of this server start: in generations */
	pg_atomic_uint32 by_xid;	/* sum over the states */
	slock_t		pool_lock;		/* guards the four below it */
	uint32		pool_free;
	uint32		pool_fresh;		/* cells from here on were never used */
	uint32		pool_nfree;
	uint32		pool_notices;	/* of those in use, NOTICE and TEXT */
	uint32		pool_size;		/* constant */
} CqTopics;

/* Set at server start, the same in every process. */
extern CqTopics *cq_topics;
extern CqTopicState *cq_topic_states;
extern CqCell *cq_cells;

#define CQ_CELL(i) (&cq_cells[i])
#define CQ_TOPIC_STATE_INDEX(state) ((uint32) ((state) - cq_topic_states))

extern Size cq_topic_shmem_size(void);
extern void cq_topic_shmem_init(void *mem);

/*
 * A cell, or CQ_NO_CELL when there is none, or none for that kind; its union is
 * zeroed.
 */
extern uint32 cq_cell_take(CqCellKind kind);
extern void cq_cell_free(uint32 i);

/* Free a cell and those after it in its list; CQ_NO_CELL: none. */
extern void cq_cells_free_list(uint32 i);

/* The most cells that notifications may have. */
extern uint32 cq_notice_cells_max(void);

/* How many there are to be taken, for the moment. */
extern int64 cq_cells_free(void);

/*
 * The state of this topic or NULL; one of an earlier topic with the same number is
 * freed.  No lock held.
 */
extern CqTopicState *cq_topic_state_find(int32 topic_id, Oid sequence);

/*
 * Take a state for the topic, unless another session has.  *taken: it
 * is new, its lock is held, exclusively, and it has no partitions yet.  Raises
 * 53400 when there is none.
 */
extern CqTopicState *cq_topic_state_take(int32 topic_id, Oid sequence, bool *taken);

/* Free the state and its cells, and wake all who sleep on it.  Fit for callbacks. */
extern void cq_topic_state_forget(Oid database, int32 topic_id);

/* Raises 53400. */
pg_noreturn extern void cq_topic_memory_full(void);

/* State locked: the cell of a partition. */
extern uint32 cq_topic_partition(const CqTopicState *state, int number);

/* State locked: the cell of a group, or CQ_NO_CELL. */
extern uint32 cq_topic_group(const CqTopicState *state, int32 group_id);

/* State locked: free a group with all that belongs to it. */
extern void cq_topic_drop_group(CqTopicState *state, int32 group_id);

/* State locked: the first offset that is not to be read yet. */
extern int64 cq_partition_stable(const CqPartition *partition);

/*
 * State locked: note a transaction whose lowest offset is that one, above all that
 * were given out before.  Returns a cell, or CQ_NO_CELL for an untracked one.
 */
extern uint32 cq_open_register(CqTopicState *state, uint32 partition, int64 lowest,
							   int64 segment);

/* State locked: it has ended, or published nothing. */
extern void cq_open_release(CqTopicState *state, uint32 partition, uint32 open);

/*
 * State locked: whether a transaction is open that began to publish when that
 * segment, or an earlier one, was current.
 */
extern bool cq_topic_open_since(const CqTopicState *state, int64 segment);

/* Wake all sessions that wait for records or partitions of the topic. */
extern void cq_topic_wake(CqTopicState *state);

/*
 * State of this database locked: have the worker look at that time.  It is woken
 * when the state is unlocked.
 */
extern void cq_topic_plan(CqTopicState *state, int64 at_ms);

/* Unlock a state, whatever it was locked for. */
extern void cq_topic_unlock(CqTopicState *state);

#endif							/* CQ_TOPIC_MEMORY_H */
