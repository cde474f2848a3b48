/*-------------------------------------------------------------------------
 *
 * cache_fetch.c
 *	  cq.cache_fetch: the cached result of a query, or run it and cache it.
 *
 * Miss, query and set share one snapshot, the statement's, so the value is
 * judged by exactly what it was read under.
 *
 * The key of a result, which cache_get never finds:
 *
 *	user's key | 0 | role | hash of settings | hash of query | arguments
 *
 * Arguments that make it too long are replaced by their SHA-256.  Results
 * are kept apart by role; on a hit the caller's privileges on the query's
 * tables are checked as for running it.  A query under row-level security is
 * run and not cached.
 *
 * Plans are kept per backend, by role and query text.  What a plan was
 * checked for is forgotten when one of its relations, any function or any
 * role changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "cachequeue.h"
#include "cache/cache.h"
#include "cache/local.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "core/compat.h"
#include "core/settings.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "pgtime.h"
#include "sql/cache_args.h"
#include "sql/cache_watch.h"
#include "sql/query_check.h"
#include "tsearch/ts_cache.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/pg_locale.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/xml.h"

PG_FUNCTION_INFO_V1(cq_cache_fetch);

#define PLANS_MAX 512

typedef struct CqPlanKey
{
	uint64		query_hash;
	uint64		query_hash_2;	/* of another seed */
	Oid			role;
	uint32		unused;			/* zero */
} CqPlanKey;

typedef struct CqPlan
{
	CqPlanKey	key;
	bool		valid;			/* facts and plan may be used */
	MemoryContext context;		/* holds the facts */
	CqQueryFacts *facts;
	SPIPlanPtr	plan;
} CqPlan;

static HTAB *plans = NULL;
static uint64 invalidations = 0;	/* seen by the callbacks below */
static bool running = false;	/* a query of ours is being run */

/* the arguments of the call, unpacked */
typedef struct CqFetch
{
	text	   *key;
	uint32		name_space;
	const char *query;
	int			nargs;
	Datum	   *args;			/* text */
	bool	   *arg_nulls;
	int64		expires_ms;
	ArrayType  *tags;			/* NULL: the query's relations */
} CqFetch;

static void
relation_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	CqPlan	   *plan;

	invalidations++;
	hash_seq_init(&status, plans);
	while ((plan = hash_seq_search(&status)) != NULL)
	{
		if (!OidIsValid(relid) ||
			(plan->facts != NULL &&
			 list_member_oid(plan->facts->relations, relid)))
			plan->valid = false;
	}
}

static void
catalog_changed(Datum arg, int cache, uint32 hash)
{
	relation_changed(arg, InvalidOid);
}

static void
init_plans(void)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(CqPlanKey);
	ctl.entrysize = sizeof(CqPlan);
	plans = hash_create("cachequeue plans", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHOID, catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, catalog_changed, (Datum) 0);
}

static void
drop_plan(CqPlan *plan)
{
	if (plan->plan != NULL)
		SPI_freeplan(plan->plan);
	if (plan->context != NULL)
		MemoryContextDelete(plan->context);
	plan->plan = NULL;
	plan->context = NULL;
	plan->facts = NULL;
	plan->valid = false;
}

/* A backend that keeps making up queries starts over now and then. */
static void
drop_all_plans(void)
{
	HASH_SEQ_STATUS status;
	CqPlan	   *plan;

	hash_seq_init(&status, plans);
	while ((plan = hash_seq_search(&status)) != NULL)
	{
		drop_plan(plan);
		hash_search(plans, &plan->key, HASH_REMOVE, NULL);
	}
}

