/*-------------------------------------------------------------------------
 *
 * bytes.h
 *	  Keys, and values that can be recognised, for the tests
 *	  and the simulator of the cache engine.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_BYTES_H
#define CQ_BYTES_H

#include "cache/engine/engine.h"
#include "random.h"

static inline uint64
hash_bytes(const char *bytes, uint32 len)
{
	uint64		hash = UINT64CONST(14695981039346656037);

	for (uint32 i = 0; i < len; i++)
		hash = (hash ^ (unsigned char) bytes[i]) * UINT64CONST(1099511628211);
	hash = (hash ^ (hash >> 33)) * UINT64CONST(0xff51afd7ed558ccd);
	return hash ^ (hash >> 29);
}

/* bytes has to outlive the key */
static inline CqEngineKey
key_of(const char *bytes, uint32 len)
{
	CqEngineKey key;

	key.hash = hash_bytes(bytes, len);
	key.bytes = bytes;
	key.len = len;
	return key;
}

/* len bytes that can be told from those of any other seed */
static inline void
fill_bytes(char *bytes, Size len, uint64 seed)
{
	uint64		state = seed * 2 + 1;

	for (Size i = 0; i < len; i += sizeof(uint64))
	{
		uint64		word = next_random(&state);

		memcpy(bytes + i, &word, Min(sizeof(word), len - i));
	}
}

static inline bool
bytes_are(const char *bytes, Size len, uint64 seed)
{
	uint64		state = seed * 2 + 1;

	for (Size i = 0; i < len; i += sizeof(uint64))
	{
		uint64		word = next_random(&state);

		if (memcmp(bytes + i, &word, Min(sizeof(word), len - i)) != 0)
			return false;
	}
	return true;
}

#endif							/* CQ_BYTES_H */
