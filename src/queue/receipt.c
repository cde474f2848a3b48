/*-------------------------------------------------------------------------
 *
 * receipt.c
 *	  The name of one delivery.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/siphash.h"
#include "port/pg_bswap.h"
#include "queue/receipt.h"

/* places of the fields */
#define AT_KIND 0
#define AT_SHARD 1
#define AT_QUEUE 5
#define AT_ENTRY 9
#define AT_NONCE 13
#define AT_MESSAGE 17
#define AT_TAG 25
#define RECEIPT_BYTES 33

#define KIND_MEMORY 0
#define KIND_DURABLE 1

StaticAssertDecl(RECEIPT_BYTES % 3 == 0 && RECEIPT_BYTES / 3 * 4 == CQ_RECEIPT_CHARS,
				 "a receipt is whole groups of base64");

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

static inline void
put64(uint8 *to, uint64 value)
{
	value = pg_hton64(value);
	memcpy(to, &value, 8);
}

static inline uint64
get64(const uint8 *from)
{
	uint64		value;

	memcpy(&value, from, 8);
	return pg_ntoh64(value);
}

/* All bytes but the tag; returns the tag that they have with this secret. */
static uint64
pack(const CqReceipt *receipt, uint64 secret, uint8 *bytes)
{
	bytes[AT_KIND] = receipt->durable ? KIND_DURABLE : KIND_MEMORY;
	put32(bytes + AT_SHARD, 0);
	put32(bytes + AT_QUEUE, (uint32) receipt->queue_id);
	put32(bytes + AT_ENTRY, receipt->entry);
	put32(bytes + AT_NONCE, receipt->nonce);
	put64(bytes + AT_MESSAGE, (uint64) receipt->msg_id);
	return cq_siphash(secret, ~secret, bytes, AT_TAG);
}

text *
cq_receipt_encode(CqReceipt *receipt, uint64 secret)
{
	uint8		bytes[RECEIPT_BYTES];
	text	   *result = palloc(VARHDRSZ + CQ_RECEIPT_CHARS);
	char	   *to = VARDATA(result);

	receipt->tag = pack(receipt, secret, bytes);
	put64(bytes + AT_TAG, receipt->tag);

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

	if (!parse(VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg), bytes) ||
		bytes[AT_KIND] > KIND_DURABLE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("not a receipt"),
				 errhint("Receipts come from cq.queue_receive.")));
	if (get32(bytes + AT_SHARD) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the receipt belongs to another shard"),
				 errhint("Settle a delivery on the server that it came from.")));
	receipt->durable = bytes[AT_KIND] == KIND_DURABLE;
	receipt->queue_id = (int32) get32(bytes + AT_QUEUE);
	receipt->entry = get32(bytes + AT_ENTRY);
	receipt->nonce = get32(bytes + AT_NONCE);
	receipt->msg_id = (int64) get64(bytes + AT_MESSAGE);
	receipt->tag = get64(bytes + AT_TAG);
	if (receipt->queue_id != queue_id)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the receipt belongs to another queue")));
}

bool
cq_receipt_is_genuine(const CqReceipt *receipt, uint64 secret)
{
	uint8		bytes[RECEIPT_BYTES];

	return pack(receipt, secret, bytes) == receipt->tag;
}
