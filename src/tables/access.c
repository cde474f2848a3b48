/*-------------------------------------------------------------------------
 *
 * access.c
 *	  Getting and setting entries, in namespaces that a table follows and in others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "cache/counters.h"
#include "cache/in_flight.h"
#include "cache/lease.h"
#include "cache/lookup.h"
#include "cache/misses.h"
#include "cache/outcome.h"
#include "cache/request.h"
#include "cache/slots.h"
#include "cache/store.h"
#include "cache/view.h"
#include "core/faults.h"
#include "miscadmin.h"
#include "tables/access.h"

CqBehindFound
cq_access_find(const CqKey *key, Snapshot snapshot, CqValue *value)
{
	if (cq_cache_lookup(key, snapshot, value) == CQ_LOOKUP_HIT)
		return CQ_BEHIND_VALUE;
	return key->behind == 0 ? CQ_BEHIND_NOTHING
		: cq_behind_find(key, snapshot, value);
}

/*
 * Under which view was the value read?  A lease says so itself; otherwise the
 * remembered miss does.  Returns false if the set must be refused, and counts
 * that; *p is NULL for a plain set.
 */
static bool
view_for_set(const CqKey *key, const CqSetLease *lease, int ntags,
			 CqView *view, const CqView **p)
{
	*p = view;
	if (lease->given)
	{
		if (cq_lease_view(lease->number, view) &&
			!cq_in_flight_only_deleted(cq_slot_of_key(key->identity)))
			return true;
		cq_count_refused(key, RecoveryInProgress() || IsolationIsSerializable() ?
						 CQ_COUNT_REFUSED_BYPASS : CQ_COUNT_REFUSED_LEASE);
		return false;
	}
	if (cq_misses_find(key->identity, view))
		return true;
	*p = NULL;
	if (ntags > 0)
	{
		if (!cq_view_of_snapshot(cq_statement_snapshot(), view))
		{
			cq_count_refused(key, CQ_COUNT_REFUSED_BYPASS);
			return false;
		}
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot tell when the value was read"),
				 errdetail("A set with tags needs the snapshot of the miss that came before it."),
				 errhint("Call cache_get for the key earlier in the same transaction, or pass the lease that cache_get_or_lease returned.")));
	}
	return true;
}

/*
 * A value that the statement of the set has read is as old as that statement: a cursor
 * may have been opened before the miss.
 */
static void
limit_to_statement(CqView *view)
{
	CqView		statement;
	CommandId	curcid = view->curcid;

	if (!cq_view_of_snapshot(cq_statement_snapshot(), &statement) ||
		CQ_FAULT("no-command-id"))
		return;
	curcid = Min(curcid, statement.curcid);
	if (cq_view_older(&statement, view))
		*view = statement;
	view->curcid = curcid;
}

bool
cq_access_set(CqSetRequest *request, ArrayType *tags,
			  const CqSetLease *lease, CqEngineCondition condition,
			  uint64 version)
{
	CqView		view;
	const CqView *p;

	if (request->key->behind != 0)
	{
		cq_behind_check_set(request, cq_array_length(tags) == 0 &&
							!lease->given && condition == CQ_PUT_ALWAYS);
		return cq_cache_set(request, NULL) == CQ_SET_STORED;
	}
	if (!view_for_set(request->key, lease, cq_array_length(tags), &view, &p))
		return false;
	if (p != NULL)
	{
		limit_to_statement(&view);
		cq_request_depend(request, tags);
	}
	if (condition == CQ_PUT_ALWAYS)
		return cq_cache_set(request, p) == CQ_SET_STORED;
	cq_cache_drop_stale(request->key, cq_statement_snapshot(), true);
	return cq_cache_set_now(request, p, condition, version) == CQ_SET_STORED;
}

bool
cq_access_delete(const CqKey *key)
{
	CqValue		value;
	bool		pending = false;

	if (key->behind != 0)
	{
		PreventCommandIfReadOnly("cq.cache_delete()");
		PreventCommandDuringRecovery("cq.cache_delete()");
		pending = cq_behind_find(key, cq_statement_snapshot(),
								 &value) == CQ_BEHIND_VALUE;
	}
	return cq_cache_delete(key) || pending;
}
