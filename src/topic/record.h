/*-------------------------------------------------------------------------
 *
 * record.h
 *	  The records of a topic: appending them to a segment, reading them in the
 *	  order of their offsets.
 *
 *	cq.t<topic>_s<k>		the table of a segment, of the layout of a queue's
 *	cq.t<topic>_s<k>_offset	index on (partition, msg_id): msg_id is the offset
 *	cq.t<topic>_o<p>		sequence: blocks of offsets of partition p
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_RECORD_H
#define CQ_TOPIC_RECORD_H

#include "executor/tuptable.h"
#include "message/message.h"
#include "topic/definition.h"

/*
 * All functions that take a CqTopicDef that is not const may read it again
 * (cq_topic_read_again).  No lock held.
 */

/*
 * Append records to the segment with that number; the lock on its table stays
 * until the transaction ends.
 */
extern void cq_records_append(CqTopicDef *def, int64 segment,
							  const CqNewMessage *records, int n);

/* Called with each record; the slot has the columns of a message. */
typedef void (*CqRecordReader) (TupleTableSlot *slot, void *arg);

/* Which records to read: of a partition, those with offsets in [from, limit). */
typedef struct CqRecordRange
{
	int			partition;
	int64		from;
	int64		limit;
	int			max;			/* so many of them at most; > 0 */
} CqRecordRange;

/*
 * Read the records as committed now, in order.  Returns how many; *next is where to
 * go on: behind the last one, or the limit when there is nothing left below it.
 *
 * It stops early, with fewer than max and *next below the limit, when the definition
 * was stale and has been read again.  A compaction may have dropped records below the
 * limit whose successors are not below it.  The caller takes the limit anew, which is
 * above those successors, and goes on from *next.
 */
extern int	cq_records_read(CqTopicDef *def, const CqRecordRange *range,
							CqRecordReader reader, void *arg, int64 *next);

/*
 * The lowest and highest offset of a partition that any row in the tables has,
 * whatever became of its transaction; false when there is no row.
 */
extern bool cq_records_first(CqTopicDef *def, int partition, int64 *offset);
extern bool cq_records_last(CqTopicDef *def, int partition, int64 *offset,
							TimestampTz *published_at);

/* The same in one segment. */
extern bool cq_records_segment_last(const CqTopicSegment *segment, int partition, int64 *offset,
									TimestampTz *published_at);

/*
 * The offset of the first record of the partition that was published at that
 * time or later, below limit; limit when there is none.
 */
extern int64 cq_records_at(CqTopicDef *def, int partition, TimestampTz at, int64 limit);

/* The table k of a topic, or InvalidOid. */
extern Oid	cq_record_table(const CqTopicDef *def, int k);

/*
 * Create the table k of a topic, and the sequence of a partition.  They go with
 * the owner: the first sequence with the carrier, the others with the first
 * table of offsets, tables with the first sequence; see core/object.c.
 */
extern void cq_record_table_create(int32 topic_id, Oid owner, int k);
extern Oid	cq_record_sequence_create(int32 topic_id, Oid owner, int partition);

/* Drop all relations of the topic that are left. */
extern void cq_record_relations_drop(int32 topic_id, int npartitions);

#endif							/* CQ_TOPIC_RECORD_H */
