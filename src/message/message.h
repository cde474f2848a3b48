/*-------------------------------------------------------------------------
 *
 * message.h
 *	  Layout and insertion of messages, which queues and topics share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_MESSAGE_MESSAGE_H
#define CQ_MESSAGE_MESSAGE_H

#include "executor/tuptable.h"
#include "storage/itemptr.h"
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
 * Insert messages into a table of that layout, which is open and locked, and
 * store their places.  Makes no index entries: the caller does.
 */
extern void cq_messages_insert(Relation rel, const CqNewMessage *messages, int n,
							   ItemPointerData *tids);

/* Bytes of the body and headers in the slot. */
extern uint32 cq_message_bytes(TupleTableSlot *slot);

/* What stands for a group key; never 0. */
extern uint64 cq_group_hash(const text *key);

/* The row in the slot as a new message with the same number, in the present
 * memory context. */
extern void cq_message_copy(TupleTableSlot *slot, CqNewMessage *message);

/*
 * Create a table of messages in schema cq, which goes with its owner, a relation,
 * and belongs to the role that owns the extension.  body_required: no message
 * goes without a body.
 */
extern void cq_messages_table_create(Oid owner, const char *name, bool body_required);

#endif							/* CQ_MESSAGE_MESSAGE_H */
