/*-------------------------------------------------------------------------
 *
 * watch_spec.c
 *	  The catalog cq.watch: reading and writing it.
 *
 * A row of cq.watch holds the arguments of cq.cache_watch for one table.  The
 * specification of a relation follows from its own row and those of its
 * ancestors: a partition, or a child, needs no row, and a former partition keeps
 * nothing of its former parent's.
 *
 *	tags			   its own, and those of all ancestors
 *	write-through	   its own, or for a partition that of the nearest
 *					   partitioned table above it.  A child by inheritance
 *					   does not have its parent's: its rows may have the same
 *					   keys
 *
 * cq.watch is read as a catalog is, under a snapshot of its own: what a table's
 * triggers do must be what holds now that the table is locked, not what an old
 * snapshot shows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "core/catalog.h"
#include "core/owner.h"
#include "executor/spi.h"
#include "tables/watch_spec.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* columns of cq.watch */
enum
{
	COLUMN_TARGET = 1,
	COLUMN_TAGS,
	COLUMN_KEY,
	COLUMN_NAMESPACE,
	COLUMN_NAMESPACE_ID,
	COLUMN_TTL,
	COLUMN_COLUMNS,
	NCOLUMNS = COLUMN_COLUMNS
};

bool
cq_watch_is_there(void)
{
	Oid			schema = get_namespace_oid("cq", true);

	return OidIsValid(schema) && OidIsValid(get_relname_relid("watch", schema));
}

/* Append the parents of a relation, partitioned or inherited, and theirs. */
static List *
add_ancestors(List *relations, Oid relid)
{
	Relation	inherits = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *parents = NIL;
	ListCell   *cell;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(inherits, InheritsRelidSeqnoIndexId, true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		parents = lappend_oid(parents,
							  ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(inherits, AccessShareLock);

	foreach(cell, parents)
	{
		if (!list_member_oid(relations, lfirst_oid(cell)))
		{
			relations = lappend_oid(relations, lfirst_oid(cell));
			relations = add_ancestors(relations, lfirst_oid(cell));
		}
	}
	return relations;
}

List *
cq_watch_strings(ArrayType *array)
{
	List	   *strings = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		if (!nulls[i])
			strings = lappend(strings, TextDatumGetCString(elements[i]));
	}
	return strings;
}

static void
add_templates(CqWatchSpec *spec, List *templates)
{
	ListCell   *cell;

	foreach(cell, templates)
	{
		bool		known = false;
		ListCell   *other;

		foreach(other, spec->templates)
			known = known || strcmp(lfirst(cell), lfirst(other)) == 0;
		if (!known)
			spec->templates = lappend(spec->templates, lfirst(cell));
	}
}

/* Note a row, of the relation itself or of one above it. */
static void
add_row(CqWatchSpec *spec, Oid relid, HeapTuple tuple, TupleDesc desc,
		bool writes)
{
	Datum		values[NCOLUMNS];
	bool		nulls[NCOLUMNS];

	heap_deform_tuple(tuple, desc, values, nulls);
	if (relid == linitial_oid(spec->relations))
		spec->own = true;
	else
		spec->inherited = true;
	if (!nulls[COLUMN_TAGS - 1])
		add_templates(spec,
					  cq_watch_strings(DatumGetArrayTypeP(values[COLUMN_TAGS - 1])));
	if (!writes || nulls[COLUMN_KEY - 1] || nulls[COLUMN_NAMESPACE - 1] ||
		nulls[COLUMN_NAMESPACE_ID - 1])
		return;
	spec->writer = relid;
	spec->key = TextDatumGetCString(values[COLUMN_KEY - 1]);
	spec->namespace = TextDatumGetCString(values[COLUMN_NAMESPACE - 1]);
	spec->namespace_id = (uint32) DatumGetInt32(values[COLUMN_NAMESPACE_ID - 1]);
	if (!nulls[COLUMN_TTL - 1])
		spec->ttl = TextDatumGetCString(values[COLUMN_TTL - 1]);
	if (!nulls[COLUMN_COLUMNS - 1])
		spec->columns = cq_watch_strings(DatumGetArrayTypeP(values[COLUMN_COLUMNS - 1]));
}

CqWatchSpec *
cq_watch_spec(Oid relid)
{
	CqWatchSpec *spec = palloc0(sizeof(CqWatchSpec));
	Oid			index = cq_relation_if_exists("watch_pkey");
	Oid			may_write = relid;	/* its write-through holds for relid, too */
	Relation	rel;
	ListCell   *cell;

	spec->catalog = cq_relation_if_exists("watch");
	if (!OidIsValid(spec->catalog))
		cq_version_error();
	spec->relations = add_ancestors(list_make1_oid(relid), relid);
	rel = table_open(spec->catalog, AccessShareLock);
	foreach(cell, spec->relations)
	{
		Oid			current = lfirst_oid(cell);
		ScanKeyData key;
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&key, COLUMN_TARGET, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(current));
		scan = systable_beginscan(rel, index, OidIsValid(index), NULL, 1, &key);
		if (HeapTupleIsValid(tuple = systable_getnext(scan)))
			add_row(spec, current, tuple, RelationGetDescr(rel),
					current == may_write);
		systable_endscan(scan);

		/*
		 * a partition has one parent, which comes next in the list; or none,
		 * while it is being detached
		 */
		if (current == may_write)
			may_write = !OidIsValid(spec->writer) && get_rel_relispartition(current) &&
				lnext(spec->relations, cell) != NULL ?
				lfirst_oid(lnext(spec->relations, cell)) : InvalidOid;
	}
	table_close(rel, AccessShareLock);
	if (OidIsValid(spec->writer))
		spec->owner = cq_relation_owner(spec->writer);
	return spec;
}

