/*-------------------------------------------------------------------------
 *
 * memory.h
 *	  What the files of the cache engine share: its memory.
 *
 * Private to engine.c, read.c, index.c, pages.c, append.c, evict.c, compact.c,
 * expire.c, save.c and check.c.  The structure, the locking and the life of a
 * record are told in engine.c and drawn in docs/internals/engine.md.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_MEMORY_H
#define CQ_CACHE_ENGINE_MEMORY_H

#include "cache/engine/engine.h"
#include "cache/engine/lock.h"
#include "port/atomics.h"
#include "storage/spin.h"

#define CQ_PAGE_BYTES 4096
#define CQ_PARTITIONS 128		/* a power of 2 */
#define CQ_SEQUENCES 4096		/* a power of 2, multiple of CQ_PARTITIONS */
#define CQ_BUCKETS_PER_PAGE 2	/* in the index, for each page of the arena */
#define CQ_BUCKET_SLOTS 10
#define CQ_GHOSTS 8				/* per bucket */
#define CQ_POOLS 256			/* what a page's row can name */

/* free pages kept for moving records: the longest that is moved, and some */
#define CQ_RESERVE_PAGES 10
#define CQ_PAGES_MIN (CQ_RESERVE_PAGES + 4)

/* a record from this size on has pages of its own and is never moved */
#define CQ_LARGE_BYTES (8 * CQ_PAGE_BYTES)

/* as an expiry: never */
#define CQ_NEVER PG_INT64_MAX

/* A record's slot in the index: 14 bits of its hash, and how often it was
 * read since it came in, up to 3. */
#define CQ_TAG_HASH 0x3fff
#define CQ_TAG_USE 0x4000		/* one more read */
#define CQ_TAG_USES(tag) ((tag) >> 14)
#define CQ_USES_MAX 3

/*
 * A bucket of the index, one cache line; overflow buckets, taken from pages,
 * follow it.  The slots in use come first, without a gap, along the chain.
 * Written under its partition's exclusive lock, within cq_write_begin and
 * cq_write_end, but for the count of reads.
 */
typedef struct CqBucket
{
	uint32		location[CQ_BUCKET_SLOTS];	/* of the record; 0: free */
	uint16		tag[CQ_BUCKET_SLOTS];
	uint32		next;			/* overflow bucket, 0: none */
} CqBucket;

StaticAssertDecl(sizeof(CqBucket) == 64, "a bucket must be a cache line");

typedef enum CqRecordState
{
	CQ_RECORD_PREPARED = 1,		/* known to its maker only */
	CQ_RECORD_LINKED,			/* in the index */
	CQ_RECORD_DEAD
} CqRecordState;

/*
 * A record: this header, which never crosses the end of a page, then key,
 * stamps (12 bytes each), value; all that may go on in the following pages.
 * Records start at multiples of CqEngine.align.  Times are in ms.
 *
 * Constant once made, but for state, version and expiry: written by the maker
 * until the record is linked, under the partition's exclusive lock then.
 */
typedef struct CqRecord
{
	uint32		expires_low;	/* 0 of both: never */
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
	CQ_PAGE_SMALL,				/* in the small queue of its pool */
	CQ_PAGE_MAIN,				/* in the main queue */
	CQ_PAGE_INDEX				/* 64 overflow buckets */
} CqPageKind;

/* A queue of a pool, by kind - CQ_PAGE_SMALL. */
#define CQ_QUEUES 2

/* What is known of a page; guarded by the allocator's lock, but for live. */
typedef struct CqPage
{
	/*
	 * Bytes of records, or parts of records, that are prepared or linked.
	 * Added to under the allocator's lock, taken from without.
	 */
	pg_atomic_uint32 live;
	uint32		next;			/* in its list; a record goes on there */
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
		int64		expires_ms; /* lower bound of its records' */
		uint64		free_buckets;	/* of an index page, one bit each; guarded
									 * by the index's mutex */
	}			u;
} CqPage;

StaticAssertDecl(sizeof(CqPage) == 32, "two pages' rows fit a cache line");

typedef struct CqQueue
{
	uint32		head;			/* oldest page, 0: none */
	uint32		tail;
	uint32		pages;
	uint32		open;			/* page that is being filled, 0: none */
	uint32		hand;			/* where compaction goes on, 0: at head */
} CqQueue;

/*
 * Entries that share a limit: pool 0, or those of a class with a quota.
 * Guarded by the allocator's lock, but for live.
 */
typedef struct CqPool
{
	CqQueue		queues[CQ_QUEUES];
	uint32		pages;			/* of both queues */
	uint32		pages_max;		/* quota; 0: none */
	uint32		class_id;		/* whose it is; 0: nobody's */
	uint32		unused;
	pg_atomic_uint64 live;		/* bytes of its records */
} CqPool;

/* Entries of a class of the caller's. */
typedef struct CqClass
{
	pg_atomic_uint64 entries;
	pg_atomic_uint64 bytes;
} CqClass;

