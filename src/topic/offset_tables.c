/*-------------------------------------------------------------------------
 *
 * offset_tables.c
 *	  The two tables that offsets are written to, in turns.
 *
 * Offsets are appended to one of them.  When it has grown the worker has all
 * sessions go on to the other, copies the latest offset of each group and
 * partition there, and truncates the first when no snapshot is left that does not
 * see the copies (core/horizon.c).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/owner.h"
#include "core/pair.h"
#include "core/step.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "topic/offset_tables.h"
#include "topic/open.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* between attempts to empty a table that is used, or may be */
#define RETRY_MS 1000

/* ---- appending ------------------------------------------------------- */

static void
append(Relation rel, const CqOffset *offsets, int n)
{
	CatalogIndexState indexes = CatalogOpenIndexes(rel);

	for (int i = 0; i < n; i++)
	{
		Datum		values[CQ_OFFSET_COLUMNS];
		bool		nulls[CQ_OFFSET_COLUMNS] = {0};
		HeapTuple	tuple;

		values[CQ_OFFSET_GROUP_ID - 1] = Int32GetDatum(offsets[i].group_id);
		values[CQ_OFFSET_PARTITION - 1] = Int32GetDatum(offsets[i].partition);
		values[CQ_OFFSET_REWIND - 1] = Int64GetDatum(offsets[i].rewind);
		values[CQ_OFFSET_NEXT_OFFSET - 1] = Int64GetDatum(offsets[i].offset);
		values[CQ_OFFSET_COMMITTED_AT - 1] = TimestampTzGetDatum(offsets[i].at);
		tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
		CatalogTupleInsertWithInfo(rel, tuple, indexes);
		heap_freetuple(tuple);
	}
	CatalogCloseIndexes(indexes);
}

/*
 * Open and lock the table that offsets go to, for n more rows.  It may be left
 * before we have the lock; once we have it, it is not emptied before our
 * transaction ends.
 */
static Relation
open_current(CqTopicDef *def, int n)
{
	for (;;)
	{
		CqTopicState *state = cq_topic_lock(def, LW_SHARED);
		int			k = state->offsets_table;
		Relation	rel;
		bool		same;

		cq_topic_unlock(state);
		rel = table_open(def->offsets[k], RowExclusiveLock);
		state = cq_topic_lock(def, LW_EXCLUSIVE);
		same = (state->offsets_table == k);
		if (same)
		{
			state->offsets_rows += n;
			if (state->offsets_rows >= CQ_OFFSETS_ROWS)
				cq_topic_plan(state, 1);
		}
		cq_topic_unlock(state);
		if (same)
			return rel;
		table_close(rel, RowExclusiveLock);
	}
}

void
cq_offsets_append(CqTopicDef *def, const CqOffset *offsets, int n)
{
	Relation	rel = open_current(def, n);

	append(rel, offsets, n);
	table_close(rel, NoLock);
}

/* ---- emptying -------------------------------------------------------- */

/* Which table to empty, and the other one, which new offsets go to. */
typedef struct Emptied
{
	CqTopicDef *def;
	int			k;
	int			to;
} Emptied;

/* Copy the latest of each group and partition, which may stand nowhere else. */
static bool
copy_latest(void *arg)
{
	const Emptied *emptied = arg;
	int32		topic_id = emptied->def->topic_id;

	(void) cq_execute_as_owner(psprintf("INSERT INTO cq.t%d_c%d "
										"SELECT DISTINCT ON (group_id, partition) * "
										"FROM cq.t%d_c%d WHERE group_id = 0 OR "
										"group_id IN (SELECT group_id FROM cq.topic_group) "
										"ORDER BY group_id, partition, rewind DESC, next_offset DESC",
										topic_id, emptied->to, topic_id, emptied->k),
							   0, NULL, NULL, NULL);
	return true;
}

/*
 * A step towards an empty table k; *copied: the mark, if that has been done.
 *
 * On a replica, limits go on coming to the table after they were copied.  Older
 * snapshots lose the latest of them, but have those that were copied before.
 */
static CqPairResult
rotate(CqTopicDef *def, int k, int to, FullTransactionId *copied)
{
	Emptied		emptied = {.def = def,.k = k,.to = to};
	CqPairTable table = {
		.relid = def->offsets[k],
		.name = psprintf("t%d_c%d", def->topic_id, k),
		.catalog = "topic",
		.copy = copy_latest,
		.arg = &emptied,
		.copy_again = def->replica
	};

	return cq_pair_empty(&table, copied);
}

/* After the transaction: what became of table k.  Returns when to look again. */
static int64
note_result(CqTopicDef *def, int k, CqPairResult result, FullTransactionId copied)
{
	CqTopicState *state = cq_topic_lock_if_same(def, LW_EXCLUSIVE);
	bool		again = result != CQ_PAIR_EMPTY;

	if (state == NULL)
		return 0;
	state->offsets_copied = (result == CQ_PAIR_EMPTY) ? InvalidFullTransactionId : copied;
	if (result == CQ_PAIR_EMPTY && state->offsets_rows >= CQ_OFFSETS_ROWS)
	{
		state->offsets_table = k;
		state->offsets_rows = 0;
		again = true;
	}
	cq_topic_unlock(state);
	return again ? cq_clock_ms() + RETRY_MS : 0;
}

int64
cq_offsets_rotate(int32 topic_id)
{
	CqPairResult result;
	int64		at;

	do
	{
		CqTopicDef *def;
		CqTopicState *state;
		FullTransactionId copied;
		int			k;

		cq_step_start();
		def = cq_topic_open_by_id(topic_id);
		if (def == NULL)
		{
			cq_step_commit();
			return 0;
		}
		state = cq_topic_lock(def, LW_SHARED);
		k = 1 - state->offsets_table;
		copied = state->offsets_copied;
		cq_topic_unlock(state);

		result = rotate(def, k, 1 - k, &copied);
		cq_step_commit();
		at = note_result(def, k, result, copied);
	} while (result == CQ_PAIR_COPIED);
	return at;
}
