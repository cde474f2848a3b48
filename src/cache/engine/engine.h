/*-------------------------------------------------------------------------
 *
 * engine.h
 *	  The cache engine: a bounded map from bytes to bytes in shared memory.
 *
 * The engine knows nothing of transactions, snapshots, Datums or SQL.  It
 * stores, beside each value, the stamps that the consistency rules
 * (cache/visibility.h) need, and hands them back; it never looks into them.
 *
 * Times are milliseconds of core/clock.h's monotonic clock and are passed in,
 * so that tests and simulations can move time as they like.
 *
 * No function here raises an error, allocates memory outside the arena or
 * waits for anything but a short lock; all of them may be called from commit
 * and abort callbacks.  _get takes no lock at all.
 *
 * The header and engine.c also build without the server (-DCQ_STANDALONE), for
 * unit tests, the simulator and fuzzing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_ENGINE_H
#define CQ_CACHE_ENGINE_ENGINE_H

#include "core/transfer.h"

/* One dependency slot and the version of it under which the value was read. */
typedef struct CqStamp
{
	uint64		version;
	uint32		slot;
	uint32		unused;			/* zero */
} CqStamp;

/* entry flags, opaque to the engine */
#define CQ_ENTRY_DEPENDENT	0x01	/* has stamps; to be judged at read */

typedef struct CqEngineKey
{
	uint64		hash;			/* of bytes; all bits matter */
	const char *bytes;
	uint32		len;			/* 1 .. CQ_ENGINE_KEY_MAX */
} CqEngineKey;

/* database, namespace and kind are put before the user's key */
#define CQ_ENGINE_KEY_MAX (1024 + 128)

#define CQ_ENGINE_STAMPS_MAX 127
#define CQ_ENGINE_STAMP_BYTES 12	/* that each takes in the arena */
#define CQ_ENGINE_EXPIRES_MAX ((INT64CONST(1) << 42) - 1)

/*
 * Entries are counted by class; a class other than 0 may have a quota.  What a
 * class stands for is the caller's business.
 */
#define CQ_CLASSES 1024

/* What is stored with a value; filled in by the caller of _prepare. */
typedef struct CqEngineMeta
{
	int64		expires_ms;		/* 0: never; at most CQ_ENGINE_EXPIRES_MAX,
								 * what is later is taken as that */
	uint64		version;		/* given by the engine, ascending, for
								 * compare-and-set; ignored on input */
	uint32		value_len;		/* bytes, without the stamps */
	uint16		nstamps;
	uint16		class_id;		/* whose entry it is, below CQ_CLASSES */
	uint8		type;			/* opaque, below 16 */
	uint8		flags;			/* CQ_ENTRY_*, below 16 */
} CqEngineMeta;

typedef enum CqEngineResult
{
	CQ_ENGINE_OK,
	CQ_ENGINE_ABSENT,			/* no such entry */
	CQ_ENGINE_EXPIRED,			/* there was one, its time is over */
	CQ_ENGINE_TOO_SMALL,		/* the caller's buffer is; see meta */
	CQ_ENGINE_CONFLICT,			/* condition or version did not hold */
	CQ_ENGINE_WRONG_TYPE,		/* incr of what is not a counter */
	CQ_ENGINE_OVERFLOW			/* incr past the range of int64 */
} CqEngineResult;

typedef enum CqEngineCondition
{
	CQ_PUT_ALWAYS,
	CQ_PUT_IF_ABSENT,			/* an expired entry counts as absent */
	CQ_PUT_IF_PRESENT,
	CQ_PUT_IF_VERSION
} CqEngineCondition;

typedef struct CqEngineStats
{
	uint64		arena_bytes;	/* fixed */
	uint64		page_bytes;		/* of it in pages that are not free, */
	uint64		index_bytes;	/* and of these in overflow buckets */
	uint64		used_bytes;		/* of records: headers, keys, stamps, values */
	uint64		entries;
	uint64		evictions;
	uint64		expirations;	/* entries removed because of their expiry */
	uint64		evicted_bytes;
} CqEngineStats;

typedef struct CqEngine CqEngine;

/* A prepared entry that is not yet to be found; 0 is no handle. */
typedef uint32 CqEngineHandle;

/* Bytes of shared memory for an arena of arena_bytes, never more than that. */
extern Size cq_engine_size(Size arena_bytes);

/*
 * Lay out an empty cache in mem (cq_engine_size(arena_bytes) bytes, aligned
 * to a cache line).  tranche is the LWLock tranche for the partition locks
 * (ignored in the stand-alone build).  Done once, before anybody attaches.
 */
extern CqEngine *cq_engine_init(void *mem, Size arena_bytes, int tranche);

/*
 * Copy an entry out: first meta->nstamps stamps, then meta->value_len bytes.
 * On OK and on TOO_SMALL *meta is filled; the space needed is
 * nstamps * sizeof(CqStamp) + value_len.  buf must be 8-byte aligned.
 * An expired entry (expires_ms != 0 and <= now_ms) is never returned.  ABSENT
 * also if writers of the same bucket have been in the way for some 20 ms.
 */
