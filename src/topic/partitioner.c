/*-------------------------------------------------------------------------
 *
 * partitioner.c
 *	  Which partition a key belongs to.
 *
 * The hash is part of what users see: a key must land in the partition where a
 * Kafka client would put it, today and in ten years.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "topic/partitioner.h"

#define SEED 0x9747b28cU
#define MULTIPLIER 0x5bd1e995U
#define SHIFT 24

uint32
cq_murmur2(const unsigned char *bytes, int n)
{
	uint32		h = SEED ^ (uint32) n;
	int			i = 0;

	for (; i + 4 <= n; i += 4)
	{
		uint32		k = bytes[i] | (uint32) bytes[i + 1] << 8 |
		(uint32) bytes[i + 2] << 16 | (uint32) bytes[i + 3] << 24;

		k *= MULTIPLIER;
		k ^= k >> SHIFT;
		k *= MULTIPLIER;
		h *= MULTIPLIER;
		h ^= k;
	}
	if (i < n)
	{
		for (int j = n - 1; j >= i; j--)
			h ^= (uint32) bytes[j] << (8 * (j - i));
		h *= MULTIPLIER;
	}
	h ^= h >> 13;
	h *= MULTIPLIER;
	h ^= h >> 15;
	return h;
}

int
cq_partition_of(const char *key, int n, int partitions)
{
	return (int) ((cq_murmur2((const unsigned char *) key, n) & 0x7fffffff) %
				  (uint32) partitions);
}
