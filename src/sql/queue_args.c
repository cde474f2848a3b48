/*-------------------------------------------------------------------------
 *
 * queue_args.c
 *	  Arguments that functions of the work queue have in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/args.h"
#include "core/shmem.h"
#include "queue/definition.h"
#include "sql/queue_args.h"

char *
cq_queue_name_arg(FunctionCallInfo fcinfo, int arg, const char *name)
{
	cq_require_shared();
	cq_arg_not_null(fcinfo, arg, name);
	return cq_queue_name(PG_GETARG_TEXT_PP(arg));
}
