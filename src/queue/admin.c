/*-------------------------------------------------------------------------
 *
 * admin.c
 *	  Creating, changing and dropping queues, and their privileges.
 *
 * The tables of queues belong to the extension's owner, the only role with
 * privileges on them; owner and privileges of a queue are its carrier's (see
 * core/object.c).  A ShareUpdateExclusiveLock on cq.queue, kept until the end
 * of the transaction, puts creations and drops one after another.
 *
 * Dropping a queue is dropping its carrier, by queue_drop or in whatever way;
 * a sweep then deletes definitions whose carrier is gone.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "core/catalog.h"
#include "core/compat.h"
#include "core/owner.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "queue/admin.h"
#include "queue/open.h"
#include "queue/secret.h"
#include "queue/segment.h"
#include "queue/xact.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define DEAD_SUFFIX ".dead"

StaticAssertDecl(CQ_OPTIONS + 3 <= CQ_PARAMETERS_MAX, "parameters fit");

/* segments of a new queue */
#define INITIAL_SEGMENTS 2

void		(*cq_queue_check_drop_hook) (const CqQueueDef *def) = NULL;

/*
 * The queue, for a change of its options; changes of one queue follow one after
 * another.
 */
static CqQueueDef *
open_to_alter(const char *name)
{
	CqQueueDef *def = cq_queue_open(name, CQ_QUEUE_ALTER);

	LockRelationOid(def->sequence, ShareUpdateExclusiveLock);
	return cq_queue_open(name, CQ_QUEUE_ALTER);
}

static void
lock_definitions(void)
{
	LockRelationOid(cq_relation("queue"), ShareUpdateExclusiveLock);
}

/* what else carries the number of a queue in its name */
static const char *const relation_formats[] = {"q%d_id", "q%d_k0", "q%d_s0", "q%d_e0", NULL};

/*
 * Drop what a restore without data has left of a queue that the user had under
 * that name.
 */
static void
drop_orphans(const char *name)
{
	ListCell   *cell;

	foreach(cell, cq_carrier_orphans(CQ_OBJECT_QUEUE, name))
	{
		cq_carrier_drop(cq_carrier_by_id(CQ_OBJECT_QUEUE, lfirst_int(cell)));
		cq_segments_drop(lfirst_int(cell));
	}
}

/* Insert into cq.queue and create the carrier and the tables. */
static CqQueueDef *
create_one(const char *name, const Datum *options, const bool *option_nulls)
{
	StringInfoData command;
	CqParameters p = {0};
	int32		queue_id;
	Oid			carrier;
	Oid			sequence;
	CqQueueDef *def;

	drop_orphans(name);
	queue_id = cq_object_new_id(CQ_OBJECT_QUEUE, "queue_queue_id_seq", relation_formats);
	carrier = cq_carrier_create(CQ_OBJECT_QUEUE, queue_id, name);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(queue_id), false);
	cq_parameter_add(&p, TEXTOID, CStringGetTextDatum(name), false);
	cq_parameter_add(&p, OIDOID, ObjectIdGetDatum(carrier), false);
	initStringInfo(&command);
	appendStringInfoString(&command, "INSERT INTO cq.queue (queue_id, name, carrier");
	for (int i = 0; i < CQ_OPTIONS; i++)
		appendStringInfo(&command, ", %s", cq_option_name(i));
	appendStringInfoString(&command, ") VALUES ($1, $2, $3");
	for (int i = 0; i < CQ_OPTIONS; i++)
	{
		cq_parameter_add(&p, cq_option_type(i), options[i], option_nulls[i]);
		appendStringInfo(&command, ", $%d", p.n);
	}
	appendStringInfoString(&command, ") ON CONFLICT DO NOTHING RETURNING queue_id");

	if (cq_execute_with(command.data, &p) < 0)
		cq_object_exists(CQ_OBJECT_QUEUE, name);
	sequence = cq_common_tables_create(queue_id, carrier);
	for (int k = 0; k < INITIAL_SEGMENTS; k++)
		cq_segment_create(queue_id, sequence, k);

	CommandCounterIncrement();
	cq_queue_items_reserve(1);
	def = cq_queue_open(name, CQ_QUEUE_NONE);
	cq_queue_item_add(CQ_QUEUE_ITEM_CREATED, def)->msg_id = queue_id;
	if (def->options.durable_leases)
		(void) cq_queue_secret(def);
	return def;
}

