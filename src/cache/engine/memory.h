/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  The structures of the cache engine's memory.
 *
 * Private to the folder.  engine.c describes the structure, the locking and the
 * life of a record; docs/internals/engine.md has drawings.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_MEMORY_H
#define CQ_CACHE_ENGINE_MEMORY_H

#include "cache/engine/lock.h"
#include "cache/engine/types.h"
#include "port/atomics.h"
#include "storage/spin.h"

#define CQ_PAGE_BYTES 4096
#define CQ_PARTITIONS 128		/* a power of 2 */
#define CQ_SEQUENCES 4096		/* a power of 2, multiple of CQ_PARTITIONS */
#define CQ_BUCKETS_PER_PAGE 2	/* of the index, for each page of the arena */
#define CQ_PAGE_BUCKETS 64		/* overflow buckets in a page of them */
#define CQ_BUCKET_SLOTS 10
#define CQ_GHOSTS 8				/* per bucket */
#define CQ_POOLS 256			/* CqPageDesc.pool has 8 bits */

/* free pages kept for moving records: enough for the longest that is moved */
#define CQ_RESERVE_PAGES 10
#define CQ_PAGES_MIN (CQ_RESERVE_PAGES + 4)

/* a record of this size or more has pages of its own and is never copied */
#define CQ_LARGE_BYTES (8 * CQ_PAGE_BYTES)

/* a page's expiry: never */
#define CQ_NEVER PG_INT64_MAX

/*
 * The tag in a slot of the index: 14 bits of the key's hash, and in the other
 * two the number of reads since the entry was stored, at most CQ_USES_MAX.
 */
#define CQ_TAG_HASH 0x3fff
#define CQ_TAG_USE 0x4000		/* one more read */
#define CQ_TAG_USES(tag) ((tag) >> 14)
#define CQ_USES_MAX 3

/*
 * A bucket of the index, one cache line.  Overflow buckets may follow it; they
 * lie in pages of the arena.  The slots in use are the first ones of the chain.
 * A process writes to a bucket with its partition's exclusive lock, between
 * cq_write_begin and cq_write_end; only the numbers of reads are written without.
 */
typedef struct CqIndexBucket
{
	uint32		location[CQ_BUCKET_SLOTS];	/* of the record; 0: free */
	uint16		tag[CQ_BUCKET_SLOTS];
	uint32		next;			/* overflow bucket, 0: none */
} CqIndexBucket;

StaticAssertDecl(sizeof(CqIndexBucket) == 64, "a bucket must be a cache line");

typedef enum CqRecordState
{
	CQ_RECORD_PREPARED = 1,		/* being filled by its creator */
	CQ_RECORD_LINKED,			/* in the index */
	CQ_RECORD_DEAD
} CqRecordState;

/*
 * A record: this header, which never crosses the end of a page, then key,
 * stamps (12 bytes each) and value, which may go on in the following pages.
 * Records start at multiples of CqEngine.align.  Times are in ms.
 *
 * Only state, version, expiry and a counter's value ever change.  Until a record
 * is linked, its creator alone writes to it; from then on, only processes that
 * hold the partition's exclusive lock.
 */
typedef struct CqRecord
{
	uint32		expires_low;	/* both parts 0: never */
	uint32		expires_high:10;
	uint32		state:2;
	uint32		type:4;
	uint32		flags:4;
	uint32		class_id:12;
	uint32		version_low;
	uint32		version_high:13;
	uint32		nstamps:7;
	uint32		key_len:11;
	uint32		value_len:27;
	uint32		hash_low:5;		/* bits 27 to 31 of the key's hash */
	uint32		hash_high;
} CqRecord;

StaticAssertDecl(sizeof(CqRecord) == 24, "a record's header has 24 bytes");
StaticAssertDecl(CQ_ENGINE_KEY_MAX < 1 << 11, "a key's length has 11 bits");
StaticAssertDecl(CQ_ENGINE_STAMPS_MAX < 1 << 7, "stamps are counted in 7 bits");
StaticAssertDecl(CQ_CLASSES <= 1 << 12, "a class has 12 bits");

typedef enum CqPageKind
{
	CQ_PAGE_FREE,
	CQ_PAGE_SMALL,				/* in the small FIFO of its pool */
	CQ_PAGE_MAIN,				/* in the main FIFO of its pool */
	CQ_PAGE_INDEX				/* CQ_PAGE_BUCKETS overflow buckets */
} CqPageKind;

/* the FIFOs of a pool; their index is kind - CQ_PAGE_SMALL */
#define CQ_FIFOS 2

/* Descriptor of a page.  The allocator's lock guards all fields except live. */
typedef struct CqPageDesc
{
	/*
	 * Bytes of prepared and linked records in this page.  Increased under the
	 * allocator's lock, decreased without it.
	 */
	pg_atomic_uint32 live;
	uint32		next;			/* in its list; its last record goes on there */
	uint32		prev;
	uint16		first;			/* offset of the first record that begins
								 * here; CQ_PAGE_BYTES if none does */
	uint16		used;			/* bytes */
	uint8		kind;
	uint8		pool;
	bool		large;			/* part of a large record */
	uint8		unused;
	uint32		heap_place;		/* in the heap of expiries, from 1; 0: none */
	union
	{
		int64		expires_ms; /* lower bound for its records, or CQ_NEVER */
		uint64		free_buckets;	/* of an index page, one bit each; guarded
									 * by index_mutex */
	}			u;
} CqPageDesc;