extern CqEngineResult cq_engine_get(CqEngine *engine, const CqEngineKey *key,
									int64 now_ms, char *buf, Size buf_len,
									CqEngineMeta *meta);

/*
 * Reserve space for an entry and fill it, evicting others where needed,
 * without making it visible.  Returns 0 when the arena cannot hold it.
 * The handle must be given to exactly one of _publish, _publish_if, _discard.
 */
extern CqEngineHandle cq_engine_prepare(CqEngine *engine, const CqEngineKey *key,
										const CqEngineMeta *meta,
										const CqStamp *stamps,
										const char *value, int64 now_ms);

/* Make it visible in place of what the key held before.  Cannot fail. */
extern void cq_engine_publish(CqEngine *engine, CqEngineHandle handle);

/*
 * Make it visible if the condition holds, else discard it: OK or CONFLICT.
 * version is looked at for CQ_PUT_IF_VERSION only.  *new_version may be NULL.
 */
extern CqEngineResult cq_engine_publish_if(CqEngine *engine, CqEngineHandle handle,
										   CqEngineCondition condition,
										   uint64 version, int64 now_ms,
										   uint64 *new_version);

extern void cq_engine_discard(CqEngine *engine, CqEngineHandle handle);

/*
 * Unlink an entry.  if_version 0: whatever is there; else only that version
 * (used to drop what was judged to be useless for everybody).
 * only_plain: leave an entry with CQ_ENTRY_DEPENDENT alone.
 * Returns whether one was removed (an expired one counts as none).
 */
extern bool cq_engine_remove(CqEngine *engine, const CqEngineKey *key,
							 uint64 if_version, bool only_plain, int64 now_ms);

/*
 * Add to a counter in place: an entry of type counter_type whose value is the
 * 8 bytes of an int64 in native order and which is not dependent.  expires_ms:
 * new expiry, 0 = never, -1 = leave as it is.  OK, ABSENT (also if expired),
 * WRONG_TYPE or OVERFLOW.
 */
extern CqEngineResult cq_engine_incr(CqEngine *engine, const CqEngineKey *key,
									 uint8 counter_type, int64 by,
									 int64 expires_ms, int64 now_ms,
									 int64 *result);

/* Give an entry a new expiry (0: never): OK or ABSENT. */
extern CqEngineResult cq_engine_touch(CqEngine *engine, const CqEngineKey *key,
									  int64 expires_ms, int64 now_ms);

/*
 * Remove expired entries; returns when to call again: a lower bound of the
 * earliest expiry left, or 0 if nothing can expire.  Holds each partition
 * lock for a bounded number of entries at a time.
 */
extern int64 cq_engine_expire(CqEngine *engine, int64 now_ms);

/*
 * A lower bound of the earliest expiry in the cache, 0 for none.  Cheap.
 * A publish or touch that lowers it is how the maintenance worker is known
 * to need waking.
 */
extern int64 cq_engine_next_expiry(CqEngine *engine);

extern void cq_engine_stats(CqEngine *engine, CqEngineStats *stats);

/* Entries of a class, and the bytes of their records. */
extern void cq_engine_class_usage(CqEngine *engine, uint16 class_id,
								  uint64 *entries, uint64 *bytes);

/*
 * Limit the memory of a class other than 0 to bytes, rounded down to pages, at
 * least CQ_ENGINE_QUOTA_MIN; 0: no limit.  What it holds above a new limit
 * goes when it stores more.  False if too many classes have quotas.
 */
#define CQ_ENGINE_QUOTA_MIN (64 * 1024)
extern bool cq_engine_set_quota(CqEngine *engine, uint16 class_id,
								uint64 bytes);

/* Have the memory fetched that a _get of this key will look at first. */
extern void cq_engine_prefetch(CqEngine *engine, const CqEngineKey *key);

/*
 * Call visit for every live entry, a partition at a time under its shared
 * lock; visit must be short and must not raise.  For diagnostics and tests.
 */
typedef void (*CqEngineVisitor) (const char *key, uint32 key_len,
								 const CqEngineMeta *meta, void *arg);
extern void cq_engine_walk(CqEngine *engine, int64 now_ms,
						   CqEngineVisitor visit, void *arg);

/*
 * Transfer the whole cache, without its locks: out, or into one that has just
 * been laid out in as many bytes.  False if that failed, or if what comes in is
 * of another layout: then the cache must be laid out anew.  What comes in has
 * to be what went out; of that nothing is checked, but no byte outside the
 * memory is touched.  Nobody else may use the cache.
 */
extern bool cq_engine_transfer(CqEngine *engine, CqTransfer transfer,
							   void *arg);

#ifdef USE_ASSERT_CHECKING
/* What is wrong with the memory, NULL if nothing; nobody else may use it. */
extern const char *cq_engine_check(CqEngine *engine);
#endif

#endif							/* CQ_CACHE_ENGINE_ENGINE_H */
