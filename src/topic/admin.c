/*-------------------------------------------------------------------------
 *
 * admin.c
 *	  Creating, changing and dropping topics and groups, and their privileges.
 *
 * The tables of topics belong to the extension's owner, the only role with
 * privileges on them; owners and privileges of topics and groups are their carriers'
 * (see core/object.c).  Locks, kept until the transaction ends, put changes one
 * after another: of all topics a ShareUpdateExclusiveLock on cq.topic, of one and
 * its groups that on its first sequence.
 *
 * A shared group is a queue that the worker feeds (feed.c).  It is known by its
 * number, and goes with the group, as the group goes with the topic: carriers
 * depend on each other.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "core/args.h"
#include "core/catalog.h"
#include "core/owner.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "queue/admin.h"
#include "queue/definition.h"
#include "storage/lmgr.h"
#include "topic/admin.h"
#include "topic/assignment.h"
#include "topic/offset_tables.h"
#include "topic/offsets.h"
#include "topic/open.h"
#include "topic/publication.h"
#include "topic/record.h"
#include "topic/sweep.h"
#include "topic/xact.h"
#include "utils/builtins.h"

/* the numbers of new topics go on above those of replicas: leave some */
#define REPLICA_ID_MAX 2000000000

void
cq_topic_lock_definition(CqTopicDef *def)
{
	LockRelationOid(def->sequences[0], ShareUpdateExclusiveLock);
	cq_topic_refresh(def);
}

void
cq_topics_lock(void)
{
	LockRelationOid(cq_relation("topic"), ShareUpdateExclusiveLock);
}

/* ---- topics ---------------------------------------------------------- */

static void
check_options(const CqTopicOptions *options)
{
	if (options->set_partitions &&
		(options->partitions < 1 || options->partitions > CQ_PARTITIONS_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("partitions must be between 1 and %d", CQ_PARTITIONS_MAX)));
	if (options->retain != NULL)
		(void) cq_interval_ms(options->retain, 1, "retain");
	if (options->set_tombstone_retain)
		(void) cq_interval_ms(options->tombstone_retain, 0, "tombstone_retain");
	if (options->set_retain_bytes && options->retain_bytes < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("retain_bytes must be greater than zero")));
}

/* what else carries the number of a topic, or of a group, in its name */
static const char *const topic_formats[] = {"t%d_o0", "t%d_c0", "t%d_s0", NULL};
static const char *const group_formats[] = {NULL};

/* Take the state of a topic that this transaction has created. */
static void
open_created(const char *name, int32 topic_id)
{
	CqTopicDef *def;

	CommandCounterIncrement();
	cq_topic_items_reserve(1);
	def = cq_topic_open(name, CQ_TOPIC_NONE);
	cq_topic_item_add(CQ_TOPIC_ITEM_CREATED, def, CQ_NO_CELL)->offset = topic_id;
}

/*
 * Drop what a restore without data has left of a topic that the user had under
 * that name.
 */
static void
drop_orphans(const char *name)
{
	ListCell   *cell;

	foreach(cell, cq_carrier_orphans(CQ_OBJECT_TOPIC, name))
	{
		cq_carrier_drop(cq_carrier_by_id(CQ_OBJECT_TOPIC, lfirst_int(cell)));
		cq_record_relations_drop(lfirst_int(cell), CQ_PARTITIONS_MAX);
	}
}

/* Raises 42710 unless that topic has these options. */
static void
check_same_options(const CqTopicDef *def, const CqTopicOptions *options)
{
	if (def->npartitions != options->partitions ||
		def->retain_ms != (options->retain == NULL ? 0 :
						   cq_interval_ms(options->retain, 1, "retain")) ||
		def->retain_bytes != options->retain_bytes ||
		def->compact != options->compact ||
		def->tombstone_ms != cq_interval_ms(options->tombstone_retain, 0, "tombstone_retain"))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("topic \"%s\" already exists with other options", def->name),
				 errhint("See cq.topics; cq.topic_alter changes options.")));
	ereport(NOTICE,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("topic \"%s\" already exists, skipping", def->name)));
}