StaticAssertDecl(sizeof(CqPageDesc) == 32,
				 "two page descriptors fit a cache line");

/* A FIFO queue of S3-FIFO: a list of pages (evict.c). */
typedef struct CqFifo
{
	uint32		head;			/* oldest page, 0: none */
	uint32		tail;
	uint32		pages;
	uint32		open;			/* page that is being filled, 0: none */
	uint32		hand;			/* where compaction continues, 0: at head */
} CqFifo;

/*
 * Entries that share a limit: those of one class with a quota, or, in pool 0,
 * of all other classes.  The allocator's lock guards all fields except live.
 */
typedef struct CqPool
{
	CqFifo		fifos[CQ_FIFOS];
	uint32		pages;			/* of both FIFOs */
	uint32		pages_max;		/* quota; 0: none */
	uint32		class_id;		/* its class; 0: none */
	uint32		unused;
	pg_atomic_uint64 live;		/* bytes of its records */
} CqPool;

typedef struct CqClass
{
	pg_atomic_uint64 entries;
	pg_atomic_uint64 bytes;
} CqClass;

/* Fields that are written together share cache lines with no others. */
struct CqEngine
{
	/* constant */
	Size		arena_bytes;
	uint32		npages;
	uint32		nbuckets;
	uint32		align;			/* of records, a power of 2 */
	uint32		align_shift;
	Size		pages;			/* offset of the page descriptors; offsets are
								 * relative to this struct */
	Size		heap;
	Size		ghosts;
	Size		buckets;
	Size		arena;
	char		pad1[PG_CACHE_LINE_SIZE];

	pg_atomic_uint64 last_version;
	char		pad2[PG_CACHE_LINE_SIZE];

	pg_atomic_uint64 entries;
	pg_atomic_uint64 live;		/* bytes of records */
	pg_atomic_uint64 evictions;
	pg_atomic_uint64 evicted_bytes;
	pg_atomic_uint64 expirations;
	char		pad3[PG_CACHE_LINE_SIZE];

	/* index_mutex guards these and free_buckets of index pages */
	slock_t		index_mutex;
	uint32		index_head;		/* list of index pages with a free bucket */
	uint32		free_buckets;	/* in all index pages */
	uint32		outstanding;	/* handles, each of which may need a bucket */
	uint32		index_pages;
	char		pad4[PG_CACHE_LINE_SIZE];

	/* the allocator's lock guards the following fields, up to locks */
	CqLock		allocator;
	uint32		free_head;
	uint32		free_pages;
	uint32		heap_size;
	uint64		random;
	pg_atomic_uint64 next_expiry;	/* top of the heap; read without a lock */
	uint8		class_pool[CQ_CLASSES];
	CqPool		pools[CQ_POOLS];
	CqClass		classes[CQ_CLASSES];

	CqLock		locks[CQ_PARTITIONS];

	/* odd while a bucket with this number modulo CQ_SEQUENCES is written to */
	pg_atomic_uint32 sequences[CQ_SEQUENCES];
};

/* A position in the arena; off may be CQ_PAGE_BYTES, the page's end. */
typedef struct CqCursor
{
	uint32		page;
	uint32		off;
} CqCursor;

static inline CqPageDesc *
page_desc(CqEngine *engine, uint32 page)
{
	return (CqPageDesc *) ((char *) engine + engine->pages) + page;
}

/* Is the page in a FIFO, and hence may it hold records? */
static inline bool
holds_records(const CqPageDesc *desc)
{
	return desc->kind == CQ_PAGE_SMALL || desc->kind == CQ_PAGE_MAIN;
}

static inline CqFifo *
fifo_of_kind(CqEngine *engine, uint32 pool, CqPageKind kind)
{
	Assert(kind == CQ_PAGE_SMALL || kind == CQ_PAGE_MAIN);
	return &engine->pools[pool].fifos[kind - CQ_PAGE_SMALL];
}

static inline char *
page_bytes(CqEngine *engine, uint32 page)
{
	return (char *) engine + engine->arena +
		(Size) (page - 1) * CQ_PAGE_BYTES;
}

static inline uint32
location_of(CqEngine *engine, uint32 page, uint32 off)
{
	return (((uint64) page * CQ_PAGE_BYTES) + off) >> engine->align_shift;
}

static inline CqCursor
cursor_at(CqEngine *engine, uint32 location)
{
	uint64		place = (uint64) location << engine->align_shift;
	CqCursor	cursor;

	cursor.page = place / CQ_PAGE_BYTES;
	cursor.off = place % CQ_PAGE_BYTES;
	return cursor;
}

