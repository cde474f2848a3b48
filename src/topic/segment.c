/*-------------------------------------------------------------------------
 *
 * segment.c
 *	  The segments of a topic.
 *
 * cq.topic_segment says which table holds which segment.  A table that holds none
 * either is empty and will be used again, or still has what retention has dropped or
 * compaction has copied elsewhere.  Then it is truncated when no snapshot is left
 * that sees a segment in it (core/horizon.c).
 *
 * Tables wait for that in batches: when no batch is waiting, all tables that hold no
 * segment become one, with one mark.  Tables that come later do not put it off.
 *
 * Publishers choose the current segment under the state's lock and lock its table
 * afterwards.  So a segment is closed for good when it is not current, no transaction
 * is open that began to publish when it was (cq_topic_open_since), and no session holds
 * a lock on its table for writing.
 *
 * Compaction writes what is left of all closed segments to an empty table, and
 * makes this the last of them, in one transaction.  Readers and writers go on
 * meanwhile: nothing of what they use is changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/faults.h"
#include "core/horizon.h"
#include "core/owner.h"
#include "core/step.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "topic/offset_tables.h"
#include "topic/offsets.h"
#include "topic/open.h"
#include "topic/record.h"
#include "topic/segment.h"
#include "topic/stable.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* a table that could not be locked is tried again after that */
#define LOCKED_RETRY_MS 1000

/* and so is one more segment when there are too many */
#define FULL_RETRY_MS 5000

/* bounds of the time between looks for old segments, and for too many bytes */
#define RETAIN_LOOK_MS_MIN 1000
#define RETAIN_LOOK_MS_MAX 3600000
#define RETAIN_BYTES_LOOK_MS 60000

/* retention looks so many times in the time that records are kept */
#define RETAIN_LOOKS 8

/* Start a transaction and open the topic; NULL when it is no more. */
static CqTopicDef *
start(int32 topic_id)
{
	cq_step_start();
	return cq_topic_open_by_id(topic_id);
}

static void
execute(const char *command)
{
	(void) cq_execute_as_owner(command, 0, NULL, NULL, NULL);
}

/*
 * Take the lock under which tables of topics are created and changed, and read the
 * definition again.  The worker does not wait: false, another session has the lock.
 * By hand we wait.
 */
static bool
lock_definition(CqTopicDef *def)
{
	if (cq_step_by_hand())
		LockRelationOid(cq_relation("topic"), ShareUpdateExclusiveLock);
	else if (!ConditionalLockRelationOid(cq_relation("topic"), ShareUpdateExclusiveLock))
		return false;
	cq_topic_refresh(def);
	return true;
}

static bool
is_used(const CqTopicDef *def, int k)
{
	for (int i = 0; i < def->nsegments; i++)
	{
		if (def->segments[i].table == k)
			return true;
	}
	return false;
}

/*
 * The number of an empty table that holds no segment; created if need be.  -1:
 * there is none and must not be one more.
 */
static int
free_table(const CqTopicDef *def)
{
	for (int k = 0; k < def->ntables; k++)
	{
		Oid			relid = cq_record_table(def, k);

		if (!OidIsValid(relid))
		{
			cq_record_table_create(def->topic_id, def->sequences[0], k);
			return k;
		}
		if (!is_used(def, k) && cq_table_is_empty(relid))
			return k;
	}
	return -1;
}

void
cq_topic_next_segment(CqTopicState *state)
{
	state->current = state->next;
	state->next = 0;
	state->inserted = state->bytes = 0;
	state->began_ms = cq_clock_ms();
	state->segment_at_ms = CQ_AT_ONCE;
	state->compact_due = true;
	cq_topic_plan(state, state->began_ms);
}

int64
cq_topic_add_segment(int32 topic_id)
{
	CqTopicDef *def = start(topic_id);
	CqTopicState *state;
	int64		number = 0;
	int64		current;
	int			k;

	if (def == NULL || def->nsegments >= CQ_TOPIC_SEGMENTS_MAX)
	{
		cq_step_commit();
		return cq_clock_ms() + FULL_RETRY_MS;
	}
	state = cq_topic_lock(def, LW_SHARED);
	current = state->current;
	cq_topic_unlock(state);

	/* it may be there, when we were interrupted last time */
	number = def->segments[def->nsegments - 1].number;
	if (number <= current)
	{
		bool		locked = lock_definition(def);

		number = current + 1;
		k = locked ? free_table(def) : -1;
		if (k < 0)
		{
			cq_step_commit();
			return cq_clock_ms() + (locked ? FULL_RETRY_MS : LOCKED_RETRY_MS);
		}
		execute(psprintf("INSERT INTO cq.topic_segment VALUES (%d, " INT64_FORMAT ", %d)",
						 topic_id, number, k));
	}
	cq_step_commit();

	state = cq_topic_lock_if_same(def, LW_EXCLUSIVE);
	if (state == NULL)
		return 0;
	if (state->current < number)
		state->next = number;
	cq_topic_unlock(state);
	return 0;
}