/* The relations of a new topic, with so many tables for segments. */
static void
create_relations(int32 topic_id, Oid carrier, int partitions, int ntables)
{
	Oid			first = cq_record_sequence_create(topic_id, carrier, 0);
	Oid			offsets = cq_offsets_create(topic_id, first);

	for (int p = 1; p < partitions; p++)
		(void) cq_record_sequence_create(topic_id, offsets, p);
	for (int k = 0; k < ntables; k++)
		cq_record_table_create(topic_id, first, k);
}

void
cq_topic_create_named(const char *name, const CqTopicOptions *options, bool if_not_exists)
{
	CqParameters p = {0};
	CqTopicDef *def;
	int32		topic_id;
	Oid			carrier;

	cq_require_shared();
	PreventCommandIfReadOnly("topic_create()");
	if (creating_extension)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("topics cannot be created by an extension's script")));
	check_options(options);
	cq_topics_lock();
	cq_topics_sweep();
	def = cq_topic_find(name);
	if (def != NULL && if_not_exists)
	{
		check_same_options(def, options);
		return;
	}
	if (def != NULL)
		cq_object_exists(CQ_OBJECT_TOPIC, name);
	drop_orphans(name);
	topic_id = cq_object_new_id(CQ_OBJECT_TOPIC, "topic_topic_id_seq", topic_formats);
	carrier = cq_carrier_create(CQ_OBJECT_TOPIC, topic_id, name);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(topic_id), false);
	cq_parameter_add(&p, TEXTOID, CStringGetTextDatum(name), false);
	cq_parameter_add(&p, OIDOID, ObjectIdGetDatum(carrier), false);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(options->partitions), false);
	cq_parameter_add(&p, INTERVALOID, PointerGetDatum(options->retain), options->retain == NULL);
	cq_parameter_add(&p, INT8OID, Int64GetDatum(options->retain_bytes), options->retain_bytes == 0);
	cq_parameter_add(&p, BOOLOID, BoolGetDatum(options->compact), false);
	cq_parameter_add(&p, INTERVALOID, PointerGetDatum(options->tombstone_retain), false);
	if (cq_execute_with("INSERT INTO cq.topic (topic_id, name, carrier, partitions, retain, "
						"retain_bytes, compact, tombstone_retain) "
						"VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
						"ON CONFLICT DO NOTHING RETURNING topic_id", &p) < 0)
		cq_object_exists(CQ_OBJECT_TOPIC, name);

	create_relations(topic_id, carrier, options->partitions, 1);
	(void) cq_execute_with_int("INSERT INTO cq.topic_segment VALUES ($1, 1, 0)", topic_id);
	open_created(name, topic_id);
}

