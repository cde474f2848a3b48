/*-------------------------------------------------------------------------
 *
 * topic_args.h
 *	  Arguments that functions of topics have in common.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_SQL_TOPIC_ARGS_H
#define CQ_SQL_TOPIC_ARGS_H

#include "fmgr.h"
#include "topic/definition.h"

/*
 * The name of a topic or group.  Raises 22004, 22023 when it cannot be one, 55000
 * when the library is not preloaded.
 */
extern char *cq_topic_name_arg(FunctionCallInfo fcinfo, int arg, const char *what);

/* The topic that the first argument names; see cq_topic_open(). */
extern CqTopicDef *cq_topic_arg(FunctionCallInfo fcinfo, int privileges);

/* A member's name; raises 22004, 22023. */
extern char *cq_member_arg(FunctionCallInfo fcinfo, int arg);

/* 0: any; see cq_member_find(). */
extern int64 cq_generation_arg(FunctionCallInfo fcinfo, int arg);

#endif							/* CQ_SQL_TOPIC_ARGS_H */
