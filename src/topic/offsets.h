/*-------------------------------------------------------------------------
 *
 * offsets.h
 *	  Offsets that are written down: of groups, of prepared transactions, and
 *	  for those who read elsewhere.
 *
 *	cq.t<topic>_c0, cq.t<topic>_c1	(group_id, partition, rewind, next_offset,
 *									committed_at), an index on the first four
 *
 *	group_id > 0	the group is done with all records below next_offset
 *	group_id 0		so is every publisher: all of them are there to be read
 *	group_id -1		a transaction was prepared that has published from
 *					next_offset on
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_OFFSETS_H
#define CQ_TOPIC_OFFSETS_H

#include "topic/definition.h"

#define CQ_OFFSETS_STABLE 0
#define CQ_OFFSETS_PREPARED (-1)

typedef struct CqOffset
{
	int32		group_id;
	int32		partition;
	int64		rewind;
	int64		offset;			/* of the next record */
	TimestampTz at;
	TransactionId xid;			/* of who wrote it, when he has not ended */
} CqOffset;

/* Append rows in the present transaction. */
extern void cq_offsets_append(CqTopicDef *def, const CqOffset *offsets, int n);

/*
 * The latest of what is committed for the group and partition, in *found; false
 * when there is nothing.
 */
extern bool cq_offsets_latest(CqTopicDef *def, int32 group_id, int partition,
							  CqOffset *found);

/* What transactions have written for the group that have not ended: CqOffset *. */
extern List *cq_offsets_open(CqTopicDef *def, int32 group_id);

/* Create the two tables. */
extern Oid	cq_offsets_create(int32 topic_id, Oid owner);

/*
 * Maintenance, in transactions of its own (core/step.h): empty the table that was
 * left, and go on to it when the current one has grown.  Returns when to look
 * again, in ms of cq_clock_ms(), 0: when more has been appended.
 */
extern int64 cq_offsets_rotate(int32 topic_id);

/* Rows in a table before it is left. */
#define CQ_OFFSETS_ROWS 10000

#endif							/* CQ_TOPIC_OFFSETS_H */
