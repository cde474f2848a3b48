/*-------------------------------------------------------------------------
 *
 * offsets.h
 *	  Offsets that are written down: of groups, of prepared transactions, and
 *	  for readers on other servers.
 *
 *	cq.t<topic>_c0, cq.t<topic>_c1	(group_id, partition, rewind, next_offset,
 *									committed_at), an index on the first four
 *
 *	group_id > 0	the group is done with all records below next_offset
 *	group_id 0		all records below next_offset can be read
 *	group_id -1		a transaction was prepared that has published from
 *					next_offset on
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_OFFSETS_H
#define CQ_TOPIC_OFFSETS_H

#include "topic/definition.h"

/* columns of these tables */
#define CQ_OFFSET_GROUP_ID 1
#define CQ_OFFSET_PARTITION 2
#define CQ_OFFSET_REWIND 3
#define CQ_OFFSET_NEXT_OFFSET 4
#define CQ_OFFSET_COMMITTED_AT 5
#define CQ_OFFSET_COLUMNS 5

/* special numbers of groups */
#define CQ_OFFSETS_STABLE 0
#define CQ_OFFSETS_PREPARED (-1)

typedef struct CqOffset
{
	int32		group_id;
	int32		partition;
	int64		rewind;
	int64		offset;			/* of the next record */
	TimestampTz at;
	TransactionId xid;			/* that wrote it and has not ended; or invalid */
} CqOffset;

/*
 * The latest of what is committed for the group and partition, in *found; false
 * when there is nothing.
 */
extern bool cq_offsets_latest(CqTopicDef *def, int32 group_id, int partition,
							  CqOffset *found);

/* What transactions that have not ended have written for the group: CqOffset *. */
extern List *cq_offsets_open(CqTopicDef *def, int32 group_id);

/* Create the two tables. */
extern Oid	cq_offsets_create(int32 topic_id, Oid owner);

#endif							/* CQ_TOPIC_OFFSETS_H */
