/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Checked and prepared queries, kept by each backend.
 *
 * A plan is PostgreSQL's own cached plan and what query/check.c found out about
 * the query.  There is one for each role, schema of temporary tables and set of
 * values of the settings that query/settings.c names.  The two must refer to the
 * same objects, so whatever can make PostgreSQL analyse a query in another way makes
 * this file check it again:
 *
 * - a change of a relation that the query reads, of a function or type that it uses,
 *	 as PostgreSQL and query/check.c list them;
 * - any change of a schema, operator, operator class, cast, collation or text
 *	 search configuration, of roles and their members: these are rare;
 * - a name in its text that has come to stand for something else (query/names.c).
 *	 Names are looked up when the plan is used, and only when a relation, type or
 *	 function has changed since; a hundred temporary tables a second cost a look-up
 *	 of a few names each.
 *
 * The same holds for everything that decides whether the role may read the
 * relations: once checked, a privilege holds as long as the plan is valid.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "common/hashfn.h"
#include "core/compat.h"
#include "core/faults.h"
#include "miscadmin.h"
#include "query/declared.h"
#include "query/plan.h"
#include "query/settings.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/syscache.h"

#define PLANS_MAX 512

static HTAB *plans = NULL;
static CqPlan *last_found = NULL;
static uint64 changes = 0;		/* of the catalogs, seen by the callbacks
								 * below */

static void
relation_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	CqPlan	   *plan;

	changes++;
	hash_seq_init(&status, plans);
	while ((plan = hash_seq_search(&status)) != NULL)
	{
		if (!OidIsValid(relid) ||
			(plan->facts != NULL && cq_facts_concern_relation(plan->facts, relid)))
			plan->valid = false;
	}
}

static void
catalog_changed(Datum arg, int cache, uint32 hash)
{
	relation_changed(arg, InvalidOid);
}

/* ---- functions and types in use -------------------------------------- */

static uint64
object_name(int cache, uint32 hash)
{
	return (uint64) cache << 32 | hash;
}

