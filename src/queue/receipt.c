/*-------------------------------------------------------------------------
 *
 * receipt.c
 *	  The name of one delivery.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bswap.h"
#include "queue/dispatch.h"
#include "queue/receipt.h"

#define RECEIPT_BYTES 24

static const char alphabet[] =
"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static inline int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	if (c == '_')
		return 63;
	return -1;
}

static inline void
put32(uint8 *to, uint32 value)
{
	value = pg_hton32(value);
	memcpy(to, &value, 4);
}

static inline uint32
get32(const uint8 *from)
{
	uint32		value;

	memcpy(&value, from, 4);
	return pg_ntoh32(value);
}

text *
cq_receipt_encode(const CqReceipt *receipt)
{
	uint8		bytes[RECEIPT_BYTES];
	text	   *result = palloc(VARHDRSZ + CQ_RECEIPT_CHARS);
	char	   *to = VARDATA(result);

	put32(bytes, receipt->salt);
	put32(bytes + 4, (uint32) receipt->queue_id);
	put32(bytes + 8, receipt->entry);
	put32(bytes + 12, receipt->nonce);
	put32(bytes + 16, (uint32) ((uint64) receipt->msg_id >> 32));
	put32(bytes + 20, (uint32) receipt->msg_id);

	for (int i = 0; i < RECEIPT_BYTES; i += 3)
	{
		uint32		group = (bytes[i] << 16) | (bytes[i + 1] << 8) | bytes[i + 2];

		*to++ = alphabet[group >> 18];
		*to++ = alphabet[(group >> 12) & 63];
		*to++ = alphabet[(group >> 6) & 63];
		*to++ = alphabet[group & 63];
	}
	SET_VARSIZE(result, VARHDRSZ + CQ_RECEIPT_CHARS);
	return result;
}

/* Returns false when it isn't a receipt at all. */
static bool
parse(const char *from, int length, uint8 *bytes)
{
	if (length != CQ_RECEIPT_CHARS)
		return false;
	for (int i = 0; i < RECEIPT_BYTES; i += 3, from += 4)
	{
		int			a = value_of(from[0]);
		int			b = value_of(from[1]);
		int			c = value_of(from[2]);
		int			d = value_of(from[3]);
		uint32		group;

		if ((a | b | c | d) < 0)
			return false;
		group = (a << 18) | (b << 12) | (c << 6) | d;
		bytes[i] = group >> 16;
		bytes[i + 1] = (group >> 8) & 255;
		bytes[i + 2] = group & 255;
	}
	return true;
}

void
cq_receipt_decode(const text *arg, int32 queue_id, CqReceipt *receipt)
{
	uint8		bytes[RECEIPT_BYTES];

	if (!parse(VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg), bytes))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("not a receipt"),
				 errhint("Receipts come from cq.queue_receive.")));
	receipt->salt = get32(bytes);
	receipt->queue_id = (int32) get32(bytes + 4);
	receipt->entry = get32(bytes + 8);
	receipt->nonce = get32(bytes + 12);
	receipt->msg_id = (int64) (((uint64) get32(bytes + 16) << 32) | get32(bytes + 20));
	if ((receipt->salt == cq_queues->salt || receipt->salt == CQ_SALT_DURABLE) &&
		receipt->queue_id != queue_id)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the receipt belongs to another queue")));
}
