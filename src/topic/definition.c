/*-------------------------------------------------------------------------
 *
 * definition.c
 *	  What a backend remembers of the topics it uses.
 *
 * They are kept as core/definitions.c says, and come from the tables cq.topic,
 * topic_group and topic_segment, each of which has a trigger that sends a relcache
 * invalidation of cq.topic.
 *
 * A definition may be read again by a function far below one that holds a group or
 * a segment of it.  So arrays whose contents have changed are replaced, not
 * overwritten, and go with the transaction.  Those that are the same stay: a
 * transaction that creates many topics reads all of them again each time.
 *
 * A transaction that uses a topic holds a lock on its first sequence, taken before any
 * on its tables, until it ends; a drop comes to that sequence first of all.
 * So a drop waits for all users before it holds anything that they could want.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "core/args.h"
#include "core/catalog.h"
#include "miscadmin.h"
#include "queue/definition.h"
#include "storage/lmgr.h"
#include "topic/definition.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* columns of the tables */
#define TOPIC_ID 1
#define TOPIC_CARRIER 3
#define TOPIC_PARTITIONS 5
#define TOPIC_RETAIN 6
#define TOPIC_RETAIN_BYTES 7
#define TOPIC_COMPACT 8
#define TOPIC_TOMBSTONE_RETAIN 9
#define TOPIC_REPLICA 10
#define TOPIC_TABLES 11

#define GROUP_TOPIC_ID 1
#define GROUP_ID 2
#define GROUP_NAME 3
#define GROUP_CARRIER 4
#define GROUP_KIND 6
#define GROUP_ASSIGNMENT 7
#define GROUP_SESSION_TIMEOUT 8
#define GROUP_QUEUE_ID 9
#define GROUP_DEAD_LETTER_ID 10

#define SEGMENT_TOPIC_ID 1
#define SEGMENT_NUMBER 2
#define SEGMENT_TABLE 3

char *
cq_topic_name(const text *arg, const char *what)
{
	cq_check_name(what, VARSIZE_ANY_EXHDR(arg), CQ_TOPIC_NAME_BYTES_MAX);
	return text_to_cstring(arg);
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

/* Room for one more element, zeroed, in an array of n. */
static void *
grow(void *array, int n, Size size)
{
	array = (array == NULL) ? palloc(size) : repalloc(array, (n + 1) * size);
	memset((char *) array + n * size, 0, size);
	return array;
}

/* CqRowReader */
static void
read_group(const CqRow *state, void *arg)
{
	const Datum *values = state->values;
	const bool *nulls = state->nulls;
	Contents   *contents = arg;
	CqGroupDef *group;
	MemoryContext old = MemoryContextSwitchTo(contents->context);

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
	group->strategy = strcmp(TextDatumGetCString(values[GROUP_ASSIGNMENT - 1]), "range") == 0 ?
		CQ_ASSIGN_RANGE : CQ_ASSIGN_STICKY;
	group->timeout_ms = cq_interval_ms(DatumGetIntervalP(values[GROUP_SESSION_TIMEOUT - 1]),
									   1, "session_timeout");
	MemoryContextSwitchTo(old);
}

/* CqRowReader */
static void
read_segment(const CqRow *state, void *arg)
{
	Contents   *contents = arg;
	CqTopicSegment *segment;
	MemoryContext old = MemoryContextSwitchTo(contents->context);

	contents->segments = grow(contents->segments, contents->nsegments,
							  sizeof(CqTopicSegment));
	segment = &contents->segments[contents->nsegments++];
	segment->number = DatumGetInt64(state->values[SEGMENT_NUMBER - 1]);
	segment->table = DatumGetInt32(state->values[SEGMENT_TABLE - 1]);
	MemoryContextSwitchTo(old);
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
	ScanKeyData key;

	contents.context = cq_definition_context_new();
	cq_scan_key_int(&key, GROUP_TOPIC_ID, def->topic_id);
	cq_catalog_read("topic_group", "topic_group_topic_id_name_key", &key, read_group, &contents);
	cq_scan_key_int(&key, SEGMENT_TOPIC_ID, def->topic_id);
	cq_catalog_read("topic_segment", "topic_segment_pkey", &key, read_segment, &contents);
	if (same && is_same(def, &contents))
	{
		MemoryContextDelete(contents.context);
		return;
	}
	cq_definition_context_set(&def->context, contents.context);
	def->ngroups = contents.ngroups;
	def->groups = contents.groups;
	def->nsegments = contents.nsegments;
	def->segments = contents.segments;
	def->room = 0;
}

/* CqDefinitionKind.read */
static void
read_topic(CqDefinition *definition, const CqRow *state, bool same)
{
	CqTopicDef *def = (CqTopicDef *) definition;
	const Datum *values = state->values;
	const bool *nulls = state->nulls;

	if (!same)
		def->state = NULL;
	def->located = def->attached = false;
	def->topic_id = DatumGetInt32(values[TOPIC_ID - 1]);
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
		TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(state->tuple->t_data));
	read_contents(def, same);
}

