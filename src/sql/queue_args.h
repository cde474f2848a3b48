/*-------------------------------------------------------------------------
 *
 * queue_args.h
 *	  Arguments that functions of the work queue have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_SQL_QUEUE_ARGS_H
#define CQ_SQL_QUEUE_ARGS_H

#include "fmgr.h"

/*
 * A queue's name.  Raises 22004, 22023 when it cannot be one, 55000 when the
 * library is not preloaded.
 */
extern char *cq_queue_name_arg(FunctionCallInfo fcinfo, int arg, const char *name);

#endif							/* CQ_SQL_QUEUE_ARGS_H */
