/*-------------------------------------------------------------------------
 *
 * policy.h
 *	  What a trace is played to: the real engine, and models to compare with.
 *
 * The models count an object as the bytes of its key and its value, and pay
 * nothing for their own administration.  They keep what has expired until
 * they evict it or it is asked for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_POLICY_H
#define CQ_POLICY_H

#include "trace.h"

typedef struct Outcome
{
	bool		ran;			/* false: it cannot be that small */
	uint64		gets;
	uint64		hits;
	uint64		payload_max;	/* bytes of keys and values at one time */
} Outcome;

typedef Outcome (*Policy) (const Trace *trace, uint64 bytes);

/* the engine in an arena of so many bytes, all of its own needs included */
extern Outcome play_engine(const Trace *trace, uint64 bytes);

extern Outcome play_lru(const Trace *trace, uint64 bytes);
extern Outcome play_fifo(const Trace *trace, uint64 bytes);
extern Outcome play_clock(const Trace *trace, uint64 bytes);
extern Outcome play_s3fifo(const Trace *trace, uint64 bytes);

/*
 * Evicts what is needed last (Belady).  That is the optimum when all objects
 * are of one size; of several it is only a good heuristic.
 */
extern Outcome play_belady(const Trace *trace, uint64 bytes);

static inline double
hit_percent(const Outcome *outcome)
{
	return outcome->gets > 0 ? 100.0 * outcome->hits / outcome->gets : 0;
}

#endif							/* CQ_POLICY_H */
