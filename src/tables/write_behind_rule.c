/*-------------------------------------------------------------------------
 *
 * write_behind_rule.c
 *	  Rules of write-behind: cq.cache_write_behind and its end.
 *
 * A rule is for who owns the namespace and the table: what the namespace's
 * writers set is written as the table's owner.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/owner.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "sql/cache_args.h"
#include "tables/write_behind.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(cq_cache_write_behind);
PG_FUNCTION_INFO_V1(cq_cache_write_behind_drop);

#define BATCH_SIZE_MAX 100000

/* arguments of cq.cache_write_behind */
enum
{
	ARG_NAMESPACE,
	ARG_TARGET,
	ARG_MODE,
	ARG_KEY_COLUMN,
	ARG_VALUE_COLUMN,
	ARG_COLUMNS,
	ARG_CONFLICT,
	ARG_BATCH_SIZE,
	ARG_DELAY
};

Oid
cq_behind_key_operator(Relation rel, AttrNumber column)
{
	Oid			result = InvalidOid;
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (form->indisunique && form->indimmediate && form->indisvalid &&
			form->indnkeyatts == 1 && form->indkey.values[0] == column &&
			RelationGetIndexPredicate(index) == NIL)
			result = get_opfamily_member(index->rd_opfamily[0], index->rd_opcintype[0],
										 index->rd_opcintype[0], BTEqualStrategyNumber);
		index_close(index, AccessShareLock);
		if (OidIsValid(result))
			break;
	}
	list_free(indexes);
	return result;
}

static Relation
open_target(Oid target)
{
	Relation	rel = try_table_open(target, AccessShareLock);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table with OID %u does not exist", target)));
	if ((rel->rd_rel->relkind != RELKIND_RELATION &&
		 rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE) ||
		rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP ||
		IsCatalogRelation(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" cannot be the target of write-behind",
						RelationGetRelationName(rel)),
				 errdetail("It must be a table, not a temporary one.")));
	if (!has_privs_of_role(GetUserId(), rel->rd_rel->relowner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", RelationGetRelationName(rel))));
	return rel;
}

/* A column that values can be written to. */
static AttrNumber
find_column(Relation rel, const char *name)
{
	AttrNumber	column = get_attnum(RelationGetRelid(rel), name);
	Form_pg_attribute attribute;

	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(rel))));
	attribute = TupleDescAttr(RelationGetDescr(rel), column - 1);
	if (attribute->attgenerated)
		ereport(ERROR,
				(errcode(ERRCODE_GENERATED_ALWAYS),
				 errmsg("column \"%s\" is generated", name)));
	return column;
}

/* The name of the key column, given or found. */
static Name
key_column(FunctionCallInfo fcinfo, Relation rel)
{
	Name		result;
	AttrNumber	column;

	if (!PG_ARGISNULL(ARG_KEY_COLUMN))
	{
		result = PG_GETARG_NAME(ARG_KEY_COLUMN);
		column = find_column(rel, NameStr(*result));
	}
	else
	{
		Bitmapset  *primary = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);

		if (bms_membership(primary) != BMS_SINGLETON)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					 errmsg("table \"%s\" has no primary key of one column",
							RelationGetRelationName(rel)),
					 errhint("Name the key_column.")));
		column = bms_singleton_member(primary) + FirstLowInvalidHeapAttributeNumber;
		result = palloc(NAMEDATALEN);
		namestrcpy(result, NameStr(TupleDescAttr(RelationGetDescr(rel), column - 1)->attname));
	}
	if (!OidIsValid(cq_behind_key_operator(rel, column)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("column \"%s\" has no unique index of its own", NameStr(*result)),
				 errhint("Write-behind finds the row of a key by it.")));
	return result;
}

/* Check columns, and that they don't name the key. */
static void
check_columns(Relation rel, ArrayType *columns, const char *key)
{
	Datum	   *names;
	bool	   *nulls;
	int			n;

	deconstruct_array(columns, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR,
					  &names, &nulls, &n);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("columns must not be empty")));
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("a column must not be null")));
		(void) find_column(rel, NameStr(*DatumGetName(names[i])));
		if (strcmp(NameStr(*DatumGetName(names[i])), key) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("columns must not contain the key column")));
		for (int j = 0; j < i; j++)
		{
			if (strcmp(NameStr(*DatumGetName(names[i])),
					   NameStr(*DatumGetName(names[j]))) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("column \"%s\" is named twice",
								NameStr(*DatumGetName(names[i])))));
		}
	}
}

/* What values the rule takes; checks value_column and columns. */
static char
value_kind(FunctionCallInfo fcinfo, Relation rel, const char *key)
{
	AttrNumber	column;
	Oid			type;

	if (PG_ARGISNULL(ARG_VALUE_COLUMN))
	{
		if (!PG_ARGISNULL(ARG_COLUMNS))
			check_columns(rel, PG_GETARG_ARRAYTYPE_P(ARG_COLUMNS), key);
		return CQ_BEHIND_ROW;
	}
	if (!PG_ARGISNULL(ARG_COLUMNS))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value_column and columns exclude each other")));
	if (strcmp(NameStr(*PG_GETARG_NAME(ARG_VALUE_COLUMN)), key) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value_column must not be the key column")));
	column = find_column(rel, NameStr(*PG_GETARG_NAME(ARG_VALUE_COLUMN)));
	type = TupleDescAttr(RelationGetDescr(rel), column - 1)->atttypid;
	return getBaseType(type) == BYTEAOID ? CQ_BEHIND_BYTEA : CQ_BEHIND_TEXT;
}

/* A text argument that must be one of two or three words. */
static char *
arg_word(FunctionCallInfo fcinfo, int n, const char *name,
		 const char *a, const char *b, const char *c)
{
	char	   *word;

	cq_arg_not_null(fcinfo, n, name);
	word = text_to_cstring(PG_GETARG_TEXT_PP(n));
	if (strcmp(word, a) != 0 && strcmp(word, b) != 0 &&
		(c == NULL || strcmp(word, c) != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown %s \"%s\"", name, word),
				 c == NULL ? errhint("Use '%s' or '%s'.", a, b)
				 : errhint("Use '%s', '%s' or '%s'.", a, b, c)));
	return word;
}