void
cq_topic_alter_named(const char *name, const CqTopicOptions *options)
{
	CqTopicDef *def;
	CqParameters p = {0};
	StringInfoData command;
	int			had;
	int32		topic_id;

	PreventCommandIfReadOnly("topic_alter()");
	check_options(options);
	def = cq_topic_open(name, CQ_TOPIC_ALTER);
	cq_topic_lock_definition(def);
	had = def->npartitions;
	topic_id = def->topic_id;
	if (options->set_partitions && options->partitions < had)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic \"%s\" has %d partitions", name, had),
				 errdetail("Partitions can be added, not taken away.")));

	if (options->set_partitions &&
		cq_cells_free() < (options->partitions - had) * (1 + def->ngroups))
		cq_topic_memory_full();

	initStringInfo(&command);
	appendStringInfoString(&command, "UPDATE cq.topic SET name = name");
	cq_parameter_add(&p, INT4OID, Int32GetDatum(topic_id), false);
	if (options->set_partitions)
	{
		cq_parameter_add(&p, INT4OID, Int32GetDatum(options->partitions), false);
		appendStringInfo(&command, ", partitions = $%d", p.n);
	}
	if (options->set_retain)
	{
		cq_parameter_add(&p, INTERVALOID, PointerGetDatum(options->retain), options->retain == NULL);
		appendStringInfo(&command, ", retain = $%d", p.n);
	}
	if (options->set_retain_bytes)
	{
		cq_parameter_add(&p, INT8OID, Int64GetDatum(options->retain_bytes),
						 options->retain_bytes == 0);
		appendStringInfo(&command, ", retain_bytes = $%d", p.n);
	}
	if (options->set_compact)
	{
		cq_parameter_add(&p, BOOLOID, BoolGetDatum(options->compact), false);
		appendStringInfo(&command, ", compact = $%d", p.n);
	}
	if (options->set_tombstone_retain)
	{
		cq_parameter_add(&p, INTERVALOID, PointerGetDatum(options->tombstone_retain), false);
		appendStringInfo(&command, ", tombstone_retain = $%d", p.n);
	}
	appendStringInfoString(&command, " WHERE topic_id = $1");
	(void) cq_execute_with(command.data, &p);
	for (int i = had; options->set_partitions && i < options->partitions; i++)
		(void) cq_record_sequence_create(topic_id, def->offsets[0], i);
	cq_topic_items_reserve(1);
	(void) cq_topic_item_add(CQ_TOPIC_ITEM_ALTERED, def, CQ_NO_CELL);
}

/* The queue of a shared group. */
static char *
group_queue(const CqTopicDef *def, const char *group)
{
	return psprintf("%s.%s", def->name, group);
}

void
cq_topic_drop_named(const char *name, bool if_exists)
{
	CqTopicDef *def;
	List	   *publications;

	cq_require_shared();
	PreventCommandIfReadOnly("topic_drop()");
	cq_topics_lock();
	cq_topics_sweep();
	def = cq_topic_find(name);
	if (def == NULL)
	{
		if (!if_exists)
			cq_object_missing(CQ_OBJECT_TOPIC, name);
		cq_object_skip_missing(CQ_OBJECT_TOPIC, name);
		return;
	}
	if (!cq_object_owned(&def->object))
		cq_object_denied(CQ_OBJECT_TOPIC, name, NULL, true);
	publications = cq_publications_find(def->topic_id);
	cq_object_drop(&def->object);
	cq_topics_sweep();
	cq_publications_drop(publications);
}

void
cq_topic_change_grant(const char *name, const char *role, AclMode privileges, bool grant)
{
	CqTopicDef *def;

	PreventCommandIfReadOnly(grant ? "topic_grant()" : "topic_revoke()");
	def = cq_topic_open(name, CQ_TOPIC_NONE);
	if (!cq_object_grant(&def->object, role, privileges, grant, false))
		cq_object_denied(CQ_OBJECT_TOPIC, name, NULL, false);
}

void
cq_group_change_grant(const char *topic, const char *name, const char *role,
					  AclMode privileges, bool grant)
{
	CqTopicDef *def;
	CqObject	group;

	PreventCommandIfReadOnly(grant ? "group_grant()" : "group_revoke()");
	def = cq_topic_open(topic, CQ_TOPIC_NONE);
	group = cq_group_def(def, name)->object;
	if (!cq_object_grant(&group, role, privileges, grant, cq_object_owned(&def->object)))
		cq_object_denied(CQ_OBJECT_GROUP, name, topic, false);
}

void
cq_topic_change_owner(const char *name, const char *role)
{
	CqTopicDef *def;

	PreventCommandIfReadOnly("topic_owner()");
	def = cq_topic_open(name, CQ_TOPIC_NONE);
	if (!cq_object_change_owner(&def->object, role))
		cq_object_denied(CQ_OBJECT_TOPIC, name, NULL, true);
}

