/*-------------------------------------------------------------------------
 *
 * key.c
 *	  The cache key of a query's result.
 *
 *	user's key | 0 | fixed part | arguments and settings
 *
 * cache_query has no user's key.  The fixed part names the role, the text of
 * the query, what it was analysed to (so that the same words for other tables
 * are another query), the layout of its columns and the settings that change
 * names or output.  Arguments, and the settings that the query or a policy
 * asks for, follow as bytes, or as their SHA-256 when that makes the key too
 * long.
 *
 * An argument whose type reads it by a setting, by the clock ('today' as a date) or by
 * names (a regclass) stands in the key as what it was read as: the bytes of the value, as
 * its text may be the same for another one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "core/faults.h"
#include "core/limits.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "query/key.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

/* what stands before the variable part, and says what it is */
#define VARIABLE_PART_PLAIN 'a'
#define VARIABLE_PART_DIGEST 'd'

typedef struct CqFixedPart
{
	uint64		settings;
	uint64		query_hash;
	uint64		query_hash_2;
	uint64		tree_hash;
	uint64		layout_hash;
	Oid			role;
	uint32		allow_time;		/* 0 or 1 */
} CqFixedPart;

/* Put its digest in the place of all from an offset on. */
static void
digest_from(StringInfo buf, int offset)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];

	if (pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, (uint8 *) buf->data + offset,
							 buf->len - offset) < 0 ||
		pg_cryptohash_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute a digest: %s", pg_cryptohash_error(ctx));
	pg_cryptohash_free(ctx);
	buf->len = offset;
	appendBinaryStringInfo(buf, (char *) digest, sizeof(digest));
}

/* Length and bytes, so that no two lists look the same; bytes NULL: -1. */
static void
add_bytes(StringInfo buf, const char *bytes, int32 len)
{
	if (bytes == NULL)
		len = -1;
	appendBinaryStringInfo(buf, (char *) &len, sizeof(len));
	if (len > 0)
		appendBinaryStringInfo(buf, bytes, len);
}

void
cq_result_parse_args(CqResultQuery *query, const CqPlan *plan)
{
	CqQueryFacts *facts = plan->facts;

	if (facts->nparams != query->nargs)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("query has %d parameters, but %d arguments were given",
						facts->nparams, query->nargs)));
	query->values = palloc((query->nargs + 1) * sizeof(Datum));
	for (int i = 0; i < query->nargs; i++)
	{
		char	   *input = NULL;

		if (!query->arg_nulls[i])
			input = TextDatumGetCString(query->args[i]);
		query->values[i] = InputFunctionCall(&plan->params[i].input, input,
											 plan->params[i].io_param, -1);
	}
}

/* The bytes of a value that an input function has made: it is not toasted. */
static void
add_value(StringInfo buf, Datum value, Oid type)
{
	int16		len;
	bool		by_value;

	if (CQ_FAULT("text-key"))
	{
		Oid			output;
		bool		is_varlena;
		char	   *text;

		getTypeOutputInfo(type, &output, &is_varlena);
		text = OidOutputFunctionCall(output, value);

		add_bytes(buf, text, strlen(text));
		return;
	}
	get_typlenbyval(type, &len, &by_value);
	if (by_value)
		add_bytes(buf, (char *) &value, sizeof(value));
	else
		add_bytes(buf, DatumGetPointer(value), datumGetSize(value, false, len));
}

static void
add_argument(StringInfo buf, const CqResultQuery *query, const CqPlan *plan,
			 int i)
{
	if (query->arg_nulls[i])
		add_bytes(buf, NULL, 0);
	else if (plan->params[i].immutable)
	{
		text	   *arg = DatumGetTextPP(query->args[i]);

		add_bytes(buf, VARDATA_ANY(arg), VARSIZE_ANY_EXHDR(arg));
	}
	else
		add_value(buf, query->values[i], plan->facts->param_types[i]);
}

/* Arguments, and what policies and current_setting ask for. */
static void
add_variable_part(StringInfo buf, const CqResultQuery *query,
				  const CqPlan *plan)
{
	ListCell   *cell;

	for (int i = 0; i < query->nargs; i++)
		add_argument(buf, query, plan, i);
	if (CQ_FAULT("no-role-key"))
		return;
	foreach(cell, plan->facts->settings)
	{
		char	   *value = GetConfigOptionByName(lfirst(cell), NULL, true);

		add_bytes(buf, value, value == NULL ? 0 : strlen(value));
	}
	if (plan->facts->role_name)
	{
		char	   *name = GetUserNameFromId(GetUserId(), false);

		add_bytes(buf, name, strlen(name));
	}
}

void
cq_result_key(CqKey *key, const CqResultQuery *query, const CqPlan *plan)
{
	StringInfoData buf;
	CqFixedPart fixed = {0};
	int			kind;			/* offset of the byte before the variable part */

	initStringInfo(&buf);
	fixed.settings = plan->key.settings;
	fixed.query_hash = plan->key.query_hash;
	fixed.query_hash_2 = plan->key.query_hash_2;
	fixed.tree_hash = plan->facts->tree_hash;
	fixed.layout_hash = plan->facts->layout_hash;
	fixed.allow_time = query->allow_time;
	if (!CQ_FAULT("no-role-key"))
		fixed.role = plan->key.role;

	if (query->key != NULL)
		appendBinaryStringInfo(&buf, VARDATA_ANY(query->key),
							   VARSIZE_ANY_EXHDR(query->key));
	appendStringInfoChar(&buf, '\0');
	appendBinaryStringInfo(&buf, (char *) &fixed, sizeof(fixed));
	kind = buf.len;
	appendStringInfoChar(&buf, VARIABLE_PART_PLAIN);
	add_variable_part(&buf, query, plan);
	if (buf.len > CQ_KEY_BYTES_MAX)
	{
		digest_from(&buf, kind + 1);
		buf.data[kind] = VARIABLE_PART_DIGEST;
	}
	cq_key_init(key, CQ_SPACE_RESULT, query->name_space, buf.data, buf.len);
	pfree(buf.data);
}
