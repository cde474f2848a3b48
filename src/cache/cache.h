/*-------------------------------------------------------------------------
 *
 * cache.h
 *	  The cache as one transaction sees it: engine below, rules on top.
 *
 * Files elsewhere include it for keys, values, look-ups, sets and the engine; it
 * includes the headers of these.  It declares what concerns the cache as a whole.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_CACHE_H
#define CQ_CACHE_CACHE_H

#include "cache/counters.h"
#include "cache/engine/engine.h"
#include "cache/key.h"
#include "cache/lookup.h"
#include "cache/maintain.h"
#include "cache/outcome.h"
#include "cache/request.h"
#include "cache/state.h"
#include "cache/store.h"
#include "cache/value.h"
#include "cache/view.h"
#include "core/transfer.h"

/* In the postmaster, once; lays out the other parts of the cache, too. */
extern void cq_cache_shmem_init(void *mem);
extern void cq_cache_init(void);

/*
 * Transfer what warm.c saves and loads: all that the entries and their checks
 * need.  In the postmaster, when there is no other process.  After loading, call
 * _start_loaded if all was transferred, else _start_empty.
 */
extern bool cq_cache_transfer(CqTransfer transfer, void *arg);
extern void cq_cache_start_loaded(void);
extern void cq_cache_start_empty(void);

/* All counts since the last reset, including those of the engine. */
extern void cq_cache_counts(CqCounts *counts, CqEngineStats *stats);
extern void cq_cache_reset_counts(void);

#endif							/* CQ_CACHE_CACHE_H */
