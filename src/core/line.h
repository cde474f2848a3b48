/*-------------------------------------------------------------------------
 *
 * line.h
 *	  A cache line of shared memory that is read without a lock.
 *
 *	 0     8                                                  64
 *	+-----+--------------------------------------------------+
 *	| seq | seven words                                      |
 *	+-----+--------------------------------------------------+
 *
 * seq is even at rest.  A reader copies the words, and once more if seq was odd or has
 * changed.  A writer copies them, makes its changes in the copy, makes seq odd by
 * compare-and-swap if it is still what it was, writes the copy, and advances seq to
 * the next even number; if the swap fails it starts again.  So however long a change
 * takes to work out, seq is odd for a few stores only.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_LINE_H
#define CQ_CORE_LINE_H

#include "port/atomics.h"
#include "storage/s_lock.h"

#define CQ_LINE_WORDS 7

typedef struct CqLine
{
	pg_atomic_uint64 seq;		/* 2 * (times written), + 1 while written */
	uint64		words[CQ_LINE_WORDS];	/* guarded by seq */
} CqLine;

StaticAssertDecl(sizeof(CqLine) == 64, "a cache line");

static inline void
cq_line_init(CqLine *line)
{
	memset(line, 0, sizeof(*line));
	pg_atomic_init_u64(&line->seq, 0);
}

static inline bool
cq_line_try_read(CqLine *line, uint64 *words, uint64 *seq)
{
	*seq = pg_atomic_read_u64(&line->seq);
	if ((*seq & 1) != 0)
		return false;
	pg_read_barrier();
	memcpy(words, line->words, sizeof(line->words));
	pg_read_barrier();
	return pg_atomic_read_u64(&line->seq) == *seq;
}

/* Copy the words; returns seq.  Waits for a few stores of a writer at most. */
static inline uint64
cq_line_read(CqLine *line, uint64 *words)
{
	SpinDelayStatus delay;
	uint64		seq;

	if (likely(cq_line_try_read(line, words, &seq)))
		return seq;
	init_local_spin_delay(&delay);
	do
		perform_spin_delay(&delay);
	while (!cq_line_try_read(line, words, &seq));
	finish_spin_delay(&delay);
	return seq;
}

/* Write the words; returns false if somebody else has since cq_line_read. */
static inline bool
cq_line_write(CqLine *line, const uint64 *words, uint64 seq)
{
	if (!pg_atomic_compare_exchange_u64(&line->seq, &seq, seq + 1))
		return false;
	pg_write_barrier();
	memcpy(line->words, words, sizeof(line->words));
	pg_write_barrier();
	pg_atomic_write_u64(&line->seq, seq + 2);
	return true;
}

#endif							/* CQ_CORE_LINE_H */
