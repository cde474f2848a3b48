/*-------------------------------------------------------------------------
 *
 * declared.c
 *	  STABLE functions that a superuser has declared fit for cached queries.
 *
 * Nothing tells what a function reads.  cq.cache_function has what a superuser says:
 * tables, which must be watched and become dependencies of the result as if the query
 * read them, and settings, whose values go into its key.  Who could write that
 * table could make others hit results that are out of date, or of other tenants.
 *
 * The declaration itself is part of the key, and a change of the table ends the plans
 * that depend on it.  So results that were computed under another one are not found.
 *
 * The function runs with the rights of the caller.  A hit does not run it; so the
 * caller's right to read the tables is checked as if the query named them, unless the
 * function is SECURITY DEFINER.  What policies of these tables depend on is not known:
 * tables with row-level security are refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "core/catalog.h"
#include "core/faults.h"
#include "core/owner.h"
#include "miscadmin.h"
#include "query/declared.h"
#include "query/refuse.h"
#include "query/relations.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#define TABLE "cache_function"

/* ---- looking up ------------------------------------------------------ */

typedef struct CqDeclaration
{
	bool		found;
	Datum	   *reads;			/* oids */
	int			nreads;
	Datum	   *settings;		/* text */
	int			nsettings;
} CqDeclaration;

static void
read_declaration(const CqRow *row, void *arg)
{
	CqDeclaration *declaration = arg;

	declaration->found = true;
	deconstruct_array(DatumGetArrayTypePCopy(row->values[1]), REGCLASSOID, sizeof(Oid),
					  true, TYPALIGN_INT, &declaration->reads, NULL,
					  &declaration->nreads);
	deconstruct_array(DatumGetArrayTypePCopy(row->values[2]), TEXTOID, -1, false,
					  TYPALIGN_INT, &declaration->settings, NULL,
					  &declaration->nsettings);
}

static void
add_setting(CqQueryFacts *facts, char *name)
{
	ListCell   *cell;

	foreach(cell, facts->settings)
	{
		if (strcmp(lfirst(cell), name) == 0)
			return;
	}
	facts->settings = lappend(facts->settings, name);
}

static void
add_to_hash(CqQueryFacts *facts, const void *bytes, int len)
{
	facts->declarations = hash_bytes_extended(bytes, len, facts->declarations);
}

/* The function reads the table, by the rights of its caller or of its owner. */
static void
add_table(CqCheck *check, Oid function, Oid relid, bool as_caller)
{
	CqCulprit	culprit = {function, T_Invalid};
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	const char *reason = NULL;

	if (!HeapTupleIsValid(tuple))
		reason = "is declared to read a table that is gone";
	else if (((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity)
		reason = psprintf("reads table \"%s\", which has row-level security",
						  get_rel_name(relid));
	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (reason != NULL)
		cq_refuse(check, &culprit,
				  psprintf("that calls \"%s\"", get_func_name(function)),
				  psprintf("The function %s.", reason),
				  "Declare the function again, or pass its value as an argument of the query.");
	if (!CQ_FAULT("no-declared-reads"))
		cq_check_table(check, relid);
	if (as_caller)
		check->facts->invoker_reads =
			list_append_unique_oid(check->facts->invoker_reads, relid);
	add_to_hash(check->facts, &relid, sizeof(relid));
}

static bool
is_security_definer(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	result = ((Form_pg_proc) GETSTRUCT(tuple))->prosecdef;
	ReleaseSysCache(tuple);
	return result;
}

/* As which it stands in the table. */
static Datum
signature_of(Oid function)
{
	return CStringGetTextDatum(format_procedure_qualified(function));
}

bool
cq_check_declared(CqCheck *check, Oid function)
{
	CqQueryFacts *facts = check->facts;
	CqDeclaration declaration = {0};
	ScanKeyData key;
	bool		as_caller;

	if (!OidIsValid(cq_relation_if_exists(TABLE)))
		return false;
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ, signature_of(function));
	cq_catalog_read(TABLE, TABLE "_pkey", &key, read_declaration, &declaration);
	if (!declaration.found)
		return false;
	if (list_member_oid(facts->functions, function))
		return true;

	as_caller = !is_security_definer(function);
	facts->declared_in = cq_relation_if_exists(TABLE);
	add_to_hash(facts, &function, sizeof(function));
	for (int i = 0; i < declaration.nreads; i++)
		add_table(check, function, DatumGetObjectId(declaration.reads[i]), as_caller);
	for (int i = 0; i < declaration.nsettings; i++)
	{
		char	   *name = TextDatumGetCString(declaration.settings[i]);

		add_setting(facts, name);
		add_to_hash(facts, name, strlen(name) + 1);
	}
	return true;
}

void
cq_declared_check_privileges(const CqQueryFacts *facts)
{
	ListCell   *cell;

	foreach(cell, facts->invoker_reads)
	{
		Oid			relid = lfirst_oid(cell);

		if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
			pg_attribute_aclcheck_all(relid, GetUserId(), ACL_SELECT,
									  ACLMASK_ANY) != ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relid));
	}
}

/* ---- declaring ------------------------------------------------------- */

static void
require_superuser(void)
{
	if (!superuser())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be superuser to declare functions for cached queries")));
}

static void
check_function(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Form_pg_proc proc;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("function with OID %u does not exist", function)));
	proc = (Form_pg_proc) GETSTRUCT(tuple);
	if (function < FirstUnpinnedObjectId || proc->prokind == PROKIND_PROCEDURE ||
		proc->provolatile != PROVOLATILE_STABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a STABLE function written by a user",
						NameStr(proc->proname)),
				 errdetail("IMMUTABLE functions need no declaration, and VOLATILE ones cannot be called by cached queries.")));
	ReleaseSysCache(tuple);
}

static void
check_table(Oid relid)
{
	char		kind = get_rel_relkind(relid);

	if ((kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE) ||
		get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an ordinary or partitioned table",
						kind == '\0' ? psprintf("%u", relid) : get_rel_name(relid)),
				 errhint("Name the tables that a view reads.")));
}

void
cq_function_declare(Oid function, ArrayType *reads, ArrayType *settings)
{
	Oid			types[] = {TEXTOID, REGCLASSARRAYOID, TEXTARRAYOID};
	Datum		values[] = {(Datum) 0, PointerGetDatum(reads), PointerGetDatum(settings)};
	Datum	   *relids;
	int			n;

	require_superuser();
	PreventCommandIfReadOnly("cq.cache_function_declare()");
	check_function(function);
	deconstruct_array(reads, REGCLASSOID, sizeof(Oid), true, TYPALIGN_INT, &relids,
					  NULL, &n);
	for (int i = 0; i < n; i++)
		check_table(DatumGetObjectId(relids[i]));
	values[0] = signature_of(function);
	(void) cq_execute_as_owner("INSERT INTO cq.cache_function AS f VALUES ($1, $2, $3) "
							   "ON CONFLICT (function) DO UPDATE SET reads = excluded.reads, "
							   "settings = excluded.settings",
							   lengthof(types), types, values, NULL);
}

void
cq_function_undeclare(Oid function)
{
	Oid			type = TEXTOID;
	Datum		value;

	require_superuser();
	PreventCommandIfReadOnly("cq.cache_function_undeclare()");
	value = signature_of(function);
	if (cq_execute_as_owner("DELETE FROM cq.cache_function WHERE function = $1 RETURNING 1",
							1, &type, &value, NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("function %s is not declared", format_procedure(function))));
}
