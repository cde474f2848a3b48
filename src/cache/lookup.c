/*-------------------------------------------------------------------------
 *
 * lookup.c
 *	  Looking a key up, as the running transaction sees it.
 *
 * A look-up combines the engine (bytes), the slots (who changed what), the get
 * rule (visibility.c) and what the running transaction has done (marks.c,
 * pending.c, misses.c).  docs/internals/consistency.md has the whole story.
 *
 * There are two kinds of entries.  A *plain* entry was stored without tags, miss
 * or lease; no slot is consulted for it, and the last writer wins.  A *dependent*
 * entry carries a stamp for its epoch, its namespace, its key and each tag, which
 * are checked at every read.
 *
 * An entry is copied to a buffer of the process, stamps first, then value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/in_flight.h"
#include "cache/lookup.h"
#include "cache/marks.h"
#include "cache/misses.h"
#include "cache/pending.h"
#include "cache/query_levels.h"
#include "cache/request.h"
#include "cache/slots.h"
#include "cache/state.h"
#include "cache/visibility.h"
#include "core/clock.h"
#include "core/faults.h"
#include "core/settings.h"
#include "utils/memutils.h"

#define READ_BUFFER_INITIAL 8192
#define READ_BUFFER_KEPT (256 * 1024)	/* a larger one is freed when possible */

static char *read_buffer = NULL;	/* the entry that was read last */
static Size read_buffer_size = 0;

static inline void
ensure_read_buffer(Size size)
{
	if (size <= read_buffer_size &&
		(read_buffer_size <= READ_BUFFER_KEPT || size > READ_BUFFER_KEPT))
		return;
	if (read_buffer != NULL)
		pfree(read_buffer);
	read_buffer = NULL;
	read_buffer_size = 0;
	size = Max(size, READ_BUFFER_INITIAL);
	read_buffer = MemoryContextAllocHuge(TopMemoryContext, size);
	read_buffer_size = size;
}

/* Copy an entry to the read buffer.  Sets *meta only on CQ_ENGINE_OK. */
static CqEngineResult
read_entry(const CqKey *key, CqEngineMeta *meta)
{
	Size		needed = READ_BUFFER_INITIAL;

	for (;;)
	{
		CqEngineResult result;

		ensure_read_buffer(needed);
		result = cq_engine_get(cq_cache_engine(), &key->engine,
							   CQ_FAULT("no-expiry") ? 0 : cq_clock_ms(),
							   read_buffer, read_buffer_size, meta);
		if (result != CQ_ENGINE_TOO_SMALL)
			return result;
		needed = meta->nstamps * sizeof(CqStamp) + meta->value_len;
	}
}

/*
 * Do the stamps allow a hit under this view?  CQ_LOOKUP_BYPASS if this transaction
 * has changed a slot so that a snapshot of that command id would not see it.
 */
static CqLookup
check_stamps(const CqStamp *stamps, int nstamps, const CqView *view,
			 CommandId curcid)
{
	uint64		own;

	/* a query that may change the dependencies is running */
	if (cq_queries_change_by_row() && !CQ_FAULT("no-own-bypass"))
		return CQ_LOOKUP_BYPASS;
	own = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());
	for (int i = 0; i < nstamps; i++)
		cq_slot_prefetch(stamps[i].slot);
	for (int i = 0; i < nstamps; i++)
	{
		CqSlotState slot;

		if (cq_marks_changed_since(stamps[i].slot, curcid) &&
			!CQ_FAULT("no-own-bypass"))
			return CQ_LOOKUP_BYPASS;
		cq_slot_read(stamps[i].slot, &slot);
		switch (cq_visibility_get(&slot, stamps[i].version, view, own))
		{
			case CQ_VERDICT_HIT:
				break;
			case CQ_VERDICT_INVALIDATED:
				return CQ_LOOKUP_INVALIDATED;
			case CQ_VERDICT_SNAPSHOT:
				return CQ_LOOKUP_SNAPSHOT;
		}
	}
	return CQ_LOOKUP_HIT;
}

/*
 * Up to which command of this transaction do the reader and the value that it has set
 * agree?  Not at all while a query may have changed what it has not marked yet.
 */
static CommandId
agreement(const CqPending *op, const CqView *view)
{
	if (cq_queries_change())
		return FirstCommandId;
	return CQ_FAULT("no-command-id") ? op->p.curcid : Min(op->p.curcid, view->curcid);
}

/* Look up what this transaction has itself set or deleted. */
static CqLookup
lookup_pending(CqPending *op, Snapshot snapshot, CqValue *value)
{
	CqView		view;
	CqLookup	result = CQ_LOOKUP_HIT;

	if (op->kind == CQ_PENDING_DELETE || cq_pending_cleared(op->key->name_space))
		return CQ_LOOKUP_ABSENT;
	if (op->dead || (op->dependent && cq_marks_broken_since(op->p.curcid)))
		return CQ_LOOKUP_INVALIDATED;
	if (op->expires_ms != 0 && op->expires_ms <= cq_clock_ms())
		return CQ_LOOKUP_EXPIRED;
	if (op->dependent)
		result = !cq_view_of_snapshot(snapshot, &view) ? CQ_LOOKUP_BYPASS
			: check_stamps(op->stamps, op->nstamps, &view, agreement(op, &view));
	if (result == CQ_LOOKUP_HIT)
	{
		value->data = op->value;
		value->len = op->value_len;
		value->type = op->type;
		value->expires_ms = op->expires_ms;
		value->version = 0;
		value->dependent = op->dependent;
	}
	return result;
}

