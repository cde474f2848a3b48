/*-------------------------------------------------------------------------
 *
 * cache.h
 *	  The cache as one transaction sees it: engine below, rules on top.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_CACHE_H
#define CQ_CACHE_CACHE_H

#include "cache/counters.h"
#include "cache/engine/engine.h"
#include "cache/view.h"
#include "core/limits.h"
#include "utils/snapshot.h"

/* What a value was stored as; a get of another type is an error. */
typedef enum CqValueType
{
	CQ_VALUE_TEXT = 1,
	CQ_VALUE_BYTEA,
	CQ_VALUE_JSONB,
	CQ_VALUE_COUNTER,			/* int64 in native order; reads as text */
	CQ_VALUE_NOTHING,			/* a query's "no row" or NULL */
	CQ_VALUE_ROWS				/* a query's rows (query/rows.c) */
} CqValueType;

/* Who may find an entry: the byte after the database in its key. */
typedef enum CqKeySpace
{
	CQ_SPACE_USER = 'u',		/* cache_get and cache_set */
	CQ_SPACE_RESULT = 'r',		/* results of queries */
	CQ_SPACE_NAMESPACE = 'n'	/* no entry: a namespace itself */
} CqKeySpace;

/* Outcome of a look-up; the misses are in the order of CqCounter. */
typedef enum CqLookup
{
	CQ_LOOKUP_HIT,
	CQ_LOOKUP_ABSENT,
	CQ_LOOKUP_EXPIRED,
	CQ_LOOKUP_INVALIDATED,
	CQ_LOOKUP_SNAPSHOT,
	CQ_LOOKUP_BYPASS
} CqLookup;

/* A key with the room for its bytes. */
typedef struct CqKey
{
	CqEngineKey engine;
	uint64		identity;		/* hash of the key itself: unlike the engine's
								 * not changed by clearing the namespace */
	uint32		name_space;
	uint16		row;			/* of the namespace; see namespace_rows.h */
	char		behind;			/* 0, or how the table follows: its sets and
								 * deletes are logged (xact.h) */
	char		bytes[CQ_ENGINE_KEY_MAX];
} CqKey;

/* A value found; data stays valid until the backend's next look-up. */
typedef struct CqValue
{
	const char *data;
	uint32		len;
	uint8		type;
	int64		expires_ms;
	uint64		version;		/* 0: set by this transaction */
	bool		dependent;
} CqValue;

/* Slots every dependent entry has: epoch, namespace, key. */
#define CQ_BASIC_SLOTS 3

/* Everything a set needs. */
typedef struct CqSetRequest
{
	const CqKey *key;
	const char *value;
	uint32		value_len;
	uint8		type;
	int64		expires_ms;		/* 0: never */
	bool		dependent;
	int			nslots;			/* of dependencies: the basic ones, tags */
	uint32		slots[CQ_BASIC_SLOTS + CQ_TAGS_MAX];
} CqSetRequest;

typedef enum CqSetResult
{
	CQ_SET_STORED,				/* or will be at commit */
	CQ_SET_REFUSED,				/* the value may be out of date */
	CQ_SET_CONFLICT,			/* the condition did not hold */
	CQ_SET_NO_MEMORY
} CqSetResult;

extern Size cq_cache_shmem_size(void);
extern void cq_cache_shmem_init(void *mem);
extern void cq_cache_init(void);

/*
 * What warm.c saves and loads: all that the entries and their judging need, in
 * the postmaster when there is no other process.  After loading, _start_loaded
 * when all of it came in, else _start_empty.
 */
extern bool cq_cache_transfer(CqTransfer transfer, void *arg);
extern void cq_cache_start_loaded(void);
extern void cq_cache_start_empty(void);

extern CqEngine *cq_cache_engine(void);

/* All that is counted since the last reset; the engine's counts included. */
extern void cq_cache_counts(CqCounts *counts, CqEngineStats *stats);
extern void cq_cache_reset_counts(void);

/* Of a key that was found, of a set that was refused, for that reason. */
extern void cq_count_hit(const CqKey *key);
extern void cq_count_refused(const CqKey *key, CqCounter reason);

/* Why slot i of a request is judged so that a set under view p is refused. */
extern CqCounter cq_refusal(const CqView *p, int i);

/*
 * Fix F0 (cache.c), unless it is.  The launcher does so as soon as the server
 * is out of recovery.
 */
extern void cq_cache_out_of_recovery(void);

