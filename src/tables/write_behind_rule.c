/*-------------------------------------------------------------------------
 *
 * write_behind_rule.c
 *	  Rules of write-behind: making and dropping them.
 *
 * Only a role that owns both the namespace and the table may make a rule: what the
 * namespace's writers set is written as the table's owner.
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
#include "core/owner.h"
#include "miscadmin.h"
#include "tables/write_behind.h"
#include "tables/write_behind_log.h"
#include "tables/write_behind_rule.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

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

/* The name of the key column: the one that is given, or the primary key's. */
static Name
key_column(const CqBehindDefinition *definition, Relation rel)
{
	Name		result = definition->key_column;
	AttrNumber	column;

	if (result != NULL)
		column = find_column(rel, NameStr(*result));
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

/* What values the rule takes; checks value_column and columns. */
static char
value_kind(const CqBehindDefinition *definition, Relation rel, const char *key)
{
	AttrNumber	column;
	Oid			type;

	if (definition->value_column == NULL)
	{
		if (definition->columns != NULL)
			check_columns(rel, definition->columns, key);
		return CQ_BEHIND_ROW;
	}
	if (definition->columns != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value_column and columns exclude each other")));
	if (strcmp(NameStr(*definition->value_column), key) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("value_column must not be the key column")));
	column = find_column(rel, NameStr(*definition->value_column));
	type = TupleDescAttr(RelationGetDescr(rel), column - 1)->atttypid;
	return getBaseType(type) == BYTEAOID ? CQ_BEHIND_BYTEA : CQ_BEHIND_TEXT;
}

bool
cq_behind_create_rule(const CqBehindDefinition *definition)
{
	Oid			types[] = {INT4OID, CHAROID, CHAROID, INT8OID, INT4OID,
	TEXTOID, OIDOID, NAMEOID, NAMEOID, NAMEARRAYOID};
	Datum		values[lengthof(types)];
	char		nulls[] = "          ";
	Relation	rel = open_target(definition->target);
	Name		key = key_column(definition, rel);

	values[0] = Int32GetDatum((int32) definition->namespace_id);
	values[1] = CharGetDatum(definition->mode);
	values[2] = CharGetDatum(value_kind(definition, rel, NameStr(*key)));
	values[3] = Int64GetDatum(definition->delay_ms);
	values[4] = Int32GetDatum(definition->batch_size);
	values[5] = CStringGetTextDatum(definition->conflict);
	values[6] = ObjectIdGetDatum(definition->target);
	values[7] = NameGetDatum(key);
	values[8] = PointerGetDatum(definition->value_column);
	nulls[8] = definition->value_column == NULL ? 'n' : ' ';
	values[9] = PointerGetDatum(definition->columns);
	nulls[9] = definition->columns == NULL ? 'n' : ' ';
	table_close(rel, NoLock);

	return cq_execute_as_owner("INSERT INTO cq.write_behind VALUES "
							   "($1, $2, $3, $4, $5, $6, $7::regclass, $8, $9, $10) "
							   "ON CONFLICT DO NOTHING RETURNING namespace_id",
							   lengthof(types), types, values, nulls) >= 0;
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
