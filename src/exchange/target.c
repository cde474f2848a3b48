/*-------------------------------------------------------------------------
 *
 * target.c
 *	  What exchanges hand messages to: queues and topics.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "exchange/target.h"
#include "queue/open.h"
#include "queue/send.h"
#include "topic/definition.h"
#include "topic/open.h"
#include "topic/publish.h"

int32
cq_target_find(CqTargetKind kind, const char *name, bool to_send)
{
	if (kind == CQ_TARGET_TOPIC)
		return cq_topic_open(name, to_send ? CQ_TOPIC_PUBLISH : CQ_TOPIC_NONE)->topic_id;
	Assert(kind == CQ_TARGET_QUEUE);
	return cq_queue_open(name, to_send ? CQ_QUEUE_SEND : CQ_QUEUE_NONE)->queue_id;
}

bool
cq_target_owned(CqTargetKind kind, const char *name)
{
	if (kind == CQ_TARGET_TOPIC)
		return cq_object_owned(&cq_topic_open(name, CQ_TOPIC_NONE)->object);
	return cq_object_owned(&cq_queue_open(name, CQ_QUEUE_NONE)->object);
}

/* The message, as it is sent to any target. */
static void
fill(CqNewMessage *new, const CqExchangeMessage *message)
{
	Size		bytes = toast_raw_datum_size(message->body) +
	toast_raw_datum_size(message->headers);

	memset(new, 0, sizeof(*new));
	new->enqueued_at = message->now;
	new->headers = message->headers;
	new->body = message->body;
	new->bytes = (uint32) Min(bytes, PG_UINT32_MAX);
	new->group_key = message->key;
}

static bool
send_to_queue(const CqTarget *target, const CqExchangeMessage *message)
{
	CqQueueDef *def = cq_queue_open(target->name, CQ_QUEUE_NONE);
	CqNewMessage new;

	if (def->queue_id != target->id)
		return false;
	fill(&new, message);
	new.expires_at = cq_options_expiry(&def->options, message->now);
	if (message->key != NULL)
		new.group_hash = cq_group_hash(message->key);
	cq_queue_send_messages(def, &new, 1);
	return true;
}

static bool
send_to_topic(const CqTarget *target, const CqExchangeMessage *message)
{
	CqTopicDef *def = cq_topic_open(target->name, CQ_TOPIC_NONE);
	CqNewMessage new;

	if (def->topic_id != target->id)
		return false;
	fill(&new, message);
	new.partition = CQ_PARTITION_ANY;
	cq_topic_publish_records(def, &new, 1);
	return true;
}

bool
cq_target_send(const CqTarget *target, const CqExchangeMessage *message)
{
	if (target->name == NULL)
		return false;
	return target->kind == CQ_TARGET_TOPIC ? send_to_topic(target, message) :
		send_to_queue(target, message);
}
