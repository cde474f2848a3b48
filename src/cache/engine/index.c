/*-------------------------------------------------------------------------
 *
 * index.c
 *	  The hash index of the cache engine.
 *
 * A bucket is a cache line with CQ_BUCKET_SLOTS slots and the number of an
 * overflow bucket.  There are so few buckets that in a cache of small entries
 * most have one or two overflow buckets.  A bucket is filled before it gets
 * another, so this takes less memory than a table in which few overflow.
 * Overflow buckets lie in pages of the arena, CQ_PAGE_BUCKETS in each.  Such a
 * page keeps its kind forever: a reader may count a use in a bucket that has
 * been freed since, and must find a bucket there.
 *
 * The slots in use are those before the first free one of the chain.  Removing
 * a slot moves the last one of the chain into its place.
 *
 * A commit callback that fills a slot must not fail for want of an overflow
 * bucket.  So one is reserved for each prepared record: at any time,
 * free_buckets >= outstanding.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/chain.h"
#include "cache/engine/index.h"

#define ALL_FREE (~UINT64CONST(0))

StaticAssertDecl(CQ_PAGE_BUCKETS * sizeof(CqIndexBucket) == CQ_PAGE_BYTES,
				 "free_buckets has a bit for each bucket of a page");

CqIndexSlot
cq_index_slot_of(CqEngine *engine, uint32 bucket, uint32 location)
{
	CqIndexSlot slot;

	for (uint32 number = bucket;;)
	{
		slot.bucket = bucket_at(engine, number);
		for (slot.i = 0; slot.i < CQ_BUCKET_SLOTS; slot.i++)
			if (slot.bucket->location[slot.i] == location)
				return slot;
		number = slot.bucket->next;
		Assert(number != 0);
	}
}

CqIndexSlot
cq_index_find(CqEngine *engine, uint32 bucket, const CqEngineKey *key)
{
	uint16		tag = tag_of(key->hash);
	uint32		number = bucket;
	CqIndexSlot slot;

	do
	{
		slot.bucket = bucket_at(engine, number);
		for (slot.i = 0; slot.i < CQ_BUCKET_SLOTS; slot.i++)
		{
			uint32		location = slot.bucket->location[slot.i];
			CqRecord   *record;
			CqCursor	cursor;

			if (location == 0)
				break;
			if (((slot.bucket->tag[slot.i] ^ tag) & CQ_TAG_HASH) != 0)
				continue;
			record = record_at(engine, location);
			if (!record_hash_equals(record, key->hash) ||
				record->key_len != key->len)
				continue;
			cursor = cursor_at(engine, location);
			cursor.off += sizeof(CqRecord);
			if (cq_chain_equals(engine, &cursor, key->bytes, key->len))
				return slot;
		}
		number = slot.bucket->next;
	} while (number != 0);
	slot.bucket = NULL;
	return slot;
}

/* Put a page with a free bucket into the list of these.  Mutex held. */
static void
list_page(CqEngine *engine, uint32 page)
{
	page_desc(engine, page)->next = engine->index_head;
	engine->index_head = page;
}

/* Take a free overflow bucket; the caller has reserved it. */
static uint32
take_bucket(CqEngine *engine)
{
	uint32		page;
	CqPageDesc *desc;
	CqIndexBucket *bucket;
	uint32		i;

	SpinLockAcquire(&engine->index_mutex);
	Assert(engine->free_buckets > 0);
	page = engine->index_head;
	desc = page_desc(engine, page);
	i = __builtin_ctzll(desc->u.free_buckets);
	desc->u.free_buckets &= desc->u.free_buckets - 1;
	if (desc->u.free_buckets == 0)
		engine->index_head = desc->next;
	engine->free_buckets--;
	SpinLockRelease(&engine->index_mutex);

	bucket = (CqIndexBucket *) page_bytes(engine, page) + i;
	memset(bucket, 0, sizeof(*bucket));
	return engine->nbuckets + (page - 1) * CQ_PAGE_BUCKETS + i;
}

static void
give_bucket(CqEngine *engine, uint32 number)
{
	uint32		page = (number - engine->nbuckets) / CQ_PAGE_BUCKETS + 1;
	CqPageDesc *desc = page_desc(engine, page);

	SpinLockAcquire(&engine->index_mutex);
	if (desc->u.free_buckets == 0)
		list_page(engine, page);
	desc->u.free_buckets |= UINT64CONST(1) <<
		((number - engine->nbuckets) % CQ_PAGE_BUCKETS);
	engine->free_buckets++;
	SpinLockRelease(&engine->index_mutex);
}

void
cq_index_add(CqEngine *engine, uint32 bucket, uint16 tag, uint32 location)
{
	for (uint32 number = bucket;;)
	{
		CqIndexBucket *at = bucket_at(engine, number);

		for (int i = 0; i < CQ_BUCKET_SLOTS; i++)
		{
			if (at->location[i] != 0)
				continue;
			at->tag[i] = tag;
			at->location[i] = location;
			return;
		}
		if (at->next == 0)
			at->next = take_bucket(engine);
		number = at->next;
	}
}

void
cq_index_remove(CqEngine *engine, uint32 bucket, CqIndexSlot slot)
{
	CqIndexBucket *last = bucket_at(engine, bucket);
	CqIndexBucket *before = NULL;
	int			i = CQ_BUCKET_SLOTS;

	while (last->next != 0)
	{
		before = last;
		last = bucket_at(engine, last->next);
	}
	while (last->location[i - 1] == 0)
		i--;
	i--;
	slot.bucket->location[slot.i] = last->location[i];
	slot.bucket->tag[slot.i] = last->tag[i];
	last->location[i] = 0;
	if (i == 0 && before != NULL)
	{
		uint32		number = before->next;

		before->next = 0;
		give_bucket(engine, number);
	}
}

bool
cq_index_reserve(CqEngine *engine)
{
	bool		enough;

	SpinLockAcquire(&engine->index_mutex);
	enough = engine->free_buckets > engine->outstanding;
	if (enough)
		engine->outstanding++;
	SpinLockRelease(&engine->index_mutex);
	return enough;
}

void
cq_index_release(CqEngine *engine)
{
	SpinLockAcquire(&engine->index_mutex);
	Assert(engine->outstanding > 0);
	engine->outstanding--;
	SpinLockRelease(&engine->index_mutex);
}

void
cq_index_give_page(CqEngine *engine, uint32 page)
{
	SpinLockAcquire(&engine->index_mutex);
	page_desc(engine, page)->u.free_buckets = ALL_FREE;
	list_page(engine, page);
	engine->free_buckets += CQ_PAGE_BUCKETS;
	engine->index_pages++;
	SpinLockRelease(&engine->index_mutex);
}