static int
compare_objects(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

/* The plans that use the object, or all. */
static void
end_plans(uint64 name, bool all)
{
	HASH_SEQ_STATUS status;
	CqPlan	   *plan;

	changes++;
	if (CQ_FAULT("no-plan-objects"))
		return;
	hash_seq_init(&status, plans);
	while ((plan = hash_seq_search(&status)) != NULL)
	{
		if (all ||
			(plan->valid &&
			 bsearch(&name, plan->objects, plan->nobjects, sizeof(uint64),
					 compare_objects) != NULL))
			plan->valid = false;
	}
}

/* A function or a type has changed; hash 0: any may have. */
static void
object_changed(Datum arg, int cache, uint32 hash)
{
	end_plans(object_name(cache, hash), hash == 0);
	end_plans(object_name(PROCOID, 0), false);
}

/* A label, which a query may name: of which enum the message does not tell. */
static void
label_changed(Datum arg, int cache, uint32 hash)
{
	end_plans(object_name(ENUMOID, 0), false);
}

static bool
has_enum(const List *types)
{
	ListCell   *cell;

	foreach(cell, types)
	{
		if (type_is_enum(lfirst_oid(cell)))
			return true;
	}
	return false;
}

static void
add_objects(CqPlan *plan, int cache, const List *oids)
{
	ListCell   *cell;

	foreach(cell, oids)
		plan->objects[plan->nobjects++] =
		object_name(cache, GetSysCacheHashValue1(cache,
												 ObjectIdGetDatum(lfirst_oid(cell))));
}

/* What the walk has found, and what PostgreSQL lists itself. */
static void
find_objects(CqPlan *plan)
{
	CachedPlanSource *source = linitial(SPI_plan_get_plan_sources(plan->plan));
	CqQueryFacts *facts = plan->facts;
	int			n = list_length(facts->judged) + list_length(facts->types) +
	list_length(source->invalItems);
	ListCell   *cell;

	plan->objects = MemoryContextAlloc(plan->context, (n + 2) * sizeof(uint64));
	plan->nobjects = 0;

	/* PostgreSQL has computed constant calls, and whatever these called */
	if (facts->calls_others)
		plan->objects[plan->nobjects++] = object_name(PROCOID, 0);
	if (facts->calls_others || has_enum(facts->types))
		plan->objects[plan->nobjects++] = object_name(ENUMOID, 0);
	add_objects(plan, PROCOID, facts->judged);
	add_objects(plan, TYPEOID, facts->types);
	foreach(cell, source->invalItems)
	{
		PlanInvalItem *item = lfirst_node(PlanInvalItem, cell);

		plan->objects[plan->nobjects++] = object_name(item->cacheId, item->hashValue);
	}
	qsort(plan->objects, plan->nobjects, sizeof(uint64), compare_objects);
}

/* ---- the plans of this backend --------------------------------------- */

/* The owner of the database is a member of pg_database_owner. */
static void
database_changed(Datum arg, int cache, uint32 hash)
{
	if (hash == 0 ||
		hash == GetSysCacheHashValue1(DATABASEOID,
									  ObjectIdGetDatum(MyDatabaseId)))
		relation_changed(arg, InvalidOid);
}

static void
init_plans(void)
{
	static const int catalogs[] = {
		AUTHOID, AUTHMEMROLEMEM, NAMESPACEOID, OPEROID, AMOPOPID, CLAOID,
		CASTSOURCETARGET, COLLOID, CONDEFAULT,
		/* folded into plans: what becomes of a constant text */
		TSCONFIGOID, TSCONFIGMAP, TSDICTOID, TSPARSEROID
	};
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(CqPlanKey);
	ctl.entrysize = sizeof(CqPlan);
	plans = hash_create("cachequeue plans", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(PROCOID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, object_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(ENUMOID, label_changed, (Datum) 0);
	for (int i = 0; i < lengthof(catalogs); i++)
		CacheRegisterSyscacheCallback(catalogs[i], catalog_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(DATABASEOID, database_changed, (Datum) 0);
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
	plan->names = NULL;
	plan->objects = NULL;
	plan->nobjects = 0;
	plan->valid = false;
	plan->permitted = false;
}

/* For a backend that keeps running new queries. */
static void
drop_all_plans(void)
{
	HASH_SEQ_STATUS status;
	CqPlan	   *plan;

	last_found = NULL;
	hash_seq_init(&status, plans);
	while ((plan = hash_seq_search(&status)) != NULL)
	{
		drop_plan(plan);
		hash_search(plans, &plan->key, HASH_REMOVE, NULL);
	}
}

static void
find_input_functions(CqPlan *plan)
{
	int			n = plan->facts->nparams;

	plan->params = MemoryContextAlloc(plan->context,
									  (n + 1) * sizeof(CqPlanParam));
	for (int i = 0; i < n; i++)
	{
		CqPlanParam *param = &plan->params[i];
		Oid			function;

		getTypeInputInfo(plan->facts->param_types[i], &function,
						 &param->io_param);
		fmgr_info_cxt(function, &param->input, plan->context);
		param->immutable = func_volatile(function) == PROVOLATILE_IMMUTABLE;
	}
}

static SPIPlanPtr
prepare(const char *query, const CqQueryFacts *facts)
{
	SPIPlanPtr	plan = SPI_prepare(query, facts->nparams, facts->param_types);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	return plan;
}

static void
build_plan(CqPlan *plan, const char *query)
{
	MemoryContext context;
	MemoryContext caller;
	CqQueryFacts *facts;
	CqNames    *names;
	SPIPlanPtr	spi_plan;
	uint64		before = changes;

	drop_plan(plan);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	context = AllocSetContextCreate(CurrentMemoryContext, "cachequeue plan",
									ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(context);
	facts = cq_query_check(query, plan->key.allow_time != 0);
	names = cq_names_find(query, facts->judged);
	MemoryContextSwitchTo(caller);

	spi_plan = prepare(query, facts);
	MemoryContextSetParent(context, TopMemoryContext);
	plan->plan = spi_plan;
	plan->context = context;
	plan->facts = facts;
	plan->names = names;
	plan->query = MemoryContextStrdup(context, query);
	find_input_functions(plan);
	find_objects(plan);
	SPI_finish();
	plan->names_checked = before;
	plan->valid = changes == before;
}

static void
fill_key(CqPlanKey *key, const char *query, bool allow_time, uint64 settings)
{
	const unsigned char *bytes = (const unsigned char *) query;
	int			len = strlen(query);
	Oid			temp_toast_schema;

	memset(key, 0, sizeof(*key));
	key->query_hash = hash_bytes_extended(bytes, len, 1);
	key->query_hash_2 = hash_bytes_extended(bytes, len, 2);
	key->settings = settings;
	key->allow_time = allow_time;
	key->no_force_rls = InNoForceRLSOperation();
	GetTempNamespaceState(&key->temp_schema, &temp_toast_schema);
	key->role = GetUserId();
}

/* Is it the query of the last call?  Comparing is faster than hashing. */
static bool
is_last_found(const char *query, bool allow_time, uint64 settings)
{
	Oid			temp_schema;
	Oid			temp_toast_schema;

	if (last_found == NULL || !last_found->valid ||
		last_found->key.role != GetUserId() ||
		last_found->key.settings != settings ||
		last_found->key.allow_time != allow_time ||
		last_found->key.no_force_rls != InNoForceRLSOperation())
		return false;
	GetTempNamespaceState(&temp_schema, &temp_toast_schema);
	return last_found->key.temp_schema == temp_schema &&
		strcmp(last_found->query, query) == 0;
}

/* The plan of the query, valid or not; a new one has nothing but its key. */
static CqPlan *
find_plan(const char *query, bool allow_time, uint64 settings)
{
	CqPlanKey	key;
	CqPlan	   *plan;
	bool		found;

	if (is_last_found(query, allow_time, settings))
		return last_found;
	fill_key(&key, query, allow_time, settings);
	if (hash_get_num_entries(plans) >= PLANS_MAX &&
		hash_search(plans, &key, HASH_FIND, NULL) == NULL)
		drop_all_plans();
	plan = hash_search(plans, &key, HASH_ENTER, &found);
	if (!found)
		memset((char *) plan + sizeof(key), 0, sizeof(*plan) - sizeof(key));
	return plan;
}

/* Has no name of its query come to mean something else?  Then it stays valid. */
static void
check_names(CqPlan *plan)
{
	uint64		now = changes;

	if (CQ_FAULT("no-names"))
		return;
	if (cq_names_hold(plan->names))
		plan->names_checked = now;
	else
		plan->valid = false;
}

CqPlan *
cq_plan_find(const char *query, bool allow_time)
{
	uint64		settings = cq_query_settings();
	CqPlan	   *plan;

	if (plans == NULL)
		init_plans();

	/* running the query would do so, when it locks its tables */
	AcceptInvalidationMessages();

	plan = find_plan(query, allow_time, settings);
	if (plan->valid && plan->names_checked != changes)
		check_names(plan);
	if (!plan->valid)
		build_plan(plan, query);
	last_found = plan;
	return plan;
}

void
cq_plan_read_clock(CqPlan *plan)
{
	SPIPlanPtr	before = plan->plan;

	if (!plan->facts->clock_literals)
		return;
	plan->plan = prepare(plan->query, plan->facts);
	SPI_freeplan(before);
	if (plan->valid && plan->names_checked != changes)
		check_names(plan);
}

void
cq_plan_check_privileges(CqPlan *plan)
{
	List	   *sources = SPI_plan_get_plan_sources(plan->plan);
	CachedPlan *cached;
	ListCell   *cell;

	if (CQ_FAULT("no-privilege-check"))
		return;

	/* an extension's hook may decide otherwise each time, or keep a record */
	if (plan->permitted && ExecutorCheckPerms_hook == NULL)
		return;
	cached = GetCachedPlan(linitial(sources), NULL, CurrentResourceOwner, NULL);
	foreach(cell, cached->stmt_list)
		cq_check_plan_privileges(lfirst_node(PlannedStmt, cell));
	ReleaseCachedPlan(cached, CurrentResourceOwner);
	cq_declared_check_privileges(plan->facts);
	plan->permitted = plan->valid;
}
