/*-------------------------------------------------------------------------
 *
 * write_behind_apply.c
 *	  Writing a batch of write-behind to its table.
 *
 * One statement inserts or updates all rows of a batch, another deletes.  Each
 * runs in a subtransaction; when it fails the batch is halved, and so on, until
 * the rows that the table does not accept are alone.
 *
 * An error that no row has caused (a cancel, a lock, a dropped table, no memory) is
 * raised and leaves everything pending.
 *
 * The statements run as the table's owner, restricted, with a fixed search_path:
 * the table's triggers get neither the caller's rights nor the worker's.
 * Constraints are made immediate before, since a deferred one would be checked as
 * another role.
 *
 * What is written depends on a key's latest operation alone: operations that were
 * skipped make no difference to the table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "cache/value.h"
#include "catalog/pg_type.h"
#include "core/owner.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tables/write_behind.h"
#include "tables/write_behind_apply.h"
#include "tables/write_behind_rule.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/resowner.h"

/* What one call of cq_behind_apply works with. */
typedef struct Application
{
	const CqBehindRule *rule;
	Oid			owner;			/* of the table */
	char	   *insert;			/* $1 keys text[], $2 values */
	char	   *delete;			/* $1 keys text[] */
	Oid			value_type;		/* of $2's elements */
} Application;

/* ---- the statements */

/*
 * The type that a text is cast to before it is assigned to the column: without
 * a length, since a cast would cut to it and an assignment doesn't.
 */
static const char *
input_type(Form_pg_attribute attribute)
{
	return format_type_extended(getBaseType(attribute->atttypid), -1,
								FORMAT_TYPE_FORCE_QUALIFY);
}

static const char *
column_type(Form_pg_attribute attribute)
{
	return format_type_extended(attribute->atttypid, attribute->atttypmod,
								FORMAT_TYPE_TYPEMOD_GIVEN | FORMAT_TYPE_FORCE_QUALIFY);
}

static Form_pg_attribute
column_of(Relation rel, const char *name)
{
	AttrNumber	column = get_attnum(RelationGetRelid(rel), name);

	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist",
						name, RelationGetRelationName(rel))));
	return TupleDescAttr(RelationGetDescr(rel), column - 1);
}

/* The columns that a row fills: those of the rule, or all that can be. */
static List *
filled_columns(const CqBehindRule *rule, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *result = NIL;
	ListCell   *cell;

	foreach(cell, rule->columns)
		result = lappend(result, column_of(rel, lfirst(cell)));
	for (int i = 0; i < desc->natts && rule->columns == NIL; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(desc, i);

		if (!attribute->attisdropped && !attribute->attgenerated &&
			attribute->attidentity != ATTRIBUTE_IDENTITY_ALWAYS &&
			strcmp(NameStr(attribute->attname), rule->key_column) != 0)
			result = lappend(result, attribute);
	}
	return result;
}

/* "a, b": the columns' names with a prefix, and on demand their types. */
static char *
column_list(List *columns, const char *prefix, bool types)
{
	StringInfoData buf;
	ListCell   *cell;

	initStringInfo(&buf);
	foreach(cell, columns)
	{
		Form_pg_attribute attribute = lfirst(cell);

		appendStringInfo(&buf, "%s%s%s", buf.len > 0 ? ", " : "", prefix,
						 quote_identifier(NameStr(attribute->attname)));
		if (types)
			appendStringInfo(&buf, " %s", column_type(attribute));
	}
	return buf.data;
}

static void
append_conflict(StringInfo buf, const CqBehindRule *rule, List *columns)
{
	const char *separator = " DO UPDATE SET ";
	ListCell   *cell;

	if (strcmp(rule->conflict, "error") == 0)
		return;
	appendStringInfo(buf, " ON CONFLICT (%s)", quote_identifier(rule->key_column));
	if (strcmp(rule->conflict, "keep") == 0 || columns == NIL)
	{
		appendStringInfoString(buf, " DO NOTHING");
		return;
	}
	foreach(cell, columns)
	{
		const char *name = quote_identifier(NameStr(((Form_pg_attribute) lfirst(cell))->attname));

		appendStringInfo(buf, "%s%s = EXCLUDED.%s", separator, name, name);
		separator = ", ";
	}
}

