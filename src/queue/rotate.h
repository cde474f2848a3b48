/*-------------------------------------------------------------------------
 *
 * rotate.h
 *	  The ring of segments: adding one, emptying finished ones.
 *
 * Both run in a pass of maintenance, between its transactions (step.h).
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_ROTATE_H
#define CQ_QUEUE_ROTATE_H


/* Add an empty segment to the queue. */
extern void cq_rotate_add_segment(int32 queue_id);

/* TRUNCATE the segments all of whose messages are settled. */
extern void cq_rotate_truncate(int32 queue_id);

#endif							/* CQ_QUEUE_ROTATE_H */
