/*-------------------------------------------------------------------------
 *
 * write_through.h
 *	  Write-through: the rows of a watched table in the cache.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WRITE_THROUGH_H
#define CQ_TABLES_WRITE_THROUGH_H

#include "commands/trigger.h"
#include "tables/watch_spec.h"
#include "utils/relcache.h"

/* Key, namespace and value of the rows of one relation, compiled. */
typedef struct CqWriteThrough CqWriteThrough;

/*
 * Compile what spec says of write-through, in the current memory context.
 * Raises 22023 and 42703.
 */
extern CqWriteThrough *cq_write_through_compile(const CqWatchSpec *spec,
												Relation rel);

/*
 * Check that the current role may watch the relation so, and fill in the namespace's
 * number.
 * Raises 22023, 42703, 42704, 42501, 42P10 and 0A000.
 */
extern void cq_write_through_check(CqWatchSpec *spec, Relation rel);

/* Write through the row of a trigger that fires after INSERT, UPDATE or DELETE. */
extern void cq_write_through(CqWriteThrough *w, const TriggerData *trigdata);

/* Raise 2BP01 if DDL has dropped a column that write-through names. */
extern void cq_write_through_check_columns(const CqWatchSpec *spec,
										   Relation rel);

/* Raise 2BP01 if DDL has dropped the unique index that the key of a table relies on. */
extern void cq_write_through_check_index(Oid relid);

#endif							/* CQ_TABLES_WRITE_THROUGH_H */
