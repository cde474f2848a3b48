/*-------------------------------------------------------------------------
 *
 * channel.h
 *	  Channels: notifications for LISTEN.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TOPIC_CHANNEL_H
#define CQ_TOPIC_CHANNEL_H

#include "topic/memory.h"

/* a channel's name is an identifier */
#define CQ_CHANNEL_BYTES_MAX 63

/*
 * Have the payload sent to the channel when the transaction has committed.
 * Raises 53400 when too many are waiting to be sent.
 */
extern void cq_channel_publish_text(const char *channel, const char *payload);

/*
 * What a notification's payload stands for: itself, or what was too long to be
 * sent; NULL: that is kept no more.
 */
extern text *cq_channel_fetch_text(const text *payload);

/*
 * Send what sessions have published, and empty a table of stored payloads if it is
 * time; lowers plan_ms to when to do so again.  No lock held; starts and commits
 * transactions.
 */
extern void cq_channels_maintain(CqTopicState *state, uint32 generation);

#endif							/* CQ_TOPIC_CHANNEL_H */
