/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  The settings on which a query's meaning and its result depend.
 *
 * One table serves the key of a backend's plan and that of a result.  A setting
 * is in it if, with the same query, arguments, role and tables, another value of
 * it can give another result, or an error instead of one: through names, through
 * the way that literals are read when the query is analysed (and constants are
 * folded when it is planned), through output.
 *
 * Not in it are, of the settings of PostgreSQL 15 to 19,
 *
 * - those that only choose among plans, or how a plan is run: enable_*, *_cost,
 *   *_collapse_limit, geqo*, jit*, constraint_exclusion, plan_cache_mode,
 *   cursor_tuple_fraction, recursive_worktable_factor, work_mem, hash_mem_multiplier,
 *   effective_*, the settings of parallel query, synchronize_seqscans.  Another plan
 *   may return rows in another order where the query leaves it open, choose other
 *   ones for a LIMIT without ORDER BY, and add floating-point numbers in another
 *   order.  Each such result is a right one, and the cached one is one of them.
 * - those whose effect is an error or a message, never another result: timeouts and
 *   other limits, lc_messages, client_min_messages, escape_string_warning, log_*,
 *   debug_*, trace_*, track_*.
 * - those of what a query that may be cached does not do: all of writing, WAL,
 *   replication, vacuum, DDL (check_function_bodies, default_table_access_method,
 *   icu_validation_level, ...), large objects, statistics (stats_fetch_consistency).
 *   session_replication_role decides about rules of other commands than SELECT.
 * - role and session_authorization: the current role is in both keys by itself, and
 *   queries that ask for another one are refused.
 * - the isolation level: the snapshot decides, and SERIALIZABLE bypasses the cache.
 * - client_encoding: what is cached is text in the server's encoding, and the
 *   query has arrived in it.
 * - those that cannot differ between the sessions of a database (lc_collate, lc_ctype,
 *   block_size, ...), and developers' settings that serve what a damaged table
 *   still has (zero_damaged_pages, ignore_checksum_failure, ignore_system_indexes).
 * - settings of extensions.  A query whose result depends on one can read it with
 *   current_setting('name'); its value is then in the result's key (query/key.c).
 *
 * A hit must not pay for the table: the values are compared with copies of those that
 * were hashed last.  A string is compared as a whole, since another one may have come
 * to stand at the same address.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "core/compat.h"
#include "core/faults.h"
#include "lib/stringinfo.h"
#include "query/settings.h"
#include "utils/guc_tables.h"
#include "utils/memutils.h"

typedef struct CqSettingName
{
	const char *name;
	bool		everywhere;		/* false: some minor releases don't have it */
} CqSettingName;

static const CqSettingName names[] = {
	/* what names and operators mean, how strings are read */
	{"search_path", true},
	{"transform_null_equals", true},
	{"standard_conforming_strings", true},
	{"backslash_quote", true},

	/* which rows, or an error */
	{"row_security", true},
	{"restrict_nonsystem_relation_kind", false},
	{"gin_fuzzy_search_limit", true},
	{"composite_type_mismatch", false},

	/* how text becomes a value; most of them output, too */
	{"DateStyle", true},
	{"IntervalStyle", true},
	{"TimeZone", true},
	{"timezone_abbreviations", true},
	{"array_nulls", true},
	{"xmloption", true},
	{"lc_monetary", true},
	{"lc_numeric", true},
	{"lc_time", true},
	{"default_text_search_config", true},

	/* how a value becomes text */
	{"extra_float_digits", true},
	{"bytea_output", true},
	{"xmlbinary", true},
	{"quote_all_identifiers", true},
};

/* A setting that this server has: where its value is, and what was hashed. */
typedef struct CqStringSetting
{
	char	  **variable;
	char	   *last;			/* NULL as the variable may be; own copy */
} CqStringSetting;

typedef struct CqIntSetting
{
	const int  *variable;
	int			last;
} CqIntSetting;

typedef struct CqBoolSetting
{
	const bool *variable;
	bool		last;
} CqBoolSetting;

static CqStringSetting strings[lengthof(names)];
static CqIntSetting ints[lengthof(names)];
static CqBoolSetting bools[lengthof(names)];
static int	nstrings = 0;
static int	nints = 0;
static int	nbools = 0;
static uint64 last_hash;
static bool hashed = false;		/* last_hash is of the copies */

static void
find_variables(void)
{
	for (int i = 0; i < lengthof(names); i++)
	{
		enum config_type type;
		void	   *variable = cq_setting_variable(names[i].name, &type);

		Assert(variable != NULL || !names[i].everywhere);
		if (variable == NULL)
			continue;
		if (type == PGC_STRING)
			strings[nstrings++].variable = variable;
		else if (type == PGC_BOOL)
			bools[nbools++].variable = variable;
		else
		{
			Assert(type == PGC_INT || type == PGC_ENUM);
			ints[nints++].variable = variable;
		}
	}
}

static bool
same_string(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
unchanged(void)
{
	for (int i = 0; i < nints; i++)
	{
		if (*ints[i].variable != ints[i].last)
			return false;
	}
	for (int i = 0; i < nbools; i++)
	{
		if (*bools[i].variable != bools[i].last)
			return false;
	}
	for (int i = 0; i < nstrings; i++)
	{
		if (!same_string(*strings[i].variable, strings[i].last))
			return false;
	}
	return true;
}

static void
remember(void)
{
	StringInfoData buf;

	hashed = false;				/* if an error is raised half way */
	initStringInfo(&buf);
	for (int i = 0; i < nstrings; i++)
	{
		const char *now = *strings[i].variable;
		char	   *copy = now == NULL ? NULL :
		MemoryContextStrdup(TopMemoryContext, now);

		if (strings[i].last != NULL)
			pfree(strings[i].last);
		strings[i].last = copy;
		if (now != NULL)
			appendStringInfoString(&buf, now);
		appendStringInfoChar(&buf, '\0');
	}
	for (int i = 0; i < nbools; i++)
	{
		bools[i].last = *bools[i].variable;
		appendStringInfoChar(&buf, bools[i].last);
	}
	for (int i = 0; i < nints; i++)
	{
		ints[i].last = *ints[i].variable;
		appendBinaryStringInfo(&buf, (char *) &ints[i].last, sizeof(int));
	}
	last_hash = hash_bytes_extended((unsigned char *) buf.data, buf.len, 0);
	hashed = true;
	pfree(buf.data);
}

uint64
cq_query_settings(void)
{
	if (nstrings == 0)
		find_variables();
	if (!hashed || !unchanged())
		remember();
	return CQ_FAULT("no-settings") ? 0 : last_hash;
}
