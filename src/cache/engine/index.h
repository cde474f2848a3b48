/*-------------------------------------------------------------------------
 *
 * index.h
 *	  The hash index of the cache engine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_INDEX_H
#define CQ_CACHE_ENGINE_INDEX_H

#include "cache/engine/memory.h"

/* A slot of the index. */
typedef struct CqIndexSlot
{
	CqIndexBucket *bucket;		/* NULL: none */
	uint32		i;
} CqIndexSlot;

/*
 * The slot of a linked record, or of the record of a key, expired or not.  The
 * latter's .bucket is NULL if there is none.  The caller holds the partition's
 * lock.
 */
extern CqIndexSlot cq_index_slot_of(CqEngine *engine, uint32 bucket,
									uint32 location);
extern CqIndexSlot cq_index_find(CqEngine *engine, uint32 bucket,
								 const CqEngineKey *key);

/*
 * Fill a free slot; empty a slot.  The caller holds the partition's exclusive
 * lock, has called cq_write_begin and, to fill a slot, has an outstanding handle.
 */
extern void cq_index_add(CqEngine *engine, uint32 bucket, uint16 tag,
						 uint32 location);
extern void cq_index_remove(CqEngine *engine, uint32 bucket, CqIndexSlot slot);

/*
 * Count an outstanding handle.  Returns false if no overflow bucket is left for
 * it; the caller then gives the index a page and tries again.  _release: the
 * handle is no longer outstanding.
 */
extern bool cq_index_reserve(CqEngine *engine);
extern void cq_index_release(CqEngine *engine);
extern void cq_index_give_page(CqEngine *engine, uint32 page);

/*
 * Count a use in a slot's tag, of which the caller has seen that value.  Without
 * a lock the slot may belong to another entry by now, which does little harm.
 */
static inline void
cq_index_note_use(uint16 *tag, uint16 seen)
{
	if (CQ_TAG_USES(seen) < CQ_USES_MAX)
		__atomic_compare_exchange_n(tag, &seen, seen + CQ_TAG_USE, false,
									__ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

#endif							/* CQ_CACHE_ENGINE_INDEX_H */
