/*-------------------------------------------------------------------------
 *
 * aggregates.h
 *	  May an aggregate be used by a query whose result is cached?
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_AGGREGATES_H
#define CQ_QUERY_AGGREGATES_H

#include "query/facts.h"

/*
 * Judge the functions of an aggregate, moving ones too: the result depends on them,
 * or 0A000 is raised.
 */
extern void cq_check_aggregate(CqCheck *check, Oid aggregate);

#endif							/* CQ_QUERY_AGGREGATES_H */
