/*-------------------------------------------------------------------------
 *
 * notice.c
 *	  Notifications of channels in shared memory.
 *
 * A notification is put into cells of the pool just before its transaction
 * commits, while that may still fail, and appended to the list of its database's
 * channels at commit.  The worker takes it from there and sends it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "topic/notice.h"

uint32
cq_notice_store(const char *chars, Size bytes)
{
	uint32		first = CQ_NO_CELL;
	uint32		last = CQ_NO_CELL;

	for (Size done = 0; done < bytes; done += CQ_NOTICE_BYTES)
	{
		uint32		i = cq_cell_take(first == CQ_NO_CELL ? CQ_CELL_NOTICE : CQ_CELL_TEXT);

		if (i == CQ_NO_CELL)
		{
			if (first != CQ_NO_CELL)
				cq_cells_free_list(first);
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("too many notifications are waiting to be sent"),
					 errdetail("They have at most half of cachequeue.topic_memory."),
					 errhint("Try again later, or raise cachequeue.topic_memory.")));
		}
		memcpy(CQ_CELL(i)->notice.text, chars + done, Min(bytes - done, CQ_NOTICE_BYTES));
		if (first == CQ_NO_CELL)
			first = i;
		else
			CQ_CELL(last)->next = i;
		last = i;
	}
	CQ_CELL(first)->notice.bytes = bytes;
	CQ_CELL(first)->notice.next_notice = CQ_NO_CELL;
	return first;
}

void
cq_notice_pend(CqTopicState *state, uint32 notice)
{
	if (state->pending_head == CQ_NO_CELL)
		state->pending_head = notice;
	else
		CQ_CELL(state->pending_tail)->notice.next_notice = notice;
	state->pending_tail = notice;
	cq_topic_plan(state, 1);
}

uint32
cq_notices_take(CqTopicState *state, uint32 generation, int max, int *n)
{
	uint32		first;
	uint32		last = CQ_NO_CELL;

	*n = 0;
	if (!cq_state_lock_if_same(state, generation, LW_EXCLUSIVE))
		return CQ_NO_CELL;
	first = state->pending_head;
	for (; *n < max && state->pending_head != CQ_NO_CELL; (*n)++)
	{
		last = state->pending_head;
		state->pending_head = CQ_CELL(last)->notice.next_notice;
	}
	if (last != CQ_NO_CELL)
		CQ_CELL(last)->notice.next_notice = CQ_NO_CELL;
	cq_topic_unlock(state);
	return first;
}

char *
cq_notice_copy(uint32 i)
{
	Size		bytes = CQ_CELL(i)->notice.bytes;
	char	   *chars = palloc(bytes);

	for (Size done = 0; done < bytes; done += CQ_NOTICE_BYTES)
	{
		memcpy(chars + done, CQ_CELL(i)->notice.text, Min(bytes - done, CQ_NOTICE_BYTES));
		i = CQ_CELL(i)->next;
	}
	return chars;
}
