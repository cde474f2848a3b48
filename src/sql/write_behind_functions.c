/*-------------------------------------------------------------------------
 *
 * write_behind_functions.c
 *	  cq.cache_write_behind, cache_flush and their like: unpack, call, pack.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/namespace.h"
#include "core/args.h"
#include "core/shmem.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "sql/cache_args.h"
#include "tables/write_behind.h"
#include "tables/write_behind_flush.h"
#include "tables/write_behind_rule.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(cq_cache_write_behind);
PG_FUNCTION_INFO_V1(cq_cache_write_behind_drop);
PG_FUNCTION_INFO_V1(cq_cache_flush);
PG_FUNCTION_INFO_V1(cq_cache_dead_letter_delete);

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

/* A text argument that must be one of two or three words. */
static char *
arg_word(FunctionCallInfo fcinfo, int n, const char *name,
		 const char *a, const char *b, const char *c)
{
	char	   *word;

	word = cq_arg_text(fcinfo, n, name);
	if (strcmp(word, a) != 0 && strcmp(word, b) != 0 &&
		(c == NULL || strcmp(word, c) != 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown %s \"%s\"", name, word),
				 c == NULL ? errhint("Use '%s' or '%s'.", a, b)
				 : errhint("Use '%s', '%s' or '%s'.", a, b, c)));
	return word;
}

/*
 * cq.cache_write_behind(namespace, target, mode, key_column, value_column, columns,
 *						 conflict, batch_size, delay) → void
 */
Datum
cq_cache_write_behind(PG_FUNCTION_ARGS)
{
	CqBehindDefinition rule = {0};

	cq_require_shared();
	rule.namespace_id = cq_arg_own_namespace(fcinfo, ARG_NAMESPACE)->id;
	cq_arg_not_null(fcinfo, ARG_TARGET, "target");
	rule.target = PG_GETARG_OID(ARG_TARGET);
	rule.mode = strcmp(arg_word(fcinfo, ARG_MODE, "mode", "logged", "memory", NULL),
					   "logged") == 0 ? CQ_BEHIND_LOGGED : CQ_BEHIND_MEMORY;
	cq_arg_not_null(fcinfo, ARG_DELAY, "delay");
	rule.delay_ms = cq_interval_ms(PG_GETARG_INTERVAL_P(ARG_DELAY), 0, "delay");
	cq_arg_not_null(fcinfo, ARG_BATCH_SIZE, "batch_size");
	rule.batch_size = PG_GETARG_INT32(ARG_BATCH_SIZE);
	if (rule.batch_size < 1 || rule.batch_size > BATCH_SIZE_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch_size must be between 1 and %d", BATCH_SIZE_MAX)));
	rule.conflict = arg_word(fcinfo, ARG_CONFLICT, "conflict",
							 "overwrite", "keep", "error");
	if (!PG_ARGISNULL(ARG_KEY_COLUMN))
		rule.key_column = PG_GETARG_NAME(ARG_KEY_COLUMN);
	if (!PG_ARGISNULL(ARG_VALUE_COLUMN))
		rule.value_column = PG_GETARG_NAME(ARG_VALUE_COLUMN);
	if (!PG_ARGISNULL(ARG_COLUMNS))
		rule.columns = PG_GETARG_ARRAYTYPE_P(ARG_COLUMNS);
	if (!cq_behind_create_rule(&rule))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("namespace \"%s\" has a write-behind rule already",
						text_to_cstring(PG_GETARG_TEXT_PP(ARG_NAMESPACE))),
				 errhint("Drop it with cq.cache_write_behind_drop first.")));
	PG_RETURN_VOID();
}

/* cq.cache_write_behind_drop(namespace, discard) → void */
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

/* cq.cache_flush(namespace) → bigint; NULL: all that the caller may flush */
Datum
cq_cache_flush(PG_FUNCTION_ARGS)
{
	const CqNamespace *name_space = NULL;

	cq_require_shared();
	PreventCommandIfReadOnly("cq.cache_flush()");
	if (!PG_ARGISNULL(0))
	{
		name_space = cq_arg_namespace(fcinfo, 0, CQ_NAMESPACE_WRITE);
		if (name_space->behind == 0)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("namespace \"%s\" has no write-behind rule",
							text_to_cstring(PG_GETARG_TEXT_PP(0)))));
	}
	PG_RETURN_INT64(cq_behind_flush(name_space == NULL ? 0 : name_space->id));
}

/* cq.cache_dead_letter_delete(VARIADIC dead_ids bigint[]) → bigint */
Datum
cq_cache_dead_letter_delete(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("cq.cache_dead_letter_delete()");
	cq_arg_not_null(fcinfo, 0, "dead_ids");
	PG_RETURN_INT64(cq_behind_delete_dead_letters(PG_GETARG_DATUM(0)));
}
