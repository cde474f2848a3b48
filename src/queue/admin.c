/*-------------------------------------------------------------------------
 *
 * admin.c
 *	  Creating and dropping queues, and who may use them.
 *
 * The tables of queues belong to the extension's owner and nobody else has
 * privileges on them; who may do what to a queue is decided here, from its
 * owner and cq.queue_grant.  A ShareUpdateExclusiveLock on cq.queue, kept until
 * the end of the transaction, puts creations and drops one after another.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "core/owner.h"
#include "core/shmem.h"
#include "miscadmin.h"
#include "queue/admin.h"
#include "queue/segment.h"
#include "queue/xact.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define DEAD_SUFFIX ".dead"

/* segments of a new queue */
#define INITIAL_SEGMENTS 2

static void
lock_definitions(void)
{
	LockRelationOid(cq_relation("queue"), ShareUpdateExclusiveLock);
}

/* Insert into cq.queue and create the tables. */
static void
create_one(const char *name, const Datum *options, const bool *option_nulls)
{
	StringInfoData command;
	Oid			types[CQ_OPTIONS + 2] = {TEXTOID, OIDOID};
	Datum		values[CQ_OPTIONS + 2];
	char		nulls[CQ_OPTIONS + 2];
	int32		queue_id;
	CqQueueDef *def;

	values[0] = CStringGetTextDatum(name);
	values[1] = ObjectIdGetDatum(GetUserId());
	memset(nulls, ' ', sizeof(nulls));
	initStringInfo(&command);
	appendStringInfoString(&command, "INSERT INTO cq.queue (name, owner");
	for (int i = 0; i < CQ_OPTIONS; i++)
		appendStringInfo(&command, ", %s", cq_option_name(i));
	appendStringInfoString(&command, ") VALUES ($1, $2::regrole");
	for (int i = 0; i < CQ_OPTIONS; i++)
	{
		appendStringInfo(&command, ", $%d", i + 3);
		types[i + 2] = cq_option_type(i);
		values[i + 2] = options[i];
		nulls[i + 2] = option_nulls[i] ? 'n' : ' ';
	}
	appendStringInfoString(&command, ") ON CONFLICT DO NOTHING RETURNING queue_id");

	queue_id = cq_execute_as_owner(command.data, CQ_OPTIONS + 2, types, values, nulls);
	if (queue_id < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("queue \"%s\" already exists", name)));
	cq_common_tables_create(queue_id);
	for (int k = 0; k < INITIAL_SEGMENTS; k++)
		cq_segment_create(queue_id, k);

	CommandCounterIncrement();
	cq_items_reserve(1);
	def = cq_queue_open(name, CQ_QUEUE_NONE);
	cq_item_add(CQ_ITEM_CREATED, def)->msg_id = queue_id;
}

static void
check_dead_letter_allowed(CqQueueDef *def)
{
	if (!cq_queue_allowed(def, CQ_QUEUE_SEND | CQ_QUEUE_MANAGE))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for dead-letter queue \"%s\"", def->name)));
}

/* Raises unless messages of the queue may be sent to that one. */
static void
check_dead_letter(const char *name, const char *dead_letter)
{
	if (strcmp(dead_letter, name) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a queue cannot be its own dead-letter queue")));
	check_dead_letter_allowed(cq_queue_open(dead_letter, CQ_QUEUE_NONE));
}

/* A queue for dead letters keeps them: no limit, no dead letters of its own. */
static void
create_dead_letter(const char *name, Datum lease)
{
	Datum		values[CQ_OPTIONS];
	bool		nulls[CQ_OPTIONS];

	for (int i = 0; i < CQ_OPTIONS; i++)
		values[i] = cq_option_default(i, &nulls[i]);
	values[CQ_OPTION_LEASE] = lease;
	nulls[CQ_OPTION_MAX_ATTEMPTS] = true;
	create_one(name, values, nulls);
}

/* The default name of the queue for dead letters; creates it unless it exists. */
static const char *
default_dead_letter(const char *name, Datum lease)
{
	const char *dead_letter = psprintf("%s%s", name, DEAD_SUFFIX);
	CqQueueDef *dead;

	if (strlen(dead_letter) > CQ_QUEUE_NAME_BYTES_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the name of the dead-letter queue would be longer than %d bytes",
						CQ_QUEUE_NAME_BYTES_MAX),
				 errhint("Choose a shorter name, or an existing dead-letter queue.")));
	dead = cq_definition_find(dead_letter);
	if (dead != NULL)
		check_dead_letter_allowed(dead);
	else
		create_dead_letter(dead_letter, lease);
	return dead_letter;
}

