/*-------------------------------------------------------------------------
 *
 * exchange_functions.c
 *	  cq.exchange_create, exchange_publish and their like: unpack, call, pack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/args.h"
#include "core/limits.h"
#include "core/shmem.h"
#include "exchange/admin.h"
#include "exchange/publish.h"
#include "exchange/route.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "sql/message_rows.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(cq_exchange_create);
PG_FUNCTION_INFO_V1(cq_exchange_alter);
PG_FUNCTION_INFO_V1(cq_exchange_drop);
PG_FUNCTION_INFO_V1(cq_exchange_bind);
PG_FUNCTION_INFO_V1(cq_exchange_unbind);
PG_FUNCTION_INFO_V1(cq_exchange_publish);
PG_FUNCTION_INFO_V1(cq_exchange_route);
PG_FUNCTION_INFO_V1(cq_exchange_grant);
PG_FUNCTION_INFO_V1(cq_exchange_revoke);
PG_FUNCTION_INFO_V1(cq_exchange_owner);
PG_FUNCTION_INFO_V1(cq_exchange_changed);

#define ROUTE_COLUMNS 2

/* ---- arguments ------------------------------------------------------- */

/* An exchange's name; raises 22004, 22023, 55000. */
static char *
exchange_arg(FunctionCallInfo fcinfo, int arg, const char *name)
{
	char	   *value;

	cq_require_shared();
	value = cq_arg_text(fcinfo, arg, name);
	cq_check_name("an exchange's name", strlen(value), CQ_EXCHANGE_NAME_BYTES_MAX);
	return value;
}

static char *
alternate_arg(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : exchange_arg(fcinfo, arg, "alternate");
}

static text *
short_text(text *value, int bytes_max, const char *name)
{
	cq_check_length(name, VARSIZE_ANY_EXHDR(value), bytes_max);
	return value;
}

static text *
routing_key_arg(FunctionCallInfo fcinfo, int arg)
{
	cq_arg_not_null(fcinfo, arg, "routing_key");
	return short_text(PG_GETARG_TEXT_PP(arg), CQ_ROUTING_KEY_BYTES_MAX, "routing_key");
}

/* NULL, or a JSON object; raises 22023. */
static Jsonb *
headers_arg(FunctionCallInfo fcinfo, int arg)
{
	Jsonb	   *headers;

	if (PG_ARGISNULL(arg))
		return NULL;
	headers = PG_GETARG_JSONB_P(arg);
	if (!JB_ROOT_IS_OBJECT(headers))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("headers must be a JSON object")));
	return headers;
}

/* A key for groups and partitions, or NULL; raises 22023 and 54000. */
static text *
key_arg(FunctionCallInfo fcinfo, int arg)
{
	text	   *key;

	if (PG_ARGISNULL(arg))
		return NULL;
	key = short_text(PG_GETARG_TEXT_PP(arg), CQ_KEY_BYTES_MAX, "key");
	if (VARSIZE_ANY_EXHDR(key) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key must not be empty")));
	return key;
}

/* Arguments target_kind, target, routing_key, headers, match. */
static void
binding_args(FunctionCallInfo fcinfo, CqBinding *binding)
{
	char	   *match;

	binding->target_kind = cq_target_kind_named(cq_arg_text(fcinfo, 1, "target_kind"));
	binding->target = cq_arg_text(fcinfo, 2, "target");
	binding->routing_key = routing_key_arg(fcinfo, 3);
	binding->headers = headers_arg(fcinfo, 4);
	match = cq_arg_text(fcinfo, 5, "match");
	binding->any = strcmp(match, "any") == 0;
	if (!binding->any && strcmp(match, "all") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown match \"%s\"", match),
				 errhint("It is all or any.")));
}

/* ---- exchanges ------------------------------------------------------- */

/* cq.exchange_create(exchange, kind, alternate, if_not_exists) → void */
Datum
cq_exchange_create(PG_FUNCTION_ARGS)
{
	char	   *name = exchange_arg(fcinfo, 0, "exchange");
	CqExchangeKind kind = cq_exchange_kind_named(cq_arg_text(fcinfo, 1, "kind"));

	cq_arg_not_null(fcinfo, 3, "if_not_exists");
	cq_exchange_create_named(name, kind, alternate_arg(fcinfo, 2), PG_GETARG_BOOL(3));
	PG_RETURN_VOID();
}

/* cq.exchange_alter(exchange, alternate) → void */
Datum
cq_exchange_alter(PG_FUNCTION_ARGS)
{
	char	   *name = exchange_arg(fcinfo, 0, "exchange");

	cq_exchange_alter_named(name, alternate_arg(fcinfo, 1));
	PG_RETURN_VOID();
}

/* cq.exchange_drop(exchange, if_exists) → void */
Datum
cq_exchange_drop(PG_FUNCTION_ARGS)
{
	char	   *name = exchange_arg(fcinfo, 0, "exchange");

	cq_arg_not_null(fcinfo, 1, "if_exists");
	cq_exchange_drop_named(name, PG_GETARG_BOOL(1));
	PG_RETURN_VOID();
}

