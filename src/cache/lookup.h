/*-------------------------------------------------------------------------
 *
 * lookup.h
 *	  Looking a key up, as the running transaction sees it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_LOOKUP_H
#define CQ_CACHE_LOOKUP_H

#include "cache/key.h"
#include "cache/outcome.h"
#include "cache/value.h"
#include "utils/snapshot.h"

/*
 * Look a key up under the snapshot.  A hit fills *value.  _lookup also counts
 * the outcome and remembers a miss for a later set of the key; _peek does
 * neither.  Raises out of memory only.
 */
extern CqLookup cq_cache_lookup(const CqKey *key, Snapshot snapshot,
								CqValue *value);
extern CqLookup cq_cache_peek(const CqKey *key, Snapshot snapshot,
							  CqValue *value);

/*
 * As _peek for callers that accept outdated values: fills *value also for
 * CQ_LOOKUP_INVALIDATED, except (value->data NULL) when the entry must not be
 * served at all.  That is when this transaction has changed a dependency; when a
 * dependency was changed other than by writing rows (DDL, policies, TRUNCATE); or
 * when the key itself or its namespace was invalidated.
 */
extern CqLookup cq_cache_peek_outdated(const CqKey *key, Snapshot snapshot,
									   CqValue *value);

/* Does the engine hold an entry of the key, valid or not? */
extern bool cq_cache_holds(const CqKey *key);

/*
 * Remove a dependent entry that is not a hit under the snapshot, so that it does
 * not count as present.  only_invalidated: only if it is not a hit under later
 * snapshots either.
 */
extern void cq_cache_drop_stale(const CqKey *key, Snapshot snapshot,
								bool only_invalidated);

/* Remove an entry at once, if it still has that version. */
extern void cq_cache_remove(const CqKey *key, uint64 version);

#endif							/* CQ_CACHE_LOOKUP_H */
