/*-------------------------------------------------------------------------
 *
 * notice.h
 *	  Notifications of channels in shared memory.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_NOTICE_H
#define CQ_TOPIC_NOTICE_H

#include "topic/memory.h"

/*
 * Store a notification, the channel's name and the payload, each with its zero
 * byte, in cells of its own; returns the first one.  Raises 53400 when there are
 * too many.  No lock held.
 */
extern uint32 cq_notice_store(const char *chars, Size bytes);

/* State of the channels locked: append it to those that are to be sent. */
extern void cq_notice_pend(CqTopicState *state, uint32 notice);

/*
 * Take the first n that are to be sent, at most max, off the list.  Returns the
 * first of them, which links to the others; the caller frees them.  CQ_NO_CELL
 * when there are none, or the state has another generation.  No lock held.
 */
extern uint32 cq_notices_take(CqTopicState *state, uint32 generation, int max, int *n);

/* A notification's bytes, palloc'd. */
extern char *cq_notice_copy(uint32 i);

#endif							/* CQ_TOPIC_NOTICE_H */
