/*-------------------------------------------------------------------------
 *
 * siphash.c
 *	  SipHash-2-4, by Jean-Philippe Aumasson and Daniel J. Bernstein.
 *
 * Each eight bytes, in little-endian order, are one word of the message; the
 * last word has what is left over and the length.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/siphash.h"

static inline uint64
rotate(uint64 value, int bits)
{
	return (value << bits) | (value >> (64 - bits));
}

static void
mix(uint64 *v, int rounds)
{
	while (rounds-- > 0)
	{
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

uint64
cq_siphash(uint64 key0, uint64 key1, const uint8 *bytes, Size n)
{
	uint64		v[4] = {
		key0 ^ UINT64CONST(0x736f6d6570736575),
		key1 ^ UINT64CONST(0x646f72616e646f6d),
		key0 ^ UINT64CONST(0x6c7967656e657261),
		key1 ^ UINT64CONST(0x7465646279746573)
	};

	for (Size at = 0; at <= n; at += 8)
	{
		uint64		word = (n - at < 8) ? (uint64) n << 56 : 0;

		for (Size i = 0; i < Min(n - at, 8); i++)
			word |= (uint64) bytes[at + i] << (8 * i);
		v[3] ^= word;
		mix(v, 2);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	mix(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