void
cq_group_change_owner(const char *topic, const char *name, const char *role)
{
	CqTopicDef *def;
	CqObject	group;

	PreventCommandIfReadOnly("group_owner()");
	def = cq_topic_open(topic, CQ_TOPIC_NONE);
	group = cq_group_def(def, name)->object;
	if (!cq_object_change_owner(&group, role))
		cq_object_denied(CQ_OBJECT_GROUP, name, topic, true);
}

/* ---- replication ----------------------------------------------------- */

static void
check_tables(int ntables)
{
	if (ntables < 3 || ntables > CQ_TOPIC_SEGMENTS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tables must be between 3 and %d", CQ_TOPIC_SEGMENTS_MAX)));
}

int32
cq_topic_publication_create_for(const char *name, const char *publication, int ntables)
{
	CqTopicDef *def;
	CqParameters p = {0};
	int32		topic_id;
	int			k;

	PreventCommandIfReadOnly("topic_publication_create()");
	check_tables(ntables);
	cq_topics_lock();
	def = cq_topic_open(name, CQ_TOPIC_ALTER);
	topic_id = def->topic_id;
	for (k = 0; OidIsValid(cq_record_table(def, k)); k++)
		;
	if (k > ntables)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("topic \"%s\" has %d tables already", name, k)));
	cq_parameter_add(&p, INT4OID, Int32GetDatum(topic_id), false);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(ntables), false);
	(void) cq_execute_with("UPDATE cq.topic SET tables = $2 WHERE topic_id = $1", &p);
	for (; k < ntables; k++)
		cq_record_table_create(topic_id, def->sequences[0], k);

	cq_publications_create(def, publication, ntables);
	return topic_id;
}

void
cq_topic_replica_create_named(const char *name, int32 topic_id, int partitions, int ntables)
{
	CqParameters p = {0};
	Oid			carrier;

	cq_require_shared();
	PreventCommandIfReadOnly("topic_replica_create()");
	check_tables(ntables);
	if (topic_id < 1 || topic_id > REPLICA_ID_MAX ||
		partitions < 1 || partitions > CQ_PARTITIONS_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 topic_id < 1 ? errmsg("topic_id must be greater than zero") :
				 topic_id > REPLICA_ID_MAX ? errmsg("topic_id must be at most %d", REPLICA_ID_MAX) :
				 errmsg("partitions must be between 1 and %d", CQ_PARTITIONS_MAX)));
	cq_topics_lock();
	cq_topics_sweep();
	if (cq_topic_find(name) != NULL || cq_topic_by_id(topic_id) != NULL ||
		cq_object_id_taken(CQ_OBJECT_TOPIC, topic_id, topic_formats))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("there is a topic \"%s\", or another one with number %d", name, topic_id),
				 errhint("A replica has the number of what it is a replica of; a database made for replicas has room for it.")));
	carrier = cq_carrier_create(CQ_OBJECT_TOPIC, topic_id, name);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(topic_id), false);
	cq_parameter_add(&p, TEXTOID, CStringGetTextDatum(name), false);
	cq_parameter_add(&p, OIDOID, ObjectIdGetDatum(carrier), false);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(partitions), false);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(ntables), false);
	(void) cq_execute_with("INSERT INTO cq.topic (topic_id, name, carrier, partitions, compact, "
						   "tombstone_retain, replica, tables) "
						   "VALUES ($1, $2, $3, $4, false, '1 day', true, $5)", &p);
	/* new topics must not get that number */
	(void) cq_execute_with_int("SELECT 1 FROM pg_catalog.setval('cq.topic_topic_id_seq', "
							   "greatest($1, pg_catalog.nextval('cq.topic_topic_id_seq')))",
							   topic_id);
	create_relations(topic_id, carrier, partitions, ntables);
	open_created(name, topic_id);
}

