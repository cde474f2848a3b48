/*-------------------------------------------------------------------------
 *
 * result.h
 *	  Find the result of a query in the cache, or take on computing it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_QUERY_RESULT_H
#define CQ_QUERY_RESULT_H

#include "cache/key.h"
#include "cache/value.h"
#include "cache/view.h"
#include "query/key.h"
#include "query/plan.h"
#include "utils/array.h"

/* How long a result is good for, and what it depends on. */
typedef struct CqResultTerms
{
	const CqResultQuery *query; /* its arguments, once parsed */
	int64		ttl_ms;			/* 0: none */
	int64		negative_ttl_ms;	/* of no row or NULL; 0: as the others */
	int64		stale_for_ms;	/* 0: outdated results are of no use */
	ArrayType  *tags;			/* NULL: the query's relations */
} CqResultTerms;

/*
 * A result that is looked up and, on a miss, computed.  The caller fills in what it is
 * of; the rest says how it was found, or what it is to be computed for.
 */
typedef struct CqResult
{
	const CqKey *key;
	const CqPlan *plan;
	Snapshot	snapshot;
	const CqResultTerms *terms;

	/* by cq_result_find() */
	bool		stale;			/* what was found is out of date */
	bool		storable;		/* the view is one, and the plan is as new as
								 * it */
	CqView		view;			/* what is computed may be stored under it */
	int64		computed_ms;	/* as of when the data is, or a bit before */
	int64		started_us;
} CqResult;

/*
 * A result that may be returned under the snapshot: true, and *value holds its
 * type and bytes until the next look-up.  Else the caller is to run the query,
 * to call cq_result_store, and in any case, also when an error is raised,
 * cq_result_end.  May wait for another session that computes the same, for
 * cachequeue.load_wait at most.  Raises 55000 if the query reads a relation that is not
 * watched, and the terms give neither a TTL nor tags.
 */
extern bool cq_result_find(CqResult *result, CqValue *value);

/*
 * Keep what was computed under the snapshot, unless it is too large or may be
 * out of date.  data NULL with CQ_VALUE_NOTHING.
 */
extern void cq_result_store(const CqResult *result, CqValueType type,
							const char *data, Size len);

/* Let other sessions compute it; failed: an error was raised. */
extern void cq_result_end(bool failed);

#endif							/* CQ_QUERY_RESULT_H */
