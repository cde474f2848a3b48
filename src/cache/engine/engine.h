/*-------------------------------------------------------------------------
 *
 * engine.h
 *	  The cache engine: a bounded map from bytes to bytes in shared memory.
 *
 * This is the face of the folder: files elsewhere include it and nothing else
 * of cache/engine.  It declares the operations of engine.c and includes the
 * headers of the other public ones: read.h (_get, _prefetch), expire.h
 * (_expire, _next_expiry), save.h (_transfer) and check.h (_check).
 *
 * The engine knows nothing of transactions, snapshots, Datums or SQL.  With
 * each value it stores the stamps that the consistency rules
 * (cache/visibility.h) need and returns them; it never interprets them.
 *
 * Times are milliseconds of core/clock.h's monotonic clock.  The caller passes
 * them in, so tests and simulations set time as they like.
 *
 * No function of the engine raises an error, allocates memory outside the
 * arena or waits for anything except a short lock.  All of them may be called
 * from commit and abort callbacks.  _get takes no lock at all.
 *
 * The engine also builds without the server (-DCQ_STANDALONE), for unit tests,
 * the simulator and fuzzing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_ENGINE_H
#define CQ_CACHE_ENGINE_ENGINE_H

#include "cache/engine/check.h"
#include "cache/engine/expire.h"
#include "cache/engine/read.h"
#include "cache/engine/save.h"
#include "cache/engine/types.h"

/*
 * Bytes of shared memory that an engine of at most arena_bytes takes; 0 if
 * that is too little for one.
 */
extern Size cq_engine_size(Size arena_bytes);

/*
 * Lay out an empty cache in mem, which has cq_engine_size(arena_bytes) bytes
 * and is aligned to a cache line.  Returns NULL if arena_bytes is too small.
 * tranche is the LWLock tranche of the engine's locks; the stand-alone build
 * ignores it.  Call it once, before any process uses the engine.
 */
extern CqEngine *cq_engine_init(void *mem, Size arena_bytes, int tranche);

/*
 * Reserve space for an entry and fill it, evicting other entries as needed,
 * without making it visible.  Returns 0 if the arena cannot hold it.  The
 * caller passes the handle to exactly one of _publish, _publish_if, _discard.
 */
extern CqEngineHandle cq_engine_prepare(CqEngine *engine, const CqEngineKey *key,
										const CqEngineMeta *meta,
										const CqStamp *stamps,
										const char *value, int64 now_ms);

/* Make an entry visible in place of the key's previous one.  Cannot fail. */
extern void cq_engine_publish(CqEngine *engine, CqEngineHandle handle);

/*
 * Make an entry visible if the condition holds (OK), else discard it
 * (CONFLICT).  version is used by CQ_PUT_IF_VERSION only.  On OK sets
 * *new_version, unless that is NULL.
 */
extern CqEngineResult cq_engine_publish_if(CqEngine *engine, CqEngineHandle handle,
										   CqEngineCondition condition,
										   uint64 version, int64 now_ms,
										   uint64 *new_version);

extern void cq_engine_discard(CqEngine *engine, CqEngineHandle handle);

/*
 * Remove an entry: of any version if if_version is 0, else of that version
 * only.  With only_plain, leaves an entry with CQ_ENTRY_DEPENDENT alone.
 * Returns whether one was removed; an expired entry counts as absent.
 */
extern bool cq_engine_remove(CqEngine *engine, const CqEngineKey *key,
							 uint64 if_version, bool only_plain, int64 now_ms);

/*
 * Add to a counter in place.  A counter is an entry of type counter_type that
 * is not dependent and whose value is an int64 in native byte order.
 * expires_ms is the new expiry, 0: never, -1: unchanged.  Returns OK, ABSENT
 * (also if expired), WRONG_TYPE or OVERFLOW; on OK, *result is the sum.
 */
extern CqEngineResult cq_engine_incr(CqEngine *engine, const CqEngineKey *key,
									 uint8 counter_type, int64 by,
									 int64 expires_ms, int64 now_ms,
									 int64 *result);

/* Give an entry a new expiry, 0: never.  Returns OK or ABSENT. */
extern CqEngineResult cq_engine_touch(CqEngine *engine, const CqEngineKey *key,
									  int64 expires_ms, int64 now_ms);

extern void cq_engine_stats(CqEngine *engine, CqEngineStats *stats);

/* Number of a class's entries, and the bytes of their records. */
extern void cq_engine_class_usage(CqEngine *engine, uint16 class_id,
								  uint64 *entries, uint64 *bytes);

/*
 * Limit the memory of a class other than 0 to bytes, rounded down to pages, at
 * least CQ_ENGINE_QUOTA_MIN; 0: no limit.  A class that holds more than its new
 * limit shrinks when it stores the next entry.  Returns false if too many
 * classes have a quota.
 */
extern bool cq_engine_set_quota(CqEngine *engine, uint16 class_id,
								uint64 bytes);

/*
 * Call visit for each entry that has not expired, one partition at a time
 * under its shared lock.  For diagnostics and tests.
 */
extern void cq_engine_walk(CqEngine *engine, int64 now_ms,
						   CqEngineVisitor visit, void *arg);

#endif							/* CQ_CACHE_ENGINE_ENGINE_H */
