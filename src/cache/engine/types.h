/*-------------------------------------------------------------------------
 *
 * types.h
 *	  Types and limits of the cache engine's interface.
 *
 * Callers include engine.h, which includes this.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_TYPES_H
#define CQ_CACHE_ENGINE_TYPES_H

/* A dependency slot and the version of it under which the value was read. */
typedef struct CqStamp
{
	uint64		version;
	uint32		slot;
	uint32		unused;			/* zero */
} CqStamp;

/* entry flags */
#define CQ_ENTRY_DEPENDENT	0x01	/* has stamps, which its readers check */

typedef struct CqEngineKey
{
	uint64		hash;			/* of bytes; all bits are used */
	const char *bytes;
	uint32		len;			/* 1 .. CQ_ENGINE_KEY_MAX */
} CqEngineKey;

/* The caller puts database, namespace and key space before the user's key. */
#define CQ_ENGINE_KEY_MAX (1024 + 128)

#define CQ_ENGINE_STAMPS_MAX 127
#define CQ_ENGINE_STAMP_BYTES 12	/* of each stamp in the arena */
#define CQ_ENGINE_EXPIRES_MAX ((INT64CONST(1) << 42) - 1)

/*
 * Entries are counted by class.  A class other than 0 may have a quota.  The
 * caller decides what a class stands for.
 */
#define CQ_CLASSES 1024

/* The smallest quota, in bytes. */
#define CQ_ENGINE_QUOTA_MIN (64 * 1024)

/* What is stored with a value. */
typedef struct CqEngineMeta
{
	int64		expires_ms;		/* 0: never; times after CQ_ENGINE_EXPIRES_MAX
								 * are stored as that */
	uint64		version;		/* assigned by the engine in ascending order,
								 * for compare-and-set; ignored on input */
	uint32		value_len;		/* bytes, without the stamps */
	uint16		nstamps;
	uint16		class_id;		/* below CQ_CLASSES */
	uint8		type;			/* opaque, below 16 */
	uint8		flags;			/* CQ_ENTRY_*, below 16 */
} CqEngineMeta;

typedef enum CqEngineResult
{
	CQ_ENGINE_OK,
	CQ_ENGINE_ABSENT,			/* no such entry */
	CQ_ENGINE_EXPIRED,			/* the entry has expired */
	CQ_ENGINE_TOO_SMALL,		/* the caller's buffer is; see meta */
	CQ_ENGINE_CONFLICT,			/* the condition does not hold */
	CQ_ENGINE_WRONG_TYPE,		/* incr of an entry that is no counter */
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
	uint64		page_bytes;		/* of it, in pages that are not free */
	uint64		index_bytes;	/* of these, in pages of overflow buckets */
	uint64		used_bytes;		/* of records: headers, keys, stamps, values */
	uint64		entries;
	uint64		evictions;
	uint64		expirations;	/* entries removed after their expiry */
	uint64		evicted_bytes;
} CqEngineStats;

typedef struct CqEngine CqEngine;

/* A prepared entry, which readers cannot find yet; 0 is no handle. */
typedef uint32 CqEngineHandle;

/* Called for each entry by cq_engine_walk; must be short and must not raise. */
typedef void (*CqEngineVisitor) (const char *key, uint32 key_len,
								 const CqEngineMeta *meta, void *arg);

#endif							/* CQ_CACHE_ENGINE_TYPES_H */