/* Raises unless messages of the queue may be sent to that one. */
static void
check_dead_letter(const char *name, const char *dead_letter)
{
	CqQueueDef *dead;

	if (strcmp(dead_letter, name) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a queue cannot be its own dead-letter queue")));
	dead = cq_queue_open(dead_letter, CQ_QUEUE_NONE);
	if (!cq_object_allowed(&dead->object, CQ_QUEUE_SEND))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for dead-letter queue \"%s\"", dead_letter)));
}

/* A queue for dead letters keeps them: no limit, no dead letters of its own. */
static CqQueueDef *
create_dead_letter(const char *name, Datum lease)
{
	Datum		values[CQ_OPTIONS];
	bool		nulls[CQ_OPTIONS];

	for (int i = 0; i < CQ_OPTIONS; i++)
		values[i] = cq_option_default(i, &nulls[i]);
	values[CQ_OPTION_LEASE] = lease;
	nulls[CQ_OPTION_MAX_ATTEMPTS] = true;
	return create_one(name, values, nulls);
}

static char *
default_dead_letter(const char *name)
{
	char	   *dead_letter = psprintf("%s%s", name, DEAD_SUFFIX);

	if (strlen(dead_letter) > CQ_QUEUE_NAME_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of the dead-letter queue would be longer than %d bytes",
						CQ_QUEUE_NAME_BYTES_MAX),
				 errhint("Choose a shorter name, or an existing dead-letter queue.")));
	return dead_letter;
}

/*
 * The queue for dead letters by default; creates it unless the user owns one by
 * that name.  The owner of another's queue could read the letters.
 */
static CqQueueDef *
open_default_dead_letter(const char *dead_letter, Datum lease, bool *created)
{
	CqQueueDef *dead = cq_queue_find(dead_letter);

	*created = (dead == NULL || !OidIsValid(cq_relation_owner(dead->object.carrier)));
	if (*created)
		return create_dead_letter(dead_letter, lease);
	if (cq_relation_owner(dead->object.carrier) != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("queue \"%s\" already exists and belongs to another role", dead_letter),
				 errhint("Name the queue for dead letters with dead_letter, or choose another name for the queue.")));
	return dead;
}

/* Raises 42710 unless that queue has these options. */
static void
check_same_options(const CqQueueDef *def, const Datum *values, const bool *nulls)
{
	CqQueueOptions wanted;

	cq_options_read(&wanted, values, nulls);
	if (!cq_options_same(&wanted, &def->options))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("queue \"%s\" already exists with other options", def->name),
				 errhint("See cq.queues; cq.queue_alter changes options.")));
	ereport(NOTICE,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("queue \"%s\" already exists, skipping", def->name)));
}

