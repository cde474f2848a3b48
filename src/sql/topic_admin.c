/*-------------------------------------------------------------------------
 *
 * topic_admin.c
 *	  cq.topic_create, group_join and what else is about topics and groups
 *	  rather than records: unpack, call.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/args.h"
#include "sql/topic_args.h"
#include "topic/admin.h"
#include "topic/membership.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(cq_topic_create);
PG_FUNCTION_INFO_V1(cq_topic_alter);
PG_FUNCTION_INFO_V1(cq_topic_drop);
PG_FUNCTION_INFO_V1(cq_topic_grant);
PG_FUNCTION_INFO_V1(cq_topic_revoke);
PG_FUNCTION_INFO_V1(cq_topic_owner);
PG_FUNCTION_INFO_V1(cq_topic_publication_create);
PG_FUNCTION_INFO_V1(cq_topic_replica_create);
PG_FUNCTION_INFO_V1(cq_topic_replica_promote);
PG_FUNCTION_INFO_V1(cq_group_create);
PG_FUNCTION_INFO_V1(cq_group_drop);
PG_FUNCTION_INFO_V1(cq_group_grant);
PG_FUNCTION_INFO_V1(cq_group_revoke);
PG_FUNCTION_INFO_V1(cq_group_owner);
PG_FUNCTION_INFO_V1(cq_group_join);
PG_FUNCTION_INFO_V1(cq_group_leave);
PG_FUNCTION_INFO_V1(cq_group_heartbeat);

/* ---- topics ---------------------------------------------------------- */

/* Arguments partitions, retain, retain_bytes, compact, tombstone_retain. */
static void
option_args(FunctionCallInfo fcinfo, CqTopicOptions *options)
{
	memset(options, 0, sizeof(*options));
	options->set_partitions = !PG_ARGISNULL(1);
	if (options->set_partitions)
		options->partitions = PG_GETARG_INT32(1);
	options->set_retain = !PG_ARGISNULL(2);
	if (options->set_retain)
		options->retain = PG_GETARG_INTERVAL_P(2);
	options->set_retain_bytes = !PG_ARGISNULL(3);
	if (options->set_retain_bytes)
	{
		options->retain_bytes = PG_GETARG_INT64(3);
		if (options->retain_bytes < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("retain_bytes must be greater than zero")));
	}
	options->set_compact = !PG_ARGISNULL(4);
	if (options->set_compact)
		options->compact = PG_GETARG_BOOL(4);
	options->set_tombstone_retain = !PG_ARGISNULL(5);
	if (options->set_tombstone_retain)
		options->tombstone_retain = PG_GETARG_INTERVAL_P(5);
}

/*
 * cq.topic_create(topic, partitions, retain, retain_bytes, compact,
 *				   tombstone_retain, if_not_exists) → void
 */
Datum
cq_topic_create(PG_FUNCTION_ARGS)
{
	char	   *name = cq_topic_name_arg(fcinfo, 0, "topic");
	CqTopicOptions options;

	cq_arg_not_null(fcinfo, 1, "partitions");
	cq_arg_not_null(fcinfo, 4, "compact");
	cq_arg_not_null(fcinfo, 5, "tombstone_retain");
	cq_arg_not_null(fcinfo, 6, "if_not_exists");
	option_args(fcinfo, &options);
	cq_topic_create_named(name, &options, PG_GETARG_BOOL(6));
	PG_RETURN_VOID();
}

/* Argument reset: names of options that are taken away. */
static void
reset_arg(FunctionCallInfo fcinfo, int arg, CqTopicOptions *options)
{
	int			n;
	Datum	   *names = cq_arg_elements(fcinfo, arg, "reset", &n);

	for (int i = 0; i < n; i++)
	{
		char	   *name = TextDatumGetCString(names[i]);
		bool	   *set = NULL;

		if (strcmp(name, "retain") == 0)
			set = &options->set_retain;
		else if (strcmp(name, "retain_bytes") == 0)
			set = &options->set_retain_bytes;
		else
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" cannot be reset", name),
					 errhint("Options that can be are retain and retain_bytes.")));
		if (*set)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" is given more than once", name)));
		*set = true;
	}
}

