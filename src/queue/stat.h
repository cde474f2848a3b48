/*-------------------------------------------------------------------------
 *
 * stat.h
 *	  The state of queues, for the views.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_STAT_H
#define CQ_QUEUE_STAT_H

#include "access/transam.h"
#include "nodes/pg_list.h"
#include "queue/definition.h"
#include "queue/dispatch/memory.h"
#include "storage/itemptr.h"
#include "utils/timestamp.h"

/* What a queue counts, in the order of cq.stat_queues. */
typedef enum CqQueueCounter
{
	CQ_QUEUE_SENT,
	CQ_QUEUE_DELIVERED,
	CQ_QUEUE_ACKNOWLEDGED,
	CQ_QUEUE_FAILED,
	CQ_QUEUE_EXPIRED,
	CQ_QUEUE_DEAD_LETTERED,
	CQ_QUEUE_TIMED_OUT,
	CQ_QUEUE_DROPPED,
	CQ_QUEUE_DUPLICATES
} CqQueueCounter;

#define CQ_QUEUE_COUNTERS (CQ_QUEUE_DUPLICATES + 1)

/* A queue as of one moment, copied under its lock. */
typedef struct CqQueueStat
{
	int64		ready;
	int64		delayed;
	int64		in_flight;
	int64		blocked;
	int64		open;
	int64		bytes;
	bool		paused;
	uint32		entries;
	int			nsegments;
	int64		counters[CQ_QUEUE_COUNTERS];
	double		rates[CQ_RATE_KINDS];
	int64		first_id;		/* next message; 0: none in memory */
	uint8		first_segment;
	ItemPointerData first_tid;
	FullTransactionId mark;		/* lowest one of what is to be truncated; 0:
								 * none */
} CqQueueStat;

/* The leases of one session. */
typedef struct CqQueueConsumer
{
	uint32		pid;			/* 0: of none */
	int64		in_flight;
	int64		until;			/* earliest end, in ms of cq_clock_ms(); 0:
								 * none */
} CqQueueConsumer;

/* Names (char *) of the queues whose state the current role may see. */
extern List *cq_queues_visible(void);

/* The queue's state, once it has been loaded. */
extern void cq_queue_stat(CqQueueDef *def, CqQueueStat *stat);

/* When the next message was sent; false when that is not known. */
extern bool cq_queue_first_sent_at(CqQueueDef *def, const CqQueueStat *stat,
								   TimestampTz *at);

/* Number of messages in the queue's dead-letter queue; false when it has none. */
extern bool cq_queue_count_dead(const CqQueueDef *def, int64 *dead);

/*
 * What keeps tables of the queue from being truncated (core/horizon.h), palloc'd; NULL:
 * nothing.
 */
extern char *cq_queue_held_by(const CqQueueStat *stat);

/* The sessions that have leases, palloc'd; returns how many. */
extern int64 cq_queue_consumers_list(CqQueueDef *def, CqQueueConsumer **consumers);

/* A segment of a queue, as copied under the queue's lock. */
typedef struct CqSegmentCopy
{
	bool		current;		/* messages are sent to it */
	bool		backlog;		/* it may have unloaded messages */
	int64		inserted;
	int64		loaded;
} CqSegmentCopy;

/* Copy the state of the queue's segments, once it has been loaded; returns how many. */
extern int	cq_queue_segments_copy(CqQueueDef *def, CqSegmentCopy segments[CQ_SEGMENTS_MAX]);

#endif							/* CQ_QUEUE_STAT_H */