/* Each group of fields that are written together has a line of its own. */
struct CqEngine
{
	/* constant */
	Size		arena_bytes;
	uint32		npages;
	uint32		nbuckets;
	uint32		align;			/* of records, a power of 2 */
	uint32		align_shift;
	Size		pages;			/* offsets from here: CqPage each */
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

	/* index_mutex guards these and the free_buckets of index pages */
	slock_t		index_mutex;
	uint32		index_head;		/* list of index pages with a free bucket */
	uint32		free_buckets;	/* in all of them */
	uint32		outstanding;	/* handles: each may need one */
	uint32		index_pages;
	char		pad4[PG_CACHE_LINE_SIZE];

	/* the allocator's lock guards all that follows up to locks */
	CqLock		allocator;
	uint32		free_head;
	uint32		free_pages;
	uint32		heap_size;
	uint64		random;
	pg_atomic_uint64 next_expiry;	/* top of the heap; read without lock */
	uint8		class_pool[CQ_CLASSES];
	CqPool		pools[CQ_POOLS];
	CqClass		classes[CQ_CLASSES];

	CqLock		locks[CQ_PARTITIONS];

	/* odd while a bucket with this number, modulo, is being changed */
	pg_atomic_uint32 sequences[CQ_SEQUENCES];
};

/* A place in the arena; off may be that of the page's end. */
typedef struct CqCursor
{
	uint32		page;
	uint32		off;
} CqCursor;

static inline CqPage *
page_row(CqEngine *engine, uint32 page)
{
	return (CqPage *) ((char *) engine + engine->pages) + page;
}