void
cq_queue_create_named(const char *name, Datum *values, bool *nulls)
{
	cq_require_shared();
	PreventCommandIfReadOnly("queue_create()");
	if (creating_extension)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("queues cannot be created by an extension's script")));
	for (int i = 0; i < CQ_OPTIONS; i++)
		cq_option_check(i, values[i], nulls[i]);
	lock_definitions();

	if (cq_definition_find(name) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("queue \"%s\" already exists", name)));
	if (!nulls[CQ_OPTION_DEAD_LETTER])
		check_dead_letter(name, TextDatumGetCString(values[CQ_OPTION_DEAD_LETTER]));
	else
	{
		values[CQ_OPTION_DEAD_LETTER] =
			CStringGetTextDatum(default_dead_letter(name, values[CQ_OPTION_LEASE]));
		nulls[CQ_OPTION_DEAD_LETTER] = false;
	}
	create_one(name, values, nulls);
}

/*
 * Run an UPDATE of the queue's row, whose first parameter is its number, and
 * let all know of the new options at commit.
 */
static void
change_options(CqQueueDef *def, const char *command, int nargs, Oid *types,
			   Datum *values, const char *nulls)
{
	CqItem	   *item;
	int			number;

	/* from here on the row is not given what we read of the definition */
	cq_items_reserve(1);
	number = cq_item_number(cq_item_add(CQ_ITEM_OPTIONS, def));
	values[0] = Int32GetDatum(def->queue_id);
	(void) cq_execute_as_owner(command, nargs, types, values, nulls);
	CommandCounterIncrement();

	def->epoch = 0;
	if (cq_definition_find(def->name) == NULL)
		elog(ERROR, "queue \"%s\" is gone", def->name);
	item = cq_item_at(number);
	item->options = MemoryContextAlloc(TopTransactionContext, sizeof(CqQueueOptions));
	*item->options = def->options;
}

void
cq_queue_alter_named(const char *name, const Datum *options, const bool *changed,
					 const bool *option_nulls)
{
	StringInfoData command;
	Oid			types[CQ_OPTIONS + 1] = {INT4OID};
	Datum		values[CQ_OPTIONS + 1];
	char		nulls[CQ_OPTIONS + 1];
	CqQueueDef *def;
	int			n = 1;

	PreventCommandIfReadOnly("queue_alter()");
	lock_definitions();
	def = cq_queue_open(name, CQ_QUEUE_MANAGE);
	nulls[0] = ' ';
	initStringInfo(&command);
	appendStringInfoString(&command, "UPDATE cq.queue SET version = version + 1");
	for (int i = 0; i < CQ_OPTIONS; i++)
	{
		if (!changed[i])
			continue;
		cq_option_check(i, options[i], option_nulls[i]);
		if (i == CQ_OPTION_DEAD_LETTER && !option_nulls[i])
			check_dead_letter(name, TextDatumGetCString(options[i]));
		types[n] = cq_option_type(i);
		values[n] = options[i];
		nulls[n] = option_nulls[i] ? 'n' : ' ';
		appendStringInfo(&command, ", %s = $%d", cq_option_name(i), ++n);
	}
	appendStringInfoString(&command, " WHERE queue_id = $1");
	change_options(def, command.data, n, types, values, nulls);
}

