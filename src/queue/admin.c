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
create_one(const char *name, const Interval *lease, int max_attempts,
		   const char *dead_letter)
{
	Oid			types[] = {TEXTOID, INTERVALOID, INT4OID, TEXTOID, OIDOID};
	Datum		values[5];
	char		nulls[] = "     ";
	int32		queue_id;
	CqQueueDef *def;

	values[0] = CStringGetTextDatum(name);
	values[1] = IntervalPGetDatum(lease);
	values[2] = Int32GetDatum(max_attempts);
	nulls[2] = (max_attempts == 0) ? 'n' : ' ';
	values[3] = (dead_letter == NULL) ? (Datum) 0 : CStringGetTextDatum(dead_letter);
	nulls[3] = (dead_letter == NULL) ? 'n' : ' ';
	values[4] = ObjectIdGetDatum(GetUserId());

	queue_id = cq_execute_as_owner("INSERT INTO cq.queue (name, lease, max_attempts, dead_letter, owner) "
								   "VALUES ($1, $2, $3, $4, $5::regrole) "
								   "ON CONFLICT DO NOTHING RETURNING queue_id",
								   5, types, values, nulls);
	if (queue_id < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("queue \"%s\" already exists", name)));
	cq_sequence_create(queue_id);
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

void
cq_queue_create_named(const char *name, const Interval *lease, int max_attempts,
					  const char *dead_letter)
{
	CqQueueDef *dead;

	cq_require_shared();
	PreventCommandIfReadOnly("queue_create()");
	if (creating_extension)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("queues cannot be created by an extension's script")));
	lock_definitions();

	if (cq_definition_find(name) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("queue \"%s\" already exists", name)));
	if (dead_letter != NULL)
	{
		if (strcmp(dead_letter, name) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a queue cannot be its own dead-letter queue")));
		dead = cq_queue_open(dead_letter, CQ_QUEUE_NONE);
		check_dead_letter_allowed(dead);
	}
	else
	{
		dead_letter = psprintf("%s%s", name, DEAD_SUFFIX);
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
			create_one(dead_letter, lease, 0, NULL);
	}
	create_one(name, lease, max_attempts, dead_letter);
}

void
cq_queue_drop_named(const char *name)
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
	if (!cq_queue_allowed(def, CQ_QUEUE_MANAGE))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for queue \"%s\"", name)));
	queue_id = def->queue_id;
	foreach(cell, cq_definitions_all())
	{
		CqQueueDef *other = lfirst(cell);

		if (strcmp(other->dead_letter, name) == 0)
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
