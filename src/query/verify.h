/*-------------------------------------------------------------------------
 *
 * verify.h
 *	  Compute a share of the cached results anew, and compare.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_VERIFY_H
#define CQ_QUERY_VERIFY_H

#include "query/result.h"
#include "utils/tuplestore.h"

/*
 * Is this hit to be verified?  By chance (cachequeue.verify_sample), and only
 * when it has to equal its query.
 */
extern bool cq_verify_due(const CqResult *hit);

/* What is compared: of bytes (NULL for no value), of rows in any order. */
extern uint64 cq_verify_hash(const char *data, Size len);
extern uint64 cq_verify_hash_rows(Tuplestorestate *rows, TupleDesc columns);

/*
 * The hit, of that version, was verified under the snapshot.  When it differs
 * from its query: counts that, logs it and removes the entry.
 */
extern void cq_verify_result(const CqResult *hit, const text *name_space,
							 uint64 version, uint64 cached, uint64 computed);

#endif							/* CQ_QUERY_VERIFY_H */