static inline CqQueue *
queue_of_kind(CqEngine *engine, uint32 pool, CqPageKind kind)
{
	Assert(kind == CQ_PAGE_SMALL || kind == CQ_PAGE_MAIN);
	return &engine->pools[pool].queues[kind - CQ_PAGE_SMALL];
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

/* The bits of the hash that a record keeps; the others are zero. */
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

/* Bytes that a record takes, header included. */
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

/* The high half of the hash chooses the bucket, */
static inline uint32
bucket_of(CqEngine *engine, uint64 hash)
{
	return ((hash >> 32) * engine->nbuckets) >> 32;
}

/* the bits from 27 on, which it hardly uses, are the tag. */
static inline uint16
tag_of(uint64 hash)
{
	return (hash >> 27) & CQ_TAG_HASH;
}

/* Buckets of the index have numbers below nbuckets, overflow ones above. */
static inline CqBucket *
bucket_at(CqEngine *engine, uint32 number)
{
	if (likely(number < engine->nbuckets))
		return (CqBucket *) ((char *) engine + engine->buckets) + number;
	number -= engine->nbuckets;
	return (CqBucket *) page_bytes(engine, number / 64 + 1) + number % 64;
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
 * Around every change of a bucket and of what its records hold: readers who
 * come by meanwhile try again.  The caller has the partition's exclusive lock.
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

/* A slot of the index. */
typedef struct CqSlot
{
	CqBucket   *bucket;
	uint32		i;
} CqSlot;

/* ---- index.c ---- */

/* The slot of this record; the caller has the partition's lock. */
extern CqSlot cq_index_slot_of(CqEngine *engine, uint32 bucket,
							   uint32 location);

/* The slot of this key's record, expired or not; .bucket NULL if none. */
extern CqSlot cq_index_find(CqEngine *engine, uint32 bucket,
							const CqEngineKey *key);

/*
 * Fill a free slot; the caller has the partition's exclusive lock, is within
 * cq_write_begin, and has an outstanding handle.
 */
extern void cq_index_add(CqEngine *engine, uint32 bucket, uint16 tag,
						 uint32 location);

/* Empty a slot; locks as above. */
extern void cq_index_remove(CqEngine *engine, uint32 bucket, CqSlot slot);


/*
 * Count a handle; false if there may not be a bucket for it, and the caller
 * has to give the index a page first.  _release: it is gone.
 */
extern bool cq_index_reserve(CqEngine *engine);
extern void cq_index_release(CqEngine *engine);
extern void cq_index_give_page(CqEngine *engine, uint32 page);

/* Keys that were evicted not long ago; under the allocator's lock. */
extern void cq_ghost_add(CqEngine *engine, uint64 hash);
extern bool cq_ghost_remove(CqEngine *engine, uint64 hash);

/* ---- pages.c; all under the allocator's lock, but for the two copies ---- */

/*
 * Copy to or from a record, on through the pages that follow; the cursor
 * moves on.  False when the chain is broken, which only those who read
 * without a lock may see.
 */
extern bool cq_copy_out(CqEngine *engine, CqCursor *cursor, char *to,
						Size len);
extern bool cq_copy_in(CqEngine *engine, CqCursor *cursor, const char *from,
					   Size len);
extern bool cq_bytes_equal(CqEngine *engine, CqCursor *cursor,
						   const char *bytes, Size len);
extern bool cq_cursor_skip(CqEngine *engine, CqCursor *cursor, Size len);

extern void cq_pages_init(CqEngine *engine);

/* Take a free page (there must be one) and put it behind after, 0: last. */
extern uint32 cq_page_take(CqEngine *engine, uint32 pool, CqPageKind kind,
						   uint32 after);

/* Give a page back that holds no live byte. */
extern void cq_page_free(CqEngine *engine, uint32 page);

/*
 * Move the pages first to last of a queue behind the page after, 0: to the
 * head, in the same pool's queue of this kind.
 */
extern void cq_pages_move(CqEngine *engine, uint32 first, uint32 last,
						  CqPageKind kind, uint32 after);

/*
 * Keep a page (0: none) from being freed while its records are settled.
 * _unpin frees it if it is empty, and says whether it did.  Nothing else tells
 * that before: others take live bytes at any time.
 */
static inline void
cq_page_pin(CqEngine *engine, uint32 page)
{
	if (page != 0)
		pg_atomic_fetch_add_u32(&page_row(engine, page)->live, 1);
}

extern bool cq_page_unpin(CqEngine *engine, uint32 page);

/* ---- read.c ---- */

extern void cq_record_meta(const CqRecord *record, CqEngineMeta *meta);

/* Note a reader's interest; what it hits instead, if anything, matters little. */
static inline void
cq_note_use(uint16 *tag, uint16 seen)
{
	if (CQ_TAG_USES(seen) < CQ_USES_MAX)
		__atomic_compare_exchange_n(tag, &seen, seen + CQ_TAG_USE, false,
									__ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* ---- append.c ---- */

/*
 * Make a record of the header's sizes at the end of a queue, prepared; the
 * header is copied.  There must be free pages enough, one more than its bytes
 * fill.  Returns its location.  Under the allocator's lock.
 */
extern uint32 cq_append(CqEngine *engine, uint32 pool, CqPageKind kind,
						const CqRecord *header);

/* The same, copied from a linked one, at the end of the page *open. */
extern uint32 cq_append_copy(CqEngine *engine, uint32 pool, CqPageKind kind,
							 uint32 *open, uint32 location);

/* Pages that may be empty since a record's bytes were taken from them. */
typedef struct CqReleased
{
	uint32		npages;
	uint32		pages[CQ_LARGE_BYTES / CQ_PAGE_BYTES + 2];
	uint32		large_page;		/* of a large record, whose bytes are still to
								 * be taken; 0: none */
	Size		large_bytes;
} CqReleased;

/*
 * A record is dead: take its bytes from their pages, still under the lock of
 * its partition.  Nobody puts other pages between its own before that: see
 * cq_compact.  Then, without that lock, give back the pages that are empty;
 * locked: the caller has the allocator's lock.
 */
extern void cq_release_bytes(CqEngine *engine, uint32 location,
							 CqReleased *released);
extern void cq_free_released(CqEngine *engine, const CqReleased *released,
							 bool locked);

/* Wait until the bytes of a dead record have been taken from their pages. */
extern void cq_wait_for_release(CqEngine *engine, uint32 location);

/*
 * Take a record out of the index and its bytes from their pages; the caller has
 * the partition's exclusive lock.
 */
extern void cq_unlink(CqEngine *engine, uint32 bucket, CqSlot slot,
					  CqReleased *released);

/* ---- evict.c, compact.c: under the allocator's lock ---- */

/*
 * The first record of a page that begins at *off or later; false if there is
 * none.  *off moves behind it.
 */
extern bool cq_next_record(CqEngine *engine, uint32 page, uint32 *off,
						   uint32 *location);

/* Would count pages for this pool fit if it held nothing else? */
extern bool cq_room_possible(CqEngine *engine, uint32 pool, uint32 count);

/*
 * Free pages until count can be taken for this pool, and the reserve is left.
 * False if that did not succeed: prepared records hold too many.
 */
extern bool cq_make_room(CqEngine *engine, uint32 pool, uint32 count,
						 int64 now_ms);

typedef enum CqFate
{
	CQ_KEEP,
	CQ_DROP,
	CQ_MOVE
} CqFate;

/* What is to become of a linked record that is not expired; may change how
 * often it counts as read. */
typedef CqFate (*CqFateOf) (uint16 *tag);

typedef enum CqSettled
{
	CQ_WAS_DEAD,
	CQ_IS_PREPARED,				/* left alone */
	CQ_KEPT,
	CQ_DROPPED,
	CQ_MOVED
} CqSettled;

/*
 * Unlink a record if it is expired, else deal with it as fate_of says.  MOVE
 * copies it to the end of the page *open (0: a new page at the queue's end) of
 * a queue; if open is NULL it is kept.
 */
extern CqSettled cq_settle_record(CqEngine *engine, uint32 location,
								  CqFateOf fate_of, CqPageKind to,
								  uint32 *open, int64 now_ms);

/*
 * Free at least one page of a queue by moving records together; false if a
 * look at some of its pages found no place where that pays.
 */
extern bool cq_compact(CqEngine *engine, uint32 pool, CqPageKind kind,
					   int64 now_ms);

/* ---- expire.c: under the allocator's lock ---- */

/* A record of this page expires then. */
extern void cq_expiry_note(CqEngine *engine, uint32 page, int64 expires_ms);
extern void cq_expiry_forget(CqEngine *engine, uint32 page);

#endif							/* CQ_CACHE_ENGINE_MEMORY_H */