void
cq_topic_replica_promote_named(const char *name)
{
	CqTopicDef *def;

	PreventCommandIfReadOnly("topic_replica_promote()");
	cq_topics_lock();
	def = cq_topic_open(name, CQ_TOPIC_ALTER);
	if (!def->replica)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("topic \"%s\" is no replica", name)));
	(void) cq_execute_with_int("UPDATE cq.topic SET replica = false, tables = NULL WHERE topic_id = $1",
							   def->topic_id);
	(void) cq_execute_with_int("INSERT INTO cq.topic_segment SELECT $1, 1, 0 "
							   "WHERE NOT EXISTS (SELECT FROM cq.topic_segment WHERE topic_id = $1)",
							   def->topic_id);
	/* loaded again, with what the tables have; its members join again */
	cq_topic_items_reserve(1);
	cq_topic_item_add(CQ_TOPIC_ITEM_DROPPED, def, CQ_NO_CELL)->offset = def->topic_id;
}

/* ---- groups ---------------------------------------------------------- */

void
cq_group_set_defaults(CqGroupOptions *options)
{
	memset(options, 0, sizeof(*options));
	options->start.kind = CQ_POSITION_EARLIEST;
	options->session_timeout = palloc0(sizeof(Interval));
	options->session_timeout->time = 45 * USECS_PER_SEC;
}

/*
 * A queue as queue_create() makes it, which goes with the group, and its queue
 * for dead letters, unless that existed.
 */
static void
create_group_queue(const CqTopicDef *def, const char *group, Oid carrier,
				   int32 *queue_id, int32 *dead_letter_id)
{
	const char *name = group_queue(def, group);
	Datum		values[CQ_OPTIONS];
	bool		nulls[CQ_OPTIONS];
	CqQueueDef *queue;
	CqQueueDef *dead;

	for (int i = 0; i < CQ_OPTIONS; i++)
		values[i] = cq_option_default(i, &nulls[i]);
	(void) cq_queue_create_named(name, values, nulls, false, &dead);
	queue = cq_queue_find(name);
	*queue_id = queue->queue_id;
	*dead_letter_id = (dead == NULL) ? 0 : dead->queue_id;
	cq_carrier_own(carrier, RelationRelationId, queue->object.carrier);
	if (dead != NULL)
		cq_carrier_own(carrier, RelationRelationId, dead->object.carrier);
}

/* Have the new group, which no other session knows yet, start there. */
static void
set_start(CqTopicDef *def, int32 group_id, const CqPosition *start)
{
	CqOffset   *offsets = palloc0(def->npartitions * sizeof(CqOffset));
	int			n = def->npartitions;
	CqTopicState *state;
	uint32		g;

	for (int p = 0; p < n; p++)
	{
		offsets[p].group_id = group_id;
		offsets[p].partition = p;
		offsets[p].offset = cq_position_offset(def, p, start);
		offsets[p].at = GetCurrentTimestamp();
	}
	cq_offsets_append(def, offsets, n);
	state = cq_topic_lock(def, LW_EXCLUSIVE);
	g = cq_topic_group(state, group_id);
	for (int p = 0; p < n && g != CQ_NO_CELL; p++)
	{
		uint32		i = cq_assignment_find(state, g, p);

		if (i != CQ_NO_CELL)
			CQ_CELL(i)->assignment.committed = offsets[p].offset;
	}
	cq_topic_unlock(state);
}

/* Raises 42710 unless that group has these options; where it started is not known. */
static void
check_same_group(const CqTopicDef *def, const CqGroupDef *group,
				 const CqGroupOptions *options)
{
	if (group->shared != options->shared ||
		(group->strategy == CQ_ASSIGN_RANGE) != options->range ||
		group->timeout_ms != cq_interval_ms(options->session_timeout, 1, "session_timeout"))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("group \"%s\" of topic \"%s\" already exists with other options",
						group->name, def->name)));
	ereport(NOTICE,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("group \"%s\" of topic \"%s\" already exists, skipping",
					group->name, def->name)));
}