/*
 * May an invalidated entry be served to callers that accept outdated values?  Not
 * if its epoch, namespace or key has changed, nor after a change other than of
 * rows, which may have changed who may see them.  And only if the entry is older
 * than the view, not if it is newer.
 */
static bool
outdated_allowed(const CqStamp *stamps, int nstamps, const CqView *view)
{
	uint64		own = U64FromFullTransactionId(GetTopFullTransactionIdIfAny());

	if (cq_queries_change_by_row())
		return false;
	for (int i = 0; i < nstamps; i++)
	{
		CqSlotState slot;
		uint64		v = stamps[i].version;

		if (cq_marks_changed_since(stamps[i].slot, FirstCommandId))
			return false;
		cq_slot_read(stamps[i].slot, &slot);
		if (v < slot.barrier || !cq_visibility_not_newer(&slot, v, view) ||
			(i < CQ_BASIC_SLOTS &&
			 cq_visibility_get(&slot, v, view, own) != CQ_VERDICT_HIT))
			return false;
	}
	return true;
}

/* Look the engine's entry up.  A plain one needs no view. */
static CqLookup
lookup_engine(const CqKey *key, Snapshot snapshot, bool outdated,
			  CqValue *value)
{
	CqView		view;
	CqStamp    *stamps;
	CqEngineMeta meta;
	CqLookup	result = CQ_LOOKUP_HIT;

	if (cq_pending_cleared(key->name_space))
		return CQ_LOOKUP_ABSENT;
	switch (read_entry(key, &meta))
	{
		case CQ_ENGINE_OK:
			break;
		case CQ_ENGINE_EXPIRED:
			return CQ_LOOKUP_EXPIRED;
		default:
			return CQ_LOOKUP_ABSENT;
	}

	stamps = (CqStamp *) read_buffer;
	if (meta.flags & CQ_ENTRY_DEPENDENT)
		result = !cq_view_of_snapshot(snapshot, &view) ? CQ_LOOKUP_BYPASS
			: check_stamps(stamps, meta.nstamps, &view, FirstCommandId);
	if (result == CQ_LOOKUP_HIT ||
		(result == CQ_LOOKUP_INVALIDATED && outdated &&
		 outdated_allowed(stamps, meta.nstamps, &view)))
	{
		value->data = read_buffer + meta.nstamps * sizeof(CqStamp);
		value->len = meta.value_len;
		value->type = meta.type;
		value->expires_ms = meta.expires_ms;
		value->version = meta.version;
		value->dependent = (meta.flags & CQ_ENTRY_DEPENDENT) != 0;
	}
	return result;
}

bool
cq_cache_holds(const CqKey *key)
{
	CqEngineMeta meta;

	return read_entry(key, &meta) == CQ_ENGINE_OK;
}

void
cq_cache_drop_stale(const CqKey *key, Snapshot snapshot, bool only_invalidated)
{
	CqView		view;
	bool		have_view = cq_view_of_snapshot(snapshot, &view);
	CqEngineMeta meta;
	CqLookup	result;

	if (read_entry(key, &meta) != CQ_ENGINE_OK ||
		(meta.flags & CQ_ENTRY_DEPENDENT) == 0)
		return;
	result = !have_view ? CQ_LOOKUP_BYPASS
		: check_stamps((CqStamp *) read_buffer, meta.nstamps, &view, FirstCommandId);
	if (result == CQ_LOOKUP_INVALIDATED ||
		(result != CQ_LOOKUP_HIT && !only_invalidated))
		cq_engine_remove(cq_cache_engine(), &key->engine, meta.version, false,
						 cq_clock_ms());
}

void
cq_cache_remove(const CqKey *key, uint64 version)
{
	if (version != 0)
		cq_engine_remove(cq_cache_engine(), &key->engine, version, false, cq_clock_ms());
}

/* The transaction's own operation on the key hides the engine's entry. */
static CqLookup
peek(const CqKey *key, Snapshot snapshot, bool outdated, CqValue *value)
{
	CqPending  *op = cq_pending_find(key);

	if (op != NULL)
		return lookup_pending(op, snapshot, value);
	return lookup_engine(key, snapshot, outdated, value);
}

CqLookup
cq_cache_peek(const CqKey *key, Snapshot snapshot, CqValue *value)
{
	return peek(key, snapshot, false, value);
}

CqLookup
cq_cache_peek_outdated(const CqKey *key, Snapshot snapshot, CqValue *value)
{
	value->data = NULL;
	return peek(key, snapshot, true, value);
}

CqLookup
cq_cache_lookup(const CqKey *key, Snapshot snapshot, CqValue *value)
{
	static const CqView nothing = {0};	/* a set under it is refused */
	CqLookup	result = cq_cache_peek(key, snapshot, value);

	cq_count_lookup(key, result);
	if (result != CQ_LOOKUP_HIT)
	{
		CqView		view;

		if (!cq_in_flight_add(cq_slot_of_key(key->identity)) ||
			!cq_view_of_miss(snapshot, &view))
			view = nothing;
		if (cq_remember_misses == CQ_REMEMBER_SESSION)
			cq_marks_push_all();	/* the miss is as good as a lease */
		cq_misses_remember(key->identity, &view);
	}
	return result;
}
