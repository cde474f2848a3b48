/*-------------------------------------------------------------------------
 *
 * random.h
 *	  Random numbers that a seed repeats.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_RANDOM_H
#define CQ_RANDOM_H

/* xorshift64*; never 0 */
static inline uint64
next_random(uint64 *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64CONST(2685821657736338717);
}

#endif							/* CQ_RANDOM_H */