void
cq_group_create_named(CqTopicDef *def, const char *name, const CqGroupOptions *options,
					  bool if_not_exists)
{
	CqParameters p = {0};
	CqGroupDef *group;
	int32		group_id;
	int32		queue_id = 0;
	int32		dead_letter_id = 0;
	Oid			carrier;

	PreventCommandIfReadOnly("group_create()");
	(void) cq_interval_ms(options->session_timeout, 1, "session_timeout");
	cq_topic_lock_definition(def);
	if (!cq_object_allowed(&def->object, CQ_TOPIC_CONSUME | CQ_TOPIC_ALTER))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for topic \"%s\"", def->name),
				 errdetail("Creating a group needs the privilege consume on the topic.")));
	cq_topics_sweep();
	cq_topic_refresh(def);
	group = cq_group_def_find(def, name);
	if (group != NULL)
	{
		if (!if_not_exists)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("group \"%s\" of topic \"%s\" already exists", name, def->name)));
		check_same_group(def, group, options);
		return;
	}
	if (options->shared && !cq_queue_may_create())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to create a shared group"),
				 errdetail("It makes a queue, which needs EXECUTE on cq.queue_create.")));
	group_id = cq_object_new_id(CQ_OBJECT_GROUP, "topic_group_group_id_seq", group_formats);
	carrier = cq_carrier_create(CQ_OBJECT_GROUP, group_id, name);
	cq_carrier_own(def->object.carrier, RelationRelationId, carrier);
	if (options->shared)
		create_group_queue(def, name, carrier, &queue_id, &dead_letter_id);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(def->topic_id), false);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(group_id), false);
	cq_parameter_add(&p, TEXTOID, CStringGetTextDatum(name), false);
	cq_parameter_add(&p, OIDOID, ObjectIdGetDatum(carrier), false);
	cq_parameter_add(&p, TEXTOID, CStringGetTextDatum(options->shared ? "shared" : "exclusive"), false);
	cq_parameter_add(&p, TEXTOID, CStringGetTextDatum(options->range ? "range" : "sticky"), false);
	cq_parameter_add(&p, INTERVALOID, PointerGetDatum(options->session_timeout), false);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(queue_id), queue_id == 0);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(dead_letter_id), dead_letter_id == 0);
	(void) cq_execute_with("INSERT INTO cq.topic_group (topic_id, group_id, name, carrier, kind, "
						   "assignment, session_timeout, queue_id, dead_letter_id) "
						   "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", &p);

	CommandCounterIncrement();
	cq_topic_refresh(def);
	group = cq_group_def(def, name);
	cq_topic_items_reserve(1);
	cq_topic_item_add(CQ_TOPIC_ITEM_GROUP_CREATED, def, CQ_NO_CELL)->offset = group_id;
	cq_group_open(def, group);
	if (options->start.kind != CQ_POSITION_EARLIEST)
		set_start(def, group_id, &options->start);
	if (options->shared)
	{
		CqTopicState *state = cq_topic_lock(def, LW_EXCLUSIVE);

		state->feed_due = true;
		cq_topic_unlock(state);
	}
}

void
cq_group_drop_named(CqTopicDef *def, const char *name, bool if_exists)
{
	CqGroupDef *group;

	PreventCommandIfReadOnly("group_drop()");
	cq_topic_lock_definition(def);
	cq_topics_sweep();
	cq_topic_refresh(def);
	group = cq_group_def_find(def, name);
	if (group == NULL && if_exists)
	{
		ereport(NOTICE,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("group \"%s\" of topic \"%s\" does not exist, skipping",
						name, def->name)));
		return;
	}
	group = cq_group_def(def, name);
	if (!cq_object_owned(&group->object) && !cq_object_owned(&def->object))
		cq_object_denied(CQ_OBJECT_GROUP, name, def->name, true);
	cq_object_drop(&group->object);
	cq_topics_sweep();
}
