/*-------------------------------------------------------------------------
 *
 * receipt.h
 *	  The name of one delivery.
 *
 *	byte  0		  4			  8			 12			 16				 24
 *		  +-------+-----------+----------+-----------+----------------+
 *		  | salt  | queue id  |	 entry	 |	 nonce	 | message number |
 *		  +-------+-----------+----------+-----------+----------------+
 *
 * in network order, as 32 characters of the URL-safe base64 alphabet.  The
 * salt is that of the server's start, which leases do not outlive; 1 in the
 * receipts of durable ones, which do.  For these the entry is a hint: it is
 * another one after a restart.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_RECEIPT_H
#define CQ_RECEIPT_H

#define CQ_RECEIPT_CHARS 32

typedef struct CqReceipt
{
	uint32		salt;
	int32		queue_id;
	uint32		entry;
	uint32		nonce;
	int64		msg_id;
} CqReceipt;

/* The salt in receipts of durable leases. */
#define CQ_SALT_DURABLE 1

/* A text datum. */
extern text *cq_receipt_encode(const CqReceipt *receipt);

/* Raises 22023 when it isn't a receipt, or one of another queue. */
extern void cq_receipt_decode(const text *arg, int32 queue_id, CqReceipt *receipt);

#endif							/* CQ_RECEIPT_H */
