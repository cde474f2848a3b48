/*-------------------------------------------------------------------------
 *
 * admin.c
 *	  Creating exchanges, binding them, and who may use them.
 *
 * A ShareUpdateExclusiveLock on cq.exchange, kept until the end of the
 * transaction, puts all changes of exchanges and bindings one after another.
 * Under it the tables are read as they are now, whatever the transaction's
 * isolation level, so that no two binds can close a cycle together.
 *
 * Whoever binds must be allowed to send to the queue, to publish to the topic,
 * or to manage the exchange that is to be the target, or the alternate: the
 * binding lets others in, and an exchange cannot be dropped while others lead to
 * it.  To unbind he must manage the exchange only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "core/owner.h"
#include "core/shmem.h"
#include "exchange/admin.h"
#include "exchange/target.h"
#include "miscadmin.h"
#include "queue/definition.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* a binding's columns for its target, and the index by them, by CqTargetKind */
static const char *const target_columns[] = {"queue_id", "topic_id", "target_id"};
static const char *const target_indexes[] = {
	"exchange_binding_queue_idx", "exchange_binding_topic_idx", "exchange_binding_target_idx"
};

/* Begin a change. */
static void
begin(const char *function)
{
	cq_require_shared();
	PreventCommandIfReadOnly(function);
	LockRelationOid(cq_relation("exchange"), ShareUpdateExclusiveLock);
}

/*
 * Run a command that changes one row and returns a number, with these ints as
 * its parameters.  Raises 40001 when an old snapshot does not show that row.
 */
static void
change(const char *command, int n, const int32 *numbers)
{
	Oid			types[] = {INT4OID, INT4OID};
	Datum		values[2];

	Assert(n <= lengthof(values));
	for (int i = 0; i < n; i++)
		values[i] = Int32GetDatum(numbers[i]);
	if (cq_execute_as_owner(command, n, types, values, NULL) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
}

/* Raises when 'to' leads to 'from', so that this must not lead there. */
static void
check_cycle(CqExchange *from, CqExchange *to)
{
	List	   *reached = list_make1_int(to->id);

	for (int i = 0; i < list_length(reached); i++)
	{
		CqExchange *exchange = cq_exchange_by_id(list_nth_int(reached, i));
		ListCell   *cell;

		CHECK_FOR_INTERRUPTS();
		if (exchange == NULL)
			continue;
		if (exchange->id == from->id)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("exchange \"%s\" would lead to itself through \"%s\"",
							from->name, to->name),
					 errdetail("Bindings and alternates of exchanges cannot form a cycle.")));
		cq_exchange_read_bindings(exchange);
		foreach(cell, exchange->next)
			reached = list_append_unique_int(reached, ((CqTarget *) lfirst(cell))->id);
		if (exchange->alternate != 0)
			reached = list_append_unique_int(reached, exchange->alternate);
	}
	list_free(reached);
}

void
cq_exchange_create_named(const char *name, CqExchangeKind kind, const char *alternate)
{
	Oid			types[] = {TEXTOID, OIDOID, TEXTOID, INT4OID};
	Datum		values[4];
	char		nulls[4] = {' ', ' ', ' ', ' '};

	begin("exchange_create()");
	values[3] = (Datum) 0;
	if (alternate != NULL)
		values[3] = Int32GetDatum(cq_exchange_open(alternate, CQ_EXCHANGE_MANAGE)->id);
	else
		nulls[3] = 'n';
	values[0] = CStringGetTextDatum(name);
	values[1] = ObjectIdGetDatum(GetUserId());
	values[2] = CStringGetTextDatum(cq_exchange_kind_name(kind));
	if (cq_execute_as_owner("INSERT INTO cq.exchange (name, owner, kind, alternate) "
							"VALUES ($1, $2::regrole, $3, $4) ON CONFLICT DO NOTHING "
							"RETURNING exchange_id", 4, types, values, nulls) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("exchange \"%s\" already exists", name)));
}