static const CqDefinitionKind topic_kind = {
	.kind = CQ_OBJECT_TOPIC,
	.carrier_column = TOPIC_CARRIER,
	.name_bytes_max = CQ_TOPIC_NAME_BYTES_MAX,
	.bytes = sizeof(CqTopicDef),
	.read = read_topic
};

StaticAssertDecl(CQ_TOPIC_NAME_BYTES_MAX <= CQ_NAME_BYTES_MAX, "names fit");

void
cq_topic_definition_init(void)
{
	cq_definitions_register(&topic_kind);
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

/* ---- relations ------------------------------------------------------- */

void
cq_topic_enter(const CqTopicDef *def)
{
	/* also if the lock is held: privileges may have been taken away */
	AcceptInvalidationMessages();
	LockRelationOid(def->sequences[0], AccessShareLock);
}

/* Let a queue go with the group, if there is one. */
static void
own_queue(const CqGroupDef *group, int32 queue_id)
{
	CqQueueDef *queue = (queue_id == 0) ? NULL : cq_queue_by_id(queue_id);

	if (queue != NULL && OidIsValid(cq_relation_owner(queue->object.carrier)))
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
	for (int k = 0; OidIsValid(cq_relation_if_exists("t%d_s%d", def->topic_id, k)); k++)
		cq_carrier_own(def->sequences[0], RelationRelationId, cq_relation_if_exists("t%d_s%d", def->topic_id, k));
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

bool
cq_topic_find_relations(CqTopicDef *def, bool missing_ok)
{
	bool		complete = true;

	make_room(def);
	def->sequences[0] = cq_relation_if_exists("t%d_o%d", def->topic_id, 0);
	if (OidIsValid(def->sequences[0]))
	{
		cq_topic_enter(def);
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(def->sequences[0])))
			return false;
	}
	if (!OidIsValid(cq_relation_owner(def->object.carrier)))
		return false;
	for (int p = 0; p < def->npartitions; p++)
	{
		def->sequences[p] = cq_relation_if_exists("t%d_o%d", def->topic_id, p);
		complete &= OidIsValid(def->sequences[p]);
	}
	for (int i = 0; i < def->nsegments; i++)
	{
		CqTopicSegment *segment = &def->segments[i];

		segment->relation = cq_relation_if_exists("t%d_s%d", def->topic_id, segment->table);
		segment->index = cq_relation_if_exists("t%d_s%d_offset", def->topic_id, segment->table);
		complete &= OidIsValid(segment->relation) && OidIsValid(segment->index);
	}
	for (int k = 0; k < CQ_OFFSETS_TABLES; k++)
	{
		def->offsets[k] = cq_relation_if_exists("t%d_c%d", def->topic_id, k);
		def->offsets_indexes[k] = cq_relation_if_exists("t%d_c%d_share", def->topic_id, k);
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
	def->located = true;
	return true;
}

void
cq_topic_read_again(CqTopicDef *def)
{
	AcceptInvalidationMessages();
	if (cq_definition_read(CQ_OBJECT_TOPIC, def->name) == NULL ||
		!cq_topic_find_relations(def, false))
		cq_object_missing(CQ_OBJECT_TOPIC, def->name);
}

CqTopicState *
cq_topic_lock_if_same(CqTopicDef *def, LWLockMode mode)
{
	CqTopicState *state = def->state;

	if (!def->attached || state == NULL || !cq_state_lock_if_same(state, def->generation, mode))
		return NULL;
	if (state->key.database == MyDatabaseId && state->key.id == def->topic_id)
		return state;
	cq_topic_unlock(state);
	return NULL;
}
