/*-------------------------------------------------------------------------
 *
 * queue_admin.c
 *	  cq.queue_create, queue_alter and what else is about queues rather than
 *	  messages: unpack, call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/args.h"
#include "queue/admin.h"
#include "sql/queue_args.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(cq_queue_create);
PG_FUNCTION_INFO_V1(cq_queue_alter);
PG_FUNCTION_INFO_V1(cq_queue_pause);
PG_FUNCTION_INFO_V1(cq_queue_resume);
PG_FUNCTION_INFO_V1(cq_queue_drop);
PG_FUNCTION_INFO_V1(cq_queue_grant);
PG_FUNCTION_INFO_V1(cq_queue_revoke);
PG_FUNCTION_INFO_V1(cq_queue_owner);

/* argument of the first option; they follow in the order of CqOption */
#define OPTIONS_ARG 1

static void
option_args(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	for (int i = 0; i < CQ_OPTIONS; i++)
	{
		nulls[i] = PG_ARGISNULL(OPTIONS_ARG + i);
		values[i] = nulls[i] ? (Datum) 0 : PG_GETARG_DATUM(OPTIONS_ARG + i);
	}
	if (!nulls[CQ_OPTION_DEAD_LETTER])
		(void) cq_queue_name_arg(fcinfo, OPTIONS_ARG + CQ_OPTION_DEAD_LETTER, "dead_letter");
}

/* cq.queue_create(queue, options..., if_not_exists) → void */
Datum
cq_queue_create(PG_FUNCTION_ARGS)
{
	char	   *name = cq_queue_name_arg(fcinfo, 0, "queue");
	Datum		values[CQ_OPTIONS];
	bool		nulls[CQ_OPTIONS];

	option_args(fcinfo, values, nulls);
	cq_arg_not_null(fcinfo, OPTIONS_ARG + CQ_OPTIONS, "if_not_exists");
	(void) cq_queue_create_named(name, values, nulls,
								 PG_GETARG_BOOL(OPTIONS_ARG + CQ_OPTIONS), NULL);
	PG_RETURN_VOID();
}

/* The options that the last argument of queue_alter names get their defaults. */
static void
reset_arg(FunctionCallInfo fcinfo, Datum *values, bool *changed, bool *nulls)
{
	int			n;
	Datum	   *names = cq_arg_elements(fcinfo, OPTIONS_ARG + CQ_OPTIONS, "reset", &n);

	for (int j = 0; j < n; j++)
	{
		CqOption	option = cq_option_named(TextDatumGetCString(names[j]));

		if (changed[option])
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" is given more than once",
							cq_option_name(option))));
		values[option] = cq_option_default(option, &nulls[option]);
		changed[option] = true;
	}
}

/* cq.queue_alter(queue, options..., reset) → void */
Datum
cq_queue_alter(PG_FUNCTION_ARGS)
{
	char	   *name = cq_queue_name_arg(fcinfo, 0, "queue");
	Datum		values[CQ_OPTIONS];
	bool		nulls[CQ_OPTIONS];
	bool		changed[CQ_OPTIONS];

	option_args(fcinfo, values, nulls);
	for (int i = 0; i < CQ_OPTIONS; i++)
		changed[i] = !nulls[i];
	reset_arg(fcinfo, values, changed, nulls);
	cq_queue_alter_named(name, values, changed, nulls);
	PG_RETURN_VOID();
}

/* cq.queue_pause(queue) → void */
Datum
cq_queue_pause(PG_FUNCTION_ARGS)
{
	cq_queue_set_paused(cq_queue_name_arg(fcinfo, 0, "queue"), true);
	PG_RETURN_VOID();
}

/* cq.queue_resume(queue) → void */
Datum
cq_queue_resume(PG_FUNCTION_ARGS)
{
	cq_queue_set_paused(cq_queue_name_arg(fcinfo, 0, "queue"), false);
	PG_RETURN_VOID();
}

/* cq.queue_drop(queue, if_exists) → void */
Datum
cq_queue_drop(PG_FUNCTION_ARGS)
{
	char	   *name = cq_queue_name_arg(fcinfo, 0, "queue");

	cq_arg_not_null(fcinfo, 1, "if_exists");
	cq_queue_drop_named(name, PG_GETARG_BOOL(1));
	PG_RETURN_VOID();
}

/* Of queue_grant and queue_revoke: queue, role, privilege. */
static void
change_grant(FunctionCallInfo fcinfo, bool grant)
{
	char	   *name = cq_queue_name_arg(fcinfo, 0, "queue");

	cq_arg_not_null(fcinfo, 1, "role");
	cq_arg_not_null(fcinfo, 2, "privilege");
	cq_queue_change_grant(name, text_to_cstring(PG_GETARG_TEXT_PP(1)),
						  cq_privileges_named(CQ_OBJECT_QUEUE,
											  text_to_cstring(PG_GETARG_TEXT_PP(2))),
						  grant);
}

/* cq.queue_grant(queue, role, privilege) → void */
Datum
cq_queue_grant(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, true);
	PG_RETURN_VOID();
}

/* cq.queue_revoke(queue, role, privilege) → void */
Datum
cq_queue_revoke(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, false);
	PG_RETURN_VOID();
}

/* cq.queue_owner(queue, new_owner) → void */
Datum
cq_queue_owner(PG_FUNCTION_ARGS)
{
	char	   *name = cq_queue_name_arg(fcinfo, 0, "queue");

	cq_queue_change_owner(name, cq_arg_text(fcinfo, 1, "new_owner"));
	PG_RETURN_VOID();
}
