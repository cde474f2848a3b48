/*-------------------------------------------------------------------------
 *
 * types.c
 *	  Types of the values that a query handles: what they depend on.
 *
 * A result depends on each type that is not pinned and on all that it consists of, since
 * ALTER TYPE and ALTER DOMAIN change what a value is or which values there are.  With the
 * type come the functions that PostgreSQL finds by it, as no operator in the query names
 * them: to compare (GREATEST, arrays, rows, ranges) and to hash.
 *
 * Text.  The output of some types of the server changes while the value does not: a
 * regclass becomes the table's name.  So turning these into text is refused, while
 * handling them is not.  An anonymous record may hold anything that a row of the query
 * holds; so whether a query turns such records into text, and what its rows hold, are
 * noted, and judged at the end.  Input functions that read the clock (dates: 'now') or
 * the catalogs are refused.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/indexing.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "core/faults.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "query/functions.h"
#include "query/refuse.h"
#include "query/types.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* ---- what a type consists of ----------------------------------------- */

/* The type below a domain, in an array or a range; InvalidOid if there is none. */
static Oid
part_of(Oid type)
{
	Oid			part = getBaseType(type);

	if (part != type)
		return part;
	part = get_element_type(type);
	if (!OidIsValid(part))
		part = get_range_subtype(type);
	if (!OidIsValid(part))
		part = get_multirange_range(type);
	return part;
}

/* The types of its columns, if it is a named composite type. */
static List *
columns_of(Oid type)
{
	Oid			relid = get_typ_typrelid(type);
	List	   *types = NIL;
	Relation	rel;

	if (!OidIsValid(relid))
		return NIL;
	rel = relation_open(relid, AccessShareLock);
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), i);

		if (!column->attisdropped)
			types = lappend_oid(types, column->atttypid);
	}
	relation_close(rel, AccessShareLock);
	return types;
}

/* The functions that PostgreSQL finds by the type. */
static void
check_functions(CqCheck *check, Oid type)
{
	TypeCacheEntry *entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_LT_OPR |
											  TYPECACHE_GT_OPR | TYPECACHE_CMP_PROC |
											  TYPECACHE_HASH_PROC | TYPECACHE_HASH_EXTENDED_PROC);
	RegProcedure subscript = get_typsubscript(type, NULL);

	cq_check_operator(check, entry->eq_opr);
	cq_check_operator(check, entry->lt_opr);
	cq_check_operator(check, entry->gt_opr);
	cq_check_family(check, entry->btree_opf);
	cq_check_family(check, entry->hash_opf);
	if (OidIsValid(subscript))
		cq_check_function(check, subscript);
	if (entry->typtype != TYPTYPE_RANGE)
		return;
	entry = lookup_type_cache(type, TYPECACHE_RANGE_INFO);
	cq_check_function(check, entry->rng_cmp_proc_finfo.fn_oid);
	if (OidIsValid(entry->rng_canonical_finfo.fn_oid))
		cq_check_function(check, entry->rng_canonical_finfo.fn_oid);
	if (OidIsValid(entry->rng_subdiff_finfo.fn_oid))
		cq_check_function(check, entry->rng_subdiff_finfo.fn_oid);
}

static void
check_unpinned_type(CqCheck *check, Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Form_pg_type form;
	Oid			relid;
	Oid			element;
	bool		temporary;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	form = (Form_pg_type) GETSTRUCT(tuple);
	relid = form->typrelid;
	element = IsTrueArrayType(form) ? form->typelem : InvalidOid;
	temporary = isAnyTempNamespace(form->typnamespace);
	ReleaseSysCache(tuple);

	if (temporary && OidIsValid(relid) &&
		get_rel_relkind(relid) != RELKIND_COMPOSITE_TYPE)
		cq_refuse(check, NULL, "with temporary tables", NULL, NULL);
	if (temporary && !CQ_FAULT("no-temporary-check"))
		cq_refuse(check, NULL, "with temporary objects",
				  psprintf("Type %s is in the schema pg_temp.", format_type_be(type)),
				  "Create it in another schema.");
	if (OidIsValid(relid))
		check->facts->row_types = list_append_unique_oid(check->facts->row_types, relid);

	/* an array changes with its elements only */
	if (!OidIsValid(element))
	{
		cq_facts_add_type(check->facts, type);
		check_functions(check, type);
	}
}

void
cq_check_type(CqCheck *check, Oid type)
{
	ListCell   *cell;

	check_stack_depth();
	if (!OidIsValid(type) || list_member_oid(check->seen_types, type))
		return;
	check->seen_types = lappend_oid(check->seen_types, type);
	if (type >= FirstUnpinnedObjectId)
		check_unpinned_type(check, type);
	cq_check_type(check, part_of(type));
	if (type >= FirstUnpinnedObjectId)
	{
		foreach(cell, columns_of(type))
			cq_check_type(check, lfirst_oid(cell));
	}
}

/* ---- text ------------------------------------------------------------ */

/* Does the type's own output, or input, only pass on to that of its parts? */
static bool
passes_on(Oid type)
{
	char		kind = get_typtype(type);

	return OidIsValid(part_of(type)) || kind == TYPTYPE_COMPOSITE ||
		kind == TYPTYPE_ENUM;
}

/* The function itself if it must not make text; else the result depends on it. */
static Oid
judge_output(CqCheck *check, Oid function)
{
	if (func_volatile(function) != PROVOLATILE_IMMUTABLE)
		return function;
	cq_check_function(check, function);
	return InvalidOid;
}

/*
 * The function that must not be called to turn values of the type into text, or
 * InvalidOid.  *has_record becomes true if there are anonymous records in it.
 */