static void
make_insert(Application *app, const char *table, Relation rel)
{
	const CqBehindRule *rule = app->rule;
	Form_pg_attribute key = column_of(rel, rule->key_column);
	StringInfoData buf;
	List	   *columns;

	columns = rule->value_column == NULL ? filled_columns(rule, rel)
		: list_make1(column_of(rel, rule->value_column));
	app->value_type = rule->value_kind == CQ_BEHIND_ROW ? JSONBOID
		: rule->value_kind == CQ_BEHIND_BYTEA ? BYTEAOID : TEXTOID;

	initStringInfo(&buf);
	appendStringInfo(&buf, "INSERT INTO %s (%s%s%s) OVERRIDING SYSTEM VALUE "
					 "SELECT u.k::%s%s", table,
					 quote_identifier(rule->key_column),
					 columns == NIL ? "" : ", ", column_list(columns, "", false),
					 input_type(key),
					 columns == NIL ? "" : ", ");
	if (rule->value_column != NULL)
		appendStringInfo(&buf, "u.v::%s",
						 input_type(linitial(columns)));
	else
		appendStringInfoString(&buf, column_list(columns, "r.", false));
	appendStringInfo(&buf, " FROM ROWS FROM (unnest($1), unnest($2)) AS u(k, v)");
	if (rule->value_column == NULL && columns != NIL)
		appendStringInfo(&buf, " CROSS JOIN LATERAL jsonb_to_record(u.v) AS r(%s)",
						 column_list(columns, "", true));
	append_conflict(&buf, rule, columns);
	app->insert = buf.data;
}

static void
make_delete(Application *app, const char *table, Relation rel)
{
	const CqBehindRule *rule = app->rule;
	Form_pg_attribute key = column_of(rel, rule->key_column);
	Oid			operator = cq_behind_key_operator(rel, key->attnum);
	StringInfoData buf;

	if (!OidIsValid(operator))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("column \"%s\" has no unique index of its own",
						rule->key_column)));
	initStringInfo(&buf);
	appendStringInfo(&buf, "DELETE FROM %s AS t USING unnest($1) AS u(k) WHERE ", table);
	generate_operator_clause(&buf, psprintf("t.%s", quote_identifier(rule->key_column)),
							 key->atttypid, operator,
							 psprintf("(u.k::%s)", input_type(key)),
							 getBaseType(key->atttypid));
	app->delete = buf.data;
}

/* Read the table's definition; it stays locked until the transaction ends. */
static void
prepare_application(Application *app, const CqBehindRule *rule)
{
	Relation	rel = try_relation_open(rule->target, RowExclusiveLock);
	const char *table;

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the target table of write-behind does not exist any more")));
	app->rule = rule;
	app->owner = rel->rd_rel->relowner;
	if (!has_privs_of_role(rule->namespace_owner, app->owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the owner of the write-behind namespace does not own table \"%s\" any more",
						RelationGetRelationName(rel))));
	table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
									   RelationGetRelationName(rel));
	make_insert(app, table, rel);
	make_delete(app, table, rel);
	relation_close(rel, NoLock);
}

/* ---- the rows */

/* The value as the cache would return it. */
static Datum
value_datum(const CqBehindRow *row, Oid type)
{
	if (type == BYTEAOID || (type == JSONBOID && row->type == CQ_VALUE_JSONB))
		return PointerGetDatum(row->value); /* same bytes, same header */
	if (type == JSONBOID)
		return DirectFunctionCall1(jsonb_in, CStringGetDatum(cq_behind_value_text(row)));
	return CStringGetTextDatum(cq_behind_value_text(row));
}

char *
cq_behind_value_text(const CqBehindRow *row)
{
	if (row->type == CQ_VALUE_BYTEA)
		return OidOutputFunctionCall(F_BYTEAOUT, PointerGetDatum(row->value));
	if (row->type == CQ_VALUE_JSONB)
		return JsonbToCString(NULL, &((Jsonb *) row->value)->root,
							  VARSIZE(row->value));
	return text_to_cstring((text *) row->value);
}

static Datum
array_of(const Datum *elements, int n, Oid type)
{
	return PointerGetDatum(construct_array(unconstify(Datum *, elements), n, type,
										   -1, false, TYPALIGN_INT));
}

