/*-------------------------------------------------------------------------
 *
 * read.c
 *	  Reading an entry of the cache without a lock.
 *
 * Why that is right stands in engine.c, under Locks.  Here everything that comes
 * from shared memory is taken to be nonsense until the sequence number has
 * been read again: it is read once, checked, and used.
 *
 * A reader whom writers keep getting in the way waits a little, and after some
 * 20 ms gives up, which is a miss.  A writer needs less than a microsecond in
 * there, unless the system takes the processor from it in the middle.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/memory.h"
#include "core/faults.h"

#define READ_SPINS 100
#define READ_NAPS 200
#define READ_NAP_US 100
#define CHAIN_MAX 4096			/* overflow buckets that a reader follows */

void
cq_record_meta(const CqRecord *record, CqEngineMeta *meta)
{
	meta->expires_ms = record_expiry(record);
	meta->version = record_version(record);
	meta->value_len = record->value_len;
	meta->nstamps = record->nstamps;
	meta->class_id = record->class_id;
	meta->type = record->type;
	meta->flags = record->flags;
}

/* Copy stamps and value out; false for a broken chain. */
static bool
copy_payload(CqEngine *engine, CqCursor *cursor, const CqEngineMeta *meta,
			 char *buf)
{
	CqStamp    *stamps = (CqStamp *) buf;

	for (int i = 0; i < meta->nstamps; i++)
	{
		char		packed[CQ_ENGINE_STAMP_BYTES];

		if (!cq_copy_out(engine, cursor, packed, sizeof(packed)))
			return false;
		memcpy(&stamps[i].version, packed, sizeof(uint64));
		memcpy(&stamps[i].slot, packed + sizeof(uint64), sizeof(uint32));
		stamps[i].unused = 0;
	}
	return cq_copy_out(engine, cursor, buf + meta->nstamps * sizeof(CqStamp),
					   meta->value_len);
}

typedef enum CqReading
{
	CQ_READ_OK,
	CQ_READ_OTHER,				/* another key's record */
	CQ_READ_BROKEN				/* something changed meanwhile */
} CqReading;

/*
 * Copy the record at a location out if it is this key's, with *result OK,
 * EXPIRED or TOO_SMALL.
 */
static inline CqReading
read_record(CqEngine *engine, uint32 location, const CqEngineKey *key,
			int64 now_ms, char *buf, Size buf_len, CqEngineMeta *meta,
			CqEngineResult *result)
{
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
	if (!cq_bytes_equal(engine, &cursor, key->bytes, key->len))
		return CQ_READ_OTHER;

	cq_record_meta(&record, meta);
	if (record_expired(&record, now_ms))
		*result = CQ_ENGINE_EXPIRED;
	else if (meta->nstamps * sizeof(CqStamp) + meta->value_len > buf_len)
		*result = CQ_ENGINE_TOO_SMALL;
	else
	{
		*result = CQ_ENGINE_OK;
		if (!copy_payload(engine, &cursor, meta, buf))
			return CQ_READ_BROKEN;
	}
	return CQ_READ_OK;
}

/*
 * Look a key up; *use is the slot's tag to note the use in, *seen what it held.
 * False: something changed meanwhile.
 */
static inline bool
look_up(CqEngine *engine, uint32 number, const CqEngineKey *key, int64 now_ms,
		char *buf, Size buf_len, CqEngineMeta *meta, uint16 **use,
		uint16 *seen, CqEngineResult *result)
{
	uint16		tag = tag_of(key->hash);
	uint32		limit = engine->nbuckets + engine->npages * 64;

	for (int chain = 0; chain < CHAIN_MAX; chain++)
	{
		CqBucket   *bucket = bucket_at(engine, number);

		for (int i = 0; i < CQ_BUCKET_SLOTS; i++)
		{
			uint16		has = *(volatile uint16 *) &bucket->tag[i];
			uint32		location;

			if (((has ^ tag) & CQ_TAG_HASH) != 0)
				continue;
			location = *(volatile uint32 *) &bucket->location[i];
			if (location == 0)
				continue;
			switch (read_record(engine, location, key, now_ms, buf, buf_len,
								meta, result))
			{
				case CQ_READ_OK:
					*use = &bucket->tag[i];
					*seen = has;
					return true;
				case CQ_READ_OTHER:
					break;
				case CQ_READ_BROKEN:
					return false;
			}
		}
		number = *(volatile uint32 *) &bucket->next;
		if (number == 0)
		{
			*result = CQ_ENGINE_ABSENT;
			return true;
		}
		if (unlikely(number < engine->nbuckets || number >= limit))
			return false;
	}
	return false;
}

CqEngineResult
cq_engine_get(CqEngine *engine, const CqEngineKey *key, int64 now_ms,
			  char *buf, Size buf_len, CqEngineMeta *meta)
{
	uint32		bucket = bucket_of(engine, key->hash);
	pg_atomic_uint32 *sequence = bucket_sequence(engine, bucket);
	CqEngineResult result = CQ_ENGINE_ABSENT;
	uint16	   *use = NULL;
	uint16		seen = 0;
	bool		done = false;

	for (int i = 0; i < READ_SPINS + READ_NAPS && !done; i++)
	{
		uint32		before = pg_atomic_read_u32(sequence);

		if (i >= READ_SPINS)
			pg_usleep(READ_NAP_US);
		if ((before & 1) != 0 && !CQ_FAULT("no-sequence-check"))
			continue;
		pg_read_barrier();
		done = look_up(engine, bucket, key, now_ms, buf, buf_len, meta,
					   &use, &seen, &result);
		pg_read_barrier();
		done = done && (pg_atomic_read_u32(sequence) == before ||
						CQ_FAULT("no-sequence-check"));
	}
	if (!done)
		return CQ_ENGINE_ABSENT;
	if (result == CQ_ENGINE_OK)
		cq_note_use(use, seen);
	return result;
}

void
cq_engine_prefetch(CqEngine *engine, const CqEngineKey *key)
{
	__builtin_prefetch(bucket_at(engine, bucket_of(engine, key->hash)));
}
