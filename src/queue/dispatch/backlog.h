/*-------------------------------------------------------------------------
 *
 * backlog.h
 *	  Messages without entries: what is known of them, and when to load some.
 *
 * Everything here is called with the queue's lock held, exclusively where the queue
 * is not const, never raises and allocates nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_DISPATCH_BACKLOG_H
#define CQ_QUEUE_DISPATCH_BACKLOG_H

#include "queue/dispatch/memory.h"

/* What a scan has taken over, to be given back by one that loads nothing. */
typedef struct CqBacklogTaken
{
	bool		dirty;
	uint32		priorities;
	TimestampTz due;
	TimestampTz expires;
	CqAmount	amount;
	int64		delayed;
	BlockNumber from[CQ_SEGMENTS_MAX];
} CqBacklogTaken;

/* What a scan has left unloaded, and what it has loaded. */
typedef struct CqBacklogLeft
{
	bool		everything;		/* was read: amounts are exact */
	bool		complete;		/* nothing was left unread */
	bool		ready;			/* ready ones are left, or may be */
	uint32		priorities;		/* of those, or perhaps more */
	TimestampTz due;			/* earliest of the delayed ones; 0: none */
	TimestampTz expires;		/* earliest of all; 0: never */
	CqAmount	amount;			/* as far as read */
	int64		delayed;		/* of those */
	CqAmount	loaded;			/* what has come into memory ... */
	int64		loaded_delayed; /* ... and of that */
	BlockNumber from[CQ_SEGMENTS_MAX];	/* lowest block with one; Invalid:
										 * none */
	BlockNumber nblocks[CQ_SEGMENTS_MAX];	/* length of the segment when read */
} CqBacklogLeft;

/* Whether ready messages may be unloaded. */
static inline bool
cq_backlog_has_ready(const CqQueueState *queue)
{
	return queue->backlog.ready != CQ_UNLOADED_NONE;
}

/* Whether all committed messages are in memory, as far as is known. */
static inline bool
cq_backlog_is_empty(const CqQueueState *queue)
{
	return !cq_backlog_has_ready(queue) && queue->backlog.due == 0;
}

/* Whether segment k may have any. */
static inline bool
cq_backlog_has_segment(const CqQueueState *queue, int k)
{
	return queue->backlog.from[k] != InvalidBlockNumber;
}

/* Whether segment k may be finished: its messages are settled, all of them. */
static inline bool
cq_segment_is_finished(const CqQueueState *queue, int k)
{
	const CqSegment *segment = &queue->segment[k];

	return k != queue->current && !segment->empty && segment->loaded == 0 &&
		!cq_backlog_has_segment(queue, k);
}

/* Something has happened: another scan may bring what the latest one did not. */
static inline void
cq_backlog_stir(CqQueueState *queue)
{
	if (queue->backlog.ready == CQ_UNLOADED_STUCK)
		queue->backlog.ready = CQ_UNLOADED_SOME;
}

/* The lower of two blocks, of which Invalid is none. */
static inline BlockNumber
cq_lower_block(BlockNumber a, BlockNumber b)
{
	return Min(a, b);
}

StaticAssertDecl(InvalidBlockNumber == PG_UINT32_MAX,
				 "the invalid block is above all others");

/* The state is new: nothing is known but that there are tables. */
extern void cq_backlog_init(CqQueueState *queue);

/* Segment k is empty. */
extern void cq_backlog_clear_segment(CqQueueState *queue, int k);

/* Segment k has been written to up to that block. */
extern void cq_backlog_note_block(CqQueueState *queue, int k, BlockNumber block);

/* Make committed messages unloaded. */
extern void cq_backlog_add(CqQueueState *queue, const CqUnloaded *unloaded,
						   CqEffects *effects);

/* Ready messages of these priorities may be unloaded. */
extern void cq_backlog_add_ready(CqQueueState *queue, uint32 priorities);

/* From that block of segment k on, any message may be unloaded. */
extern void cq_backlog_add_unknown(CqQueueState *queue, int k, BlockNumber block);

/* The same of all segments, and transactions in progress have settled some. */
extern void cq_backlog_add_everything(CqQueueState *queue);

/*
 * A prepared transaction has sent messages without entries: the next scan finds
 * them, in progress or committed.
 */
extern void cq_backlog_add_prepared(CqQueueState *queue, const CqUnloaded *unloaded);

/* Unloaded messages were not moved: they stay where they were, in segment k. */
extern void cq_backlog_not_moved(CqQueueState *queue, int k, const CqUnloaded *unloaded);

/* The next scan has to look for transactions in progress. */
extern void cq_backlog_add_pending(CqQueueState *queue);

/* So many unloaded messages are gone, so many of them delayed ones. */
extern void cq_backlog_remove(CqQueueState *queue, const CqAmount *amount, int64 delayed);

/* An open transaction has sent messages without entries; and: it has ended. */
extern void cq_backlog_open(CqQueueState *queue, const CqAmount *amount);
extern void cq_backlog_close(CqQueueState *queue, const CqAmount *amount);

/* When delayed messages should be loaded; 0: there are none. */
extern TimestampTz cq_backlog_load_at(const CqQueueState *queue);

/*
 * When the worker has to look whether delayed messages should be loaded,
 * cq_clock_ms(); PG_INT64_MAX: there are none, or ready ones come first.
 */
extern int64 cq_backlog_look_ms(const CqQueueState *queue);

/* Whether delayed messages should be loaded, and ready ones are in memory. */
extern bool cq_backlog_delayed_due(const CqQueueState *queue);

/* Whether a scan would bring messages that can be delivered now. */
extern bool cq_backlog_scan_due(const CqQueueState *queue);

/*
 * Whether it would if there were room, which messages of lower priorities take.
 */
extern bool cq_backlog_wants_room(const CqQueueState *queue);

/*
 * A scan of the first nsegments begins: it takes over what is known to be unloaded
 * there.
 */
extern void cq_backlog_take(CqQueueState *queue, int nsegments, CqBacklogTaken *taken);

/* It loads nothing: give that back, but for the blocks of segment except (-1: none). */
extern void cq_backlog_give_back(CqQueueState *queue, const CqBacklogTaken *taken, int except);

/* All of them have been looked at: that is when the first one expires. */
extern void cq_backlog_set_expires(CqQueueState *queue, TimestampTz expires);

/*
 * It has loaded what it could.  What others have made unloaded since it began
 * stays so.
 */
extern void cq_backlog_put_left(CqQueueState *queue, const CqBacklogTaken *taken,
								const CqBacklogLeft *left, CqEffects *effects);

/* The scan is over. */
extern void cq_backlog_scan_ended(CqQueueState *queue);

/* It brought nothing that can be delivered: another one would not either. */
extern void cq_backlog_set_stuck(CqQueueState *queue);

#endif							/* CQ_QUEUE_DISPATCH_BACKLOG_H */