/* Run the statement for rows of one operation. */
static void
execute_rows(const Application *app, CqBehindRow **rows, int n)
{
	bool		is_set = rows[0]->operation == CQ_BEHIND_SET;
	Datum	   *keys = palloc(n * sizeof(Datum));
	Datum	   *values = palloc(n * sizeof(Datum));
	Oid			types[2] = {TEXTARRAYOID, get_array_type(app->value_type)};
	Datum		args[2];
	CqRoleScope scope;
	int			result;

	for (int i = 0; i < n; i++)
	{
		keys[i] = CStringGetTextDatum(rows[i]->key);
		if (is_set)
			values[i] = value_datum(rows[i], app->value_type);
	}
	args[0] = array_of(keys, n, TEXTOID);
	if (is_set)
		args[1] = array_of(values, n, app->value_type);

	cq_role_begin(&scope, app->owner);
	SPI_connect();
	result = SPI_execute_with_args(is_set ? app->insert : app->delete,
								   is_set ? 2 : 1, types, args, NULL, false, 0);
	if (result != SPI_OK_INSERT && result != SPI_OK_DELETE)
		elog(ERROR, "write-behind: SPI returned %d", result);
	SPI_finish();
	cq_role_end(&scope);
}

/*
 * Has a row caused this error?  Not when the statement was interrupted, hit a limit or
 * another transaction, or does not fit the table any more.
 */
static bool
is_fault_of_row(int sqlstate)
{
	switch (ERRCODE_TO_CATEGORY(sqlstate))
	{
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_INVALID_TRANSACTION_STATE:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return false;
	}
	switch (sqlstate)
	{
		case ERRCODE_LOCK_NOT_AVAILABLE:
		case ERRCODE_UNDEFINED_TABLE:
		case ERRCODE_UNDEFINED_COLUMN:
		case ERRCODE_UNDEFINED_FUNCTION:
		case ERRCODE_UNDEFINED_OBJECT:
		case ERRCODE_INVALID_COLUMN_REFERENCE:
		case ERRCODE_SYNTAX_ERROR:
		case ERRCODE_CANNOT_COERCE:
		case ERRCODE_DATATYPE_MISMATCH:
		case ERRCODE_WRONG_OBJECT_TYPE:
			return false;
	}
	return true;
}

/* Run the statement in a subtransaction; returns the error, NULL for success. */
static ErrorData *
try_rows(const Application *app, CqBehindRow **rows, int n)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	MemoryContext work;
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	work = AllocSetContextCreate(CurrentMemoryContext, "write-behind batch",
								 ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(work);
	PG_TRY();
	{
		execute_rows(app, rows, n);
		MemoryContextSwitchTo(context);
		MemoryContextDelete(work);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (error != NULL && !is_fault_of_row(error->sqlerrcode))
		ReThrowError(error);
	return error;
}

static void
apply_rows(const Application *app, CqBehindRow **rows, int n)
{
	ErrorData  *error;

	if (n == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	error = try_rows(app, rows, n);
	if (error == NULL)
		return;
	if (n == 1)
	{
		rows[0]->error = error;
		return;
	}
	FreeErrorData(error);
	apply_rows(app, rows, n / 2);
	apply_rows(app, rows + n / 2, n - n / 2);
}

void
cq_behind_apply(const CqBehindRule *rule, CqBehindRow *rows, int n)
{
	Application app;
	CqBehindRow **sets = palloc(n * sizeof(CqBehindRow *));
	CqBehindRow **deletes = palloc(n * sizeof(CqBehindRow *));
	int			nsets = 0;
	int			ndeletes = 0;

	prepare_application(&app, rule);
	SPI_connect();
	if (SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0) != SPI_OK_UTILITY)
		elog(ERROR, "SET CONSTRAINTS failed");
	SPI_finish();

	for (int i = 0; i < n; i++)
	{
		if (rows[i].operation == CQ_BEHIND_SET)
			sets[nsets++] = &rows[i];
		else
			deletes[ndeletes++] = &rows[i];
	}
	apply_rows(&app, deletes, ndeletes);
	apply_rows(&app, sets, nsets);
}
