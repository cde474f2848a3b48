/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  What a backend remembers of the topics it uses.
 *
 * Definitions are read from the tables cq.topic, topic_group and topic_segment
 * when first used and kept in a hash by name.  A relcache invalidation of
 * cq.topic (sent by a statement trigger on each of these tables) advances the
 * epoch, which makes all of them stale; a stale one is read again, in place, by
 * the next cq_topic_open(), or by who finds out that it must not go on with it.
 *
 * That can happen deep below somebody who holds a group or a segment of it.  So
 * arrays whose contents are not the same any more are replaced, not overwritten,
 * and go with the transaction.  Those that are the same stay: a transaction that
 * creates many topics reads all of them again each time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "core/args.h"
#include "core/catalog.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "queue/definition.h"
#include "storage/lmgr.h"
#include "topic/assignment.h"
#include "topic/definition.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* columns of the tables */
#define TOPIC_ID 1
#define TOPIC_NAME 2
#define TOPIC_CARRIER 3
#define TOPIC_PARTITIONS 5
#define TOPIC_RETAIN 6
#define TOPIC_RETAIN_BYTES 7
#define TOPIC_COMPACT 8
#define TOPIC_TOMBSTONE_RETAIN 9
#define TOPIC_REPLICA 10
#define TOPIC_TABLES 11
#define TOPIC_COLUMNS 11

#define GROUP_ID 2
#define GROUP_NAME 3
#define GROUP_CARRIER 4
#define GROUP_KIND 6
#define GROUP_ASSIGNMENT 7
#define GROUP_SESSION_TIMEOUT 8
#define GROUP_QUEUE_ID 9
#define GROUP_DEAD_LETTER_ID 10
#define GROUP_COLUMNS 10

#define SEGMENT_NUMBER 2
#define SEGMENT_TABLE 3
#define SEGMENT_COLUMNS 3

#define COLUMNS_MAX 10

static HTAB *definitions = NULL;
static uint64 epoch = 1;
static Oid	topic_relation = InvalidOid;

static void
on_relcache_inval(Datum arg, Oid relid)
{
	if (!OidIsValid(relid) || relid == topic_relation)
		epoch++;
}

void
cq_topic_definition_init(void)
{
	CacheRegisterRelcacheCallback(on_relcache_inval, (Datum) 0);
}

uint64
cq_topics_epoch(void)
{
	return epoch;
}

void
cq_topics_changed(void)
{
	CacheInvalidateRelcacheByRelid(cq_relation_of_any_version("topic"));
}

char *
cq_topic_name(const text *arg, const char *what)
{
	int			bytes = VARSIZE_ANY_EXHDR(arg);

	if (bytes == 0 || bytes > CQ_TOPIC_NAME_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must have 1 to %d bytes, not %d",
						what, CQ_TOPIC_NAME_BYTES_MAX, bytes)));
	return text_to_cstring(arg);
}

static CqTopicDef *
hash_enter(const char *name)
{
	CqTopicDef *def;
	bool		found;

	if (definitions == NULL)
	{
		HASHCTL		ctl;

		ctl.keysize = CQ_TOPIC_NAME_BYTES_MAX + 1;
		ctl.entrysize = sizeof(CqTopicDef);
		definitions = hash_create("cachequeue topics", 64, &ctl,
								  HASH_ELEM | HASH_STRINGS);
	}
	def = hash_search(definitions, name, HASH_ENTER, &found);
	if (!found)
	{
		memset((char *) def + sizeof(def->name), 0,
			   sizeof(*def) - sizeof(def->name));
	}
	return def;
}

/* ---- reading the tables ---------------------------------------------- */

/* What is read anew. */
typedef struct Contents
{
	MemoryContext context;
	int			ngroups;
	CqGroupDef *groups;
	int			nsegments;
	CqTopicSegment *segments;
} Contents;

typedef void (*RowReader) (Contents *contents, const Datum *values, const bool *nulls);