static Oid
bad_output(CqCheck *check, Oid type, bool *has_record)
{
	Oid			output;
	Oid			cast;
	bool		is_varlena;
	Oid			bad = InvalidOid;
	ListCell   *cell;

	check_stack_depth();
	if (type == RECORDOID)
		*has_record = true;
	if (passes_on(type))
	{
		if (OidIsValid(part_of(type)))
			bad = bad_output(check, part_of(type), has_record);
		foreach(cell, columns_of(type))
		{
			if (!OidIsValid(bad))
				bad = bad_output(check, lfirst_oid(cell), has_record);
		}
	}
	else if (get_typtype(type) != TYPTYPE_PSEUDO)
	{
		getTypeOutputInfo(type, &output, &is_varlena);
		switch (output)
		{
			case F_CASH_OUT:
			case F_DATE_OUT:
			case F_INTERVAL_OUT:
			case F_TIMESTAMP_OUT:
			case F_TIMESTAMPTZ_OUT:
				break;			/* by settings that are part of the key */
			default:
				bad = judge_output(check, output);
		}
	}

	/* JSON is made by a cast to it, if there is one */
	if (!OidIsValid(bad) && type >= FirstUnpinnedObjectId &&
		find_coercion_pathway(JSONOID, type, COERCION_EXPLICIT, &cast) == COERCION_PATH_FUNC)
		bad = judge_output(check, cast);
	return bad;
}

void
cq_check_output(CqCheck *check, Oid type)
{
	bool		has_record = false;
	Oid			bad = bad_output(check, type, &has_record);

	if (OidIsValid(bad) && !CQ_FAULT("no-output-check"))
		cq_refuse_output(check, bad);
	check->writes_rows = check->writes_rows || has_record;
}

void
cq_note_row_type(CqCheck *check, Oid type)
{
	bool		has_record = false;

	if (!OidIsValid(check->row_output))
		check->row_output = bad_output(check, type, &has_record);
}

void
cq_check_input(CqCheck *check, Oid type)
{
	Oid			input;
	Oid			io_param;
	ListCell   *cell;

	check_stack_depth();
	if (get_typtype(type) == TYPTYPE_DOMAIN)
		cq_check_domain(check, type);
	if (passes_on(type))
	{
		if (OidIsValid(part_of(type)))
			cq_check_input(check, part_of(type));
		foreach(cell, columns_of(type))
			cq_check_input(check, lfirst_oid(cell));
		return;
	}
	getTypeInputInfo(type, &input, &io_param);
	switch (input)
	{
		case F_CASH_IN:
		case F_INTERVAL_IN:
		case F_XML_IN:
			break;				/* by settings that are part of the key */
		default:
			cq_check_function(check, input);
	}
}

/* ---- domains --------------------------------------------------------- */

/* Append the constraints of one domain to what is to be checked. */
static void
add_constraints(CqCheck *check, Oid domain)
{
	Relation	constraints = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_contypid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(domain));
	scan = systable_beginscan(constraints, ConstraintTypidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		is_null;
		Datum		expression = fastgetattr(tuple, Anum_pg_constraint_conbin,
											 RelationGetDescr(constraints), &is_null);

		if (!is_null)
			check->todo = lappend(check->todo,
								  stringToNode(TextDatumGetCString(expression)));
	}
	systable_endscan(scan);
	table_close(constraints, AccessShareLock);
}

void
cq_check_domain(CqCheck *check, Oid type)
{
	while (!CQ_FAULT("no-constraints") && get_typtype(type) == TYPTYPE_DOMAIN &&
		   !list_member_oid(check->seen_domains, type))
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));

		if (!HeapTupleIsValid(tuple))
			elog(ERROR, "cache lookup failed for type %u", type);
		check->seen_domains = lappend_oid(check->seen_domains, type);
		cq_facts_add_type(check->facts, type);
		add_constraints(check, type);
		type = ((Form_pg_type) GETSTRUCT(tuple))->typbasetype;
		ReleaseSysCache(tuple);
	}
}

/* ---- columns --------------------------------------------------------- */

static void
add_to_layout(CqQueryFacts *facts, Oid type, int32 typmod)
{
	int64		parts[2] = {type, typmod};

	facts->layout_hash = hash_bytes_extended((unsigned char *) parts,
											 sizeof(parts),
											 facts->layout_hash);
}

/* Note how values of a type are laid out, with all that they consist of. */
static void
note_layout(CqQueryFacts *facts, Oid type, int32 typmod)
{
	Oid			relid;
	Relation	rel;

	check_stack_depth();
	add_to_layout(facts, type, typmod);
	while (OidIsValid(part_of(type)))
	{
		type = part_of(type);
		add_to_layout(facts, type, -1);
	}
	if (type == RECORDOID)
		facts->anonymous_rows = true;
	relid = get_typ_typrelid(type);
	if (!OidIsValid(relid))
		return;

	facts->row_types = list_append_unique_oid(facts->row_types, relid);
	rel = relation_open(relid, AccessShareLock);
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute column = TupleDescAttr(RelationGetDescr(rel), i);

		if (column->attisdropped)
			add_to_layout(facts, InvalidOid, column->attlen);
		else
			note_layout(facts, column->atttypid, column->atttypmod);
	}
	relation_close(rel, AccessShareLock);
}

void
cq_check_columns(CqCheck *check, TupleDesc columns)
{
	CqQueryFacts *facts = check->facts;

	facts->columns = columns;
	for (int i = 0; i < columns->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(columns, i);
		bool		has_record = false;

		note_layout(facts, column->atttypid, column->atttypmod);
		cq_check_type(check, column->atttypid);
		if (!OidIsValid(facts->unwritable))
			facts->unwritable = bad_output(check, column->atttypid, &has_record);
		if (has_record && !OidIsValid(facts->unwritable))
			facts->unwritable = check->row_output;
	}
}
