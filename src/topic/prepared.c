/*-------------------------------------------------------------------------
 *
 * prepared.c
 *	  Prepared transactions that topics wait for.
 *
 * PREPARE TRANSACTION leaves in shared memory what the end of the transaction
 * decides about (xact.c): its open records, and cells for the offsets that it
 * commits, each with the transaction's id.  No callback tells when it has ended,
 * so the worker looks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/xids.h"
#include "topic/assignment.h"
#include "topic/memory.h"
#include "topic/prepared.h"
#include "utils/timestamp.h"

/* State locked: a prepared transaction has ended. */
static void
settle_prepared(CqTopicState *state, const CqPrepared *prepared, bool committed)
{
	CqCell	   *cell = CQ_CELL(prepared->assignment);
	CqAssignment *assignment = &cell->assignment;

	if (cell->kind != CQ_CELL_ASSIGNMENT || cell->serial != prepared->serial)
		return;
	if (prepared->commits)
	{
		assignment->passing--;
		if (prepared->rewind > assignment->rewind && assignment->seeking > 0)
			assignment->seeking--;
		if (committed)
			cq_assignment_commit(assignment, prepared->offset, prepared->rewind, GetCurrentTimestamp());
	}
	if (prepared->polled && !committed && assignment->epoch == prepared->epoch && assignment->started)
		assignment->position = Max(prepared->position, assignment->committed);
	if (prepared->busy && assignment->epoch == prepared->epoch)
		cq_assignment_end_busy(state, prepared->assignment);
}

/* State locked: note the transactions that it waits for. */
static void
note_xids(const CqTopicState *state, CqXids *xids)
{
	for (uint32 i = state->prepared; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
		cq_xids_note(xids, CQ_CELL(i)->prepared.xid);
	for (uint32 p = state->partitions; p != CQ_NO_CELL; p = CQ_CELL(p)->next)
	{
		for (uint32 i = CQ_CELL(p)->partition.open_head; i != CQ_NO_CELL; i = CQ_CELL(i)->next)
			cq_xids_note(xids, CQ_CELL(i)->open.xid);
	}
}

/* State locked: all that belongs to that transaction. */
static void
settle_xid(CqTopicState *state, const CqXid *xid)
{
	uint32	   *link = &state->prepared;

	while (*link != CQ_NO_CELL)
	{
		uint32		i = *link;

		if (CQ_CELL(i)->prepared.xid != xid->xid)
		{
			link = &CQ_CELL(i)->next;
			continue;
		}
		*link = CQ_CELL(i)->next;
		settle_prepared(state, &CQ_CELL(i)->prepared, xid->committed);
		cq_cell_free(i);
		state->by_xid--;
		pg_atomic_fetch_sub_u32(&cq_topics->by_xid, 1);
	}
	for (uint32 p = state->partitions; p != CQ_NO_CELL; p = CQ_CELL(p)->next)
	{
		uint32		i = CQ_CELL(p)->partition.open_head;

		while (i != CQ_NO_CELL)
		{
			uint32		next = CQ_CELL(i)->next;

			if (CQ_CELL(i)->open.xid == xid->xid)
				cq_open_release(state, p, i);
			i = next;
		}
	}
}

/* Settle what the ended transactions of a batch decide about; whether any has. */
static bool
settle_batch(CqTopicState *state, CqXids *xids)
{
	uint32		generation;

	LWLockAcquire(&state->lock, LW_SHARED);
	generation = state->key.generation;
	note_xids(state, xids);
	cq_topic_unlock(state);
	if (!cq_xids_decide(xids))
		return false;

	LWLockAcquire(&state->lock, LW_EXCLUSIVE);
	for (int i = 0; i < xids->n && state->key.generation == generation; i++)
	{
		if (xids->xids[i].ended)
			settle_xid(state, &xids->xids[i]);
	}
	state->limits_due = true;
	state->feed_due = state->feeds > 0;
	cq_topic_plan(state, cq_clock_ms());
	cq_topic_unlock(state);
	cq_topic_wake(state);
	return true;
}

bool
cq_topic_settle_prepared(CqTopicState *state)
{
	CqXids		xids = {0};
	bool		any = false;

	do
		any |= settle_batch(state, &xids);
	while (cq_xids_next(&xids));
	return any;
}