/* Call the reader with each row of that topic, in the order of the index. */
static void
read_rows(int32 topic_id, const char *table, const char *index, int ncolumns,
		  RowReader reader, Contents *contents)
{
	Relation	rel = table_open(cq_relation(table), AccessShareLock);
	Relation	index_rel = index_open(cq_relation(index), AccessShareLock);
	SysScanDesc scan;
	HeapTuple	tuple;
	ScanKeyData key;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(topic_id));
	scan = systable_beginscan_ordered(rel, index_rel, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		Datum		values[COLUMNS_MAX];
		bool		nulls[COLUMNS_MAX];
		MemoryContext old = MemoryContextSwitchTo(contents->context);

		for (int i = 0; i < ncolumns; i++)
			values[i] = heap_getattr(tuple, i + 1, RelationGetDescr(rel), &nulls[i]);
		reader(contents, values, nulls);
		MemoryContextSwitchTo(old);
	}
	systable_endscan_ordered(scan);
	index_close(index_rel, AccessShareLock);
	table_close(rel, AccessShareLock);
}

/* Room for one more element, zeroed, in an array of n. */
static void *
grow(void *array, int n, Size size)
{
	array = (array == NULL) ? palloc(size) : repalloc(array, (n + 1) * size);
	memset((char *) array + n * size, 0, size);
	return array;
}

/* RowReader */
static void
read_group(Contents *contents, const Datum *values, const bool *nulls)
{
	CqGroupDef *group;

	contents->groups = grow(contents->groups, contents->ngroups, sizeof(CqGroupDef));
	group = &contents->groups[contents->ngroups++];
	group->group_id = DatumGetInt32(values[GROUP_ID - 1]);
	strlcpy(group->name, TextDatumGetCString(values[GROUP_NAME - 1]), sizeof(group->name));
	cq_object_set(&group->object, CQ_OBJECT_GROUP, group->group_id,
				  DatumGetObjectId(values[GROUP_CARRIER - 1]));
	group->queue_id = nulls[GROUP_QUEUE_ID - 1] ? 0 :
		DatumGetInt32(values[GROUP_QUEUE_ID - 1]);
	group->dead_letter_id = nulls[GROUP_DEAD_LETTER_ID - 1] ? 0 :
		DatumGetInt32(values[GROUP_DEAD_LETTER_ID - 1]);
	group->shared = strcmp(TextDatumGetCString(values[GROUP_KIND - 1]), "shared") == 0;
	group->assignment = strcmp(TextDatumGetCString(values[GROUP_ASSIGNMENT - 1]), "range") == 0 ?
		CQ_ASSIGN_RANGE : CQ_ASSIGN_STICKY;
	group->timeout_ms = cq_interval_ms(DatumGetIntervalP(values[GROUP_SESSION_TIMEOUT - 1]),
									   1, "session_timeout");
}

/* RowReader */
static void
read_segment(Contents *contents, const Datum *values, const bool *nulls)
{
	CqTopicSegment *segment;

	contents->segments = grow(contents->segments, contents->nsegments,
							  sizeof(CqTopicSegment));
	segment = &contents->segments[contents->nsegments++];
	segment->number = DatumGetInt64(values[SEGMENT_NUMBER - 1]);
	segment->table = DatumGetInt32(values[SEGMENT_TABLE - 1]);
}

static bool
is_same(const CqTopicDef *def, const Contents *contents)
{
	if (def->context == NULL || def->ngroups != contents->ngroups ||
		def->nsegments != contents->nsegments)
		return false;
	for (int i = 0; i < def->ngroups; i++)
	{
		const CqGroupDef *a = &def->groups[i];
		const CqGroupDef *b = &contents->groups[i];

		if (memcmp(a, b, offsetof(CqGroupDef, object)) != 0 ||
			a->object.carrier != b->object.carrier)
			return false;
	}
	for (int i = 0; i < def->nsegments; i++)
	{
		if (def->segments[i].number != contents->segments[i].number ||
			def->segments[i].table != contents->segments[i].table)
			return false;
	}
	return true;
}

/*
 * Read groups and segments; what there was stays until the transaction ends.
 * same: it is of the same topic.
 */