void
cq_queue_set_paused(const char *name, bool paused)
{
	Oid			types[] = {INT4OID, BOOLOID};
	Datum		values[2];
	CqQueueDef *def;

	PreventCommandIfReadOnly(paused ? "queue_pause()" : "queue_resume()");
	lock_definitions();
	def = cq_queue_open(name, CQ_QUEUE_MANAGE);
	values[1] = BoolGetDatum(paused);
	change_options(def, "UPDATE cq.queue SET version = version + 1, paused = $2 "
				   "WHERE queue_id = $1", 2, types, values, NULL);
}

static void
drop(const char *name, bool check)
{
	Oid			types[] = {INT4OID};
	Datum		values[1];
	CqQueueDef *def;
	ListCell   *cell;
	int32		queue_id;

	cq_require_shared();
	PreventCommandIfReadOnly("queue_drop()");
	lock_definitions();
	def = cq_definition_find(name);
	if (def == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("queue \"%s\" does not exist", name)));
	if (check && !cq_queue_allowed(def, CQ_QUEUE_MANAGE))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for queue \"%s\"", name)));
	queue_id = def->queue_id;
	foreach(cell, cq_definitions_all())
	{
		CqQueueDef *other = lfirst(cell);

		if (strcmp(other->options.dead_letter, name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
					 errmsg("queue \"%s\" is the dead-letter queue of \"%s\"",
							name, other->name),
					 errhint("Drop that queue first.")));
	}

	cq_segments_drop(queue_id);
	values[0] = Int32GetDatum(queue_id);
	(void) cq_execute_as_owner("DELETE FROM cq.queue_grant WHERE queue_id = $1",
							   1, types, values, NULL);
	(void) cq_execute_as_owner("DELETE FROM cq.queue WHERE queue_id = $1",
							   1, types, values, NULL);
	cq_items_reserve(1);
	cq_item_add_drop(queue_id);
}

void
cq_queue_drop_named(const char *name)
{
	drop(name, true);
}

void
cq_queue_drop_unchecked(const char *name)
{
	drop(name, false);
}

int
cq_queue_privilege_named(const char *name)
{
	if (strcmp(name, "send") == 0)
		return CQ_QUEUE_SEND;
	if (strcmp(name, "consume") == 0)
		return CQ_QUEUE_CONSUME;
	if (strcmp(name, "manage") == 0)
		return CQ_QUEUE_MANAGE;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown privilege \"%s\"", name),
			 errhint("Privileges of queues are send, consume and manage.")));
	return 0;
}

/* Run a command with queue, role and privileges as its parameters. */
static void
change_grant(const char *queue, const char *role, int privileges, const char *command)
{
	CqQueueDef *def = cq_queue_open(queue, CQ_QUEUE_MANAGE);
	Oid			types[] = {INT4OID, OIDOID, INT4OID};
	Datum		values[3];

	values[0] = Int32GetDatum(def->queue_id);
	values[1] = ObjectIdGetDatum(strcmp(role, "public") == 0 ? InvalidOid :
								 get_role_oid(role, false));
	values[2] = Int32GetDatum(privileges);
	(void) cq_execute_as_owner(command, 3, types, values, NULL);
}

void
cq_queue_grant_to(const char *queue, const char *role, int privileges)
{
	change_grant(queue, role, privileges,
				 "INSERT INTO cq.queue_grant AS g VALUES ($1, $2::regrole, $3) "
				 "ON CONFLICT (queue_id, grantee) "
				 "DO UPDATE SET privileges = g.privileges | $3");
}

void
cq_queue_revoke_from(const char *queue, const char *role, int privileges)
{
	change_grant(queue, role, privileges,
				 "UPDATE cq.queue_grant SET privileges = privileges & ~$3 "
				 "WHERE queue_id = $1 AND grantee = $2::regrole");
}
