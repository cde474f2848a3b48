/*-------------------------------------------------------------------------
 *
 * result.c
 *	  Find the result of a query in the cache, or take on computing it.
 *
 * An entry's value is a header and the result's bytes:
 *
 *	| computed_ms | fresh_until_ms | delta_ms | type-specific bytes ... |
 *	      8				8				8
 *
 * Its life, with a ttl and a stale_for:
 *
 *	computed			 refresh early?		fresh until			 expires
 *	   |------- fresh ---------~~~~~~~~~~~~~~~|------- stale -------|
 *	   |<-------------- ttl ----------------->|<---- stale_for ---->|
 *
 * The engine's expiry is its end.  A call that accepts stale results (stale_for)
 * is served one while another session computes it anew: after its fresh time
 * until stale_for later, and after an invalidation until stale_for after it was
 * computed, since the time of the invalidation is not known.
 *
 * Just before the fresh time ends, one session computes the result anew while
 * the others are still served.  Each decides for itself, by chance, the more
 * likely the closer the end is and the longer computing takes (XFetch:
 * Vattani, Chierichetti, Lowenstein, VLDB 2015, with beta = 1).
 *
 * The session that computes has the key's load lease (cache/load.h); others wait,
 * or are served a result that is stale or about to be.  No lease is taken where
 * other sessions cannot use what is computed: in a transaction with an id, whose
 * results are published at its commit, and where the cache is bypassed.
 *
 * Nobody waits in vain if that can be known.  What is stored from now on is newer than
 * a snapshot that does not see some writer of a dependency: its session computes by
 * itself.  And when a result could not be stored, or computing it raised an error, the
 * key is known for a while as one that is of no use to wait for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "cache/age.h"
#include "cache/counters.h"
#include "cache/load.h"
#include "cache/lookup.h"
#include "cache/marks.h"
#include "cache/outcome.h"
#include "cache/query_levels.h"
#include "cache/request.h"
#include "cache/slots.h"
#include "cache/store.h"
#include "cache/view.h"
#include "cache/visibility.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "core/clock.h"
#include "core/faults.h"
#include "core/settings.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "query/pins.h"
#include "query/result.h"
#include "tables/watch.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

typedef struct CqResultHeader
{
	int64		computed_ms;
	int64		fresh_until_ms; /* 0: no time limit */
	int64		delta_ms;		/* that computing it took */
} CqResultHeader;

typedef enum CqFound
{
	CQ_FOUND_FRESH,
	CQ_FOUND_EARLY,				/* fresh, and due to be computed anew */
	CQ_FOUND_STALE,
	CQ_FOUND_NOTHING
} CqFound;

/* how long a key is known for results that cannot be kept: for ten queries */
#define USELESS_LOADS 10
#define USELESS_MIN_MS 1000
#define USELESS_MAX_MS 60000

/* The result that is being computed, between find and end. */
typedef struct CqComputing
{
	bool		active;
	bool		tells;			/* its outcome tells of those of others */
	bool		kept;			/* it has been stored */
	uint64		key_hash;
	int64		started_us;
} CqComputing;

static CqComputing computing = {0};