static void
read_contents(CqTopicDef *def, bool same)
{
	Contents	contents = {NULL};

	contents.context = AllocSetContextCreate(TopTransactionContext, "cachequeue topic",
											 ALLOCSET_SMALL_SIZES);
	read_rows(def->topic_id, "topic_group", "topic_group_topic_id_name_key", GROUP_COLUMNS,
			  read_group, &contents);
	read_rows(def->topic_id, "topic_segment", "topic_segment_pkey", SEGMENT_COLUMNS,
			  read_segment, &contents);
	if (same && is_same(def, &contents))
	{
		MemoryContextDelete(contents.context);
		return;
	}
	MemoryContextSetParent(contents.context, TopMemoryContext);
	if (def->context != NULL)
		MemoryContextSetParent(def->context, TopTransactionContext);
	def->context = contents.context;
	def->ngroups = contents.ngroups;
	def->groups = contents.groups;
	def->nsegments = contents.nsegments;
	def->segments = contents.segments;
	def->room = 0;
}

/* Put a row of cq.topic into the hash. */
static CqTopicDef *
store(HeapTuple tuple, TupleDesc desc, uint64 read_epoch)
{
	Datum		values[TOPIC_COLUMNS];
	bool		nulls[TOPIC_COLUMNS];
	CqTopicDef *def;
	int32		topic_id;
	bool		same;

	for (int i = 0; i < TOPIC_COLUMNS; i++)
		values[i] = heap_getattr(tuple, i + 1, desc, &nulls[i]);

	def = hash_enter(TextDatumGetCString(values[TOPIC_NAME - 1]));
	topic_id = DatumGetInt32(values[TOPIC_ID - 1]);
	same = def->topic_id == topic_id &&
		def->object.carrier == DatumGetObjectId(values[TOPIC_CARRIER - 1]);
	if (!same)
		def->row = NULL;
	def->epoch = 0;
	def->topic_id = topic_id;
	cq_object_set(&def->object, CQ_OBJECT_TOPIC, topic_id,
				  DatumGetObjectId(values[TOPIC_CARRIER - 1]));
	def->npartitions = DatumGetInt32(values[TOPIC_PARTITIONS - 1]);
	def->retain_ms = nulls[TOPIC_RETAIN - 1] ? 0 :
		cq_interval_ms(DatumGetIntervalP(values[TOPIC_RETAIN - 1]), 1, "retain");
	def->retain_bytes = nulls[TOPIC_RETAIN_BYTES - 1] ? 0 :
		DatumGetInt64(values[TOPIC_RETAIN_BYTES - 1]);
	def->compact = DatumGetBool(values[TOPIC_COMPACT - 1]);
	def->tombstone_ms = cq_interval_ms(DatumGetIntervalP(values[TOPIC_TOMBSTONE_RETAIN - 1]),
									   0, "tombstone_retain");
	def->replica = DatumGetBool(values[TOPIC_REPLICA - 1]);
	def->replica_ready = false;
	/* a compaction needs one more */
	def->ntables = nulls[TOPIC_TABLES - 1] ? CQ_TOPIC_SEGMENTS_MAX * 2 :
		DatumGetInt32(values[TOPIC_TABLES - 1]);
	def->uncommitted =
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(tuple->t_data));
	def->resolved = false;
	read_contents(def, same);
	def->epoch = read_epoch;
	return def;
}

