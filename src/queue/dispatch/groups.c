/*-------------------------------------------------------------------------
 *
 * groups.c
 *	  Messages with a group key: which of them are ready.
 *
 * Messages with a group key wait in the heap of their group (HELD), by number.
 * As long as the group has fewer than group_concurrency in flight, and a token
 * left of its group_rate_limit, its lowest ones are READY, in the late heap of
 * their priority (ready.c), which is 0:
 *
 *		list[0] -> 3 -> 4 -> 9		late[0]: { 6, 12 }
 *											   |   |
 *							   group A: head 6 +   + head 12 :group B
 *									held { 8, 11 }	 held { 13 }
 *
 * So the cost follows the messages that are delivered, not the number of
 * groups nor of those waiting in them.  What changes a group, a message that
 * comes or ends, is followed by cq_group_advance(), which restores
 *
 *		held is empty, or in_flight + offered = group_concurrency,
 *		or the group waits for a token, in the row's heap by time
 *
 * and, where order matters (group_concurrency = 1), that what is READY has the
 * lowest number of all that wait.
 *
 * Two keys of the same hash are one group: they take turns, nothing else.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <limits.h>

#include "core/clock.h"
#include "queue/dispatch/entry.h"
#include "queue/dispatch/groups.h"
#include "queue/dispatch/heap.h"

static uint32
bucket_of(const CqQueueState *queue, uint64 hash)
{
	hash ^= CQ_QUEUE_INDEX(queue) * UINT64CONST(0x9E3779B97F4A7C15);
	return (uint32) (hash ^ (hash >> 32)) & cq_queues->bucket_mask;
}

static slock_t *
stripe_of(uint32 bucket)
{
	return &cq_queues->stripe[bucket % CQ_STRIPES];
}

static uint32
find(const CqQueueState *queue, uint64 hash)
{
	uint32		bucket = bucket_of(queue, hash);
	uint32		i;

	SpinLockAcquire(stripe_of(bucket));
	for (i = cq_buckets[bucket]; i != CQ_NONE; i = CQ_GROUP(i)->chain)
	{
		if (CQ_GROUP(i)->hash == hash && CQ_GROUP(i)->queue == CQ_QUEUE_INDEX(queue))
			break;
	}
	SpinLockRelease(stripe_of(bucket));
	return i;
}

static uint32
create(CqQueueState *queue, uint64 hash)
{
	uint32		i = cq_pool_take();
	uint32		bucket = bucket_of(queue, hash);
	CqGroup    *group = CQ_GROUP(i);

	if (i == CQ_NONE)
		return CQ_NONE;
	memset(group, 0, sizeof(*group));
	group->hash = hash;
	group->head = group->held = CQ_NONE;
	group->state = CQ_MSG_GROUP;
	group->queue = CQ_QUEUE_INDEX(queue);

	group->all.prev = CQ_NONE;
	group->all.next = queue->groups;
	if (queue->groups != CQ_NONE)
		CQ_GROUP(queue->groups)->all.prev = i;
	queue->groups = i;
	queue->ngroups++;

	SpinLockAcquire(stripe_of(bucket));
	group->chain = cq_buckets[bucket];
	cq_buckets[bucket] = i;
	SpinLockRelease(stripe_of(bucket));
	return i;
}

/* Take the group out of the heap by time. */
static void
clear_time(CqQueueState *queue, uint32 i)
{
	if (CQ_GROUP(i)->until != 0)
		cq_heap_remove(&queue->group_times, i, CQ_BY_UNTIL);
	CQ_GROUP(i)->until = 0;
}

static void
destroy(CqQueueState *queue, uint32 i)
{
	CqGroup    *group = CQ_GROUP(i);
	uint32		bucket = bucket_of(queue, group->hash);
	uint32	   *at;

	Assert(group->state == CQ_MSG_GROUP && group->members == 0);
	clear_time(queue, i);

	SpinLockAcquire(stripe_of(bucket));
	at = &cq_buckets[bucket];
	while (*at != i)
		at = &CQ_GROUP(*at)->chain;
	*at = group->chain;
	SpinLockRelease(stripe_of(bucket));

	if (group->all.prev != CQ_NONE)
		CQ_GROUP(group->all.prev)->all.next = group->all.next;
	else
		queue->groups = group->all.next;
	if (group->all.next != CQ_NONE)
		CQ_GROUP(group->all.next)->all.prev = group->all.prev;
	queue->ngroups--;
	group->state = CQ_MSG_FREE;
	cq_pool_give(i);
}

/* Let cq_groups_release() look at the group at that time. */
static void
set_time(CqQueueState *queue, uint32 i, int64 at_ms, CqEffects *effects)
{
	if (CQ_GROUP(i)->until == at_ms)
		return;
	clear_time(queue, i);
	CQ_GROUP(i)->until = at_ms;
	cq_heap_add(&queue->group_times, i, CQ_BY_UNTIL);
	cq_dispatch_plan(queue, at_ms, effects);
}