void
cq_exchange_alter_named(const char *name, const char *alternate)
{
	int32		numbers[2];

	begin("exchange_alter()");
	numbers[0] = cq_exchange_open(name, CQ_EXCHANGE_MANAGE)->id;
	if (alternate == NULL)
	{
		change("UPDATE cq.exchange SET alternate = NULL WHERE exchange_id = $1 RETURNING 1",
			   1, numbers);
		return;
	}
	numbers[1] = cq_exchange_open(alternate, CQ_EXCHANGE_MANAGE)->id;
	check_cycle(cq_exchange_by_id(numbers[0]), cq_exchange_by_id(numbers[1]));
	change("UPDATE cq.exchange SET alternate = $2 WHERE exchange_id = $1 RETURNING 1",
		   2, numbers);
}

void
cq_exchange_drop_named(const char *name)
{
	int32		id;

	begin("exchange_drop()");
	id = cq_exchange_open(name, CQ_EXCHANGE_MANAGE)->id;
	if (cq_exchange_has_sources(id))
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("another exchange leads to exchange \"%s\"", name),
				 errhint("See cq.exchange_bindings; unbind it, or change the other's alternate with cq.exchange_alter.")));
	change("DELETE FROM cq.exchange WHERE exchange_id = $1 RETURNING 1", 1, &id);
}

/* ---- bindings -------------------------------------------------------- */

/* The exchange's number, that of the target, and what the binding says of headers. */
typedef struct Bound
{
	int32		exchange_id;
	int32		target_id;
	Jsonb	   *headers;		/* NULL: the exchange does not look at them */
	bool		any;
} Bound;

static void
resolve(const char *name, const CqBinding *binding, Bound *bound)
{
	CqExchange *exchange = cq_exchange_open(name, CQ_EXCHANGE_MANAGE);

	bound->exchange_id = exchange->id;
	bound->headers = binding->headers;
	bound->any = binding->any;
	if (exchange->kind == CQ_EXCHANGE_HEADERS)
	{
		if (bound->headers == NULL)
			bound->headers = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("{}")));
		return;
	}
	bound->any = false;
	if (bound->headers != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("exchange \"%s\" does not look at headers", name),
				 errhint("Exchanges of kind headers do.")));
}

/*
 * The number of the binding, or 0; as the table is now.
 */