static int64
clock_us(void)
{
	instr_time	now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

/* XFetch: shall this session compute it before its fresh time is over? */
static bool
refresh_early(const CqResultHeader *header, int64 now_ms)
{
	double		chance = 1.0 - pg_prng_double(&pg_global_prng_state);

	return now_ms - header->delta_ms * log(chance) >= header->fresh_until_ms;
}

/* May it be returned, by its age and the terms of the caller? */
static CqFound
check_age(const CqResultHeader *header, const CqResultTerms *terms,
		  CqLookup outcome, bool own)
{
	int64		now_ms;

	if (outcome == CQ_LOOKUP_HIT && header->fresh_until_ms == 0)
		return CQ_FOUND_FRESH;
	now_ms = cq_clock_ms();
	if (outcome == CQ_LOOKUP_INVALIDATED)
		return now_ms < header->computed_ms + terms->stale_for_ms ?
			CQ_FOUND_STALE : CQ_FOUND_NOTHING;
	if (now_ms >= header->fresh_until_ms)
		return now_ms < header->fresh_until_ms + terms->stale_for_ms ?
			CQ_FOUND_STALE : CQ_FOUND_NOTHING;
	return !own && refresh_early(header, now_ms) ?
		CQ_FOUND_EARLY : CQ_FOUND_FRESH;
}

/* Look up once; *outcome becomes the reason when nothing is found. */
static CqFound
look_up(const CqResult *result, CqValue *value, CqLookup *outcome)
{
	const CqResultTerms *terms = result->terms;
	CqResultHeader header;
	CqFound		found;

	*outcome = CQ_LOOKUP_BYPASS;
	if (result->plan->facts->may_not_call)
		return CQ_FOUND_NOTHING;
	if (terms->stale_for_ms > 0)
		*outcome = cq_cache_peek_outdated(result->key, result->snapshot, value);
	else
		*outcome = cq_cache_peek(result->key, result->snapshot, value);
	if (*outcome != CQ_LOOKUP_HIT &&
		(*outcome != CQ_LOOKUP_INVALIDATED || terms->stale_for_ms == 0 ||
		 value->data == NULL))
		return CQ_FOUND_NOTHING;

	memcpy(&header, value->data, sizeof(header));
	value->data += sizeof(header);
	value->len -= sizeof(header);
	found = check_age(&header, terms, *outcome, value->version == 0);
	if (found == CQ_FOUND_NOTHING && *outcome == CQ_LOOKUP_HIT)
		*outcome = CQ_LOOKUP_EXPIRED;
	return found;
}

/* False when there is no room for it. */
static bool
add_slot(CqSetRequest *request, uint32 slot)
{
	for (int i = 0; i < request->nslots; i++)
	{
		if (request->slots[i] == slot)
			return true;
	}
	if (request->nslots == lengthof(request->slots))
		return false;
	request->slots[request->nslots++] = slot;
	return true;
}

/*
 * Depend on a relation, or on the tags of those rows of it that are read.
 * False when there is no room for it.
 */
static bool
add_relation(CqSetRequest *request, const CqQueryFacts *facts,
			 const CqResultQuery *query, Oid relid)
{
	int			nslots = request->nslots;
	bool		whole = list_member_oid(facts->unpinned, relid);
	bool		pinned = false;
	ListCell   *cell;

	foreach(cell, facts->pins)
	{
		const CqPin *pin = lfirst(cell);
		uint32		slot;

		if (whole || cq_pin_relation(pin) != relid)
			continue;
		if (!cq_pin_slot(pin, query->values, query->arg_nulls, &slot))
			whole = true;
		else if (!add_slot(request, slot))
			return false;
		pinned = true;
	}
	if (!whole && pinned)
		return true;
	request->nslots = nslots;
	return add_slot(request, cq_relation_slot(relid));
}

/*
 * Depend on the functions and types that the query uses.  (The row type of a table is
 * marked with the table.)
 */
static bool
add_objects(CqSetRequest *request, const CqQueryFacts *facts)
{
	ListCell   *cell;

	if (CQ_FAULT("no-objects"))
		return true;
	if (facts->calls_others && !CQ_FAULT("no-any-function") &&
		!add_slot(request, cq_slot_of_object(MyDatabaseId, ProcedureRelationId, InvalidOid)))
		return false;
	foreach(cell, facts->functions)
	{
		if (!add_slot(request, cq_slot_of_object(MyDatabaseId, ProcedureRelationId,
												 lfirst_oid(cell))))
			return false;
	}
	foreach(cell, facts->types)
	{
		if (!add_slot(request, cq_slot_of_object(MyDatabaseId, TypeRelationId,
												 lfirst_oid(cell))))
			return false;
	}
	return true;
}

/*
 * Depends on more than an entry can: false.  The rest of the request, but for
 * the key, need not be there.
 */
static bool
add_dependencies(CqSetRequest *request, const CqResult *result)
{
	const CqQueryFacts *facts = result->plan->facts;
	ListCell   *cell;

	cq_request_depend(request, result->terms->tags);
	if (!add_objects(request, facts))
		return false;
	if (result->terms->tags != NULL)
		return true;
	foreach(cell, facts->relations)
	{
		if (!add_relation(request, facts, result->terms->query, lfirst_oid(cell)))
			return false;
	}
	return true;
}

/*
 * Can this session use what another one computes?  Not after it has changed something
 * that the result depends on, nor where the cache is bypassed.  *too_old: its snapshot
 * does not see a writer of a dependency, so what is stored from now on is too new for
 * it, and what it computes is not stored.
 */
static bool
others_are_of_use(const CqResult *result, bool *too_old)
{
	CqSetRequest request = {0};
	CqView		view;

	*too_old = false;
	request.key = result->key;
	if (!cq_view_of_snapshot(result->snapshot, &view) || cq_queries_change_by_row() ||
		!add_dependencies(&request, result))
		return false;
	for (int i = 0; i < request.nslots; i++)
	{
		CqSlotState slot;

		if (cq_marks_changed_since(request.slots[i], FirstCommandId))
			return false;
		cq_slot_read(request.slots[i], &slot);
		*too_old |= !cq_visibility_set(&slot, &view, 0);
	}
	return true;
}

/* Serve what was found. */
static bool
serve(CqResult *result, CqFound found)
{
	result->stale = found == CQ_FOUND_STALE;
	if (result->stale)
		cq_count(CQ_COUNT_STALE_SERVED, 1);
	else
		cq_count_hit(result->key);
	return true;
}

/* As of when the transaction began, or a bit before. */
static int64
transaction_began_ms(void)
{
	TimestampTz age_us = GetCurrentTimestamp() - GetCurrentTransactionStartTimestamp();

	return cq_clock_ms() - Max(age_us, 0) / 1000 - 1;
}

/* What reads the clock may be given the time at which the transaction began. */
static void
begin(CqResult *result, bool tells)
{
	/* unless it has waited: then as of before that */
	if (result->computed_ms == 0)
		result->computed_ms = cq_snapshot_taken_ms(result->snapshot);
	if (result->plan->facts->reads_clock && !CQ_FAULT("no-clock-age"))
		result->computed_ms = Min(result->computed_ms, transaction_began_ms());
	result->storable = cq_view_of_miss(result->snapshot, &result->view) &&
		result->plan->valid && !result->plan->facts->may_not_call;
	result->started_us = clock_us();
	computing.active = true;
	computing.tells = tells;
	computing.kept = false;
	computing.key_hash = result->key->engine.hash;
	computing.started_us = result->started_us;
}

static void
check_terms(const CqPlan *plan, const CqResultTerms *terms)
{
	if (terms->tags != NULL || terms->ttl_ms != 0)
		return;
	if (OidIsValid(plan->facts->foreign))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot cache the result of a query that reads foreign table \"%s\"",
						get_rel_name(plan->facts->foreign)),
				 errdetail("It changes unnoticed."),
				 errhint("Give a ttl to accept results of that age, or tags to invalidate them yourself.")));
	if (OidIsValid(plan->facts->unwatched))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation \"%s\" is not watched",
						get_rel_name(plan->facts->unwatched)),
				 errhint("Call cq.cache_watch for it, or give a ttl to accept results of that age.")));
}

