/* port/pg_bitutils.h of the server, as far as those who build without it use it */
#ifndef CQ_SHIM_BITUTILS_H
#define CQ_SHIM_BITUTILS_H

static inline int
pg_leftmost_one_pos32(uint32 word)
{
	return 31 - __builtin_clz(word);
}

static inline int
pg_rightmost_one_pos32(uint32 word)
{
	return __builtin_ctz(word);
}

static inline int
pg_leftmost_one_pos64(uint64 word)
{
	return 63 - __builtin_clzll(word);
}

static inline int
pg_rightmost_one_pos64(uint64 word)
{
	return __builtin_ctzll(word);
}

static inline uint32
pg_nextpower2_32(uint32 number)
{
	return number <= 1 ? 1 : UINT32_C(1) << (pg_leftmost_one_pos32(number - 1) + 1);
}

#endif							/* CQ_SHIM_BITUTILS_H */