/* Check and prepare; within SPI. */
static void
build_plan(CqPlan *plan, const char *query)
{
	MemoryContext context;
	MemoryContext caller;
	CqQueryFacts *facts;
	SPIPlanPtr	spi_plan;
	uint64		before = invalidations;

	drop_plan(plan);
	context = AllocSetContextCreate(CurrentMemoryContext, "cachequeue plan",
									ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(context);
	facts = cq_query_check(query);
	MemoryContextSwitchTo(caller);
	if (facts->ncolumns != 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("query must return one column, not %d",
						facts->ncolumns)));

	spi_plan = SPI_prepare(query, facts->nparams, facts->param_types);
	if (spi_plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(spi_plan);
	MemoryContextSetParent(context, TopMemoryContext);
	plan->plan = spi_plan;
	plan->context = context;
	plan->facts = facts;
	plan->valid = invalidations == before;
}

static CqPlan *
find_plan(const char *query)
{
	CqPlanKey	key = {0};
	CqPlan	   *plan;
	bool		found;
	int			len = strlen(query);

	if (plans == NULL)
		init_plans();
	key.query_hash = hash_bytes_extended((const unsigned char *) query, len, 1);
	key.query_hash_2 = hash_bytes_extended((const unsigned char *) query, len, 2);
	key.role = GetUserId();

	if (hash_get_num_entries(plans) >= PLANS_MAX &&
		hash_search(plans, &key, HASH_FIND, NULL) == NULL)
		drop_all_plans();
	plan = hash_search(plans, &key, HASH_ENTER, &found);
	if (!found)
	{
		plan->plan = NULL;
		plan->context = NULL;
		plan->facts = NULL;
		plan->valid = false;
	}
	if (!plan->valid)
		build_plan(plan, query);
	return plan;
}

/* As for running it: raises 42501. */
static void
check_privileges(CqPlan *plan)
{
	CachedPlan *cached = SPI_plan_get_cached_plan(plan->plan);
	ListCell   *cell;

	if (cached == NULL)
		elog(ERROR, "no plan for a cached query");
	foreach(cell, cached->stmt_list)
		cq_check_plan_privileges(lfirst_node(PlannedStmt, cell));
	ReleaseCachedPlan(cached, CurrentResourceOwner);
}

static void
add_string(uint64 *hash, const char *s)
{
	if (s == NULL)
		s = "";
	*hash = hash_bytes_extended((const unsigned char *) s, strlen(s) + 1, *hash);
}

/* What changes names or output: part of the key. */
static uint64
hash_settings(void)
{
	int			numbers[] = {
		DateStyle, DateOrder, IntervalStyle, extra_float_digits,
		bytea_output, xmloption, xmlbinary
	};
	uint64		hash;

	hash = hash_bytes_extended((unsigned char *) numbers, sizeof(numbers), 0);
	add_string(&hash, namespace_search_path);
	add_string(&hash, pg_get_timezone_name(session_timezone));
	add_string(&hash, locale_monetary);
	add_string(&hash, locale_numeric);
	add_string(&hash, locale_time);
	add_string(&hash, TSCurrentConfig);
	return hash;
}

static void
add_digest(StringInfo buf, const char *bytes, Size len)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	if (pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) bytes, len) < 0 ||
		pg_cryptohash_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute a digest: %s", pg_cryptohash_error(ctx));
	pg_cryptohash_free(ctx);
	appendBinaryStringInfo(buf, (char *) digest, sizeof(digest));
}

/* Replace the user's key by that of the result. */
static void
result_key(CqKey *key, const CqPlan *plan, const CqFetch *fetch)
{
	StringInfoData args;
	StringInfoData buf;
	uint64		settings = hash_settings();

	initStringInfo(&args);
	for (int i = 0; i < fetch->nargs; i++)
	{
		int32		len = -1;

		if (!fetch->arg_nulls[i])
			len = VARSIZE_ANY_EXHDR(DatumGetPointer(fetch->args[i]));
		appendBinaryStringInfo(&args, (char *) &len, sizeof(len));
		if (len > 0)
			appendBinaryStringInfo(&args,
								   VARDATA_ANY(DatumGetPointer(fetch->args[i])),
								   len);
	}

	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, VARDATA_ANY(fetch->key),
						   VARSIZE_ANY_EXHDR(fetch->key));
	appendStringInfoChar(&buf, '\0');
	appendBinaryStringInfo(&buf, (char *) &settings, sizeof(settings));
	appendBinaryStringInfo(&buf, (char *) &plan->key, sizeof(plan->key));
	if (buf.len + 1 + args.len <= CQ_KEY_BYTES_MAX)
	{
		appendStringInfoChar(&buf, 'a');
		appendBinaryStringInfo(&buf, args.data, args.len);
	}
	else
	{
		appendStringInfoChar(&buf, 'd');
		add_digest(&buf, args.data, args.len);
	}
	cq_key_init(key, CQ_SPACE_RESULT, fetch->name_space, buf.data, buf.len);
}

/* The result as jsonb, in the caller's context; NULL for no row and for NULL. */
static Jsonb *
run_query(CqPlan *plan, const CqFetch *fetch, MemoryContext caller)
{
	CqQueryFacts *facts = plan->facts;
	Datum	   *values = palloc(Max(facts->nparams, 1) * sizeof(Datum));
	char	   *nulls = palloc(Max(facts->nparams, 1));
	Datum		value;
	bool		is_null;
	Oid			type;
	FmgrInfo	to_jsonb;
	Jsonb	   *jsonb;
	Jsonb	   *result;

	for (int i = 0; i < facts->nparams; i++)
	{
		Oid			input;
		Oid			io_param;
		char	   *input_text = NULL;

		nulls[i] = fetch->arg_nulls[i] ? 'n' : ' ';
		if (!fetch->arg_nulls[i])
			input_text = TextDatumGetCString(fetch->args[i]);
		getTypeInputInfo(facts->param_types[i], &input, &io_param);
		values[i] = OidInputFunctionCall(input, input_text, io_param, -1);
	}

	if (SPI_execute_plan(plan->plan, values, nulls, true, 2) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_plan failed");
	cq_count(CQ_COUNT_LOADS, 1);
	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("query returned more than one row"),
				 errhint("Aggregate the rows, for example with jsonb_agg.")));
	if (SPI_processed == 0)
		return NULL;
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						  &is_null);
	if (is_null)
		return NULL;

	/* to_jsonb finds out the type of its argument from its call expression */
	type = SPI_gettypeid(SPI_tuptable->tupdesc, 1);
	fmgr_info(F_TO_JSONB, &to_jsonb);
	fmgr_info_set_expr((Node *) makeFuncExpr(F_TO_JSONB, JSONBOID,
											 list_make1(makeNullConst(type, -1, InvalidOid)),
											 InvalidOid, InvalidOid,
											 COERCE_EXPLICIT_CALL),
					   &to_jsonb);
	jsonb = DatumGetJsonbP(FunctionCall1(&to_jsonb, value));
	result = MemoryContextAllocHuge(caller, VARSIZE(jsonb));
	memcpy(result, jsonb, VARSIZE(jsonb));
	return result;
}