/*
 * Wait for another session that computes it.  True if the caller is to look again;
 * *may_wait becomes false when it is not to wait again.
 */
static bool
wait_for_other(const CqLoadTicket *ticket, int64 start_ms, bool *may_wait)
{
	int64		limit_ms = CQ_LOAD_WAIT_FOREVER;
	CqLoadOutcome outcome;

	if (!*may_wait)
		return false;
	if (cq_load_wait_ms >= 0)
		limit_ms = Max(start_ms + cq_load_wait_ms - cq_clock_ms(), 0);
	cq_count(CQ_COUNT_LOAD_WAITS, 1);
	outcome = cq_load_wait(ticket, limit_ms);
	if (outcome == CQ_LOAD_TIMEOUT || outcome == CQ_LOAD_DEADLOCK)
		cq_count(CQ_COUNT_LOAD_TIMEOUTS, 1);
	*may_wait = outcome == CQ_LOAD_FAILED;
	return outcome == CQ_LOAD_FAILED || outcome == CQ_LOAD_DONE;
}

bool
cq_result_find(CqResult *result, CqValue *value)
{
	uint64		hash = result->key->engine.hash;
	bool		has_xid = FullTransactionIdIsValid(GetTopFullTransactionIdIfAny());
	bool		may_wait = cq_load_wait_ms != 0;
	bool		tells;
	int64		start_ms = 0;
	CqLookup	outcome;
	CqFound		found;

	check_terms(result->plan, result->terms);
	for (;;)
	{
		CqLoadTicket ticket;
		bool		too_old;
		bool		others;

		found = look_up(result, value, &outcome);
		if (found == CQ_FOUND_FRESH || (found == CQ_FOUND_EARLY && has_xid))
			return serve(result, found);
		tells = outcome != CQ_LOOKUP_BYPASS && others_are_of_use(result, &too_old);
		if (!tells)
			break;
		tells = !has_xid && !too_old;
		if (found == CQ_FOUND_NOTHING && (too_old || cq_load_useless(hash)))
			break;
		if (has_xid)
			others = cq_load_find(hash, &ticket);
		else
			others = !cq_load_begin(hash, &ticket);
		if (found != CQ_FOUND_NOTHING && others)
			return serve(result, found);
		if (others)
		{
			if (start_ms == 0)
			{
				start_ms = cq_clock_ms();
				result->computed_ms = cq_snapshot_taken_ms(result->snapshot);
			}
			if (wait_for_other(&ticket, start_ms, &may_wait))
				continue;
			break;
		}
		if (has_xid)
			break;

		/*
		 * another session may have stored it between the look-up and the
		 * lease
		 */
		found = look_up(result, value, &outcome);
		if (found == CQ_FOUND_FRESH)
		{
			cq_load_end(CQ_LOAD_DONE);
			return serve(result, found);
		}
		break;
	}
	if (found == CQ_FOUND_EARLY)
		cq_count(CQ_COUNT_REFRESHES, 1);
	else
		cq_count_lookup(result->key, outcome == CQ_LOOKUP_HIT ? CQ_LOOKUP_EXPIRED : outcome);
	begin(result, tells);
	return false;
}

