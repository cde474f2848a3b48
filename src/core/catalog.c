/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  Relations of schema cq, found by their names, and the rows of its tables.
 *
 * The schema belongs to the extension, so a name in it stands for one relation
 * at a time.  Each lookup asks the system caches: nothing is kept here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "core/catalog.h"
#include "storage/bufmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

Oid
cq_schema(void)
{
	return get_namespace_oid("cq", false);
}

Oid
cq_relation_if_exists(const char *format,...)
{
	char		name[NAMEDATALEN];
	va_list		args;

	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	return get_relname_relid(name, cq_schema());
}

Oid
cq_relation(const char *name)
{
	/* the carrier of the namespace default came with version 1.1 */
	if (!OidIsValid(cq_relation_if_exists("namespace_0")))
		cq_version_error();
	return cq_relation_of_any_version(name);
}

Oid
cq_relation_of_any_version(const char *name)
{
	Oid			relid = cq_relation_if_exists("%s", name);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation cq.%s does not exist", name)));
	return relid;
}

bool
cq_table_is_empty(Oid table)
{
	Relation	rel = table_open(table, AccessShareLock);
	bool		empty = RelationGetNumberOfBlocks(rel) == 0;

	table_close(rel, AccessShareLock);
	return empty;
}

Oid
cq_relation_owner(Oid carrier)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(carrier));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

void
cq_version_error(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the SQL objects of extension cachequeue are older than its library"),
			 errhint("ALTER EXTENSION cachequeue UPDATE.")));
}

/* ---- rows ------------------------------------------------------------ */

static void
read_tuple(HeapTuple tuple, TupleDesc desc, CqRowReader reader, void *arg)
{
	CqRow		row;

	if (desc->natts > CQ_COLUMNS_MAX)
		elog(ERROR, "a table of schema cq has %d columns", desc->natts);
	row.tuple = tuple;
	heap_deform_tuple(tuple, desc, row.values, row.nulls);
	reader(&row, arg);
}

/* cq_catalog_read() without an index. */
static void
read_all(Relation rel, CqRowReader reader, void *arg)
{
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		read_tuple(tuple, RelationGetDescr(rel), reader, arg);
	systable_endscan(scan);
}

void
cq_catalog_read(const char *table, const char *index_name, ScanKey key,
				CqRowReader reader, void *arg)
{
	Relation	rel = table_open(cq_relation(table), AccessShareLock);
	Relation	index;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (index_name == NULL)
		read_all(rel, reader, arg);
	else
	{
		index = index_open(cq_relation(index_name), AccessShareLock);
		scan = systable_beginscan_ordered(rel, index, NULL, 1, key);
		while (HeapTupleIsValid(tuple = systable_getnext_ordered(scan, ForwardScanDirection)))
			read_tuple(tuple, RelationGetDescr(rel), reader, arg);
		systable_endscan_ordered(scan);
		index_close(index, AccessShareLock);
	}
	table_close(rel, AccessShareLock);
}

void
cq_scan_key_int(ScanKey key, int column, int32 value)
{
	ScanKeyInit(key, column, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(value));
}

void
cq_scan_key_text(ScanKey key, int column, Datum value)
{
	ScanKeyEntryInitialize(key, 0, column, BTEqualStrategyNumber, InvalidOid,
						   C_COLLATION_OID, F_TEXTEQ, value);
}
