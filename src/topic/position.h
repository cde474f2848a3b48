/*-------------------------------------------------------------------------
 *
 * position.h
 *	  Positions in a topic, and seeking there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_POSITION_H
#define CQ_TOPIC_POSITION_H

#include "topic/definition.h"

/* Where to go on reading. */
typedef enum CqPositionKind
{
	CQ_POSITION_EARLIEST,
	CQ_POSITION_LATEST,
	CQ_POSITION_TIME,
	CQ_POSITION_OFFSET
} CqPositionKind;

typedef struct CqPosition
{
	CqPositionKind kind;
	TimestampTz time;
	int64		offset;
} CqPosition;

/*
 * A position from an argument: 'earliest', 'latest', an offset, a timestamp.
 * Raises 22023, 22007, 22003.
 */
extern CqPosition cq_position_parse(const char *text);

/* The offset that the position stands for in a partition. */
extern int64 cq_position_offset(CqTopicDef *def, int partition, const CqPosition *position);

/* for cq_topic_seek_to() */
#define CQ_PARTITION_ALL (-1)

/*
 * Have the group go on from there when the transaction commits; partition may be
 * CQ_PARTITION_ALL.  Raises 55000 when the transaction has done so already.
 */
extern void cq_topic_seek_to(CqTopicDef *def, const CqGroupDef *group, int partition,
							 const CqPosition *position);

#endif							/* CQ_TOPIC_POSITION_H */