bool
cq_queue_create_named(const char *name, Datum *values, bool *nulls, bool if_not_exists,
					  CqQueueDef **created_dead_letter)
{
	CqQueueDef *def;
	CqQueueDef *dead = NULL;
	bool		by_default = nulls[CQ_OPTION_DEAD_LETTER];
	bool		created = false;

	cq_require_shared();
	PreventCommandIfReadOnly("queue_create()");
	if (creating_extension)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("queues cannot be created by an extension's script")));
	for (int i = 0; i < CQ_OPTIONS; i++)
		cq_option_check(i, values[i], nulls[i]);
	lock_definitions();
	cq_queues_sweep();

	if (by_default)
	{
		values[CQ_OPTION_DEAD_LETTER] = CStringGetTextDatum(default_dead_letter(name));
		nulls[CQ_OPTION_DEAD_LETTER] = false;
	}
	def = cq_queue_find(name);
	if (def != NULL)
	{
		if (!if_not_exists)
			cq_object_exists(CQ_OBJECT_QUEUE, name);
		check_same_options(def, values, nulls);
		return false;
	}
	if (by_default)
		dead = open_default_dead_letter(TextDatumGetCString(values[CQ_OPTION_DEAD_LETTER]),
										values[CQ_OPTION_LEASE], &created);
	else
		check_dead_letter(name, TextDatumGetCString(values[CQ_OPTION_DEAD_LETTER]));
	(void) create_one(name, values, nulls);
	if (created_dead_letter != NULL)
		*created_dead_letter = created ? dead : NULL;
	return true;
}

/*
 * Run an UPDATE of the queue's state in cq.queue, and tell the state in shared memory the
 * new options at commit.  No lock held.
 */
static void
change_options(CqQueueDef *def, const char *command, CqParameters *parameters)
{
	CqQueueItem *item;
	int			number;

	/* from here on the state is not given what we read of the definition */
	cq_queue_items_reserve(1);
	number = cq_queue_item_number(cq_queue_item_add(CQ_QUEUE_ITEM_OPTIONS, def));
	(void) cq_execute_with(command, parameters);
	CommandCounterIncrement();

	if (cq_definition_read(CQ_OBJECT_QUEUE, def->name) == NULL)
		elog(ERROR, "queue \"%s\" is gone", def->name);
	item = cq_queue_item_at(number);
	item->options = MemoryContextAlloc(TopTransactionContext, sizeof(CqQueueOptions));
	*item->options = def->options;
}

void
cq_queue_alter_named(const char *name, const Datum *options, const bool *changed,
					 const bool *option_nulls)
{
	StringInfoData command;
	CqParameters p = {0};
	CqQueueDef *def;

	PreventCommandIfReadOnly("queue_alter()");
	def = open_to_alter(name);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(def->queue_id), false);
	initStringInfo(&command);
	appendStringInfoString(&command, "UPDATE cq.queue SET version = version + 1");
	for (int i = 0; i < CQ_OPTIONS; i++)
	{
		if (!changed[i])
			continue;
		cq_option_check(i, options[i], option_nulls[i]);
		if (i == CQ_OPTION_DEAD_LETTER && !option_nulls[i])
			check_dead_letter(name, TextDatumGetCString(options[i]));
		cq_parameter_add(&p, cq_option_type(i), options[i], option_nulls[i]);
		appendStringInfo(&command, ", %s = $%d", cq_option_name(i), p.n);
	}
	appendStringInfoString(&command, " WHERE queue_id = $1");
	change_options(def, command.data, &p);
}

void
cq_queue_set_paused(const char *name, bool paused)
{
	CqParameters p = {0};
	CqQueueDef *def;

	PreventCommandIfReadOnly(paused ? "queue_pause()" : "queue_resume()");
	def = open_to_alter(name);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(def->queue_id), false);
	cq_parameter_add(&p, BOOLOID, BoolGetDatum(paused), false);
	change_options(def, "UPDATE cq.queue SET version = version + 1, paused = $2 "
				   "WHERE queue_id = $1", &p);
}

/* Let a queue keep its dead letters from now on. */
static void
forget_dead_letter(CqQueueDef *def)
{
	CqParameters p = {0};

	cq_parameter_add(&p, INT4OID, Int32GetDatum(def->queue_id), false);
	change_options(def, "UPDATE cq.queue SET version = version + 1, dead_letter = NULL "
				   "WHERE queue_id = $1", &p);
}

/*
 * The carrier is gone, and with it most of the tables: delete the rest.  Queues
 * that send their dead letters there keep them from now on.
 */
