/*-------------------------------------------------------------------------
 *
 * functions.c
 *	  May a function be called by a query whose result is cached?
 *
 * Functions of the server that are IMMUTABLE may be called, and of the STABLE ones those
 * listed below: their result is fixed by their arguments and by settings that are part
 * of the result's key.  A function of a user's may be called if it is IMMUTABLE, which is
 * believed; then the result depends on it, so that replacing it is noticed.  What the
 * body calls in turn is not known unless it is compiled, so the result depends on whatever
 * functions and types there are.  Other functions of a user's may read anything, and are
 * refused.
 *
 * A query runs more functions than it names: those behind operators, those of operator
 * classes when it sorts or hashes, defaults of arguments.  They are judged alike.  (Those
 * of aggregates are query/aggregates.c's, those of types query/types.c's.)
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_language.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_proc.h"
#include "core/compat.h"
#include "core/faults.h"
#include "nodes/nodeFuncs.h"
#include "query/clock.h"
#include "query/declared.h"
#include "query/functions.h"
#include "query/refuse.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/*
 * STABLE functions of the server whose result is fixed by their arguments and by settings
 * that are part of the key; sorted.
 */
static const char *const stable_allowed[] = {
	"anytextcat", "array_to_json", "array_to_string", "concat", "concat_ws",
	"date", "date_cmp_timestamptz", "date_eq_timestamptz",
	"date_ge_timestamptz", "date_gt_timestamptz", "date_le_timestamptz",
	"date_lt_timestamptz", "date_ne_timestamptz", "date_part", "date_trunc",
	"extract", "format", "generate_series", "json_agg", "json_agg_finalfn",
	"json_agg_strict", "json_agg_strict_transfn", "json_agg_transfn",
	"json_build_array", "json_build_object", "json_object_agg",
	"json_object_agg_finalfn", "json_object_agg_strict",
	"json_object_agg_strict_transfn", "json_object_agg_transfn",
	"json_object_agg_unique", "json_object_agg_unique_strict",
	"json_object_agg_unique_strict_transfn", "json_object_agg_unique_transfn",
	"jsonb_agg", "jsonb_agg_finalfn", "jsonb_agg_strict",
	"jsonb_agg_strict_transfn", "jsonb_agg_transfn", "jsonb_build_array",
	"jsonb_build_object", "jsonb_object_agg", "jsonb_object_agg_finalfn",
	"jsonb_object_agg_strict", "jsonb_object_agg_strict_transfn",
	"jsonb_object_agg_transfn", "jsonb_object_agg_unique",
	"jsonb_object_agg_unique_strict", "jsonb_object_agg_unique_strict_transfn",
	"jsonb_object_agg_unique_transfn", "row_to_json", "textanycat",
	"time", "timestamp", "timestamp_cmp_timestamptz",
	"timestamp_eq_timestamptz", "timestamp_ge_timestamptz",
	"timestamp_gt_timestamptz", "timestamp_le_timestamptz",
	"timestamp_lt_timestamptz", "timestamp_ne_timestamptz", "timestamptz",
	"timestamptz_cmp_date", "timestamptz_cmp_timestamp",
	"timestamptz_eq_date", "timestamptz_eq_timestamp", "timestamptz_ge_date",
	"timestamptz_ge_timestamp", "timestamptz_gt_date",
	"timestamptz_gt_timestamp", "timestamptz_le_date",
	"timestamptz_le_timestamp", "timestamptz_lt_date",
	"timestamptz_lt_timestamp", "timestamptz_mi_interval",
	"timestamptz_ne_date", "timestamptz_ne_timestamp",
	"timestamptz_pl_interval", "timetz", "timezone", "to_char", "to_json",
	"to_jsonb", "to_number", "to_tsquery", "to_tsvector",
};

static int
compare_names(const void *a, const void *b)
{
	return strcmp(a, *(const char *const *) b);
}

static bool
is_pinned(Oid object)
{
	return object < FirstUnpinnedObjectId;
}

