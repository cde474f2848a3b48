/*-------------------------------------------------------------------------
 *
 * check.c
 *	  Whether a row is in order.  Builds with assertions only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "queue/dispatch/check.h"
#include "queue/dispatch/entry.h"

#ifdef USE_ASSERT_CHECKING
/* Queue locked: what its members say about each group. */
static void
check_groups(CqQueueState *queue)
{
	uint32		n = 0;

	for (uint32 g = queue->groups; g != CQ_NONE; g = CQ_GROUP(g)->all.next)
	{
		const CqGroup *group = CQ_GROUP(g);

		n++;
		Assert(group->state == CQ_MSG_GROUP && group->queue == CQ_QUEUE_INDEX(queue));
		Assert(group->members > 0 || group->until != 0);
		Assert(group->held == CQ_NONE || group->until != 0 ||
			   group->in_flight + group->offered >= queue->options.group_concurrency);
		Assert(group->held == CQ_NONE || group->offered == 0 ||
			   queue->options.group_concurrency > 1 ||
			   CQ_MSG(group->head)->msg_id < CQ_MSG(group->held)->msg_id);
	}
	Assert(n == queue->ngroups);
}

void
cq_dispatch_check(CqQueueState *queue)
{
	uint32		loaded[CQ_SEGMENTS_MAX] = {0};
	uint32		by_xid = 0;
	uint32		gone = 0;
	int64		bytes = 0;
	uint32		members = 0;
	uint32		in_flight = 0;
	uint32		offered = 0;

	Assert(LWLockHeldByMe(&queue->lock));
	for (int state = CQ_MSG_OPEN; state < CQ_MSG_STATES; state++)
	{
		uint32		n = 0;

		for (uint32 i = cq_entries_first(queue, state); i != CQ_NONE;
			 i = cq_entries_next(queue, i))
		{
			CqMsg	   *msg = CQ_MSG(i);

			n++;
			Assert(msg->state == state && msg->queue == CQ_QUEUE_INDEX(queue));
			Assert(msg->segment < queue->nsegments);
			if (state != CQ_MSG_SETTLED)
				loaded[msg->segment]++;
			if (cq_entry_has_weight(msg))
				bytes += msg->bytes;
			Assert((msg->flags & CQ_MSG_GONE) == 0 || state == CQ_MSG_SETTLING);
			gone += (msg->flags & CQ_MSG_GONE) != 0;
			if (msg->flags & CQ_MSG_BY_XID)
			{
				Assert(state == CQ_MSG_OPEN || state == CQ_MSG_SETTLING);
				by_xid++;
			}
			if (state == CQ_MSG_READY && (msg->flags & CQ_MSG_LATE) == 0 &&
				msg->link.next != CQ_NONE)
				Assert(CQ_MSG(msg->link.next)->msg_id > msg->msg_id);
			if (msg->group != CQ_NONE)
			{
				members++;
				in_flight += cq_entry_in_flight(msg);
				offered += (state == CQ_MSG_READY);
			}
			Assert(((msg->flags & CQ_MSG_TIMED) != 0) ==
				   (msg->expires != 0 && cq_entry_waits(state)));
		}
		Assert(n == queue->count[state]);
	}
	for (int k = 0; k < CQ_SEGMENTS_MAX; k++)
		Assert(loaded[k] == queue->segment[k].loaded);
	for (uint32 g = queue->groups; g != CQ_NONE; g = CQ_GROUP(g)->all.next)
	{
		members -= CQ_GROUP(g)->members;
		in_flight -= CQ_GROUP(g)->in_flight;
		offered -= CQ_GROUP(g)->offered;
	}
	Assert(members == 0 && in_flight == 0 && offered == 0);
	Assert(by_xid == queue->by_xid);
	Assert(bytes == queue->bytes && gone == queue->gone);
	Assert(queue->count[CQ_MSG_SETTLED] == 0 || queue->backlog.scanning);
	check_groups(queue);
}
#endif
