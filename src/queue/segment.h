/*-------------------------------------------------------------------------
 *
 * segment.h
 *	  The tables of a queue's segments: appending rows, reading one by its place.
 *
 *	cq.q<queue>_s<k>	messages
 *	cq.q<queue>_e<k>	events: what became of messages of that segment
 *	cq.q<queue>_k<0|1>	deduplication keys
 *	cq.q<queue>_id		blocks of message numbers
 *
 * Rows of the first two are only ever appended, straight through the table access
 * method: these tables have neither indexes nor constraints nor triggers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_SEGMENT_H
#define CQ_QUEUE_SEGMENT_H

#include "executor/tuptable.h"
#include "message/message.h"
#include "queue/definition.h"
#include "storage/itemptr.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* What an event says of its messages; as it is stored. */
typedef enum CqEventKind
{
	CQ_EVENT_SETTLED = 'a',		/* for good */
	CQ_EVENT_MOVED = 'm',		/* to another segment */
	CQ_EVENT_FAILED = 'n',		/* an attempt has */
	CQ_EVENT_LEASED = 'l'		/* durably */
} CqEventKind;

/* columns of an event */
#define CQ_EVENT_KIND 1			/* CqEventKind */
#define CQ_EVENT_IDS 2			/* message numbers */
#define CQ_EVENT_ATTEMPT 3		/* FAILED, LEASED: attempts so far */
#define CQ_EVENT_DUE 4			/* FAILED: next delivery, NULL: at once;
								 * LEASED: end of the lease */
#define CQ_EVENT_ERROR 5		/* FAILED: what went wrong; LEASED: the nonce */
#define CQ_EVENT_COLUMNS 5

/* What has become of messages of a segment. */
typedef struct CqEvent
{
	CqEventKind kind;
	const int64 *ids;
	int			n;
	int			attempt;		/* FAILED, LEASED */
	TimestampTz due;			/* 0: none */
	const char *error;			/* NULL: none */
} CqEvent;

/*
 * Open a table of the queue; raises when it isn't the insert-only table it
 * should be.
 */
extern Relation cq_segment_open(const CqQueueDef *def, Oid relid, LOCKMODE lockmode);

/*
 * Append messages to the segment and store their places.  The lock on the
 * table stays until the transaction ends.
 */
extern void cq_segment_append(const CqQueueDef *def, int segment,
							  const CqNewMessage *messages, int n,
							  ItemPointerData *tids);

/* Append an event. */
extern void cq_segment_event(const CqQueueDef *def, int segment, const CqEvent *event);

/* The same for an event of messages that has nothing but its kind. */
extern void cq_segment_event_plain(const CqQueueDef *def, int segment, CqEventKind kind,
								   const int64 *ids, int n);

/*
 * Read the committed message at that place into the slot.  False when it
 * isn't there any more.
 */
extern bool cq_segment_fetch(Relation rel, ItemPointer tid, int64 msg_id,
							 TupleTableSlot *slot);

/*
 * Create the tables of segment k of a queue, which go with its sequence; needs
 * a transaction.
 */
extern void cq_segment_create(int32 queue_id, Oid sequence, int k);

/* Create the sequence, which is returned, and the tables of keys of a queue. */
extern Oid	cq_common_tables_create(int32 queue_id, Oid carrier);

/* Drop all tables of the queue that are left. */
extern void cq_segments_drop(int32 queue_id);

#endif							/* CQ_QUEUE_SEGMENT_H */
