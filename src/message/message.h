/*-------------------------------------------------------------------------
 *
 * message.h
 *	  The tables of a segment: appending rows, reading one by its place.
 *
 *	cq.q<queue>_s<k>	messages
 *	cq.q<queue>_e<k>	events: what became of messages of that segment
 *	cq.q<queue>_id		blocks of message numbers
 *
 * Rows are only ever appended, straight through the table access method: the
 * tables have neither indexes nor constraints nor triggers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_MESSAGE_MESSAGE_H
#define CQ_MESSAGE_MESSAGE_H

#include "executor/tuptable.h"
#include "queue/definition.h"
#include "storage/itemptr.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"

/* columns of a message */
#define CQ_MESSAGE_ID 1
#define CQ_MESSAGE_ENQUEUED_AT 2
#define CQ_MESSAGE_DELIVER_AT 3
#define CQ_MESSAGE_EXPIRES_AT 4
#define CQ_MESSAGE_PRIORITY 5
#define CQ_MESSAGE_PARTITION 6
#define CQ_MESSAGE_ATTEMPTS 7
#define CQ_MESSAGE_KEY 8
#define CQ_MESSAGE_HEADERS 9
#define CQ_MESSAGE_BODY 10
#define CQ_MESSAGE_COLUMNS 10

/* columns of an event */
#define CQ_EVENT_KIND 1			/* 'a' settled for good, 'm' moved to another
								 * segment, 'n' attempt failed, 'l' durable
								 * lease */
#define CQ_EVENT_IDS 2			/* message numbers */
#define CQ_EVENT_ATTEMPT 3		/* 'n', 'l': attempts so far */
#define CQ_EVENT_DUE 4			/* 'n': next delivery, NULL: at once; 'l': end
								 * of the lease */
#define CQ_EVENT_ERROR 5		/* 'n': what went wrong; 'l': the nonce */
#define CQ_EVENT_COLUMNS 5

/* A message to be appended. */
typedef struct CqNewMessage
{
	int64		msg_id;			/* 0: not yet numbered */
	TimestampTz enqueued_at;
	TimestampTz deliver_at;		/* 0: at once */
	TimestampTz expires_at;		/* 0: never */
	Datum		headers;		/* jsonb */
	bool		no_headers;
	Datum		body;			/* jsonb */
	bool		no_body;		/* of a topic's record: a tombstone */
	text	   *group_key;		/* NULL: none */
	uint64 group_hash;			/* cq_group_hash() of it; 0: none */
	text	   *dedup_key;		/* NULL: none */
	bool		exempt;			/* from the limits of the queue's length */
	bool		duplicate;		/* not sent: msg_id is that of another one */
	uint32		bytes;			/* of body and headers */
	int32		attempts;
	int16		priority;
	int32		partition;		/* of a topic; 0 in queues */
} CqNewMessage;

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

/*
 * The same to any table of that layout, which is open and locked; entries of
 * indexes are the caller's to make.
 */
extern void cq_messages_insert(Relation rel, const CqNewMessage *messages, int n,
							   ItemPointerData *tids);

/* Append one event for these messages; due 0 and error NULL are NULL. */
extern void cq_segment_event(const CqQueueDef *def, int segment, char kind,
							 const int64 *ids, int n, int attempt,
							 TimestampTz due, const char *error);

/*
 * Read the committed message at that place into the slot.  False when it
 * isn't there any more.
 */
extern bool cq_segment_fetch(Relation rel, ItemPointer tid, int64 msg_id,
							 TupleTableSlot *slot);

/* Bytes of the body and headers in the slot. */
extern uint32 cq_message_bytes(TupleTableSlot *slot);

/* What stands for a group key; never 0. */
extern uint64 cq_group_hash(const text *key);

/* The row in the slot as a new message with the same number, in the present
 * memory context. */
extern void cq_message_copy(TupleTableSlot *slot, CqNewMessage *message);

/*
 * Create the tables of segment k of a queue, which go with its sequence; needs
 * a transaction.
 */
extern void cq_segment_create(int32 queue_id, Oid sequence, int k);

/* Create the sequence, which is returned, and the tables of keys of a queue. */
extern Oid	cq_common_tables_create(int32 queue_id, Oid carrier);

/* Drop all tables of the queue that are left. */
extern void cq_segments_drop(int32 queue_id);

#endif							/* CQ_MESSAGE_MESSAGE_H */