/* Store what was read under the snapshot, unless it is too large. */
static void
store(const CqKey *key, const CqPlan *plan, Snapshot snapshot, Jsonb *result,
	  const CqFetch *fetch)
{
	CqSetRequest request = {0};
	CqView		view;

	if (!cq_view_of_snapshot(snapshot, &view))
		return;
	if (result != NULL)
	{
		request.value = VARDATA(result);
		request.value_len = VARSIZE(result) - VARHDRSZ;
		if (request.value_len > (uint32) cq_value_size_max)
			return;
	}
	request.key = key;
	request.type = result != NULL ? CQ_VALUE_JSONB : CQ_VALUE_NOTHING;
	request.expires_ms = fetch->expires_ms;
	cq_request_depend(&request, fetch->tags);
	if (fetch->tags == NULL)
	{
		ListCell   *cell;

		foreach(cell, plan->facts->relations)
		{
			if (request.nslots == lengthof(request.slots))
				return;
			request.slots[request.nslots++] = cq_relation_slot(lfirst_oid(cell));
		}
	}

	if (FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
		(void) cq_cache_set(&request, &view, cq_local_change());
	else
		(void) cq_cache_set_now(&request, &view, CQ_PUT_ALWAYS, 0);
}

static void
check_call(const CqPlan *plan, const CqFetch *fetch)
{
	if (plan->facts->nparams != fetch->nargs)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query has %d parameters, but %d arguments were given",
						plan->facts->nparams, fetch->nargs)));
	if (fetch->tags == NULL && fetch->expires_ms == 0 &&
		OidIsValid(plan->facts->unwatched) && !plan->facts->row_security)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation \"%s\" is not watched",
						get_rel_name(plan->facts->unwatched)),
				 errhint("Call cq.cache_watch for it, or give a ttl to accept results of that age.")));
}

static Jsonb *
value_jsonb(const CqValue *value, MemoryContext caller)
{
	Jsonb	   *result;

	if (value->type == CQ_VALUE_NOTHING)
		return NULL;
	result = MemoryContextAllocHuge(caller, value->len + VARHDRSZ);
	SET_VARSIZE(result, value->len + VARHDRSZ);
	memcpy(VARDATA(result), value->data, value->len);
	return result;
}

/*
 * The call itself, within SPI: key still is the user's.  Returns in the
 * caller's context.
 */
static Jsonb *
fetch_result(CqFetch *fetch, CqKey *key, MemoryContext caller)
{
	CqPlan	   *plan = find_plan(fetch->query);
	Snapshot	snapshot = GetActiveSnapshot();
	CqValue		value;
	CqLookup	outcome;
	Jsonb	   *result;

	check_call(plan, fetch);
	if (plan->facts->row_security)
		return run_query(plan, fetch, caller);

	result_key(key, plan, fetch);
	outcome = cq_cache_peek(key, snapshot, &value);
	cq_count_lookup(outcome);
	if (outcome == CQ_LOOKUP_HIT)
	{
		check_privileges(plan);
		return value_jsonb(&value, caller);
	}
	result = run_query(plan, fetch, caller);
	store(key, plan, snapshot, result, fetch);
	return result;
}

/* Arguments: key, query, args, ttl, tags, namespace. */
Datum
cq_cache_fetch(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	const CqNamespace *name_space;
	CqKey		key;
	CqFetch		fetch;
	Jsonb	   *result;

	name_space = cq_arg_key(fcinfo, 0, 5, CQ_NAMESPACE_READ | CQ_NAMESPACE_WRITE,
							&key);
	cq_arg_not_null(fcinfo, 1, "query");
	cq_arg_not_null(fcinfo, 2, "args");
	fetch.key = PG_GETARG_TEXT_PP(0);
	fetch.name_space = name_space->id;
	fetch.query = text_to_cstring(PG_GETARG_TEXT_PP(1));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TEXTOID, -1, false,
					  TYPALIGN_INT, &fetch.args, &fetch.arg_nulls,
					  &fetch.nargs);
	fetch.expires_ms = cq_arg_expiry(fcinfo, 3, name_space);
	fetch.tags = PG_ARGISNULL(4) ? NULL : PG_GETARG_ARRAYTYPE_P(4);

	if (running)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a query run by cq.cache_fetch must not call it again")));
	running = true;
	PG_TRY();
	{
		SPI_connect();
		result = fetch_result(&fetch, &key, caller);
		SPI_finish();
	}
	PG_FINALLY();
	{
		running = false;
	}
	PG_END_TRY();

	if (result == NULL)
		PG_RETURN_NULL();
	PG_RETURN_JSONB_P(result);
}