static int32
find_binding(const CqBinding *binding, const Bound *bound)
{
	Relation	rel = table_open(cq_relation("exchange_binding"), AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData keys[3];
	SysScanDesc scan;
	HeapTuple	tuple;
	int32		result = 0;

	ScanKeyInit(&keys[0], CQ_BINDING_COLUMN_TARGET + binding->target_kind,
				BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(bound->target_id));
	ScanKeyInit(&keys[1], CQ_BINDING_COLUMN_EXCHANGE, BTEqualStrategyNumber,
				F_INT4EQ, Int32GetDatum(bound->exchange_id));
	ScanKeyEntryInitialize(&keys[2], 0, CQ_BINDING_COLUMN_KEY, BTEqualStrategyNumber,
						   InvalidOid, C_COLLATION_OID, F_TEXTEQ,
						   PointerGetDatum(binding->routing_key));
	scan = systable_beginscan(rel, cq_relation(target_indexes[binding->target_kind]),
							  true, snapshot, 3, keys);
	while (result == 0 && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		TupleDesc	desc = RelationGetDescr(rel);
		bool		isnull;
		Datum		headers = heap_getattr(tuple, CQ_BINDING_COLUMN_HEADERS, desc, &isnull);
		bool		match_null;
		Datum		match = heap_getattr(tuple, CQ_BINDING_COLUMN_MATCH, desc, &match_null);

		if (isnull != (bound->headers == NULL) ||
			(strcmp(TextDatumGetCString(match), "any") == 0) != bound->any)
			continue;
		if (isnull ||
			compareJsonbContainers(&DatumGetJsonbP(headers)->root, &bound->headers->root) == 0)
			result = DatumGetInt32(heap_getattr(tuple, CQ_BINDING_COLUMN_ID, desc, &isnull));
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return result;
}

static void
insert_binding(const CqBinding *binding, const Bound *bound)
{
	Oid			types[] = {INT4OID, INT4OID, TEXTOID, JSONBOID, TEXTOID};
	Datum		values[5];
	char		nulls[5] = {' ', ' ', ' ', ' ', ' '};

	values[0] = Int32GetDatum(bound->exchange_id);
	values[1] = Int32GetDatum(bound->target_id);
	values[2] = PointerGetDatum(binding->routing_key);
	values[3] = PointerGetDatum(bound->headers);
	values[4] = CStringGetTextDatum(bound->any ? "any" : "all");
	if (bound->headers == NULL)
		nulls[3] = 'n';
	(void) cq_execute_as_owner(psprintf("INSERT INTO cq.exchange_binding "
										"(exchange_id, %s, routing_key, headers, match) "
										"VALUES ($1, $2, $3, $4, $5)",
										target_columns[binding->target_kind]),
							   5, types, values, nulls);
}

bool
cq_exchange_bind_to(const char *name, const CqBinding *binding)
{
	Bound		bound;

	begin("exchange_bind()");
	resolve(name, binding, &bound);
	if (binding->target_kind != CQ_TARGET_EXCHANGE)
		bound.target_id = cq_target_find(binding->target_kind, binding->target, true);
	else
	{
		bound.target_id = cq_exchange_open(binding->target, CQ_EXCHANGE_MANAGE)->id;
		check_cycle(cq_exchange_by_id(bound.exchange_id), cq_exchange_by_id(bound.target_id));
	}
	if (find_binding(binding, &bound) != 0)
		return false;
	insert_binding(binding, &bound);
	return true;
}

/* The number of a target of any kind, whatever the user's privileges there. */
static int32
target_id(const CqBinding *binding)
{
	if (binding->target_kind == CQ_TARGET_EXCHANGE)
		return cq_exchange_open(binding->target, CQ_EXCHANGE_NONE)->id;
	return cq_target_find(binding->target_kind, binding->target, false);
}

bool
cq_exchange_unbind_from(const char *name, const CqBinding *binding)
{
	Bound		bound;
	int32		binding_id;

	begin("exchange_unbind()");
	resolve(name, binding, &bound);
	bound.target_id = target_id(binding);
	binding_id = find_binding(binding, &bound);
	if (binding_id == 0)
		return false;
	change("DELETE FROM cq.exchange_binding WHERE binding_id = $1 RETURNING 1", 1, &binding_id);
	return true;
}

/* ---- privileges ------------------------------------------------------ */

int
cq_exchange_privileges_named(const char *list)
{
	char	   *names = pstrdup(list);
	int			privileges = 0;
	char	   *next = names;

	while (next != NULL)
	{
		char	   *name = next;
		char	   *end;

		next = strchr(name, ',');
		if (next != NULL)
			*next++ = '\0';
		name += strspn(name, " ");
		for (end = name + strlen(name); end > name && end[-1] == ' '; end--)
			end[-1] = '\0';
		if (strcmp(name, "publish") == 0)
			privileges |= CQ_EXCHANGE_PUBLISH;
		else if (strcmp(name, "manage") == 0)
			privileges |= CQ_EXCHANGE_MANAGE;
		else if (strcmp(name, "all") == 0)
			privileges |= CQ_EXCHANGE_ANY;
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown privilege \"%s\"", name),
					 errhint("Privileges of exchanges are publish and manage, or all.")));
	}
	pfree(names);
	return privileges;
}

/* Run a command with exchange, role and privileges as its parameters. */
static void
change_grant(const char *name, const char *role, int privileges, const char *command)
{
	Oid			types[] = {INT4OID, OIDOID, INT4OID};
	Datum		values[3];

	values[0] = Int32GetDatum(cq_exchange_open(name, CQ_EXCHANGE_MANAGE)->id);
	values[1] = ObjectIdGetDatum(strcmp(role, "public") == 0 ? InvalidOid :
								 get_role_oid(role, false));
	values[2] = Int32GetDatum(privileges);
	(void) cq_execute_as_owner(command, 3, types, values, NULL);
}

void
cq_exchange_grant_to(const char *name, const char *role, int privileges)
{
	begin("exchange_grant()");
	change_grant(name, role, privileges,
				 "INSERT INTO cq.exchange_grant AS g VALUES ($1, $2::regrole, $3) "
				 "ON CONFLICT (exchange_id, grantee) "
				 "DO UPDATE SET privileges = g.privileges | $3");
}

void
cq_exchange_revoke_from(const char *name, const char *role, int privileges)
{
	begin("exchange_revoke()");
	change_grant(name, role, privileges,
				 "UPDATE cq.exchange_grant SET privileges = privileges & ~$3 "
				 "WHERE exchange_id = $1 AND grantee = $2::regrole");
}