/* The terms as times.  False when it is too late already. */
static bool
set_times(CqSetRequest *request, CqResultHeader *header, const CqResult *result)
{
	const CqResultTerms *terms = result->terms;
	int64		ttl_ms = terms->ttl_ms;

	if (request->type == CQ_VALUE_NOTHING && terms->negative_ttl_ms != 0)
		ttl_ms = terms->negative_ttl_ms;
	header->computed_ms = result->computed_ms;
	header->delta_ms = (clock_us() - result->started_us + 999) / 1000;
	header->fresh_until_ms = 0;
	request->expires_ms = 0;
	if (ttl_ms != 0)
	{
		header->fresh_until_ms = result->computed_ms + ttl_ms;
		request->expires_ms = header->fresh_until_ms + terms->stale_for_ms;
	}
	return header->fresh_until_ms == 0 ||
		header->fresh_until_ms > cq_clock_ms();
}

void
cq_result_store(const CqResult *result, CqValueType type, const char *data, Size len)
{
	CqSetRequest request = {0};
	CqResultHeader header;
	CqSetResult stored;
	char	   *value;

	/* what the query means may have changed since the key was made */
	if (!result->storable || !result->plan->valid ||
		len > (Size) cq_value_size_max)
		return;
	request.key = result->key;
	request.type = type;
	if (!set_times(&request, &header, result) ||
		!add_dependencies(&request, result))
		return;

	value = palloc(sizeof(header) + len);
	memcpy(value, &header, sizeof(header));
	if (len > 0)
		memcpy(value + sizeof(header), data, len);
	request.value = value;
	request.value_len = sizeof(header) + len;
	if (FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
		stored = cq_cache_set(&request, &result->view);
	else
		stored = cq_cache_set_now(&request, &result->view, CQ_PUT_ALWAYS, 0);
	computing.kept = stored == CQ_SET_STORED;
	pfree(value);
}

/* Has the caller been interrupted, rather than that the query always fails? */
static bool
interrupted(void)
{
	switch (ERRCODE_TO_CATEGORY(geterrcode()))
	{
		case ERRCODE_TO_CATEGORY(ERRCODE_OPERATOR_INTERVENTION):
		case ERRCODE_TO_CATEGORY(ERRCODE_TRANSACTION_ROLLBACK):
		case ERRCODE_TO_CATEGORY(ERRCODE_INSUFFICIENT_RESOURCES):
		case ERRCODE_TO_CATEGORY(ERRCODE_LOCK_NOT_AVAILABLE):
			return true;
		default:
			return false;
	}
}

void
cq_result_end(bool failed)
{
	CqLoadOutcome outcome = CQ_LOAD_FAILED;

	if (computing.active && !(failed && interrupted()))
		outcome = !failed && computing.kept ? CQ_LOAD_DONE : CQ_LOAD_USELESS;
	if (computing.active && computing.tells && outcome != CQ_LOAD_FAILED &&
		!CQ_FAULT("no-useless-keys"))
	{
		int64		took_ms = (clock_us() - computing.started_us) / 1000;

		cq_load_note(computing.key_hash, outcome == CQ_LOAD_DONE,
					 Min(Max(USELESS_LOADS * took_ms, USELESS_MIN_MS), USELESS_MAX_MS));
	}
	if (computing.active && !failed)
		cq_count(CQ_COUNT_LOADS, 1);
	computing.active = false;
	cq_load_end(outcome);
}