CqTopicDef *
cq_topic_find(const char *name)
{
	CqTopicDef *def = NULL;
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	uint64		read_epoch;

	if (strlen(name) > CQ_TOPIC_NAME_BYTES_MAX)
		return NULL;
	if (definitions != NULL)
		def = hash_search(definitions, name, HASH_FIND, NULL);
	if (def != NULL && def->epoch == epoch)
		return def;

	topic_relation = cq_relation("topic");
	rel = table_open(topic_relation, AccessShareLock);
	read_epoch = epoch;
	ScanKeyEntryInitialize(&key, 0, TOPIC_NAME, BTEqualStrategyNumber,
						   InvalidOid, C_COLLATION_OID, F_TEXTEQ,
						   CStringGetTextDatum(name));
	scan = systable_beginscan(rel, cq_relation("topic_name_key"), true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		def = store(tuple, RelationGetDescr(rel), read_epoch);
	else
	{
		if (def != NULL)
			def->epoch = 0;
		def = NULL;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return def;
}

List *
cq_topics_all(void)
{
	List	   *result = NIL;
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	uint64		read_epoch;

	topic_relation = cq_relation("topic");
	rel = table_open(topic_relation, AccessShareLock);
	read_epoch = epoch;
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend(result, store(tuple, RelationGetDescr(rel), read_epoch));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

CqTopicDef *
cq_topic_by_id(int32 topic_id)
{
	CqTopicDef *def;
	ListCell   *cell;

	if (definitions != NULL)
	{
		HASH_SEQ_STATUS seq;

		hash_seq_init(&seq, definitions);
		while ((def = hash_seq_search(&seq)) != NULL)
		{
			if (def->topic_id == topic_id && def->epoch == epoch)
			{
				hash_seq_term(&seq);
				return def;
			}
		}
	}
	foreach(cell, cq_topics_all())
	{
		def = lfirst(cell);
		if (def->topic_id == topic_id)
			return def;
	}
	return NULL;
}

/* ---- privileges ------------------------------------------------------ */

CqGroupDef *
cq_group_def_find(CqTopicDef *def, const char *name)
{
	for (int i = 0; i < def->ngroups; i++)
	{
		if (strcmp(def->groups[i].name, name) == 0)
			return &def->groups[i];
	}
	return NULL;
}

CqGroupDef *
cq_group_def(CqTopicDef *def, const char *name)
{
	CqGroupDef *group = cq_group_def_find(def, name);

	if (group == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("group \"%s\" of topic \"%s\" does not exist", name, def->name)));
	return group;
}

void
cq_group_check(CqTopicDef *def, CqGroupDef *group)
{
	if (cq_object_allowed(&def->object, CQ_TOPIC_ALTER) ||
		(cq_object_allowed(&group->object, CQ_TOPIC_CONSUME) &&
		 (!cq_object_owned(&group->object) ||
		  cq_object_allowed(&def->object, CQ_TOPIC_CONSUME))))
		return;
	cq_object_denied(CQ_OBJECT_GROUP, group->name, def->name, false);
}

CqGroupDef *
cq_group_to_consume(CqTopicDef *def, const char *name)
{
	CqGroupDef *group = cq_group_def(def, name);

	cq_group_check(def, group);
	return group;
}

void
cq_group_refuse_shared(const CqTopicDef *def, const CqGroupDef *group)
{
	if (group->shared)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("group \"%s\" of topic \"%s\" is shared", group->name, def->name),
				 errhint("Consume it from the queue \"%s.%s\".", def->name, group->name)));
}

bool
cq_group_visible(CqGroupDef *group)
{
	return cq_object_allowed(&group->object, CQ_TOPIC_CONSUME | CQ_TOPIC_READ);
}

/* ---- tables and row -------------------------------------------------- */

pg_noreturn static void
missing(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("topic \"%s\" does not exist", name)));
}

static Oid
relation_of(const CqTopicDef *def, const char *format, int k)
{
	char		name[NAMEDATALEN];

	snprintf(name, sizeof(name), format, def->topic_id, k);
	return get_relname_relid(name, get_namespace_oid("cq", false));
}

/*
 * Whoever uses a topic holds a lock on its first sequence, taken before any on its
 * tables, until the transaction ends; a drop comes to that sequence first of all.
 * So a drop waits for all users before it holds anything that they could want.
 */
static void
enter(const CqTopicDef *def)
{
	/* also if the lock is held: privileges may have been taken away */
	AcceptInvalidationMessages();
	LockRelationOid(def->sequences[0], AccessShareLock);
}

/* Let a queue go with the group, if there is one. */
static void
own_queue(const CqGroupDef *group, int32 queue_id)
{
	CqQueueDef *queue = (queue_id == 0) ? NULL : cq_definition_by_id(queue_id);

	if (queue != NULL && OidIsValid(cq_carrier_owner(queue->object.carrier)))
		cq_carrier_own(group->object.carrier, RelationRelationId, queue->object.carrier);
}

/*
 * Let the relations go with the carriers.  They do since the topic was created,
 * but a restore forgets it.
 */
