/*-------------------------------------------------------------------------
 *
 * query_plan.c
 *	  Checked and prepared queries, kept by each backend.
 *
 * Beside PostgreSQL's own cached plan stands what query_check.c found out
 * about the query.  The two must speak of the same objects, so everything
 * that makes PostgreSQL analyse a query again makes us do so: the role, the
 * search path, temporary tables coming into it, a change of a relation that
 * the query reads, of any function, operator, type or schema.  As in
 * PostgreSQL, a new table that hides another one in the search path is only
 * noticed when one of those happens.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "core/compat.h"
#include "miscadmin.h"
#include "sql/query_plan.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/resowner.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#define PLANS_MAX 512

static HTAB *plans = NULL;
static uint64 invalidations = 0;	/* seen by the callbacks below */

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
			 (list_member_oid(plan->facts->relations, relid) ||
			  list_member_oid(plan->facts->row_types, relid))))
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
	static const int catalogs[] = {
		PROCOID, AUTHOID, AUTHMEMROLEMEM, TYPEOID, OPEROID, NAMESPACEOID,
		AMOPOPID
	};
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(CqPlanKey);
	ctl.entrysize = sizeof(CqPlan);
	plans = hash_create("cachequeue plans", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	for (int i = 0; i < lengthof(catalogs); i++)
		CacheRegisterSyscacheCallback(catalogs[i], catalog_changed, (Datum) 0);
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

static void
find_input_functions(CqPlan *plan)
{
	int			n = plan->facts->nparams;

	plan->input_functions = MemoryContextAlloc(plan->context,
											   (n + 1) * sizeof(Oid));
	plan->io_params = MemoryContextAlloc(plan->context, (n + 1) * sizeof(Oid));
	for (int i = 0; i < n; i++)
		getTypeInputInfo(plan->facts->param_types[i],
						 &plan->input_functions[i], &plan->io_params[i]);
}

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

	spi_plan = SPI_prepare(query, facts->nparams, facts->param_types);
	if (spi_plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(spi_plan);
	MemoryContextSetParent(context, TopMemoryContext);
	plan->plan = spi_plan;
	plan->context = context;
	plan->facts = facts;
	find_input_functions(plan);
	plan->valid = invalidations == before;
}

static void
fill_key(CqPlanKey *key, const char *query)
{
	const unsigned char *bytes = (const unsigned char *) query;
	const char *path = namespace_search_path;
	int			len = strlen(query);
	Oid			temp_toast_schema;

	memset(key, 0, sizeof(*key));
	key->query_hash = hash_bytes_extended(bytes, len, 1);
	key->query_hash_2 = hash_bytes_extended(bytes, len, 2);
	if (path == NULL)
		path = "";
	key->search_path = hash_bytes_extended((const unsigned char *) path,
										   strlen(path), 0);
	GetTempNamespaceState(&key->temp_schema, &temp_toast_schema);
	key->role = GetUserId();
	key->row_security = row_security;
}

CqPlan *
cq_plan_find(const char *query)
{
	CqPlanKey	key;
	CqPlan	   *plan;
	bool		found;

	if (plans == NULL)
		init_plans();

	/* running the query would do so, when it locks its tables */
	AcceptInvalidationMessages();

	fill_key(&key, query);
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

void
cq_plan_check_privileges(CqPlan *plan)
{
	CachedPlan *cached = SPI_plan_get_cached_plan(plan->plan);
	ListCell   *cell;

	if (cached == NULL)
		elog(ERROR, "no plan for a cached query");
	foreach(cell, cached->stmt_list)
		cq_check_plan_privileges(lfirst_node(PlannedStmt, cell));
	ReleaseCachedPlan(cached, CurrentResourceOwner);
}
