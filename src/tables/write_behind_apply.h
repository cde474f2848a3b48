/*-------------------------------------------------------------------------
 *
 * write_behind_apply.h
 *	  Writing a batch of write-behind to its table.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_WRITE_BEHIND_APPLY_H
#define CQ_TABLES_WRITE_BEHIND_APPLY_H

#include "tables/write_behind.h"

/*
 * Write n rows to the table, as its owner, in subtransactions: those that it
 * does not accept get their error.  Raises an error that no row has caused.
 */
extern void cq_behind_apply(const CqBehindRule *rule, CqBehindRow *rows, int n);

/* A value as text, for statements and for dead letters. */
extern char *cq_behind_value_text(const CqBehindRow *row);

#endif							/* CQ_TABLES_WRITE_BEHIND_APPLY_H */