/* The judgement on a function; the row of pg_proc stays pinned meanwhile. */
static bool
is_allowed(CqCheck *check, Oid function, Form_pg_proc proc)
{
	if (cq_function_reads_clock(function))
		return cq_clock_allowed(check);
	switch (proc->provolatile)
	{
		case PROVOLATILE_IMMUTABLE:
			return true;
		case PROVOLATILE_STABLE:
			if (!is_pinned(function))
				return cq_check_declared(check, function);
			return bsearch(NameStr(proc->proname), stable_allowed,
						   lengthof(stable_allowed), sizeof(char *),
						   compare_names) != NULL;
		default:
			return false;
	}
}

void
cq_check_function(CqCheck *check, Oid function)
{
	HeapTuple	tuple;
	Form_pg_proc proc;
	bool		allowed;
	bool		temporary;
	bool		has_body;

	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	allowed = is_allowed(check, function, proc);
	temporary = isAnyTempNamespace(proc->pronamespace);
	has_body = proc->prolang != INTERNALlanguageId && proc->prolang != ClanguageId &&
		!is_pinned(function);
	ReleaseSysCache(tuple);

	if (!allowed)
		cq_refuse_function(check, function);
	if (temporary && !CQ_FAULT("no-temporary-check"))
		cq_refuse(check, NULL, "with temporary objects",
				  psprintf("Function \"%s\" is in the schema pg_temp.",
						   get_func_name(function)),
				  "Create it in another schema.");
	cq_facts_add_function(check->facts, function);
	check->facts->calls_others = check->facts->calls_others || has_body;
}

void
cq_check_call(CqCheck *check, Oid function)
{
	if (cq_function_privilege(function) != ACLCHECK_OK)
		check->facts->may_not_call = true;
	cq_check_function(check, function);
}

bool
cq_function_writes(Oid function)
{
	return is_pinned(function) && func_volatile(function) == PROVOLATILE_STABLE;
}

/* Does the call name arguments, so that others than the last may be missing? */
static bool
names_arguments(List *args)
{
	ListCell   *cell;

	foreach(cell, args)
	{
		if (IsA(lfirst(cell), NamedArgExpr))
			return true;
	}
	return false;
}

void
cq_check_defaults(CqCheck *check, Oid function, List *args)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;
	bool		is_null;
	Datum		defaults;
	List	   *expressions;
	int			missing;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	missing = proc->pronargs - list_length(args);
	defaults = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proargdefaults, &is_null);
	if (missing > 0 && !is_null && !CQ_FAULT("no-defaults"))
	{
		expressions = stringToNode(TextDatumGetCString(defaults));
		if (!names_arguments(args))
			expressions = list_copy_tail(expressions,
										 list_length(expressions) - missing);
		check->todo = list_concat(check->todo, expressions);
	}
	ReleaseSysCache(tuple);
}

void
cq_check_family(CqCheck *check, Oid family)
{
	CatCList   *procs;

	if (!OidIsValid(family) || CQ_FAULT("no-families"))
		return;
	procs = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(family));
	for (int i = 0; i < procs->n_members; i++)
	{
		Form_pg_amproc proc = (Form_pg_amproc) GETSTRUCT(&procs->members[i]->tuple);

		if (!is_pinned(proc->amproc))
			cq_check_function(check, proc->amproc);
	}
	ReleaseCatCacheList(procs);
}

/* The operator families by which it sorts and hashes. */
static void
check_families(CqCheck *check, Oid operator)
{
	CatCList   *entries = SearchSysCacheList1(AMOPOPID, ObjectIdGetDatum(operator));

	for (int i = 0; i < entries->n_members; i++)
	{
		Form_pg_amop entry = (Form_pg_amop) GETSTRUCT(&entries->members[i]->tuple);

		if (entry->amopmethod == BTREE_AM_OID || entry->amopmethod == HASH_AM_OID)
			cq_check_family(check, entry->amopfamily);
	}
	ReleaseCatCacheList(entries);
}

void
cq_check_operator(CqCheck *check, Oid operator)
{
	HeapTuple	tuple;
	Form_pg_operator form;
	Oid			schema;

	if (!OidIsValid(operator))
		return;
	cq_check_function(check, get_opcode(operator));
	if (is_pinned(operator))
		return;

	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	schema = form->oprnamespace;
	ReleaseSysCache(tuple);
	if (isAnyTempNamespace(schema))
		cq_refuse(check, NULL, "with temporary objects",
				  psprintf("Operator %s is in the schema pg_temp.", get_opname(operator)),
				  "Create it in another schema.");
	check_families(check, operator);
}
