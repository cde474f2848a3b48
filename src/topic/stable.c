/*-------------------------------------------------------------------------
 *
 * stable.c
 *	  How far a topic can be read: stable offsets.
 *
 * Shared memory knows the end of each partition, and the transactions that are open
 * below it.  A replica is read up to the limits that come with its records.  During
 * recovery there is no shared memory of the topic; then the limit is what the worker
 * of the primary has written into the log: what it says was true when its
 * transaction committed, after all others below.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_subscription_rel.h"
#include "core/catalog.h"
#include "topic/load.h"
#include "topic/offsets.h"
#include "topic/open.h"
#include "topic/prepared.h"
#include "topic/record.h"
#include "topic/stable.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/*
 * Whether the tables of a replica have been copied; until then limits may come
 * before what they are about.
 */
static bool
replica_is_ready(CqTopicDef *def)
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		ready = true;

	if (def->replica_ready)
		return true;
	rel = table_open(SubscriptionRelRelationId, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, SnapshotSelf, 0, NULL);
	while (ready && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_subscription_rel form = (Form_pg_subscription_rel) GETSTRUCT(tuple);

		if (form->srsubstate == SUBREL_STATE_READY)
			continue;
		ready = form->srrelid != cq_relation("topic_segment");
		for (int k = 0; ready && k < CQ_OFFSETS_TABLES; k++)
			ready = form->srrelid != def->offsets[k];
		for (int k = 0; ready && k < def->ntables; k++)
			ready = form->srrelid != cq_record_table(def, k);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	def->replica_ready = ready;
	return ready;
}

/* The limit that the worker of another server has written. */
static int64
written_limit(CqTopicDef *def, int partition)
{
	CqOffset	limit;

	if (def->replica && !replica_is_ready(def))
		return 0;
	return cq_offsets_latest(def, CQ_OFFSETS_STABLE, partition, &limit) ? limit.offset : 0;
}

/* The end of a partition of a replica. */
static void
follow_limit(CqTopicDef *def, int partition)
{
	int64		limit = written_limit(def, partition);
	CqTopicState *state = cq_topic_lock(def, LW_EXCLUSIVE);
	CqPartition *p = &CQ_CELL(def->partitions[partition])->partition;

	/* it has been loaded with what is there already */
	p->end = limit;
	cq_topic_unlock(state);
}

/*
 * Look for the end again as long as no session has published here: rows may have come
 * in other ways since the topic was loaded, from a dump that is being restored.
 */
static void
check_end(CqTopicDef *def, int partition)
{
	int64		end;
	TimestampTz last_time;
	CqTopicState *state = cq_topic_lock(def, LW_SHARED);
	bool		fresh = CQ_CELL(def->partitions[partition])->partition.offset_limit == 0;
	CqPartition *p;

	cq_topic_unlock(state);
	if (!fresh)
		return;
	cq_topic_read_end(def, partition, &end, &last_time);
	state = cq_topic_lock(def, LW_EXCLUSIVE);
	p = &CQ_CELL(def->partitions[partition])->partition;
	if (p->offset_limit == 0)
	{
		p->end = Max(p->end, end);
		p->last_time = Max(p->last_time, last_time);
	}
	cq_topic_unlock(state);
}

int64
cq_topic_stable_offset(CqTopicDef *def, int partition)
{
	CqTopicState *state;
	int64		stable;

	if (def->state == NULL)
		return written_limit(def, partition);
	if (def->replica)
		follow_limit(def, partition);
	else
		check_end(def, partition);
	if (def->state->by_xid > 0)
		(void) cq_topic_settle_prepared(def->state);
	state = cq_topic_lock(def, LW_SHARED);
	stable = cq_partition_stable(&CQ_CELL(def->partitions[partition])->partition);
	cq_topic_unlock(state);
	return stable;
}

void
cq_topic_follow(CqTopicDef *def)
{
	for (int p = 0; p < def->npartitions; p++)
	{
		if (def->replica)
			follow_limit(def, p);
		else if (CQ_CELL(def->partitions[p])->partition.offset_limit == 0)
			check_end(def, p);
	}
	if (def->state->by_xid > 0)
		(void) cq_topic_settle_prepared(def->state);
}
