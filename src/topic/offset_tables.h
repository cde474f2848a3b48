/*-------------------------------------------------------------------------
 *
 * offset_tables.h
 *	  The two tables that offsets are written to, in turns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_OFFSET_TABLES_H
#define CQ_TOPIC_OFFSET_TABLES_H

#include "topic/offsets.h"

/* rows in a table before it is left */
#define CQ_OFFSETS_ROWS 10000

/*
 * Append rows in the running transaction.  No lock held; the definition may be read
 * again.  Raises as cq_topic_lock() does.
 */
extern void cq_offsets_append(CqTopicDef *def, const CqOffset *offsets, int n);

/*
 * Maintenance, in transactions of its own (core/step.h): empty the table that was
 * left, and go on to it when the current one has grown.  Returns when to look
 * again, in ms of cq_clock_ms(), 0: when more has been appended.
 */
extern int64 cq_offsets_rotate(int32 topic_id);

#endif							/* CQ_TOPIC_OFFSET_TABLES_H */
