/*-------------------------------------------------------------------------
 *
 * verify.c
 *	  Compute a share of the cached results anew, and compare.
 *
 * For a share of the hits, the setting cachequeue.verify_sample, cache_fetch and
 * cache_query run the query under the snapshot of the hit, return its result, and
 * compare the two.
 *
 * Only what has to be equal is compared.  Left out are results that may be late
 * (stale_for), those that the caller has to invalidate (tags), those of tables
 * that are not watched (ttl), and those that depend on the time (allow_time).
 *
 * Rows are compared as a multiset, since a query without ORDER BY may return
 * them in any order, and by value: the same value may be stored short or long,
 * compressed or not.
 *
 * The query runs after the look-up.  In between another session may have changed what
 * no snapshot protects (TRUNCATE, DDL), or removed the entry.  So a difference
 * counts only if the same entry would be served again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/counters.h"
#include "cache/lookup.h"
#include "cache/outcome.h"
#include "cache/value.h"
#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "core/settings.h"
#include "executor/tuptable.h"
#include "query/verify.h"
#include "utils/builtins.h"
#include "utils/datum.h"

bool
cq_verify_due(const CqResult *hit)
{
	return cq_verify_sample > 0 && !hit->stale && hit->terms->tags == NULL &&
		!OidIsValid(hit->plan->facts->unwatched) && !hit->plan->facts->reads_clock &&
		!OidIsValid(hit->plan->facts->foreign) &&
		pg_prng_double(&pg_global_prng_state) < cq_verify_sample;
}

uint64
cq_verify_hash(const char *data, Size len)
{
	return data == NULL ? 0 :
		hash_bytes_extended((const unsigned char *) data, (int) len, 1);
}

static uint64
hash_row(TupleTableSlot *slot)
{
	TupleDesc	columns = slot->tts_tupleDescriptor;
	uint64		hash = 0;

	slot_getallattrs(slot);
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);
		uint32		value = 0;

		if (!slot->tts_isnull[i])
			value = datum_image_hash(slot->tts_values[i], column->attbyval,
									 column->attlen);
		hash = hash_bytes_uint32_extended(value, hash + slot->tts_isnull[i]);
	}
	return hash;
}

/* A sum, which does not depend on the order.  Rewinds the tuplestore. */
uint64
cq_verify_hash_rows(Tuplestorestate *rows, TupleDesc columns)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(columns,
													&TTSOpsMinimalTuple);
	uint64		sum = 0;

	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
		sum += hash_row(slot);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_rescan(rows);
	return sum;
}

void
cq_verify_result(const CqResult *hit, const text *name_space, uint64 version,
				 uint64 cached, uint64 computed)
{
	CqValue		value;

	cq_count(CQ_COUNT_VERIFIED, 1);
	if (cached == computed || !hit->plan->valid ||
		cq_cache_peek(hit->key, hit->snapshot, &value) != CQ_LOOKUP_HIT ||
		value.version != version)
		return;

	cq_count(CQ_COUNT_VERIFY_MISMATCHES, 1);
	ereport(LOG,
			(errmsg("a cached result differs from its query"),
			 errdetail("The hash of its key is %016llx, in namespace \"%s\"; that of the cached result is %016llx, that of the query's %016llx.",
					   (unsigned long long) hit->key->identity,
					   text_to_cstring(name_space),
					   (unsigned long long) cached,
					   (unsigned long long) computed),
			 errhint("The entry has been removed, and the query's result was returned.")));
	cq_cache_remove(hit->key, version);
}
