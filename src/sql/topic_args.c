/*-------------------------------------------------------------------------
 *
 * topic_args.c
 *	  Arguments that functions of topics have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/args.h"
#include "core/shmem.h"
#include "sql/topic_args.h"
#include "topic/open.h"
#include "utils/builtins.h"

char *
cq_topic_name_arg(FunctionCallInfo fcinfo, int arg, const char *what)
{
	cq_require_shared();
	cq_arg_not_null(fcinfo, arg, what);
	return cq_topic_name(PG_GETARG_TEXT_PP(arg), what);
}

CqTopicDef *
cq_topic_arg(FunctionCallInfo fcinfo, int privileges)
{
	return cq_topic_open(cq_topic_name_arg(fcinfo, 0, "topic"), privileges);
}

char *
cq_member_arg(FunctionCallInfo fcinfo, int arg)
{
	text	   *member;

	cq_arg_not_null(fcinfo, arg, "member");
	member = PG_GETARG_TEXT_PP(arg);
	cq_check_name("member", VARSIZE_ANY_EXHDR(member), CQ_MEMBER_NAME_BYTES_MAX);
	return text_to_cstring(member);
}

int64
cq_generation_arg(FunctionCallInfo fcinfo, int arg)
{
	if (PG_ARGISNULL(arg))
		return 0;
	/* no member has 0, which would mean any */
	return (PG_GETARG_INT64(arg) == 0) ? -1 : PG_GETARG_INT64(arg);
}