/* ---- writing cq.watch ------------------------------------------------ */

/*
 * Run a command as the extension's owner, under a new snapshot even where the
 * transaction has an old one.  Returns the first column of the first row, a
 * text[] in the caller's context, or NULL.
 */
static ArrayType *
execute(const char *command, int nargs, Oid *types, Datum *values,
		const char *nulls)
{
	MemoryContext caller = CurrentMemoryContext;
	ArrayType  *result = NULL;
	CqRoleScope scope;
	SPIPlanPtr	plan;

	cq_role_begin(&scope, cq_extension_owner());
	SPI_connect();
	plan = SPI_prepare(command, nargs, types);
	if (plan == NULL ||
		SPI_execute_snapshot(plan, values, nulls, GetLatestSnapshot(),
							 InvalidSnapshot, false, true, 0) < 0)
		elog(ERROR, "failed to execute: %s", command);
	if (SPI_tuptable != NULL && SPI_processed > 0)
	{
		bool		isnull;
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0],
										  SPI_tuptable->tupdesc, 1, &isnull);
		MemoryContext spi = MemoryContextSwitchTo(caller);

		if (!isnull)
			result = DatumGetArrayTypePCopy(value);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	cq_role_end(&scope);
	return result;
}

CqWatchSpec *
cq_watch_spec_from_json(Datum write_through)
{
	CqWatchSpec *spec = palloc0(sizeof(CqWatchSpec));
	Oid			type = JSONBOID;
	List	   *fields = cq_watch_strings(execute("SELECT cq._write_through_fields($1)",
												  1, &type, &write_through, NULL));
	char	   *ttl = lthird(fields);

	spec->key = linitial(fields);
	spec->namespace = lsecond(fields);
	spec->ttl = *ttl == '\0' ? NULL : ttl;
	spec->columns = list_copy_tail(fields, 3);
	return spec;
}

static Datum
array_of_strings(List *strings)
{
	Datum	   *elements = palloc(Max(list_length(strings), 1) * sizeof(Datum));
	int			n = 0;
	ListCell   *cell;

	foreach(cell, strings)
		elements[n++] = CStringGetTextDatum(lfirst(cell));
	return PointerGetDatum(construct_array(elements, n, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

void
cq_watch_store(Oid relid, List *tags, const CqWatchSpec *spec)
{
	Oid			types[] = {REGCLASSOID, TEXTARRAYOID, TEXTOID, TEXTOID, INT4OID,
	TEXTOID, TEXTARRAYOID};
	Datum		values[lengthof(types)] = {0};
	char		nulls[] = "  nnnnn";

	values[0] = ObjectIdGetDatum(relid);
	values[1] = array_of_strings(tags);
	if (spec != NULL)
	{
		values[2] = CStringGetTextDatum(spec->key);
		values[3] = CStringGetTextDatum(spec->namespace);
		values[4] = Int32GetDatum((int32) spec->namespace_id);
		nulls[2] = nulls[3] = nulls[4] = ' ';
		if (spec->ttl != NULL)
		{
			values[5] = CStringGetTextDatum(spec->ttl);
			nulls[5] = ' ';
		}
		if (spec->columns != NIL)
		{
			values[6] = array_of_strings(spec->columns);
			nulls[6] = ' ';
		}
	}
	(void) execute("INSERT INTO cq.watch AS w VALUES ($1, $2, $3, $4, $5, $6, $7) "
				   "ON CONFLICT (target) DO UPDATE SET tags = excluded.tags, "
				   "key = excluded.key, namespace = excluded.namespace, "
				   "namespace_id = excluded.namespace_id, ttl = excluded.ttl, "
				   "columns = excluded.columns",
				   lengthof(types), types, values, nulls);
}

void
cq_watch_forget(Oid relid)
{
	Oid			type = REGCLASSOID;
	Datum		value = ObjectIdGetDatum(relid);

	(void) execute("DELETE FROM cq.watch WHERE target = $1", 1, &type, &value, NULL);
}
