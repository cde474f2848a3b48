/*-------------------------------------------------------------------------
 *
 * hot_keys.c
 *	  The keys that are read most.
 *
 * Each process samples its hits, one in CQ_HOT_KEY_SAMPLE at random distances,
 * and counts them in a table in shared memory by the algorithm Space-Saving
 * (Metwally, Agrawal, El Abbadi, ICDT 2005, section 3):
 *
 *	- the key is in the table: its count is incremented
 *	- it is not, and there is room: it is added with count 1
 *	- it is not, and there is no room: it replaces the key with the smallest count
 *	  m and gets m + 1, of which m is its error
 *
 * So a count is never too small, and too large by its error at most; and each key
 * with more than 1/CQ_HOT_KEYS of the samples is in the table.
 *
 * Locking: lock guards the table.  A process that cannot take it at once drops
 * its sample.  Hashes and counts are in arrays of their own, since each sample
 * looks at all of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/hot_keys.h"
#include "common/pg_prng.h"
#include "storage/lwlock.h"

typedef struct CqHotKeyName
{
	uint32		len;
	char		bytes[CQ_ENGINE_KEY_MAX];
} CqHotKeyName;

typedef struct CqHotKeys
{
	LWLock		lock;
	int			nkeys;
	uint64		hashes[CQ_HOT_KEYS];
	uint64		samples[CQ_HOT_KEYS];
	uint64		errors[CQ_HOT_KEYS];
	CqHotKeyName names[CQ_HOT_KEYS];
} CqHotKeys;

uint32		cq_hot_key_countdown = 0;

static CqHotKeys *shared = NULL;

Size
cq_hot_keys_size(void)
{
	return sizeof(CqHotKeys);
}

/* In the postmaster, once. */
void
cq_hot_keys_init(void *mem, int tranche)
{
	shared = mem;
	memset(mem, 0, sizeof(*shared));
	LWLockInitialize(&shared->lock, tranche);
}

static void
set_name(int i, const CqEngineKey *key)
{
	shared->hashes[i] = key->hash;
	shared->names[i].len = key->len;
	memcpy(shared->names[i].bytes, key->bytes, key->len);
}

/* A step of Space-Saving.  Lock held exclusively. */
static void
count_key(const CqEngineKey *key)
{
	int			smallest = 0;

	for (int i = 0; i < shared->nkeys; i++)
	{
		if (shared->hashes[i] == key->hash)
		{
			shared->samples[i]++;
			return;
		}
		if (shared->samples[i] < shared->samples[smallest])
			smallest = i;
	}
	if (shared->nkeys < CQ_HOT_KEYS)
	{
		smallest = shared->nkeys++;
		shared->samples[smallest] = 0;
	}
	shared->errors[smallest] = shared->samples[smallest];
	shared->samples[smallest]++;
	set_name(smallest, key);
}

void
cq_hot_key_sample(const CqEngineKey *key)
{
	bool		first = cq_hot_key_countdown == PG_UINT32_MAX;

	/* uniform from 1 to 2 * SAMPLE - 1: SAMPLE on average */
	cq_hot_key_countdown =
		(uint32) pg_prng_uint64_range(&pg_global_prng_state, 1,
									  2 * CQ_HOT_KEY_SAMPLE - 1);
	if (first)
		return;					/* do not sample a session's first hit */
	if (!LWLockConditionalAcquire(&shared->lock, LW_EXCLUSIVE))
		return;
	count_key(key);
	LWLockRelease(&shared->lock);
}

int
cq_hot_keys_read(CqHotKey *keys)
{
	int			n;

	LWLockAcquire(&shared->lock, LW_SHARED);
	n = shared->nkeys;
	for (int i = 0; i < n; i++)
	{
		keys[i].hash = shared->hashes[i];
		keys[i].samples = shared->samples[i];
		keys[i].error = shared->errors[i];
		keys[i].len = shared->names[i].len;
		memcpy(keys[i].bytes, shared->names[i].bytes, keys[i].len);
	}
	LWLockRelease(&shared->lock);
	return n;
}

void
cq_hot_keys_reset(void)
{
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	shared->nkeys = 0;
	LWLockRelease(&shared->lock);
}
