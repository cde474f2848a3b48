/*-------------------------------------------------------------------------
 *
 * store.c
 *	  Setting, deleting and invalidating.
 *
 * What a transaction does here waits in pending.c and marks.c for its commit;
 * there are no transactions on a hot standby, where everything is done at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "cache/in_flight.h"
#include "cache/lookup.h"
#include "cache/maintain.h"
#include "cache/marks.h"
#include "cache/pending.h"
#include "cache/prepared.h"
#include "cache/query_levels.h"
#include "cache/slots.h"
#include "cache/state.h"
#include "cache/store.h"
#include "cache/visibility.h"
#include "core/clock.h"
#include "core/faults.h"
#include "miscadmin.h"

/*
 * Check a set against the slots as they are now, and fill a stamp for each slot.  The
 * value includes own changes by commands before curcid.  If it is refused, returns
 * false and sets *reason.
 */
static bool
stamp_request(const CqSetRequest *request, const CqView *p, CommandId curcid,
			  CqStamp *stamps, CqCounter *reason)
{
	*reason = CQ_COUNT_REFUSED_OWN_CHANGE;
	if (request->nslots > CQ_BASIC_SLOTS && cq_queries_change_by_row())
		return false;
	if (cq_marks_broken_since(curcid))
		return false;
	for (int i = 0; i < request->nslots; i++)
	{
		CqSlotState slot;

		if (cq_marks_changed_since(request->slots[i], curcid) &&
			!CQ_FAULT("no-own-change"))
			return false;
		cq_slot_read(request->slots[i], &slot);
		if (!cq_visibility_set(&slot, p,
							   U64FromFullTransactionId(GetTopFullTransactionIdIfAny())))
		{
			*reason = cq_refusal(p, i);
			return false;
		}
		stamps[i].version = slot.version;
		stamps[i].slot = request->slots[i];
		stamps[i].unused = 0;
	}
	return true;
}

/* Has a prepared transaction deleted the key of a plain set? */
static bool
deleted_by_prepared(const CqSetRequest *request, CqCounter *reason)
{
	if (request->dependent || request->key->behind != 0 ||
		!cq_prepared_refuses(request->key))
		return false;
	*reason = CQ_COUNT_REFUSED_CHANGED;
	return true;
}

CqSetResult
cq_cache_set(const CqSetRequest *request, const CqView *p)
{
	CqStamp		stamps[lengthof(request->slots)];
	CqCounter	reason = CQ_COUNT_REFUSED_OWN_CHANGE;

	Assert(request->dependent == (p != NULL));
	if (CQ_FAULT("lock-key"))
		cq_fault_lock(request->key->identity);
	if (cq_pending_cleared(request->key->name_space) ||
		deleted_by_prepared(request, &reason) ||
		(request->dependent &&
		 !stamp_request(request, p, p->curcid, stamps, &reason)))
	{
		cq_count_refused(request->key, reason);
		return CQ_SET_REFUSED;
	}
	cq_pending_set(request, p, stamps);
	return CQ_SET_STORED;
}

CqSetResult
cq_cache_set_now(const CqSetRequest *request, const CqView *p,
				 CqEngineCondition condition, uint64 version)
{
	CqStamp		stamps[lengthof(request->slots)];
	CqEngineMeta meta = {0};
	CqEngineHandle handle;
	CqCounter	reason;
	uint64		prepared = cq_prepared_changes();
	uint64		new_version;

	Assert(request->dependent == (p != NULL));
	if (deleted_by_prepared(request, &reason) ||
		(request->dependent &&
		 !stamp_request(request, p, FirstCommandId, stamps, &reason)))
	{
		cq_count_refused(request->key, reason);
		return CQ_SET_REFUSED;
	}

	meta.expires_ms = request->expires_ms;
	meta.value_len = request->value_len;
	meta.nstamps = request->nslots;
	meta.type = request->type;
	meta.class_id = request->key->state;
	meta.flags = request->dependent ? CQ_ENTRY_DEPENDENT : 0;
	handle = cq_engine_prepare(cq_cache_engine(), &request->key->engine, &meta, stamps,
							   request->value, cq_clock_ms());
	if (handle == 0)
	{
		cq_count(CQ_COUNT_SETS_NO_MEMORY, 1);
		return CQ_SET_NO_MEMORY;
	}
	if (cq_engine_publish_if(cq_cache_engine(), handle, condition, version,
							 cq_clock_ms(), &new_version) != CQ_ENGINE_OK)
		return CQ_SET_CONFLICT;
	if (!request->dependent && cq_prepared_changes() != prepared &&
		deleted_by_prepared(request, &reason))
	{
		cq_cache_remove(request->key, new_version);
		cq_count_refused(request->key, reason);
		return CQ_SET_REFUSED;
	}
	cq_count_namespace(request->key->state, CQ_COUNT_SETS, 1);
	cq_cache_expiry_added(request->expires_ms);
	return CQ_SET_STORED;
}

bool
cq_cache_delete(const CqKey *key)
{
	CqPending  *op = cq_pending_find(key);
	uint32		slot = cq_slot_of_key(key->identity);
	bool		existed;

	if (op != NULL)
		existed = op->kind == CQ_PENDING_SET && !op->dead;
	else
		existed = cq_cache_holds(key);

	cq_count_namespace(key->state, CQ_COUNT_DELETES, 1);
	if (RecoveryInProgress())
	{
		cq_engine_remove(cq_cache_engine(), &key->engine, 0, false, cq_clock_ms());
		return existed;
	}
	if (op == NULL && !existed && !cq_in_flight_any(slot))
		cq_mark_slot(slot, false);	/* pushed if there is an id at commit */
	else
		cq_cache_mark(slot);
	cq_pending_delete(key);
	return existed;
}

uint64
cq_cache_clear(uint32 name_space)
{
	uint64		clears = cq_namespace_clears(name_space) + 1;

	cq_cache_mark(cq_slot_of_namespace(MyDatabaseId, name_space));
	if (RecoveryInProgress())
		cq_namespace_clear_now(name_space);
	else
		cq_pending_clear(name_space);
	return clears;
}

void
cq_cache_mark(uint32 slot)
{
	if (RecoveryInProgress())
		cq_slot_push(slot, 0, true, NULL);
	else
	{
		(void) GetTopFullTransactionId();	/* commit needs one */
		cq_mark_slot(slot, false);
	}
}
