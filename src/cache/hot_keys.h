/*-------------------------------------------------------------------------
 *
 * hot_keys.h
 *	  The keys that are read most.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_HOT_KEYS_H
#define CQ_CACHE_HOT_KEYS_H

#include "cache/engine/engine.h"

#define CQ_HOT_KEYS 128

/* One of so many hits, on the average, is looked at. */
#define CQ_HOT_KEY_SAMPLE 100

typedef struct CqHotKey
{
	uint64		hash;			/* of the engine's key */
	uint64		samples;		/* at most so many hits in the sample */
	uint64		error;			/* at least samples - error */
	uint32		len;
	char		bytes[CQ_ENGINE_KEY_MAX];	/* the engine's key */
} CqHotKey;

extern Size cq_hot_keys_size(void);
extern void cq_hot_keys_init(void *mem, int tranche);

/* Hits until the next one of the sample; private to the inline. */
extern uint32 cq_hot_key_countdown;
extern void cq_hot_key_sample(const CqEngineKey *key);

/* A hit.  Never waits and never raises. */
static inline void
cq_hot_key_hit(const CqEngineKey *key)
{
	if (unlikely(cq_hot_key_countdown-- <= 1))
		cq_hot_key_sample(key);
}

/* Copy the table, in no order; returns how many.  keys: CQ_HOT_KEYS of them. */
extern int	cq_hot_keys_read(CqHotKey *keys);
extern void cq_hot_keys_reset(void);

#endif							/* CQ_CACHE_HOT_KEYS_H */
