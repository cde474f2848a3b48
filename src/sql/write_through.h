/*-------------------------------------------------------------------------
 *
 * write_through.h
 *	  Write-through: the rows of a watched table in the cache.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_WRITE_THROUGH_H
#define CQ_WRITE_THROUGH_H

#include "nodes/pg_list.h"
#include "utils/rel.h"

/* Are the relation's rows written through? */
extern bool cq_relation_writes_through(Relation rel);

/* Raise 2BP01 if DDL has taken away a column that its write-through names. */
extern void cq_write_through_check_columns(Relation rel);

#endif							/* CQ_WRITE_THROUGH_H */