/* cq.exchange_bind(exchange, target_kind, target, routing_key, headers, match) → boolean */
Datum
cq_exchange_bind(PG_FUNCTION_ARGS)
{
	char	   *name = exchange_arg(fcinfo, 0, "exchange");
	CqBinding	binding;

	binding_args(fcinfo, &binding);
	PG_RETURN_BOOL(cq_exchange_bind_to(name, &binding));
}

/* cq.exchange_unbind(exchange, target_kind, target, routing_key, headers, match) → boolean */
Datum
cq_exchange_unbind(PG_FUNCTION_ARGS)
{
	char	   *name = exchange_arg(fcinfo, 0, "exchange");
	CqBinding	binding;

	binding_args(fcinfo, &binding);
	PG_RETURN_BOOL(cq_exchange_unbind_from(name, &binding));
}

/* Of exchange_grant and exchange_revoke: exchange, role, privileges. */
static void
change_grant(FunctionCallInfo fcinfo, bool grant)
{
	char	   *name = exchange_arg(fcinfo, 0, "exchange");
	char	   *role = cq_arg_text(fcinfo, 1, "role");
	char	   *privileges = cq_arg_text(fcinfo, 2, "privileges");

	cq_exchange_change_grant(name, role, cq_privileges_named(CQ_OBJECT_EXCHANGE, privileges),
							 grant);
}

/* cq.exchange_grant(exchange, role, privileges) → void */
Datum
cq_exchange_grant(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, true);
	PG_RETURN_VOID();
}

/* cq.exchange_revoke(exchange, role, privileges) → void */
Datum
cq_exchange_revoke(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, false);
	PG_RETURN_VOID();
}

/* cq.exchange_owner(exchange, new_owner) → void */
Datum
cq_exchange_owner(PG_FUNCTION_ARGS)
{
	char	   *name = exchange_arg(fcinfo, 0, "exchange");

	cq_exchange_change_owner(name, cq_arg_text(fcinfo, 1, "new_owner"));
	PG_RETURN_VOID();
}

/* ---- messages -------------------------------------------------------- */

/* cq.exchange_publish(exchange, routing_key, body, headers, mandatory, key) → int */
Datum
cq_exchange_publish(PG_FUNCTION_ARGS)
{
	char	   *name = exchange_arg(fcinfo, 0, "exchange");
	text	   *routing_key = routing_key_arg(fcinfo, 1);
	Jsonb	   *headers = headers_arg(fcinfo, 3);
	text	   *key = key_arg(fcinfo, 5);
	CqExchange *exchange;
	int			received;

	if (headers != NULL)
		cq_check_no_dead_letter(JsonbPGetDatum(headers));
	cq_arg_not_null(fcinfo, 2, "body");
	cq_arg_not_null(fcinfo, 4, "mandatory");
	PreventCommandIfReadOnly("exchange_publish()");
	PreventCommandIfParallelMode("exchange_publish()");
	exchange = cq_exchange_open(name, CQ_EXCHANGE_PUBLISH);
	received = cq_exchange_publish_message(exchange, routing_key, PG_GETARG_DATUM(2),
										   headers, key);
	if (received == 0 && PG_GETARG_BOOL(4))
		ereport(ERROR,
				(errcode(ERRCODE_NO_DATA_FOUND),
				 errmsg("exchange \"%s\" has no queue or topic for this message", name),
				 errdetail("Its routing key is \"%s\".", text_to_cstring(routing_key))));
	PG_RETURN_INT32(received);
}

/* cq.exchange_route(exchange, routing_key, headers) → SETOF record */
Datum
cq_exchange_route(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *name = exchange_arg(fcinfo, 0, "exchange");
	text	   *routing_key = routing_key_arg(fcinfo, 1);
	Jsonb	   *headers = headers_arg(fcinfo, 2);
	CqTarget  **targets;
	int			n;

	InitMaterializedSRF(fcinfo, 0);
	n = cq_exchange_match(cq_exchange_open(name, CQ_EXCHANGE_ANY), routing_key, headers, &targets);
	for (int i = 0; i < n; i++)
	{
		Datum		values[ROUTE_COLUMNS];
		bool		nulls[ROUTE_COLUMNS] = {0};

		if (targets[i]->name == NULL)
			continue;
		values[0] = CStringGetTextDatum(cq_target_kind_name(targets[i]->kind));
		values[1] = CStringGetTextDatum(targets[i]->name);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}

/* ---- for the script of the extension --------------------------------- */

/* Statement trigger on cq.exchange and cq.exchange_binding. */
Datum
cq_exchange_changed(PG_FUNCTION_ARGS)
{
	cq_arg_trigger(fcinfo, "_exchange_changed");
	cq_definitions_changed(CQ_OBJECT_EXCHANGE);
	return PointerGetDatum(NULL);
}
