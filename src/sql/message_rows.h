/*-------------------------------------------------------------------------
 *
 * message_rows.h
 *	  What functions of queues and topics have in common: returning stored rows,
 *	  and procedures that end their caller's transaction.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_SQL_MESSAGE_ROWS_H
#define CQ_SQL_MESSAGE_ROWS_H

#include "executor/tuptable.h"
#include "fmgr.h"

/*
 * Begin to return a set of a named row type: as InitMaterializedSRF(), but with
 * the type's own descriptor instead of a copy for each call.  It is counted by
 * reference, so the executor does not free it.
 */
extern void cq_begin_rows(FunctionCallInfo fcinfo);

/* A stored value that outlives the segment it came from. */
extern Datum cq_copy_jsonb(TupleTableSlot *slot, int column, bool *isnull);

/* Raises 22023 unless headers are a jsonb object. */
extern void cq_check_headers(Datum headers);

/*
 * Raise 22023 for an object with the key dead_letter: it says where a redrive
 * sends a message, and only dead-lettering sets it.
 */
extern void cq_check_no_dead_letter(Datum headers);

/*
 * An array argument with an element for each of n bodies; raises 22023 when it
 * has another number of them.
 */
extern void cq_unpack_array(FunctionCallInfo fcinfo, int arg, Oid type, int n,
							const char *name, Datum **values, bool **nulls);

/* Raises 25001 unless the procedure may end its caller's transaction. */
extern void cq_refuse_atomic(FunctionCallInfo fcinfo, const char *procedure, const char *why);

#endif							/* CQ_SQL_MESSAGE_ROWS_H */