Datum
cq_cache_write_behind(PG_FUNCTION_ARGS)
{
	Oid			types[] = {INT4OID, CHAROID, CHAROID, INT8OID, INT4OID,
	TEXTOID, OIDOID, NAMEOID, NAMEOID, NAMEARRAYOID};
	Datum		values[lengthof(types)];
	char		nulls[] = "          ";
	uint32		namespace_id;
	char	   *mode;
	Relation	rel;
	Name		key;

	cq_require_shared();
	namespace_id = cq_arg_own_namespace(fcinfo, ARG_NAMESPACE)->id;
	cq_arg_not_null(fcinfo, ARG_TARGET, "target");
	mode = arg_word(fcinfo, ARG_MODE, "mode", "logged", "memory", NULL);
	values[0] = Int32GetDatum((int32) namespace_id);
	values[1] = CharGetDatum(mode[0]);
	cq_arg_not_null(fcinfo, ARG_DELAY, "delay");
	values[3] = Int64GetDatum(cq_interval_ms(PG_GETARG_INTERVAL_P(ARG_DELAY), 0, "delay"));
	cq_arg_not_null(fcinfo, ARG_BATCH_SIZE, "batch_size");
	values[4] = PG_GETARG_DATUM(ARG_BATCH_SIZE);
	if (PG_GETARG_INT32(ARG_BATCH_SIZE) < 1 || PG_GETARG_INT32(ARG_BATCH_SIZE) > BATCH_SIZE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch_size must be between 1 and %d", BATCH_SIZE_MAX)));
	values[5] = CStringGetTextDatum(arg_word(fcinfo, ARG_CONFLICT, "conflict",
											 "overwrite", "keep", "error"));
	values[6] = PG_GETARG_DATUM(ARG_TARGET);
	rel = open_target(PG_GETARG_OID(ARG_TARGET));
	key = key_column(fcinfo, rel);
	values[7] = NameGetDatum(key);
	values[2] = CharGetDatum(value_kind(fcinfo, rel, NameStr(*key)));
	values[8] = PG_GETARG_DATUM(ARG_VALUE_COLUMN);
	nulls[8] = PG_ARGISNULL(ARG_VALUE_COLUMN) ? 'n' : ' ';
	values[9] = PG_GETARG_DATUM(ARG_COLUMNS);
	nulls[9] = PG_ARGISNULL(ARG_COLUMNS) ? 'n' : ' ';
	table_close(rel, NoLock);

	if (cq_execute_as_owner("INSERT INTO cq.write_behind VALUES "
							"($1, $2, $3, $4, $5, $6, $7::regclass, $8, $9, $10) "
							"ON CONFLICT DO NOTHING RETURNING namespace_id",
							lengthof(types), types, values, nulls) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("namespace \"%s\" has a write-behind rule already",
						text_to_cstring(PG_GETARG_TEXT_PP(ARG_NAMESPACE))),
				 errhint("Drop it with cq.cache_write_behind_drop first.")));
	PG_RETURN_VOID();
}

int64
cq_behind_drop_rule(uint32 namespace_id, bool discard)
{
	Oid			type = INT4OID;
	Datum		id = Int32GetDatum((int32) namespace_id);
	int64		discarded = 0;

	if (discard)
	{
		discarded += cq_execute_as_owner("WITH gone AS (DELETE FROM cq.write_behind_log "
										 "WHERE namespace_id = $1 RETURNING 1) "
										 "SELECT pg_catalog.count(*)::int FROM gone",
										 1, &type, &id, NULL);
		discarded += cq_execute_as_owner("WITH gone AS (DELETE FROM cq.write_behind_memory "
										 "WHERE namespace_id = $1 RETURNING 1) "
										 "SELECT pg_catalog.count(*)::int FROM gone",
										 1, &type, &id, NULL);
		CommandCounterIncrement();
	}
	cq_behind_dropping(namespace_id);
	(void) cq_execute_as_owner("DELETE FROM cq.write_behind_stat WHERE namespace_id = $1",
							   1, &type, &id, NULL);
	(void) cq_execute_as_owner("DELETE FROM cq.write_behind WHERE namespace_id = $1",
							   1, &type, &id, NULL);
	return discarded;
}

/* Arguments: namespace, discard. */
Datum
cq_cache_write_behind_drop(PG_FUNCTION_ARGS)
{
	const CqNamespace *name_space = cq_arg_own_namespace(fcinfo, 0);

	if (name_space->behind == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("namespace \"%s\" has no write-behind rule",
						text_to_cstring(PG_GETARG_TEXT_PP(0)))));
	cq_arg_not_null(fcinfo, 1, "discard");
	(void) cq_behind_drop_rule(name_space->id, PG_GETARG_BOOL(1));
	PG_RETURN_VOID();
}