/* cq.topic_alter(topic, the same, reset) → void */
Datum
cq_topic_alter(PG_FUNCTION_ARGS)
{
	char	   *name = cq_topic_name_arg(fcinfo, 0, "topic");
	CqTopicOptions options;

	option_args(fcinfo, &options);
	reset_arg(fcinfo, 6, &options);
	cq_topic_alter_named(name, &options);
	PG_RETURN_VOID();
}

/* cq.topic_drop(topic, if_exists) → void */
Datum
cq_topic_drop(PG_FUNCTION_ARGS)
{
	char	   *name = cq_topic_name_arg(fcinfo, 0, "topic");

	cq_arg_not_null(fcinfo, 1, "if_exists");
	cq_topic_drop_named(name, PG_GETARG_BOOL(1));
	PG_RETURN_VOID();
}

/* cq.topic_publication_create(topic, publication, tables) → int */
Datum
cq_topic_publication_create(PG_FUNCTION_ARGS)
{
	char	   *name = cq_topic_name_arg(fcinfo, 0, "topic");

	cq_arg_not_null(fcinfo, 1, "publication");
	cq_arg_not_null(fcinfo, 2, "tables");
	PG_RETURN_INT32(cq_topic_publication_create_for(name, text_to_cstring(PG_GETARG_TEXT_PP(1)),
													PG_GETARG_INT32(2)));
}

/* cq.topic_replica_create(topic, topic_id, partitions, tables) → void */
Datum
cq_topic_replica_create(PG_FUNCTION_ARGS)
{
	char	   *name = cq_topic_name_arg(fcinfo, 0, "topic");

	cq_arg_not_null(fcinfo, 1, "topic_id");
	cq_arg_not_null(fcinfo, 2, "partitions");
	cq_arg_not_null(fcinfo, 3, "tables");
	cq_topic_replica_create_named(name, PG_GETARG_INT32(1), PG_GETARG_INT32(2),
								  PG_GETARG_INT32(3));
	PG_RETURN_VOID();
}

/* cq.topic_replica_promote(topic) → void */
Datum
cq_topic_replica_promote(PG_FUNCTION_ARGS)
{
	cq_topic_replica_promote_named(cq_topic_name_arg(fcinfo, 0, "topic"));
	PG_RETURN_VOID();
}

/* ---- privileges ------------------------------------------------------ */

/* All four functions; arg: the first argument behind topic and group. */
static void
change_grant(FunctionCallInfo fcinfo, bool group, bool grant)
{
	char	   *topic = cq_topic_name_arg(fcinfo, 0, "topic");
	char	   *group_name = group ? cq_topic_name_arg(fcinfo, 1, "group_name") : NULL;
	int			arg = group ? 2 : 1;
	char	   *role;
	AclMode		privileges;

	cq_arg_not_null(fcinfo, arg, "role");
	cq_arg_not_null(fcinfo, arg + 1, "privilege");
	role = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	privileges = cq_privileges_named(group ? CQ_OBJECT_GROUP : CQ_OBJECT_TOPIC,
									 text_to_cstring(PG_GETARG_TEXT_PP(arg + 1)));
	if (group)
		cq_group_change_grant(topic, group_name, role, privileges, grant);
	else
		cq_topic_change_grant(topic, role, privileges, grant);
}

/* cq.topic_grant(topic, role, privilege) → void */
Datum
cq_topic_grant(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, false, true);
	PG_RETURN_VOID();
}

/* cq.topic_revoke(topic, role, privilege) → void */
Datum
cq_topic_revoke(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, false, false);
	PG_RETURN_VOID();
}

/* cq.group_grant(topic, group_name, role, privilege) → void */
Datum
cq_group_grant(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, true, true);
	PG_RETURN_VOID();
}

/* cq.group_revoke(topic, group_name, role, privilege) → void */
Datum
cq_group_revoke(PG_FUNCTION_ARGS)
{
	change_grant(fcinfo, true, false);
	PG_RETURN_VOID();
}