/*
 * Build a key in the current database.  space and name_space go in front;
 * the caller has checked the lengths (see CQ_KEY_BYTES_MAX).
 */
extern void cq_key_init(CqKey *key, CqKeySpace space, uint32 name_space,
						const char *bytes, uint32 len);

/* The parts of an engine key's bytes that cq_key_init has put together. */
typedef struct CqKeyParts
{
	Oid			database;
	uint32		name_space;
	CqKeySpace	space;
	const char *bytes;			/* points into the key */
	uint32		len;
	bool		reachable;		/* the namespace has not been cleared since */
} CqKeyParts;

extern void cq_key_parse(const char *key, uint32 len, CqKeyParts *parts);

/*
 * The view of a snapshot.  False when dependent entries can neither be served
 * nor stored under it: SERIALIZABLE, during recovery, not an MVCC snapshot, or
 * older than this server's start.  The view points into the snapshot.
 */
extern bool cq_view_of_snapshot(Snapshot snapshot, CqView *view);

/*
 * Look a key up under the snapshot.  A hit fills *value.  _lookup also counts
 * the outcome and remembers a miss for a later set of the key; _peek does
 * neither.
 */
extern CqLookup cq_cache_lookup(const CqKey *key, Snapshot snapshot,
								CqValue *value);
extern CqLookup cq_cache_peek(const CqKey *key, Snapshot snapshot,
							  CqValue *value);
extern void cq_count_lookup(const CqKey *key, CqLookup result);

/*
 * As _peek for those who accept outdated values: of an entry that is
 * CQ_LOOKUP_INVALIDATED *value is filled, too, unless nobody may have it any
 * more (data NULL): this transaction has changed a dependency, or what the
 * entry depends on was changed by other means than writing rows (DDL,
 * policies, TRUNCATE), or the key itself or its namespace was invalidated.
 */
extern CqLookup cq_cache_peek_outdated(const CqKey *key, Snapshot snapshot,
									   CqValue *value);

/*
 * Remove a dependent entry that does not hold under the snapshot, so that it
 * does not count as present; only_invalidated: unless it may for others.
 */
extern void cq_cache_drop_stale(const CqKey *key, Snapshot snapshot,
								bool only_invalidated);

/* Remove an entry that is of no use, if it is still of that version, at once. */
extern void cq_cache_remove(const CqKey *key, uint64 version);

/*
 * Leases: a bigint that stands for a snapshot's xmin on this server start.
 * cq_lease_issue gives one that will always be refused when the snapshot is
 * of no use.  cq_lease_view is false for a lease that must be refused.
 */
extern int64 cq_lease_issue(Snapshot snapshot);
extern bool cq_lease_view(int64 lease, CqView *view);

/*
 * Set.  p: the view under which the value was read, NULL for a plain entry
 * and only then; change: the own-change counter at that time (local.h).
 * The value becomes visible to others when the transaction commits.
 */
extern CqSetResult cq_cache_set(const CqSetRequest *request, const CqView *p,
								uint64 change);

/*
 * The same, visible to all at once: for a transaction without an id, and for
 * conditional sets (version is for CQ_PUT_IF_VERSION).  Refused when this
 * transaction has changed a dependency.
 */
extern CqSetResult cq_cache_set_now(const CqSetRequest *request,
									const CqView *p,
									CqEngineCondition condition,
									uint64 version);

/*
 * Remove at commit, and mark the key; false when there was nothing to remove.
 */
extern bool cq_cache_delete(const CqKey *key);

/*
 * Make all entries of a namespace a miss: at commit, on a hot standby at once.
 * A set of the namespace in a transaction that has cleared it is refused.
 * Returns how often it has been cleared, this time included.
 */
extern uint64 cq_cache_clear(uint32 name_space);

/* What that comes to in the commit callback. */
extern void cq_namespace_clear_now(uint32 name_space);

/*
 * A database has been created: what another one with the same OID has stored,
 * and that was dropped, is none of its business.
 */
extern void cq_database_clear_now(Oid database);

/*
 * Explicit invalidation of a slot: at commit, for which it takes a
 * transaction id; on a hot standby at once, there for everybody.
 */
extern void cq_cache_mark(uint32 slot);

/*
 * The maintenance worker's task: removes expired entries.  Returns when it is
 * due again (core/clock.h), 0 if nothing can expire.
 */
extern int64 cq_cache_maintain(void);

/* Wake the worker if expires_ms comes before what it is waiting for. */
extern void cq_cache_expiry_added(int64 expires_ms);

#endif							/* CQ_CACHE_CACHE_H */
