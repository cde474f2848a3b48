/*-------------------------------------------------------------------------
 *
 * admin.c
 *	  Creating exchanges, binding them, and their privileges.
 *
 * Locks, kept until the end of the transaction, and taken in this order:
 *
 * - Functions that change or drop an exchange take its own lock (cq_object_lock); a
 *	 sweep takes several in the order of their numbers.
 * - Those that create or drop an exchange, or change what leads from one to another,
 *	 take the lock of the graph, a ShareUpdateExclusiveLock on cq.exchange.  The own
 *	 locks would not do: four exchanges can be made a cycle by two binds that have no
 *	 exchange in common.
 *
 * Under the lock the tables are read as they are now, whatever the transaction's
 * isolation level.
 *
 * To bind takes the right to alter the exchange, and to send to the queue, to publish
 * to the topic, or to alter the exchange that is to be the target, or the alternate:
 * the binding lets others in, and an exchange cannot be dropped while others lead to
 * it.  To unbind takes the right to alter the exchange, or to own the target.
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
#include "core/catalog.h"
#include "core/owner.h"
#include "core/shmem.h"
#include "exchange/admin.h"
#include "exchange/target.h"
#include "miscadmin.h"
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
}

static void
lock_graph(void)
{
	LockRelationOid(cq_relation("exchange"), ShareUpdateExclusiveLock);
}

/*
 * Open an exchange that is to be changed, and take its own lock; graph: and that of the
 * graph.  Raises 42704, and 42501 without one of the privileges.
 */
static CqExchange *
open_to_change(const char *name, AclMode privileges, bool graph)
{
	CqExchange *exchange;
	int32		id;

	do
	{
		id = cq_exchange_open(name, privileges)->object.id;
		cq_object_lock(CQ_OBJECT_EXCHANGE, id);
		if (graph)
			lock_graph();
		/* it may have been dropped, and another one made, while we waited */
		exchange = cq_exchange_open(name, privileges);
	} while (exchange->object.id != id);
	return exchange;
}

/*
 * Run a command that changes one row and returns a number.  Raises 40001 when an old
 * snapshot does not show that row.
 */
static void
change(const char *command, CqParameters *parameters)
{
	if (cq_execute_with(command, parameters) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update")));
}

/* Raises when 'to' leads to 'from', so that this must not lead there. */
static void
check_cycle(CqExchange *from, CqExchange *to)
{
	List	   *reached = list_make1_int(to->object.id);

	for (int i = 0; i < list_length(reached); i++)
	{
		CqExchange *exchange = cq_exchange_by_id(list_nth_int(reached, i));
		ListCell   *cell;

		CHECK_FOR_INTERRUPTS();
		if (exchange == NULL)
			continue;
		if (exchange->object.id == from->object.id)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("exchange \"%s\" would lead to itself through \"%s\"",
							from->name, to->name),
					 errdetail("Bindings and alternates of exchanges cannot form a cycle.")));
		cq_exchange_read_bindings(exchange);
		foreach(cell, exchange->bindings.next)
			reached = list_append_unique_int(reached, ((CqTarget *) lfirst(cell))->id);
		if (exchange->alternate != 0)
			reached = list_append_unique_int(reached, exchange->alternate);
	}
	list_free(reached);
}

/* what else carries the number of an exchange in its name: nothing */
static const char *const relation_formats[] = {NULL};

/* Drop what a restore without data has left of an exchange under that name. */
static void
drop_orphans(const char *name)
{
	ListCell   *cell;

	foreach(cell, cq_carrier_orphans(CQ_OBJECT_EXCHANGE, name))
		cq_carrier_drop(cq_carrier_by_id(CQ_OBJECT_EXCHANGE, lfirst_int(cell)));
}

/* Raises 42710 unless the exchange is of that kind and has that alternate. */
static void
check_same(const CqExchange *exchange, CqExchangeKind kind, int32 alternate)
{
	if (exchange->kind != kind || exchange->alternate != alternate)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("exchange \"%s\" already exists with other options", exchange->name),
				 errhint("See cq.exchanges.")));
	ereport(NOTICE,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("exchange \"%s\" already exists, skipping", exchange->name)));
}