/* cq.topic_owner(topic, new_owner) → void */
Datum
cq_topic_owner(PG_FUNCTION_ARGS)
{
	char	   *name = cq_topic_name_arg(fcinfo, 0, "topic");

	cq_topic_change_owner(name, cq_arg_text(fcinfo, 1, "new_owner"));
	PG_RETURN_VOID();
}

/* cq.group_owner(topic, group_name, new_owner) → void */
Datum
cq_group_owner(PG_FUNCTION_ARGS)
{
	char	   *topic = cq_topic_name_arg(fcinfo, 0, "topic");
	char	   *group = cq_topic_name_arg(fcinfo, 1, "group_name");

	cq_group_change_owner(topic, group, cq_arg_text(fcinfo, 2, "new_owner"));
	PG_RETURN_VOID();
}

/* ---- groups ---------------------------------------------------------- */

/* An argument that is one of two words; whether it is the second. */
static bool
choice_arg(FunctionCallInfo fcinfo, int arg, const char *name, const char *first,
		   const char *second)
{
	char	   *value;

	value = cq_arg_text(fcinfo, arg, name);
	if (strcmp(value, first) != 0 && strcmp(value, second) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown %s \"%s\"", name, value),
				 errhint("It is %s or %s.", first, second)));
	return strcmp(value, second) == 0;
}

/*
 * cq.group_create(topic, group_name, kind, start, assignment, session_timeout,
 *				   if_not_exists) → void
 */
Datum
cq_group_create(PG_FUNCTION_ARGS)
{
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_NONE);
	char	   *name = cq_topic_name_arg(fcinfo, 1, "group_name");
	CqGroupOptions options;

	options.shared = choice_arg(fcinfo, 2, "kind", "exclusive", "shared");
	options.start = cq_position_parse(cq_arg_text(fcinfo, 3, "start"));
	options.range = choice_arg(fcinfo, 4, "assignment", "sticky", "range");
	cq_arg_not_null(fcinfo, 5, "session_timeout");
	options.session_timeout = PG_GETARG_INTERVAL_P(5);
	cq_arg_not_null(fcinfo, 6, "if_not_exists");
	cq_group_create_named(def, name, &options, PG_GETARG_BOOL(6));
	PG_RETURN_VOID();
}

/* cq.group_drop(topic, group_name, if_exists) → void */
Datum
cq_group_drop(PG_FUNCTION_ARGS)
{
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_NONE);
	char	   *name = cq_topic_name_arg(fcinfo, 1, "group_name");

	cq_arg_not_null(fcinfo, 2, "if_exists");
	cq_group_drop_named(def, name, PG_GETARG_BOOL(2));
	PG_RETURN_VOID();
}

/* cq.group_join(topic, group_name, member, session_bound) → bigint */
Datum
cq_group_join(PG_FUNCTION_ARGS)
{
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_NONE);
	char	   *group = cq_topic_name_arg(fcinfo, 1, "group_name");
	char	   *member = cq_member_arg(fcinfo, 2);

	cq_arg_not_null(fcinfo, 3, "session_bound");
	PG_RETURN_INT64(cq_group_join_as(def, group, member, PG_GETARG_BOOL(3)));
}

/* cq.group_leave(topic, group_name, member, generation) → boolean */
Datum
cq_group_leave(PG_FUNCTION_ARGS)
{
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_NONE);
	char	   *group = cq_topic_name_arg(fcinfo, 1, "group_name");
	char	   *member = cq_member_arg(fcinfo, 2);

	PG_RETURN_BOOL(cq_group_leave_as(def, group, member, cq_generation_arg(fcinfo, 3)));
}

/* cq.group_heartbeat(topic, group_name, member, generation) → boolean */
Datum
cq_group_heartbeat(PG_FUNCTION_ARGS)
{
	CqTopicDef *def = cq_topic_arg(fcinfo, CQ_TOPIC_NONE);
	char	   *group = cq_topic_name_arg(fcinfo, 1, "group_name");
	char	   *member = cq_member_arg(fcinfo, 2);

	PG_RETURN_BOOL(cq_group_heartbeat_as(def, group, member, cq_generation_arg(fcinfo, 3)));
}