static void
own_relations(const CqTopicDef *def)
{
	Oid			carrier = def->object.carrier;

	if (RecoveryInProgress() || XactReadOnly || IsInParallelMode() ||
		cq_has_carrier(RelationRelationId, def->sequences[0]))
		return;
	cq_carrier_own(carrier, RelationRelationId, def->sequences[0]);
	for (int p = 1; p < def->npartitions; p++)
		cq_carrier_own(def->offsets[0], RelationRelationId, def->sequences[p]);
	for (int k = 0; OidIsValid(relation_of(def, "t%d_s%d", k)); k++)
		cq_carrier_own(def->sequences[0], RelationRelationId, relation_of(def, "t%d_s%d", k));
	for (int k = 0; k < CQ_OFFSETS_TABLES; k++)
		cq_carrier_own(def->sequences[0], RelationRelationId, def->offsets[k]);
	for (int i = 0; i < def->ngroups; i++)
	{
		const CqGroupDef *group = &def->groups[i];

		cq_carrier_own(carrier, RelationRelationId, group->object.carrier);
		own_queue(group, group->queue_id);
		own_queue(group, group->dead_letter_id);
	}
}

/* Have arrays with an element for each partition, zeroed where it is a hint. */
static void
make_room(CqTopicDef *def)
{
	int			n = def->npartitions;

	if (def->room < n)
	{
		MemoryContext old = MemoryContextSwitchTo(def->context);

		def->sequences = palloc0(n * sizeof(Oid));
		def->partitions = palloc0(n * sizeof(uint32));
		def->hint_offset = palloc0(n * sizeof(int64));
		def->hint_segment = palloc0(n * sizeof(int64));
		MemoryContextSwitchTo(old);
		def->room = n;
	}
	memset(def->hint_offset, 0, n * sizeof(int64));
	memset(def->hint_segment, 0, n * sizeof(int64));
}

/*
 * Find the topic's relations.  Returns false when the topic has been dropped, or
 * when some are missing and that is no error.
 */
static bool
resolve_relations(CqTopicDef *def, bool missing_ok)
{
	bool		complete = true;

	make_room(def);
	def->sequences[0] = relation_of(def, "t%d_o%d", 0);
	if (OidIsValid(def->sequences[0]))
	{
		enter(def);
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(def->sequences[0])))
			return false;
	}
	if (!OidIsValid(cq_carrier_owner(def->object.carrier)))
		return false;
	for (int p = 0; p < def->npartitions; p++)
	{
		def->sequences[p] = relation_of(def, "t%d_o%d", p);
		complete &= OidIsValid(def->sequences[p]);
	}
	for (int i = 0; i < def->nsegments; i++)
	{
		CqTopicSegment *segment = &def->segments[i];

		segment->relation = relation_of(def, "t%d_s%d", segment->table);
		segment->index = relation_of(def, "t%d_s%d_offset", segment->table);
		complete &= OidIsValid(segment->relation) && OidIsValid(segment->index);
	}
	for (int k = 0; k < CQ_OFFSETS_TABLES; k++)
	{
		def->offsets[k] = relation_of(def, "t%d_c%d", k);
		def->offsets_indexes[k] = relation_of(def, "t%d_c%d_share", k);
		complete &= OidIsValid(def->offsets[k]) && OidIsValid(def->offsets_indexes[k]);
	}
	if (!complete || (def->nsegments == 0 && !def->replica))
	{
		if (missing_ok)
			return false;
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the tables of topic \"%s\" are missing", def->name),
				 errhint("Restore them from a backup, or drop the topic.")));
	}
	own_relations(def);
	return true;
}

/* Row locked: what the row knows of the definition. */
static void
set_row(CqTopicDef *def, CqTopicRow *row)
{
	uint32		i = row->partitions;

	def->generation = row->generation;
	for (int p = 0; p < def->npartitions && i != CQ_NO_CELL; p++)
	{
		def->partitions[p] = i;
		i = CQ_CELL(i)->next;
	}
	if (!def->uncommitted || row->creating)
	{
		if (row->retain_ms != def->retain_ms || row->retain_bytes != def->retain_bytes)
		{
			row->retain_at_ms = CQ_AT_ONCE;
			cq_topic_plan(row, cq_clock_ms());
		}
		row->retain_ms = def->retain_ms;
		row->retain_bytes = def->retain_bytes;
		row->compact_due |= def->compact && !row->compact;
		row->compact = def->compact;
		row->replica = def->replica;
	}
	row->feeds = 0;
	for (int g = 0; g < def->ngroups; g++)
	{
		row->feeds += def->groups[g].shared ? 1 : 0;
		i = cq_row_group(row, def->groups[g].group_id);
		if (i != CQ_NO_CELL)
		{
			CQ_CELL(i)->group.timeout_ms = def->groups[g].timeout_ms;
			CQ_CELL(i)->group.assignment = def->groups[g].assignment;
		}
	}
}

