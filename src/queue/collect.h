/*-------------------------------------------------------------------------
 *
 * collect.h
 *	  Reading a queue's tables: which messages are unsettled and not in memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_COLLECT_H
#define CQ_COLLECT_H

#include "queue/definition.h"
#include "storage/itemptr.h"

typedef struct CqCandidate
{
	int64		msg_id;
	TimestampTz due;			/* 0: ready */
	ItemPointerData tid;
	uint8		segment;
	char		settle;			/* settled in progress by xid: 'a', 'n' */
	bool		in_memory;		/* found there when the scan ended */
	int32		attempts;
	TransactionId xid;			/* sent or settled by it, in progress */
} CqCandidate;

typedef struct CqCandidates
{
	CqCandidate *items;
	int64		n;
	int64		capacity;
	int64		limit;			/* keep the best so many; 0: all */
} CqCandidates;

typedef struct CqScan
{
	CqQueueDef *def;
	MemoryContext context;		/* everything below */

	/* what to read */
	bool		everything;		/* never stop early */
	bool		dirty;			/* take note of transactions in progress */
	BlockNumber from[CQ_SEGMENTS_MAX];	/* Invalid: nothing of this segment */
	int64		first_id[CQ_SEGMENTS_MAX];	/* order of the segments */
	int64	   *known;			/* numbers in memory, ascending */
	uint32		nknown;

	/* what was found */
	CqCandidates ready;			/* lowest numbers */
	CqCandidates delayed;		/* earliest due */
	CqCandidates pending;		/* sent or settled in progress */
	BlockNumber left[CQ_SEGMENTS_MAX];	/* lowest block with more of the first
										 * two; Invalid: none */
	bool		left_ready;		/* ready ones were left out, or may have been */
	int64		unloaded;		/* of the row, when the scan began */
	int64		nleft;			/* left out, as far as read */
	TimestampTz left_due;		/* earliest of the delayed left out; 0: none */
	BlockNumber nblocks[CQ_SEGMENTS_MAX];
	uint32		seen[CQ_SEGMENTS_MAX];	/* messages read */
	int64		lowest[CQ_SEGMENTS_MAX];	/* number; 0: none */
	int64		highest[CQ_SEGMENTS_MAX];
} CqScan;

/* Read what scan asks for.  May raise. */
extern void cq_collect(CqScan *scan);

/* Sort candidates by number. */
extern void cq_candidates_sort(CqCandidates *candidates);

/* The candidate with that number among sorted ones, or NULL. */
extern CqCandidate *cq_candidates_find(const CqCandidates *candidates, int64 msg_id);

#endif							/* CQ_COLLECT_H */