void
cq_exchange_create_named(const char *name, CqExchangeKind kind, const char *alternate,
						 bool if_not_exists)
{
	CqParameters p = {0};
	CqExchange *exchange;
	int32		alternate_id = 0;
	int32		id;
	Oid			carrier;

	begin("exchange_create()");
	cq_exchanges_sweep();
	lock_graph();
	if (alternate != NULL)
		alternate_id = cq_exchange_open(alternate, CQ_EXCHANGE_ALTER)->object.id;
	exchange = cq_exchange_find(name);
	if (exchange != NULL && if_not_exists)
	{
		check_same(exchange, kind, alternate_id);
		return;
	}
	if (exchange != NULL)
		cq_object_exists(CQ_OBJECT_EXCHANGE, name);
	drop_orphans(name);
	id = cq_object_new_id(CQ_OBJECT_EXCHANGE, "exchange_exchange_id_seq", relation_formats);
	carrier = cq_carrier_create(CQ_OBJECT_EXCHANGE, id, name);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(id), false);
	cq_parameter_add(&p, TEXTOID, CStringGetTextDatum(name), false);
	cq_parameter_add(&p, OIDOID, ObjectIdGetDatum(carrier), false);
	cq_parameter_add(&p, TEXTOID, CStringGetTextDatum(cq_exchange_kind_name(kind)), false);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(alternate_id), alternate_id == 0);
	if (cq_execute_with("INSERT INTO cq.exchange (exchange_id, name, carrier, kind, alternate) "
						"VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING "
						"RETURNING exchange_id", &p) < 0)
		cq_object_exists(CQ_OBJECT_EXCHANGE, name);
}

void
cq_exchange_alter_named(const char *name, const char *alternate)
{
	CqParameters p = {0};
	int32		alternate_id = 0;
	int32		id;

	begin("exchange_alter()");
	id = open_to_change(name, CQ_EXCHANGE_ALTER, true)->object.id;
	if (alternate != NULL)
	{
		alternate_id = cq_exchange_open(alternate, CQ_EXCHANGE_ALTER)->object.id;
		check_cycle(cq_exchange_by_id(id), cq_exchange_by_id(alternate_id));
	}
	cq_parameter_add(&p, INT4OID, Int32GetDatum(id), false);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(alternate_id), alternate_id == 0);
	change("UPDATE cq.exchange SET alternate = $2 WHERE exchange_id = $1 RETURNING 1", &p);
}

/*
 * The carrier is gone: delete what is left.  Others that lead there do no more;
 * bindings go by a trigger.
 */
static void
forget(int32 id)
{
	(void) cq_execute_with_int("UPDATE cq.exchange SET alternate = NULL WHERE alternate = $1", id);
	(void) cq_execute_with_int("DELETE FROM cq.exchange WHERE exchange_id = $1", id);
	CommandCounterIncrement();
}

void
cq_exchanges_sweep(void)
{
	List	   *ids = cq_objects_without_carrier(CQ_OBJECT_EXCHANGE);
	ListCell   *cell;

	if (ids == NIL)
		return;
	foreach(cell, ids)
		cq_object_lock(CQ_OBJECT_EXCHANGE, lfirst_int(cell));
	lock_graph();
	/* another session may have done so meanwhile */
	foreach(cell, list_intersection_int(ids, cq_objects_without_carrier(CQ_OBJECT_EXCHANGE)))
		forget(lfirst_int(cell));
}

/* Raises 42501 unless the current user owns the exchange. */
static void
check_owner(CqExchange *exchange)
{
	if (!cq_object_owned(&exchange->object))
		cq_object_denied(CQ_OBJECT_EXCHANGE, exchange->name, NULL, true);
}

void
cq_exchange_drop_named(const char *name, bool if_exists)
{
	CqExchange *exchange;

	begin("exchange_drop()");
	cq_exchanges_sweep();
	if (if_exists && cq_exchange_find(name) == NULL)
	{
		cq_object_skip_missing(CQ_OBJECT_EXCHANGE, name);
		return;
	}
	/* before others have to wait, and again */
	check_owner(cq_exchange_open(name, CQ_EXCHANGE_NONE));
	exchange = open_to_change(name, CQ_EXCHANGE_NONE, true);
	check_owner(exchange);
	if (cq_exchange_has_sources(exchange->object.id))
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("another exchange leads to exchange \"%s\"", name),
				 errhint("See cq.exchange_bindings; unbind it, or change the other's alternate with cq.exchange_alter.")));
	cq_object_drop(&exchange->object);
	cq_exchanges_sweep();
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

/* Whether it leads from one exchange to another. */
static bool
leads_on(const CqBinding *binding)
{
	return binding->target_kind == CQ_TARGET_EXCHANGE;
}