static inline CqRecord *
record_at(CqEngine *engine, uint32 location)
{
	CqCursor	cursor = cursor_at(engine, location);

	return (CqRecord *) (page_bytes(engine, cursor.page) + cursor.off);
}

static inline int64
record_expiry(const CqRecord *record)
{
	return (int64) record->expires_high << 32 | record->expires_low;
}

static inline void
set_record_expiry(CqRecord *record, int64 expires_ms)
{
	expires_ms = Min(expires_ms, CQ_ENGINE_EXPIRES_MAX);
	record->expires_low = (uint32) expires_ms;
	record->expires_high = (uint32) (expires_ms >> 32);
}

static inline uint64
record_version(const CqRecord *record)
{
	return (uint64) record->version_high << 32 | record->version_low;
}

static inline void
set_record_version(CqRecord *record, uint64 version)
{
	record->version_low = (uint32) version;
	record->version_high = (uint32) (version >> 32);
}

static inline bool
record_expired(const CqRecord *record, int64 now_ms)
{
	int64		expires_ms = record_expiry(record);

	return expires_ms != 0 && expires_ms <= now_ms;
}

/* The bits of the hash that a record stores; the others are zero. */
static inline uint64
record_hash(const CqRecord *record)
{
	return (uint64) record->hash_high << 32 | (uint32) record->hash_low << 27;
}

static inline bool
record_hash_equals(const CqRecord *record, uint64 hash)
{
	return record->hash_high == (uint32) (hash >> 32) &&
		record->hash_low == ((uint32) hash >> 27);
}

/* Size of a record, header included. */
static inline Size
bytes_for(CqEngine *engine, uint32 key_len, uint32 nstamps, uint32 value_len)
{
	Size		bytes = sizeof(CqRecord) + key_len +
	nstamps * CQ_ENGINE_STAMP_BYTES + value_len;

	return (bytes + engine->align - 1) & ~(Size) (engine->align - 1);
}

static inline Size
record_bytes(CqEngine *engine, const CqRecord *record)
{
	return bytes_for(engine, record->key_len, record->nstamps,
					 record->value_len);
}

static inline void
record_meta(const CqRecord *record, CqEngineMeta *meta)
{
	meta->expires_ms = record_expiry(record);
	meta->version = record_version(record);
	meta->value_len = record->value_len;
	meta->nstamps = record->nstamps;
	meta->class_id = record->class_id;
	meta->type = record->type;
	meta->flags = record->flags;
}

static inline void
cq_class_add(CqEngine *engine, const CqRecord *record)
{
	CqClass    *class = &engine->classes[record->class_id];

	pg_atomic_fetch_add_u64(&class->entries, 1);
	pg_atomic_fetch_add_u64(&class->bytes, record_bytes(engine, record));
}

static inline void
cq_class_remove(CqEngine *engine, const CqRecord *record)
{
	CqClass    *class = &engine->classes[record->class_id];

	pg_atomic_fetch_sub_u64(&class->entries, 1);
	pg_atomic_fetch_sub_u64(&class->bytes, record_bytes(engine, record));
}

/* The bucket: chosen by the high half of the hash. */
static inline uint32
bucket_of(CqEngine *engine, uint64 hash)
{
	return ((hash >> 32) * engine->nbuckets) >> 32;
}

/* The tag: the bits from 27 on, on which the bucket hardly depends. */
static inline uint16
tag_of(uint64 hash)
{
	return (hash >> 27) & CQ_TAG_HASH;
}

/* A bucket; the numbers of overflow buckets begin at nbuckets. */
static inline CqIndexBucket *
bucket_at(CqEngine *engine, uint32 number)
{
	if (likely(number < engine->nbuckets))
		return (CqIndexBucket *) ((char *) engine + engine->buckets) + number;
	number -= engine->nbuckets;
	return (CqIndexBucket *) page_bytes(engine, number / CQ_PAGE_BUCKETS + 1) +
		number % CQ_PAGE_BUCKETS;
}

static inline CqLock *
partition_lock(CqEngine *engine, uint32 bucket)
{
	return &engine->locks[bucket % CQ_PARTITIONS];
}

static inline pg_atomic_uint32 *
bucket_sequence(CqEngine *engine, uint32 bucket)
{
	return &engine->sequences[bucket % CQ_SEQUENCES];
}

/*
 * Begin and end a change of a bucket or of one of its linked records; readers
 * retry that overlap with it.  The caller holds the partition's exclusive lock.
 */
static inline void
cq_write_begin(CqEngine *engine, uint32 bucket)
{
	pg_atomic_uint32 *sequence = bucket_sequence(engine, bucket);

	pg_atomic_write_u32(sequence, pg_atomic_read_u32(sequence) + 1);
	pg_write_barrier();
}

static inline void
cq_write_end(CqEngine *engine, uint32 bucket)
{
	pg_atomic_uint32 *sequence = bucket_sequence(engine, bucket);

	pg_write_barrier();
	pg_atomic_write_u32(sequence, pg_atomic_read_u32(sequence) + 1);
}

#endif							/* CQ_CACHE_ENGINE_MEMORY_H */
