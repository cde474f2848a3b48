/*-------------------------------------------------------------------------
 *
 * entry.h
 *	  What the files of the cache engine share: its memory and its entries.
 *
 * Private to engine.c, evict.c and expire.c.  The structure and the locking
 * are explained in engine.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_ENTRY_H
#define CQ_ENTRY_H

#include "cache/arena.h"
#include "cache/engine.h"
#include "cache/lock.h"

#define CQ_PARTITIONS 128		/* a power of 2 */
#define CQ_GROUP_BUCKETS 64		/* a power of 2 */

/* CqBlock.state of a published entry's first block; 0 in all other blocks */
#define CQ_STATE_HEAD 0x80000000
#define CQ_STATE_USED 0x40000000	/* read since the hand last came by */
#define CQ_STATE_PARTITION 0x0000ffff

/* as a bound: nothing expires */
#define CQ_NEVER PG_INT64_MAX

/*
 * The data of an entry's first block.  Guarded by the partition's lock once
 * published, else by whoever prepared it.
 */
typedef struct CqEntry
{
	uint64		hash;			/* constant */
	uint64		version;
	int64		expires_ms;		/* 0: never */
	uint32		chain;			/* next in the bucket, 0 for the end */
	uint32		tail;			/* last block; constant */
	uint32		value_len;		/* constant, as all that follows */
	uint16		key_len;
	uint16		nstamps;
	uint8		type;
	uint8		flags;
	char		data[FLEXIBLE_ARRAY_MEMBER];
} CqEntry;

#define CQ_ENTRY_DATA offsetof(CqEntry, data)

/* Each group of fields that are written together has a line of its own. */
struct CqEngine
{
	/* constant */
	Size		arena_bytes;
	uint32		ngroups;
	Size		bounds;			/* offsets from here */
	Size		buckets;
	char		pad1[PG_CACHE_LINE_SIZE];

	pg_atomic_uint64 hand;		/* blocks passed since the start */
	char		pad2[PG_CACHE_LINE_SIZE];

	pg_atomic_uint64 last_version;
	char		pad3[PG_CACHE_LINE_SIZE];

	pg_atomic_uint64 entries;
	pg_atomic_uint64 evictions;
	pg_atomic_uint64 evicted_blocks;
	pg_atomic_uint64 expirations;
	char		pad4[PG_CACHE_LINE_SIZE];

	/* see expire.c; CQ_NEVER for none */
	slock_t		expiry_mutex;	/* guards the next three */
	int64		lowered_bound;	/* lowest since the last sweep began */
	uint64		sweeps;			/* begun */
	pg_atomic_uint64 bound;		/* of the whole cache; read without mutex */
	char		pad5[PG_CACHE_LINE_SIZE];

	CqLock		locks[CQ_PARTITIONS];
	CqArena		arena;
};

/* Where a hash belongs. */
typedef struct CqPlace
{
	uint32		group;
	uint32		partition;
	uint32	   *bucket;			/* first entry; guarded by lock */
	CqLock	   *lock;
} CqPlace;

StaticAssertDecl(CQ_PARTITIONS - 1 <= CQ_STATE_PARTITION,
				 "a partition's number must fit into the state");

static inline CqEntry *
entry_at(CqEngine *engine, uint32 number)
{
	return (CqEntry *) cq_arena_block(&engine->arena, number)->data;
}

static inline pg_atomic_uint32 *
state_at(CqEngine *engine, uint32 number)
{
	return &cq_arena_block(&engine->arena, number)->state;
}

/* Lower bound of the group's expiries; written under its partition's lock. */
static inline pg_atomic_uint64 *
group_bound(CqEngine *engine, uint32 group)
{
	return (pg_atomic_uint64 *) ((char *) engine + engine->bounds) + group;
}

static inline uint32 *
group_buckets(CqEngine *engine, uint32 group)
{
	return (uint32 *) ((char *) engine + engine->buckets) +
		(Size) group * CQ_GROUP_BUCKETS;
}

/* The low bits choose the bucket in the group, the high half the group. */
static inline CqPlace
place_of(CqEngine *engine, uint64 hash)
{
	CqPlace		place;

	place.group = ((hash >> 32) * engine->ngroups) >> 32;
	place.partition = place.group % CQ_PARTITIONS;
	place.bucket = group_buckets(engine, place.group) + hash % CQ_GROUP_BUCKETS;
	place.lock = &engine->locks[place.partition];
	return place;
}

/* Which free list to turn to first; independent of the place. */
static inline uint32
stripe_hint(uint64 hash)
{
	return (hash / CQ_GROUP_BUCKETS) % CQ_ARENA_STRIPES;
}

/* Blocks for an entry with len bytes of key, stamps and value. */
static inline uint64
blocks_for(uint64 len)
{
	Size		first = CQ_BLOCK_DATA - CQ_ENTRY_DATA;

	if (len <= first)
		return 1;
	return 1 + (len - first + CQ_BLOCK_DATA - 1) / CQ_BLOCK_DATA;
}

static inline Size
payload_bytes(uint32 value_len, uint16 nstamps)
{
	return (Size) nstamps * sizeof(CqStamp) + value_len;
}

/* The chain of an entry that the caller owns. */
static inline CqChain
entry_blocks(CqEngine *engine, uint32 number)
{
	CqEntry    *entry = entry_at(engine, number);
	CqChain		blocks;

	blocks.head = number;
	blocks.tail = entry->tail;
	blocks.count = blocks_for(entry->key_len +
							  payload_bytes(entry->value_len, entry->nstamps));
	return blocks;
}

static inline void
free_entry(CqEngine *engine, uint32 number)
{
	cq_arena_give(&engine->arena, stripe_hint(entry_at(engine, number)->hash),
				  entry_blocks(engine, number));
}

static inline bool
is_expired(const CqEntry *entry, int64 now_ms)
{
	return entry->expires_ms != 0 && entry->expires_ms <= now_ms;
}

static inline CqCursor
cursor_at_key(CqEngine *engine, uint32 number)
{
	CqCursor	cursor;

	cursor.arena = &engine->arena;
	cursor.block = cq_arena_block(&engine->arena, number);
	cursor.offset = CQ_ENTRY_DATA;
	return cursor;
}

/*
 * Take the entry that *link refers to out of its bucket; the caller holds the
 * partition's lock exclusively and owns the entry from then on.
 */
static inline uint32
unlink_entry(CqEngine *engine, uint32 *link)
{
	uint32		number = *link;

	*link = entry_at(engine, number)->chain;
	pg_atomic_write_u32(state_at(engine, number), 0);
	pg_atomic_fetch_sub_u64(&engine->entries, 1);
	return number;
}

/*
 * evict.c: gather want blocks from what is free and what can be evicted.
 * Returns an empty chain when there is not enough of both.
 */
extern CqChain cq_evict_for(CqEngine *engine, uint32 hint, uint32 want,
							int64 now_ms);

/*
 * expire.c: account for an expiry that a published entry of this group was
 * given.  The caller holds the partition's lock exclusively.
 */
extern void cq_expire_note(CqEngine *engine, uint32 group, int64 expires_ms);

#endif							/* CQ_ENTRY_H */