/* ---- retention ------------------------------------------------------- */

/* When the last record of the segment was published; 0: there is none. */
static TimestampTz
last_published(const CqTopicDef *def, const CqTopicSegment *segment)
{
	TimestampTz last = 0;

	for (int p = 0; p < def->npartitions; p++)
	{
		TimestampTz at;
		int64		offset;

		CHECK_FOR_INTERRUPTS();
		if (cq_records_segment_last(segment, p, &offset, &at))
			last = Max(last, at);
	}
	return last;
}

static int64
segment_bytes(const CqTopicSegment *segment)
{
	return DatumGetInt64(DirectFunctionCall1(pg_total_relation_size,
											 ObjectIdGetDatum(segment->relation)));
}

/* Whether no transaction can write to the segment any more. */
static bool
is_closed(CqTopicDef *def, int64 number)
{
	CqTopicState *state = cq_topic_lock(def, LW_SHARED);
	bool		closed = number < state->current && !cq_topic_open_since(state, number);

	cq_topic_unlock(state);
	return closed;
}

/*
 * Drop a segment; false when a transaction may write to it.  Its table is emptied by
 * cq_topic_truncate_retired().
 */
static bool
drop_segment(CqTopicDef *def, const CqTopicSegment *segment)
{
	if (!ConditionalLockRelationOid(segment->relation, ShareLock) ||
		!is_closed(def, segment->number))
		return false;
	execute(psprintf("DELETE FROM cq.topic_segment WHERE topic_id = %d AND number = " INT64_FORMAT,
					 def->topic_id, segment->number));
	return true;
}

/* Go on to the next segment when the current one has been written to for long. */
static void
roll(CqTopicDef *def, int64 look_ms)
{
	CqTopicState *state = cq_topic_lock(def, LW_EXCLUSIVE);

	if (state->next != 0 && state->inserted > 0 && state->retain_ms > 0 &&
		cq_clock_ms() - state->began_ms >= look_ms)
		cq_topic_next_segment(state);
	cq_topic_unlock(state);
}

/* A segment is being dropped. */
static void
note_dropped(CqTopicDef *def)
{
	CqTopicState *state = cq_topic_lock_if_same(def, LW_EXCLUSIVE);

	if (state == NULL)
		return;
	state->segment_at_ms = CQ_AT_ONCE;	/* there may be room now */
	state->retired_at_ms = 1;
	cq_topic_unlock(state);
}

int64
cq_topic_retain(int32 topic_id)
{
	int64		look_ms = RETAIN_LOOK_MS_MAX;
	bool		dropped = true;
	bool		locked = false;

	while (dropped)
	{
		CqTopicDef *def = start(topic_id);
		int64		bytes = 0;

		dropped = false;
		if (def == NULL || (def->retain_ms == 0 && def->retain_bytes == 0))
		{
			cq_step_commit();
			return PG_INT64_MAX;
		}
		if (def->retain_ms > 0)
			look_ms = Min(Max(def->retain_ms / RETAIN_LOOKS, RETAIN_LOOK_MS_MIN), RETAIN_LOOK_MS_MAX);
		if (def->retain_bytes > 0)
		{
			look_ms = Min(look_ms, RETAIN_BYTES_LOOK_MS);
			for (int i = 0; i < def->nsegments; i++)
				bytes += segment_bytes(&def->segments[i]);
		}
		CQ_PAUSE("topic-retain");
		roll(def, look_ms);
		if (is_closed(def, def->segments[0].number))
		{
			const CqTopicSegment *oldest = &def->segments[0];
			bool		drop = def->retain_bytes > 0 && bytes > def->retain_bytes;

			if (!drop && def->retain_ms > 0)
				drop = last_published(def, oldest) <
					GetCurrentTimestamp() - def->retain_ms * 1000;
			if (drop)
				dropped = drop_segment(def, oldest);
			if (dropped)
				note_dropped(def);
			locked = drop && !dropped;
		}
		cq_step_commit();
	}
	return cq_clock_ms() + (locked ? LOCKED_RETRY_MS : look_ms);
}