static void
forget(int32 queue_id)
{
	CqQueueDef *def = cq_queue_by_id(queue_id);
	ListCell   *cell;

	foreach(cell, cq_queues_all())
	{
		CqQueueDef *other = lfirst(cell);

		if (def == NULL || strcmp(other->options.dead_letter, def->name) != 0)
			continue;
		other = cq_queue_open_if_exists(other->name);
		if (other != NULL)
			forget_dead_letter(other);
	}
	cq_segments_drop(queue_id);
	cq_queue_secret_drop(queue_id);
	(void) cq_execute_with_int("DELETE FROM cq.queue WHERE queue_id = $1", queue_id);
	CommandCounterIncrement();
	cq_queue_items_reserve(1);
	cq_queue_item_add_drop(queue_id);
}

bool
cq_queue_may_create(void)
{
	CatCList   *list = SearchSysCacheList1(PROCNAMEARGSNSP, CStringGetDatum("queue_create"));
	bool		result = false;

	for (int i = 0; i < list->n_members && !result; i++)
	{
		Form_pg_proc proc = (Form_pg_proc) GETSTRUCT(&list->members[i]->tuple);

		result = proc->pronamespace == cq_schema() &&
			cq_function_privilege(proc->oid) == ACLCHECK_OK;
	}
	ReleaseSysCacheList(list);
	return result;
}

void
cq_queues_sweep(void)
{
	ListCell   *cell;

	if (cq_objects_without_carrier(CQ_OBJECT_QUEUE) == NIL)
		return;
	lock_definitions();
	foreach(cell, cq_objects_without_carrier(CQ_OBJECT_QUEUE))
		forget(lfirst_int(cell));
}

void
cq_queue_drop_named(const char *name, bool if_exists)
{
	CqQueueDef *def;
	ListCell   *cell;

	cq_require_shared();
	PreventCommandIfReadOnly("queue_drop()");
	lock_definitions();
	cq_queues_sweep();
	def = cq_queue_find(name);
	if (def == NULL)
	{
		if (!if_exists)
			cq_object_missing(CQ_OBJECT_QUEUE, name);
		cq_object_skip_missing(CQ_OBJECT_QUEUE, name);
		return;
	}
	if (!cq_object_owned(&def->object))
		cq_object_denied(CQ_OBJECT_QUEUE, name, NULL, true);
	foreach(cell, cq_queues_all())
	{
		CqQueueDef *other = lfirst(cell);

		if (strcmp(other->options.dead_letter, name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("queue \"%s\" is the dead-letter queue of \"%s\"",
							name, other->name),
					 errhint("Drop that queue first.")));
	}
	if (cq_queue_check_drop_hook != NULL)
		cq_queue_check_drop_hook(def);
	cq_object_drop(&def->object);
	cq_queues_sweep();
}

void
cq_queue_drop_by_id(int32 queue_id)
{
	CqQueueDef *def = cq_queue_by_id(queue_id);

	if (def != NULL)
		cq_carrier_drop(def->object.carrier);
}

void
cq_queue_change_grant(const char *name, const char *role, AclMode privileges, bool grant)
{
	CqQueueDef *def;

	PreventCommandIfReadOnly(grant ? "queue_grant()" : "queue_revoke()");
	def = cq_queue_open(name, CQ_QUEUE_NONE);
	if (!cq_object_grant(&def->object, role, privileges, grant, false))
		cq_object_denied(CQ_OBJECT_QUEUE, name, NULL, false);
}

void
cq_queue_change_owner(const char *name, const char *role)
{
	CqQueueDef *def;

	PreventCommandIfReadOnly("queue_owner()");
	def = cq_queue_open(name, CQ_QUEUE_NONE);
	if (!cq_object_change_owner(&def->object, role))
		cq_object_denied(CQ_OBJECT_QUEUE, name, NULL, true);
}
