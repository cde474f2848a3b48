/*-------------------------------------------------------------------------
 *
 * send.h
 *	  Sending messages.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUEUE_SEND_H
#define CQ_QUEUE_SEND_H

#include "message/message.h"
#include "queue/definition.h"

/*
 * Send n messages, in this order, in the current transaction; fills in their
 * numbers.
 */
extern void cq_queue_send_messages(CqQueueDef *def, CqNewMessage *messages, int n);

#endif							/* CQ_QUEUE_SEND_H */
