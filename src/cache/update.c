/*-------------------------------------------------------------------------
 *
 * update.c
 *	  Changing an entry in place, at once: its expiry, or its count.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/lookup.h"
#include "cache/maintain.h"
#include "cache/pending.h"
#include "cache/request.h"
#include "cache/state.h"
#include "cache/store.h"
#include "cache/update.h"
#include "core/clock.h"
#include "miscadmin.h"
#include "utils/builtins.h"

bool
cq_cache_set_expiry(const CqKey *key, int64 expires_ms)
{
	CqPending  *op = cq_pending_find(key);
	CqValue		value;

	if (cq_cache_peek(key, cq_statement_snapshot(), &value) != CQ_LOOKUP_HIT)
		return false;
	if (op != NULL)
	{
		op->expires_ms = expires_ms;	/* others see it with the set */
		return true;
	}
	if (cq_engine_touch(cq_cache_engine(), &key->engine, expires_ms,
						cq_clock_ms()) != CQ_ENGINE_OK)
		return false;
	cq_cache_expiry_added(expires_ms);
	return true;
}

/* Raise if a set was refused: there is no value to return instead of the count. */
static void
check_not_refused(CqSetResult result)
{
	if (result == CQ_SET_REFUSED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot increment a key that a prepared transaction has deleted"),
				 errhint("Commit that transaction or roll it back; see pg_prepared_xacts.")));
}

/*
 * Turn a plain text value that is an integer into a counter; raises for any other
 * value.
 */
static void
text_to_counter(const CqKey *key)
{
	CqValue		value;
	CqSetRequest request = {0};
	char	   *digits;
	int64		n;

	if (cq_cache_peek(key, cq_statement_snapshot(), &value) != CQ_LOOKUP_HIT)
	{
		/* a dependent entry that is a miss must not be in the counter's place */
		cq_cache_drop_stale(key, cq_statement_snapshot(), false);
		return;
	}
	if (value.type == CQ_VALUE_COUNTER)
		return;
	if (value.type != CQ_VALUE_TEXT || value.dependent)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("the cached value is not a counter"),
				 value.dependent
				 ? errdetail("It was stored with tags, a miss or a lease.")
				 : errdetail("It is of type %s.", cq_value_type_name(value.type))));
	digits = pnstrdup(value.data, value.len);
	n = DatumGetInt64(DirectFunctionCall1(int8in, CStringGetDatum(digits)));

	request.key = key;
	request.value = (char *) &n;
	request.value_len = sizeof(n);
	request.type = CQ_VALUE_COUNTER;
	request.expires_ms = value.expires_ms;
	check_not_refused(cq_cache_set_now(&request, NULL, CQ_PUT_IF_VERSION,
									   value.version));
}

/* Store a new counter; false if another session has done so meanwhile. */
static bool
create_counter(const CqKey *key, int64 n, int64 expires_ms)
{
	CqSetRequest request = {0};
	CqSetResult result;

	request.key = key;
	request.value = (char *) &n;
	request.value_len = sizeof(n);
	request.type = CQ_VALUE_COUNTER;
	request.expires_ms = expires_ms;
	result = cq_cache_set_now(&request, NULL, CQ_PUT_IF_ABSENT, 0);
	check_not_refused(result);
	if (result == CQ_SET_NO_MEMORY)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("no room for a counter in the cache")));
	return result == CQ_SET_STORED;
}

int64
cq_cache_add(const CqKey *key, int64 by, int64 expires_ms, bool renew)
{
	int64		result;

	if (cq_pending_find(key) != NULL || cq_pending_cleared(key->name_space))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot increment a key that this transaction has set or deleted"),
				 errdetail("Increments are immediate, sets and deletes wait for the commit.")));
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		switch (cq_engine_incr(cq_cache_engine(), &key->engine,
							   CQ_VALUE_COUNTER, by, renew ? expires_ms : -1,
							   cq_clock_ms(), &result))
		{
			case CQ_ENGINE_OK:
				cq_cache_expiry_added(expires_ms);
				return result;
			case CQ_ENGINE_OVERFLOW:
				ereport(ERROR,
						(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
						 errmsg("counter out of range")));
				break;
			case CQ_ENGINE_WRONG_TYPE:
				text_to_counter(key);
				break;
			default:
				if (create_counter(key, by, expires_ms))
					return by;
		}
	}
}