uint32
cq_group_enter(CqQueueState *queue, uint64 hash)
{
	uint32		i = find(queue, hash);

	if (i == CQ_NONE)
		i = create(queue, hash);
	if (i != CQ_NONE)
		CQ_GROUP(i)->members++;
	return i;
}

/* A group without members goes when its bucket is full: as good as a new one. */
static void
retire(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	CqGroup    *group = CQ_GROUP(i);
	const CqRateLimit *limit = &queue->options.group_rate;

	if (limit->per_second > 0)
	{
		int64		now = cq_clock_ms();
		int64		full;

		(void) cq_tokens_left(&group->bucket, limit, now);
		full = cq_tokens_time(&group->bucket, limit, limit->burst, now);
		if (full > now)
		{
			set_time(queue, i, full, effects);
			return;
		}
	}
	destroy(queue, i);
}

void
cq_group_remove(CqQueueState *queue, uint32 group, CqEffects *effects)
{
	Assert(CQ_GROUP(group)->members > 0);
	if (--CQ_GROUP(group)->members == 0)
		retire(queue, group, effects);
}

void
cq_group_advance(CqQueueState *queue, uint32 i, CqEffects *effects)
{
	CqGroup    *group = CQ_GROUP(i);
	const CqRateLimit *rate = &queue->options.group_rate;
	uint32		limit = queue->options.group_concurrency;
	uint32		tokens = INT_MAX;
	int64		now = 0;

	if (group->held == CQ_NONE)
		return;
	if (rate->per_second > 0)
	{
		now = cq_clock_ms();
		tokens = cq_tokens_left(&group->bucket, rate, now);
	}

	if (limit == 1 && group->offered == 1 &&
		CQ_MSG(group->held)->msg_id < CQ_MSG(group->head)->msg_id)
		cq_entry_move(queue, group->head, CQ_MSG_HELD);
	while (group->held != CQ_NONE && group->offered < tokens &&
		   group->in_flight + group->offered < limit)
	{
		group->head = group->held;
		cq_entry_move(queue, group->head, CQ_MSG_READY);
		effects->ready++;
	}
	if (group->held != CQ_NONE && group->in_flight + group->offered < limit)
		set_time(queue, i, cq_tokens_time(&group->bucket, rate, group->offered + 1, now),
				 effects);
}

void
cq_groups_release(CqQueueState *queue, CqEffects *effects)
{
	int64		now;
	uint32		i;

	if (queue->group_times == CQ_NONE)
		return;
	now = cq_clock_ms();
	while ((i = queue->group_times) != CQ_NONE && CQ_GROUP(i)->until <= now)
	{
		clear_time(queue, i);
		if (CQ_GROUP(i)->members == 0)
			retire(queue, i, effects);
		else
			cq_group_advance(queue, i, effects);
	}
}

/* Those of groups that are READY are held again. */
static void
hold_all(CqQueueState *queue)
{
	uint32		others = CQ_NONE;
	uint32		i;

	for (int p = 0; p < CQ_PRIORITIES; p++)
	{
		while ((i = queue->late[p]) != CQ_NONE)
		{
			cq_entry_unlink(queue, i);
			if (CQ_MSG(i)->group != CQ_NONE)
				cq_entry_link(queue, i, CQ_MSG_HELD);
			else
			{
				CQ_MSG(i)->link.next = others;
				others = i;
			}
		}
	}
	while ((i = others) != CQ_NONE)
	{
		others = CQ_MSG(i)->link.next;
		cq_entry_link(queue, i, CQ_MSG_READY);
	}
}

void
cq_groups_advance_all(CqQueueState *queue, CqEffects *effects)
{
	uint32		next;

	/* more may be offered than the new limits allow */
	hold_all(queue);
	for (uint32 i = queue->groups; i != CQ_NONE; i = next)
	{
		next = CQ_GROUP(i)->all.next;
		clear_time(queue, i);
		if (CQ_GROUP(i)->members == 0)
			retire(queue, i, effects);
		else
			cq_group_advance(queue, i, effects);
	}
}

uint32
cq_group_lowest(CqQueueState *queue, uint32 group, uint32 i)
{
	uint32		held = CQ_GROUP(group)->held;

	if (held == CQ_NONE || CQ_MSG(held)->msg_id > CQ_MSG(i)->msg_id)
		return i;
	cq_entry_move(queue, i, CQ_MSG_HELD);
	cq_entry_move(queue, held, CQ_MSG_READY);
	CQ_GROUP(group)->head = held;
	return held;
}

bool
cq_group_may_deliver(CqQueueState *queue, uint32 i)
{
	CqGroup    *group = CQ_GROUP(i);

	return group->in_flight < queue->options.group_concurrency &&
		cq_tokens_left(&group->bucket, &queue->options.group_rate,
					   queue->options.group_rate.per_second > 0 ? cq_clock_ms() : 0) > 0;
}

void
cq_group_delivered(CqQueueState *queue, uint32 i)
{
	cq_tokens_take(&CQ_GROUP(i)->bucket, &queue->options.group_rate, 1);
}

void
cq_groups_free_all(CqQueueState *queue)
{
	while (queue->groups != CQ_NONE)
		destroy(queue, queue->groups);
}
