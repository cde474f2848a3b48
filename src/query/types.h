/*-------------------------------------------------------------------------
 *
 * types.h
 *	  Types of the values that a query handles: what they depend on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_TYPES_H
#define CQ_QUERY_TYPES_H

#include "query/facts.h"

/*
 * The query handles values of the type: the result depends on it, on all that it
 * consists of, and on the functions that compare and hash it.  Raises 0A000.
 */
extern void cq_check_type(CqCheck *check, Oid type);

/* Values of the type are turned into text, or made of text.  Raises 0A000. */
extern void cq_check_output(CqCheck *check, Oid type);
extern void cq_check_input(CqCheck *check, Oid type);

/* A value becomes one of a domain, whose constraints are to be checked. */
extern void cq_check_domain(CqCheck *check, Oid type);

/* A row, of a subquery say, has a column of the type. */
extern void cq_note_row_type(CqCheck *check, Oid type);

/*
 * The columns of the result: their layout, and what turning them into text would mean.
 * To be called when all else is checked.
 */
extern void cq_check_columns(CqCheck *check, TupleDesc columns);

#endif							/* CQ_QUERY_TYPES_H */
