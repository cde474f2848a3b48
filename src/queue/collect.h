/*-------------------------------------------------------------------------
 *
 * collect.h
 *	  Reading a queue's tables: which messages are unsettled and not in memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_COLLECT_H
#define CQ_QUEUE_COLLECT_H

#include "queue/definition.h"
#include "queue/dispatch/backlog.h"
#include "storage/itemptr.h"

typedef struct CqCandidate
{
	int64		msg_id;
	TimestampTz due;			/* 0: ready */
	TimestampTz expires;
	TimestampTz lease_until;	/* of a durable lease that goes on; 0: none */
	uint64		group;			/* hash; 0: none */
	uint32		bytes;
	uint32		nonce;			/* of the lease */
	ItemPointerData tid;
	uint8		segment;
	char		pending_kind;	/* CqEventKind of an event in progress by xid;
								 * 0: none */
	bool		in_memory;		/* found there when the scan ended */
	int8		priority;
	int32		attempts;
	uint32		rank;			/* among the candidates of its group */
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
	bool		mixed;			/* several priorities: never stop early */
	bool		archived;		/* of settled messages, into the list of ready
								 * ones, instead of the others */
	bool		loaded;			/* not the first one: leases are in memory */
	uint32		priorities;		/* that unloaded ready messages may have */
	bool		dirty;			/* take note of transactions in progress */
	BlockNumber from[CQ_SEGMENTS_MAX];	/* Invalid: nothing of this segment */
	int64		first_id[CQ_SEGMENTS_MAX];	/* order of the segments */
	int64	   *known;			/* numbers in memory, ascending */
	uint32		nknown;

	/* what was found */
	CqCandidates ready;			/* highest priorities, lowest numbers */
	CqCandidates delayed;		/* earliest due */
	CqCandidates pending;		/* sent or settled in progress */
	CqCandidates busy;			/* leased, or a group waits for its retry */
	struct group_hash *groups;	/* how many candidates of each */
	int64		useful;			/* ready ones that don't all wait for others */
	CqBacklogLeft left;			/* of the first two lists: not taken */
	uint32		seen[CQ_SEGMENTS_MAX];	/* messages read */
	int64		lowest[CQ_SEGMENTS_MAX];	/* number; 0: none */
	int64		highest[CQ_SEGMENTS_MAX];
} CqScan;

/* Read what scan asks for; all lists are sorted by number then.  May raise. */
extern void cq_collect(CqScan *scan);

/* Leave this candidate in its table. */
extern void cq_candidate_leave(CqScan *scan, const CqCandidate *c);

/* The candidate with that number among those, or NULL. */
extern CqCandidate *cq_candidates_find(const CqCandidates *candidates, int64 msg_id);

#endif							/* CQ_QUEUE_COLLECT_H */
