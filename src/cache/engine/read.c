/*-------------------------------------------------------------------------
 *
 * read.c
 *	  Reading an entry of the cache without a lock.
 *
 * engine.c explains, under Locks, why that is correct.  Whatever this file reads
 * from shared memory may be garbage until the sequence number has been read
 * again, so each value is read once, checked, and then used.
 *
 * A reader that writers keep getting in the way of sleeps a little, and after
 * some 20 ms gives up, which is a miss.  A writer needs less than a microsecond
 * between the two changes of the sequence number, unless the system takes the
 * processor away from it there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/chain.h"
#include "cache/engine/index.h"
#include "cache/engine/read.h"
#include "core/faults.h"

#define READ_SPINS 100
#define READ_NAPS 200
#define READ_NAP_US 100
#define CHAIN_MAX 4096			/* overflow buckets that a reader follows */

/* Copy stamps and value to buf; false if the chain is broken. */
static bool
copy_payload(CqEngine *engine, CqCursor *cursor, const CqEngineMeta *meta,
			 char *buf)
{
	CqStamp    *stamps = (CqStamp *) buf;

	for (int i = 0; i < meta->nstamps; i++)
	{
		char		packed[CQ_ENGINE_STAMP_BYTES];

		if (!cq_chain_read(engine, cursor, packed, sizeof(packed)))
			return false;
		memcpy(&stamps[i].version, packed, sizeof(uint64));
		memcpy(&stamps[i].slot, packed + sizeof(uint64), sizeof(uint32));
		stamps[i].unused = 0;
	}
	return cq_chain_read(engine, cursor, buf + meta->nstamps * sizeof(CqStamp),
						 meta->value_len);
}

/* What _get is asked for, and what it has found. */
typedef struct CqReading
{
	const CqEngineKey *key;
	int64		now_ms;
	char	   *buf;
	Size		buf_len;
	CqEngineMeta *meta;

	CqEngineResult result;
	uint16	   *tag;			/* where the use is counted, if OK */
	uint16		tag_seen;		/* its value */
} CqReading;

typedef enum CqReadStatus
{
	CQ_READ_DONE,
	CQ_READ_OTHER,				/* record of another key */
	CQ_READ_BROKEN				/* something has changed meanwhile */
} CqReadStatus;

/*
 * Copy the record at a location out if it is that of the key; its result is OK,
 * EXPIRED or TOO_SMALL.
 */
static inline CqReadStatus
read_record(CqEngine *engine, uint32 location, CqReading *reading)
{
	const CqEngineKey *key = reading->key;
	CqEngineMeta *meta = reading->meta;
	CqCursor	cursor = cursor_at(engine, location);
	CqRecord	record;

	if (unlikely(cursor.page - 1 >= engine->npages ||
				 cursor.off > CQ_PAGE_BYTES - sizeof(CqRecord)))
		return CQ_READ_BROKEN;
	memcpy(&record, page_bytes(engine, cursor.page) + cursor.off,
		   sizeof(record));
	pg_compiler_barrier();		/* it is not to be read twice */
	if (!record_hash_equals(&record, key->hash) || record.key_len != key->len)
		return CQ_READ_OTHER;
	cursor.off += sizeof(CqRecord);
	if (!cq_chain_equals(engine, &cursor, key->bytes, key->len))
		return CQ_READ_OTHER;

	record_meta(&record, meta);
	if (record_expired(&record, reading->now_ms))
		reading->result = CQ_ENGINE_EXPIRED;
	else if (meta->nstamps * sizeof(CqStamp) + meta->value_len > reading->buf_len)
		reading->result = CQ_ENGINE_TOO_SMALL;
	else
	{
		reading->result = CQ_ENGINE_OK;
		if (!copy_payload(engine, &cursor, meta, reading->buf))
			return CQ_READ_BROKEN;
	}
	return CQ_READ_DONE;
}

/* Look the key up in the chain of its bucket; DONE or BROKEN. */
static inline CqReadStatus
look_up(CqEngine *engine, CqReading *reading)
{
	uint32		number = bucket_of(engine, reading->key->hash);
	uint16		wanted = tag_of(reading->key->hash);
	uint32		limit = engine->nbuckets + engine->npages * CQ_PAGE_BUCKETS;

	for (int chain = 0; chain < CHAIN_MAX; chain++)
	{
		CqIndexBucket *bucket = bucket_at(engine, number);

		for (int i = 0; i < CQ_BUCKET_SLOTS; i++)
		{
			uint16		seen = *(volatile uint16 *) &bucket->tag[i];
			uint32		location;
			CqReadStatus status;

			if (((seen ^ wanted) & CQ_TAG_HASH) != 0)
				continue;
			location = *(volatile uint32 *) &bucket->location[i];
			if (location == 0)
				continue;
			status = read_record(engine, location, reading);
			if (status == CQ_READ_OTHER)
				continue;
			reading->tag = &bucket->tag[i];
			reading->tag_seen = seen;
			return status;
		}
		number = *(volatile uint32 *) &bucket->next;
		if (number == 0)
		{
			reading->result = CQ_ENGINE_ABSENT;
			return CQ_READ_DONE;
		}
		if (unlikely(number < engine->nbuckets || number >= limit))
			return CQ_READ_BROKEN;
	}
	return CQ_READ_BROKEN;
}

CqEngineResult
cq_engine_get(CqEngine *engine, const CqEngineKey *key, int64 now_ms,
			  char *buf, Size buf_len, CqEngineMeta *meta)
{
	pg_atomic_uint32 *sequence =
	bucket_sequence(engine, bucket_of(engine, key->hash));
	CqReading	reading = {
		.key = key,.now_ms = now_ms,.buf = buf,.buf_len = buf_len,.meta = meta
	};
	bool		done = false;

	for (int i = 0; i < READ_SPINS + READ_NAPS && !done; i++)
	{
		uint32		before = pg_atomic_read_u32(sequence);

		if (i >= READ_SPINS)
			pg_usleep(READ_NAP_US);
		if ((before & 1) != 0 && !CQ_FAULT("no-sequence-check"))
			continue;
		pg_read_barrier();
		done = look_up(engine, &reading) == CQ_READ_DONE;
		pg_read_barrier();
		done = done && (pg_atomic_read_u32(sequence) == before ||
						CQ_FAULT("no-sequence-check"));
	}
	if (!done)
		return CQ_ENGINE_ABSENT;
	if (reading.result == CQ_ENGINE_OK)
		cq_index_note_use(reading.tag, reading.tag_seen);
	return reading.result;
}

void
cq_engine_prefetch(CqEngine *engine, const CqEngineKey *key)
{
	__builtin_prefetch(bucket_at(engine, bucket_of(engine, key->hash)));
}