/* Fill in all but the target.  Raises 22023 for headers where they don't matter. */
static void
resolve(const CqExchange *exchange, const CqBinding *binding, Bound *bound)
{
	bound->exchange_id = exchange->object.id;
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
				 errmsg("exchange \"%s\" does not look at headers", exchange->name),
				 errhint("Exchanges of kind headers do.")));
}

/*
 * The number of the binding, or 0; as the table is now.
 */
static int32
find_binding(const CqBinding *binding, const Bound *bound)
{
	Relation	rel = table_open(cq_relation("exchange_binding"), AccessShareLock);
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
							  true, NULL, 3, keys);
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
	table_close(rel, AccessShareLock);
	return result;
}

static void
insert_binding(const CqBinding *binding, const Bound *bound)
{
	CqParameters p = {0};

	cq_parameter_add(&p, INT4OID, Int32GetDatum(bound->exchange_id), false);
	cq_parameter_add(&p, INT4OID, Int32GetDatum(bound->target_id), false);
	cq_parameter_add(&p, TEXTOID, PointerGetDatum(binding->routing_key), false);
	cq_parameter_add(&p, JSONBOID, PointerGetDatum(bound->headers), bound->headers == NULL);
	cq_parameter_add(&p, TEXTOID, CStringGetTextDatum(bound->any ? "any" : "all"), false);
	(void) cq_execute_with(psprintf("INSERT INTO cq.exchange_binding "
									"(exchange_id, %s, routing_key, headers, match) "
									"VALUES ($1, $2, $3, $4, $5)",
									target_columns[binding->target_kind]), &p);
}

bool
cq_exchange_bind_to(const char *name, const CqBinding *binding)
{
	Bound		bound;

	begin("exchange_bind()");
	resolve(open_to_change(name, CQ_EXCHANGE_ALTER, leads_on(binding)), binding, &bound);
	if (binding->target_kind != CQ_TARGET_EXCHANGE)
		bound.target_id = cq_target_find(binding->target_kind, binding->target, true);
	else
	{
		bound.target_id = cq_exchange_open(binding->target, CQ_EXCHANGE_ALTER)->object.id;
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
		return cq_exchange_open(binding->target, CQ_EXCHANGE_NONE)->object.id;
	return cq_target_find(binding->target_kind, binding->target, false);
}

static bool
owns_target(const CqBinding *binding)
{
	if (binding->target_kind == CQ_TARGET_EXCHANGE)
		return cq_object_owned(&cq_exchange_open(binding->target, CQ_EXCHANGE_NONE)->object);
	return cq_target_owned(binding->target_kind, binding->target);
}

bool
cq_exchange_unbind_from(const char *name, const CqBinding *binding)
{
	Bound		bound;
	AclMode		privileges;
	CqParameters p = {0};
	int32		binding_id;

	begin("exchange_unbind()");
	privileges = owns_target(binding) ? CQ_EXCHANGE_NONE : CQ_EXCHANGE_ALTER;
	resolve(open_to_change(name, privileges, leads_on(binding)), binding, &bound);
	bound.target_id = target_id(binding);
	binding_id = find_binding(binding, &bound);
	if (binding_id == 0)
		return false;
	cq_parameter_add(&p, INT4OID, Int32GetDatum(binding_id), false);
	change("DELETE FROM cq.exchange_binding WHERE binding_id = $1 RETURNING 1", &p);
	return true;
}

/* ---- privileges ------------------------------------------------------ */

void
cq_exchange_change_grant(const char *name, const char *role, AclMode privileges, bool grant)
{
	CqObject	object;

	cq_require_shared();
	PreventCommandIfReadOnly(grant ? "exchange_grant()" : "exchange_revoke()");
	object = cq_exchange_open(name, CQ_EXCHANGE_NONE)->object;
	if (!cq_object_grant(&object, role, privileges, grant, false))
		cq_object_denied(CQ_OBJECT_EXCHANGE, name, NULL, false);
}

void
cq_exchange_change_owner(const char *name, const char *role)
{
	CqObject	object;

	cq_require_shared();
	PreventCommandIfReadOnly("exchange_owner()");
	object = cq_exchange_open(name, CQ_EXCHANGE_NONE)->object;
	if (!cq_object_change_owner(&object, role))
		cq_object_denied(CQ_OBJECT_EXCHANGE, name, NULL, true);
}