/* ---- compaction ------------------------------------------------------ */

/* Those of the first n segments, as a subquery. */
static char *
union_of(const CqTopicDef *def, int n)
{
	StringInfoData query;

	initStringInfo(&query);
	for (int i = 0; i < n; i++)
		appendStringInfo(&query, "%sSELECT * FROM cq.t%d_s%d", i > 0 ? " UNION ALL " : "",
						 def->topic_id, def->segments[i].table);
	return query.data;
}

/*
 * The stable offset of each partition, as an array.  The compaction's transaction
 * writes them down as limits too: a standby or replica that sees the compaction has
 * them.
 */
static Datum
take_limits(CqTopicDef *def)
{
	CqOffset   *limits = palloc0(def->npartitions * sizeof(CqOffset));
	Datum	   *values = palloc(def->npartitions * sizeof(Datum));

	for (int p = 0; p < def->npartitions; p++)
	{
		limits[p].group_id = CQ_OFFSETS_STABLE;
		limits[p].partition = p;
		limits[p].offset = cq_topic_stable_offset(def, p);
		limits[p].at = GetCurrentTimestamp();
		values[p] = Int64GetDatum(limits[p].offset);
	}
	cq_offsets_append(def, limits, def->npartitions);
	return PointerGetDatum(construct_array(values, def->npartitions, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*
 * Write what is left of the first n segments to table k.  A record goes when its key
 * has a later one below the limit, where every reader can see that.
 */
static void
write_compacted(CqTopicDef *def, int n, int k)
{
	Oid			types[] = {TIMESTAMPTZOID, INT8ARRAYOID};
	Datum		values[2];

	values[0] = TimestampTzGetDatum(GetCurrentTimestamp() - def->tombstone_ms * 1000);
	values[1] = take_limits(def);
	(void) cq_execute_as_owner(psprintf("INSERT INTO cq.t%d_s%d SELECT r.* FROM (%s) AS r "
										"LEFT JOIN (SELECT partition, key, max(msg_id) AS msg_id "
										"FROM (%s) AS a WHERE key IS NOT NULL "
										"AND msg_id < $2[partition + 1] GROUP BY partition, key) AS l "
										"USING (partition, key) "
										"WHERE l.msg_id IS NULL OR r.msg_id > l.msg_id OR "
										"(r.msg_id = l.msg_id AND (r.body IS NOT NULL OR r.enqueued_at >= $1)) "
										"ORDER BY r.enqueued_at, r.partition, r.msg_id",
										def->topic_id, k, union_of(def, n),
										union_of(def, def->nsegments)),
							   2, types, values, NULL);
}

/* How many of the first segments are closed. */
static int
count_closed(CqTopicDef *def)
{
	int			n = 0;

	while (n < def->nsegments && is_closed(def, def->segments[n].number))
		n++;
	return n;
}

/* Whether at least half of them has not been compacted. */
static bool
is_worth_it(CqTopicDef *def, int n)
{
	CqTopicState *state = cq_topic_lock(def, LW_SHARED);
	int64		compacted = state->compacted;
	int64		clean = 0;
	int64		dirty = 0;

	cq_topic_unlock(state);
	for (int i = 0; i < n; i++)
	{
		if (def->segments[i].number <= compacted)
			clean += segment_bytes(&def->segments[i]);
		else
			dirty += segment_bytes(&def->segments[i]);
	}
	return dirty > 0 && dirty >= clean;
}

/* There are tables to be emptied; *compacted: after a compaction up to there. */
static void
note_retired(CqTopicDef *def, const int64 *compacted)
{
	CqTopicState *state = cq_topic_lock_if_same(def, LW_EXCLUSIVE);

	if (state == NULL)
		return;
	if (compacted != NULL)
		state->compacted = *compacted;
	state->retired_at_ms = cq_clock_ms() + LOCKED_RETRY_MS;
	cq_topic_unlock(state);
}

void
cq_topic_compact(int32 topic_id)
{
	CqTopicDef *def = start(topic_id);
	int64		last;
	int			n;
	int			k;

	CQ_PAUSE("topic-compact");
	n = (def == NULL || !def->compact || !lock_definition(def)) ? 0 : count_closed(def);
	if (n == 0 || !is_worth_it(def, n))
	{
		cq_step_commit();
		return;
	}
	last = def->segments[n - 1].number;
	/* if this fails, the table is not empty any more */
	note_retired(def, NULL);
	k = free_table(def);
	if (k < 0)
	{
		cq_step_commit();
		return;
	}
	write_compacted(def, n, k);
	execute(psprintf("DELETE FROM cq.topic_segment WHERE topic_id = %d AND number < " INT64_FORMAT,
					 topic_id, last));
	execute(psprintf("UPDATE cq.topic_segment SET k = %d WHERE topic_id = %d AND number = " INT64_FORMAT,
					 k, topic_id, last));
	cq_step_commit();

	note_retired(def, &last);
}

/* ---- tables that hold no segment ------------------------------------- */

/* A set of tables, as in the state. */
typedef struct TableSet
{
	uint64		bits[2];
} TableSet;

StaticAssertDecl(CQ_TOPIC_SEGMENTS_MAX * 2 <= 128, "a set has a bit for each table");

#define SET_WORD(set, k) ((set)->bits[(k) / 64])
#define SET_BIT(k) (UINT64CONST(1) << ((k) % 64))

static bool
set_is_empty(const TableSet *set)
{
	return set->bits[0] == 0 && set->bits[1] == 0;
}

/* Those that hold no segment and are not empty. */
static TableSet
unused_tables(const CqTopicDef *def)
{
	TableSet	set = {{0}};

	for (int k = 0; k < def->ntables; k++)
	{
		Oid			relid = cq_record_table(def, k);

		if (!OidIsValid(relid))
			break;
		if (!is_used(def, k) && !cq_table_is_empty(relid))
			SET_WORD(&set, k) |= SET_BIT(k);
	}
	return set;
}

/*
 * Those of the set that every snapshot sees without a segment.  If no batch is
 * waiting for that, the set is one from now on.
 */
static TableSet
needed_by_none(CqTopicDef *def, const TableSet *unused)
{
	FullTransactionId horizon = cq_horizon(cq_relation("topic"));
	CqTopicState *state = cq_topic_lock(def, LW_EXCLUSIVE);
	TableSet	set = {{0}};

	if (!FullTransactionIdIsValid(state->retired) && !set_is_empty(unused))
	{
		memcpy(state->retired_tables, unused->bits, sizeof(state->retired_tables));
		state->retired = cq_horizon_mark();
	}
	if (FullTransactionIdIsValid(state->retired) && cq_horizon_passed(horizon, state->retired))
	{
		set.bits[0] = state->retired_tables[0] & unused->bits[0];
		set.bits[1] = state->retired_tables[1] & unused->bits[1];
	}
	cq_topic_unlock(state);
	return set;
}

/* After the transaction: what is left of them; the batch is over with its last. */
static void
note_left(CqTopicDef *def, const TableSet *left)
{
	CqTopicState *state = cq_topic_lock_if_same(def, LW_EXCLUSIVE);

	if (state == NULL)
		return;
	state->retired_tables[0] &= left->bits[0];
	state->retired_tables[1] &= left->bits[1];
	if (state->retired_tables[0] == 0 && state->retired_tables[1] == 0)
		state->retired = InvalidFullTransactionId;
	cq_topic_unlock(state);
}

int64
cq_topic_truncate_retired(int32 topic_id)
{
	CqTopicDef *def = start(topic_id);
	TableSet	left;
	TableSet	set;

	if (def == NULL)
	{
		cq_step_commit();
		return PG_INT64_MAX;
	}
	left = unused_tables(def);
	set = needed_by_none(def, &left);
	for (int k = 0; k < def->ntables; k++)
	{
		if ((SET_WORD(&set, k) & SET_BIT(k)) == 0 ||
			!ConditionalLockRelationOid(cq_record_table(def, k), AccessExclusiveLock))
			continue;
		execute(psprintf("TRUNCATE cq.t%d_s%d", def->topic_id, k));
		SET_WORD(&left, k) &= ~SET_BIT(k);
	}
	cq_step_commit();
	note_left(def, &left);
	return set_is_empty(&left) ? PG_INT64_MAX : cq_clock_ms() + LOCKED_RETRY_MS;
}
