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

/* One in so many hits, on average, is sampled. */
#define CQ_HOT_KEY_SAMPLE 100

typedef struct CqHotKey
{
	uint64		hash;			/* of the engine's key */
	uint64		samples;		/* upper bound of its hits in the sample */
	uint64		error;			/* samples - error is a lower bound */
	uint32		len;
	char		bytes[CQ_ENGINE_KEY_MAX];	/* the engine's key */
} CqHotKey;

extern Size cq_hot_keys_size(void);
extern void cq_hot_keys_init(void *mem, int tranche);

/* Hits until the next sample.  Private to the inline function. */
extern uint32 cq_hot_key_countdown;
extern void cq_hot_key_sample(const CqEngineKey *key);

/* Note a hit.  Never waits and never raises. */
static inline void
cq_hot_key_hit(const CqEngineKey *key)
{
	if (unlikely(cq_hot_key_countdown-- <= 1))
		cq_hot_key_sample(key);
}

/* Copy the table, unordered, to keys[CQ_HOT_KEYS]; returns the number of keys. */
extern int	cq_hot_keys_read(CqHotKey *keys);
extern void cq_hot_keys_reset(void);

#endif							/* CQ_CACHE_HOT_KEYS_H */
