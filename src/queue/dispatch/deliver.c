/*-------------------------------------------------------------------------
 *
 * deliver.c
 *	  Delivering messages: which one is next, within all limits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "queue/dispatch/deliver.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/groups.h"
#include "queue/dispatch/rate.h"
#include "queue/dispatch/ready.h"

/* Claim a ready or held entry. */
static void
claim(CqQueueState *queue, uint32 i, const CqTerms *terms)
{
	CqMsg	   *msg = CQ_MSG(i);

	cq_entry_unlink(queue, i);
	msg->attempts++;
	msg->nonce = terms->durable ? terms->nonce : ++queue->nonce;
	msg->until = terms->until;
	msg->due = 0;
	msg->holder = terms->holder;
	if (terms->take)
	{
		msg->outcome = CQ_OUTCOME_ACKNOWLEDGED;
		msg->flags |= CQ_MSG_TAKEN;
		cq_entry_link(queue, i, CQ_MSG_SETTLING);
	}
	else
	{
		if (terms->durable)
			msg->flags |= CQ_MSG_DURABLE;
		cq_entry_link(queue, i, CQ_MSG_LEASED);
	}
	if (msg->group != CQ_NONE)
		cq_group_delivered(queue, msg->group);
}

uint32
cq_deliver_next(CqQueueState *queue, const CqTerms *terms, CqEffects *effects)
{
	for (;;)
	{
		uint32		i = cq_ready_first(queue);
		uint32		group;

		if (i == CQ_NONE && terms->freely)
			i = cq_entries_first(queue, CQ_MSG_HELD);
		if (i == CQ_NONE)
			return CQ_NONE;
		group = CQ_MSG(i)->group;
		if (group != CQ_NONE && !terms->freely && !cq_group_may_deliver(queue, group))
		{
			/* offered before the group's limits were lowered */
			cq_entry_move(queue, i, CQ_MSG_HELD);
			cq_group_advance(queue, group, effects);
			continue;
		}
		if (group != CQ_NONE)
			i = cq_group_lowest(queue, group, i);
		claim(queue, i, terms);
		return i;
	}
}

void
cq_deliver_done(CqQueueState *queue, uint32 n, const CqTerms *terms, CqEffects *effects)
{
	if (n > 0)
	{
		queue->delivered += n;
		cq_rate_count(&queue->rate[CQ_RATE_DELIVERED], n);
		cq_tokens_take(&queue->bucket, &queue->options.rate, n);
		if (!terms->take)
			cq_dispatch_plan(queue, terms->until, effects);
	}

	/* no more sessions need to wake than there are messages left for them */
	effects->ready = Min(effects->ready, queue->count[CQ_MSG_READY]);
}
