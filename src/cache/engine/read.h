/*-------------------------------------------------------------------------
 *
 * read.h
 *	  Reading an entry of the cache without a lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_READ_H
#define CQ_CACHE_ENGINE_READ_H

#include "cache/engine/types.h"

/*
 * Copy an entry to buf: meta->nstamps stamps, then meta->value_len bytes.  buf
 * must be 8-byte aligned.  Fills *meta on OK and on TOO_SMALL; the space needed
 * is nstamps * sizeof(CqStamp) + value_len.  Never returns an expired entry
 * (expires_ms != 0 and <= now_ms).  Returns ABSENT also if writers of the same
 * bucket get in the way for some 20 ms.
 */
extern CqEngineResult cq_engine_get(CqEngine *engine, const CqEngineKey *key,
									int64 now_ms, char *buf, Size buf_len,
									CqEngineMeta *meta);

/* Prefetch the memory that _get of this key accesses first. */
extern void cq_engine_prefetch(CqEngine *engine, const CqEngineKey *key);

#endif							/* CQ_CACHE_ENGINE_READ_H */
