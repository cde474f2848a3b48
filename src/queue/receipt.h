/*-------------------------------------------------------------------------
 *
 * receipt.h
 *	  The name of one delivery.
 *
 *	byte  0		 1		 5			9		13		17				 25		33
 *		  +------+-------+----------+-------+-------+----------------+-----+
 *		  | kind | shard | queue id | entry | nonce | message number | tag |
 *		  +------+-------+----------+-------+-------+----------------+-----+
 *
 * in network order, as 44 characters of the URL-safe base64 alphabet.
 *
 * kind		0 for a lease in memory, 1 for a durable one
 * shard	0; kept for a number of the server that made it
 * entry	of the message in shared memory; a hint in a durable one, whose
 *			entry is another one after a restart
 * nonce	of the delivery
 * tag		SipHash of all bytes before it
 *
 * The key of the tag is 64 random bits that no receipt reveals: those of the
 * queue's state in shared memory, which no lease in memory outlives, or for a
 * durable one those in cq.queue_secret.  So the holder of receipts can neither make
 * others nor use them on a later queue that has the same number.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_RECEIPT_H
#define CQ_QUEUE_RECEIPT_H

#define CQ_RECEIPT_CHARS 44

typedef struct CqReceipt
{
	bool		durable;
	int32		queue_id;
	uint32		entry;
	uint32		nonce;
	int64		msg_id;
	uint64		tag;
} CqReceipt;

/* A text datum; sets the tag. */
extern text *cq_receipt_encode(CqReceipt *receipt, uint64 secret);

/*
 * Raises 22023 when it isn't a receipt, or is one of another queue or shard.
 * Whether it is genuine remains to be seen.
 */
extern void cq_receipt_decode(const text *arg, int32 queue_id, CqReceipt *receipt);

/* Whether it was made with this secret.  Fit for use under a lock. */
extern bool cq_receipt_is_genuine(const CqReceipt *receipt, uint64 secret);

#endif							/* CQ_QUEUE_RECEIPT_H */
