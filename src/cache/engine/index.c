/*-------------------------------------------------------------------------
 *
 * index.c
 *	  The hash index of the cache engine, and the ghosts.
 *
 * A bucket is a cache line of CQ_BUCKET_SLOTS slots and the number of an
 * overflow bucket.  There are so few buckets that in a cache of small entries
 * most have one or two overflow buckets: a bucket is filled to the brim before
 * it gets another, so this costs less memory than a table in which few
 * overflow.  Overflow buckets live in pages of the arena, 64 of them in each.
 * Such a page remains one for good: a reader may count a use in a bucket that has
 * meanwhile become free, and must find a bucket there.
 *
 * The slots in use are those before the first free one, along the chain.
 * Taking one out moves the last one of the chain into the gap.
 *
 * A slot that is filled in the commit callback must not fail for want of an
 * overflow bucket.  So each prepared record has one in reserve: free_buckets >=
 * outstanding, always.
 *
 * Ghosts: for each bucket the fingerprints of the last CQ_GHOSTS keys that
 * were evicted from a small queue, the most recent first.  S3-FIFO's ghost
 * queue is one queue for all; this one is cut in pieces, each as long as its
 * bucket's share of the entries, about, so that it needs neither links nor
 * keys (SOSP'23, section 4.2 proposes such a table, too).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/memory.h"

#define PAGE_BUCKETS 64
#define ALL_FREE (~UINT64CONST(0))

StaticAssertDecl(PAGE_BUCKETS * sizeof(CqBucket) == CQ_PAGE_BYTES,
				 "a page holds 64 buckets, one bit each");

CqSlot
cq_index_slot_of(CqEngine *engine, uint32 bucket, uint32 location)
{
	CqSlot		slot;

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

CqSlot
cq_index_find(CqEngine *engine, uint32 bucket, const CqEngineKey *key)
{
	uint16		tag = tag_of(key->hash);
	uint32		number = bucket;
	CqSlot		slot;

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
			if (cq_bytes_equal(engine, &cursor, key->bytes, key->len))
				return slot;
		}
		number = slot.bucket->next;
	} while (number != 0);
	slot.bucket = NULL;
	return slot;
}

/* Put a page with a free bucket into the list of them; mutex held. */
static void
list_page(CqEngine *engine, uint32 page)
{
	page_row(engine, page)->next = engine->index_head;
	engine->index_head = page;
}

static uint32
take_bucket(CqEngine *engine)
{
	uint32		page;
	CqPage	   *row;
	CqBucket   *bucket;
	uint32		i;

	SpinLockAcquire(&engine->index_mutex);
	Assert(engine->free_buckets > 0);
	page = engine->index_head;
	row = page_row(engine, page);
	i = __builtin_ctzll(row->u.free_buckets);
	row->u.free_buckets &= row->u.free_buckets - 1;
	if (row->u.free_buckets == 0)
		engine->index_head = row->next;
	engine->free_buckets--;
	SpinLockRelease(&engine->index_mutex);

	bucket = (CqBucket *) page_bytes(engine, page) + i;
	memset(bucket, 0, sizeof(*bucket));
	return engine->nbuckets + (page - 1) * PAGE_BUCKETS + i;
}

static void
give_bucket(CqEngine *engine, uint32 number)
{
	uint32		page = (number - engine->nbuckets) / PAGE_BUCKETS + 1;
	CqPage	   *row = page_row(engine, page);

	SpinLockAcquire(&engine->index_mutex);
	if (row->u.free_buckets == 0)
		list_page(engine, page);
	row->u.free_buckets |= UINT64CONST(1) <<
		((number - engine->nbuckets) % PAGE_BUCKETS);
	engine->free_buckets++;
	SpinLockRelease(&engine->index_mutex);
}

void
cq_index_add(CqEngine *engine, uint32 bucket, uint16 tag, uint32 location)
{
	for (uint32 number = bucket;;)
	{
		CqBucket   *at = bucket_at(engine, number);

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
cq_index_remove(CqEngine *engine, uint32 bucket, CqSlot slot)
{
	CqBucket   *last = bucket_at(engine, bucket);
	CqBucket   *before = NULL;
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
	page_row(engine, page)->u.free_buckets = ALL_FREE;
	list_page(engine, page);
	engine->free_buckets += PAGE_BUCKETS;
	engine->index_pages++;
	SpinLockRelease(&engine->index_mutex);
}

static uint16 *
ghosts_of(CqEngine *engine, uint64 hash)
{
	return (uint16 *) ((char *) engine + engine->ghosts) +
		(Size) bucket_of(engine, hash) * CQ_GHOSTS;
}

/* Never 0, which is no fingerprint. */
static uint16
fingerprint(uint64 hash)
{
	uint16		bits = hash >> 27;

	return bits != 0 ? bits : 1;
}

void
cq_ghost_add(CqEngine *engine, uint64 hash)
{
	uint16	   *ghosts = ghosts_of(engine, hash);

	memmove(ghosts + 1, ghosts, (CQ_GHOSTS - 1) * sizeof(*ghosts));
	ghosts[0] = fingerprint(hash);
}

bool
cq_ghost_remove(CqEngine *engine, uint64 hash)
{
	uint16	   *ghosts = ghosts_of(engine, hash);
	uint16		wanted = fingerprint(hash);

	for (int i = 0; i < CQ_GHOSTS; i++)
	{
		if (ghosts[i] != wanted)
			continue;
		memmove(ghosts + i, ghosts + i + 1,
				(CQ_GHOSTS - 1 - i) * sizeof(*ghosts));
		ghosts[CQ_GHOSTS - 1] = 0;
		return true;
	}
	return false;
}