/*
 * Find the topic's tables and its row in shared memory.  Returns false when it
 * has been dropped, or when tables are missing and that is no error.
 */
static bool
resolve(CqTopicDef *def, bool missing_ok)
{
	CqTopicRow *row;

	if (!resolve_relations(def, missing_ok))
		return false;
	def->row = NULL;
	if (!RecoveryInProgress())
	{
		def->row = cq_topic_row_find(def->topic_id, def->sequences[0]);
		if (def->row == NULL)
			def->row = cq_share_load_topic(def);
		row = def->row;
		if (row->npartitions < def->npartitions)
		{
			/* the others must not see what may be rolled back */
			if (def->uncommitted && row->npartitions > 0 && !row->creating)
				def->npartitions = row->npartitions;
			else
				cq_share_add_partitions(def);
		}
		LWLockAcquire(&row->lock, LW_EXCLUSIVE);
		if (row->database != MyDatabaseId || row->topic_id != def->topic_id ||
			row->npartitions < def->npartitions)
		{
			cq_topic_unlock(row);
			return false;
		}
		set_row(def, row);
		cq_topic_unlock(row);
	}
	def->resolved = true;
	return true;
}

/* As cq_topic_open() does; NULL when there is none, or it lacks tables. */
static CqTopicDef *
open_if_exists(const char *name, AclMode privileges, bool missing_ok)
{
	CqTopicDef *def;

	cq_require_shared();
	def = cq_topic_find(name);
	if (def != NULL && def->resolved)
	{
		enter(def);
		if (def->epoch != epoch)	/* waiting has brought news */
			def = cq_topic_find(name);
	}
	if (def == NULL)
		return NULL;
	if (privileges == CQ_TOPIC_NONE || !cq_object_allowed(&def->object, privileges))
	{
		if (!OidIsValid(cq_carrier_owner(def->object.carrier)))
			return NULL;
		if (privileges != CQ_TOPIC_NONE)
			cq_object_denied(CQ_OBJECT_TOPIC, name, NULL, false);
	}
	if ((!def->resolved || (def->row == NULL && !RecoveryInProgress())) &&
		!resolve(def, missing_ok))
		return NULL;
	return def;
}

CqTopicDef *
cq_topic_open(const char *name, AclMode privileges)
{
	CqTopicDef *def = open_if_exists(name, privileges, false);

	if (def == NULL)
		missing(name);
	return def;
}

CqTopicDef *
cq_topic_open_if_exists(const char *name)
{
	return open_if_exists(name, CQ_TOPIC_NONE, true);
}

void
cq_topic_refresh(CqTopicDef *def)
{
	AcceptInvalidationMessages();
	def->epoch = 0;
	if (cq_topic_find(def->name) == NULL || !resolve(def, false))
		missing(def->name);
}

CqTopicRow *
cq_topic_lock_if_same(CqTopicDef *def, LWLockMode mode)
{
	CqTopicRow *row = def->row;

	if (row == NULL || !cq_topic_row_lock_same(row, def->generation, mode))
		return NULL;
	if (row->database == MyDatabaseId && row->topic_id == def->topic_id)
		return row;
	cq_topic_unlock(row);
	return NULL;
}

CqTopicRow *
cq_topic_lock(CqTopicDef *def, LWLockMode mode)
{
	CqTopicRow *row;

	while ((row = cq_topic_lock_if_same(def, mode)) == NULL)
	{
		CHECK_FOR_INTERRUPTS();
		/* there are no rows */
		PreventCommandDuringRecovery("this function");
		cq_topic_refresh(def);
	}
	return row;
}
