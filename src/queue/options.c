/*-------------------------------------------------------------------------
 *
 * options.c
 *	  The options of a queue: names, types, defaults, checks.
 *
 * One table says everything about the options: they are parameters of
 * queue_create and queue_alter and columns of cq.queue, in the same order.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "core/args.h"
#include "lib/stringinfo.h"
#include "queue/options.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* largest rate, tokens a second, and largest number of them at once */
#define RATE_MAX 1e9

/* the exponential backoff is spread by this much both ways */
#define JITTER 0.25

typedef struct OptionInfo
{
	const char *name;
	Oid			type;
	const char *otherwise;		/* default; NULL: NULL */
	bool		nullable;
	double		min;			/* intervals: in ms */
	const char *words;			/* texts: what is allowed, each after a blank */
} OptionInfo;

static const OptionInfo infos[CQ_OPTIONS] = {
	[CQ_OPTION_LEASE] = {"lease", INTERVALOID, "30 s", false, 1},
	[CQ_OPTION_MAX_ATTEMPTS] = {"max_attempts", INT4OID, "25", true, 1},
	[CQ_OPTION_BACKOFF] = {"backoff", TEXTOID, "exponential", false, 0, " constant linear exponential"},
	[CQ_OPTION_DEAD_LETTER] = {"dead_letter", TEXTOID, NULL, true, 0},
	[CQ_OPTION_MAX_LENGTH] = {"max_length", INT8OID, NULL, true, 1},
	[CQ_OPTION_OVERFLOW] = {"overflow", TEXTOID, "reject", false, 0, " reject block drop_oldest"},
	[CQ_OPTION_DEDUP_WINDOW] = {"dedup_window", INTERVALOID, "5 min", false, 1},
	[CQ_OPTION_MESSAGE_TTL] = {"message_ttl", INTERVALOID, NULL, true, 1},
	[CQ_OPTION_RATE_LIMIT] = {"rate_limit", FLOAT8OID, NULL, true, 1e-6},
	[CQ_OPTION_GROUP_CONCURRENCY] = {"group_concurrency", INT4OID, "1", false, 1},
	[CQ_OPTION_RETAIN] = {"retain", INTERVALOID, NULL, true, 1},
	[CQ_OPTION_BACKOFF_DELAY] = {"backoff_delay", INTERVALOID, "1 s", false, 0},
	[CQ_OPTION_BACKOFF_MAX] = {"backoff_max", INTERVALOID, "5 min", false, 0},
	[CQ_OPTION_MAX_BYTES] = {"max_bytes", INT8OID, NULL, true, 1},
	[CQ_OPTION_OVERFLOW_TIMEOUT] = {"overflow_timeout", INTERVALOID, "10 s", false, 0},
	[CQ_OPTION_RATE_BURST] = {"rate_burst", INT4OID, NULL, true, 1},
	[CQ_OPTION_GROUP_RATE_LIMIT] = {"group_rate_limit", FLOAT8OID, NULL, true, 1e-6},
	[CQ_OPTION_GROUP_RATE_BURST] = {"group_rate_burst", INT4OID, NULL, true, 1},
	[CQ_OPTION_CONCURRENCY] = {"concurrency", INT4OID, NULL, true, 1},
	[CQ_OPTION_RELEASE_ON_DISCONNECT] = {"release_on_disconnect", BOOLOID, "f", false, 0},
	[CQ_OPTION_DURABLE_LEASES] = {"durable_leases", BOOLOID, "f", false, 0},
	[CQ_OPTION_NOTIFY] = {"notify", TEXTOID, NULL, true, 0},
};

const char *
cq_option_name(CqOption option)
{
	return infos[option].name;
}

Oid
cq_option_type(CqOption option)
{
	return infos[option].type;
}

/* All of them, for a hint. */
static const char *
option_names(void)
{
	StringInfoData names;

	initStringInfo(&names);
	for (int i = 0; i < CQ_OPTIONS; i++)
		appendStringInfo(&names, "%s%s", i == 0 ? "" : i < CQ_OPTIONS - 1 ? ", " : " and ",
						 infos[i].name);
	return names.data;
}

CqOption
cq_option_named(const char *name)
{
	for (int i = 0; i < CQ_OPTIONS; i++)
	{
		if (strcmp(infos[i].name, name) == 0)
			return i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("queues have no option \"%s\"", name),
			 errhint("Options are %s.", option_names())));
	return CQ_OPTIONS;
}

Datum
cq_option_default(CqOption option, bool *isnull)
{
	const char *value = infos[option].otherwise;

	*isnull = (value == NULL);
	if (*isnull)
		return (Datum) 0;
	switch (infos[option].type)
	{
		case INTERVALOID:
			return DirectFunctionCall3(interval_in, CStringGetDatum(value),
									   ObjectIdGetDatum(InvalidOid),
									   Int32GetDatum(-1));
		case INT4OID:
			return DirectFunctionCall1(int4in, CStringGetDatum(value));
		case BOOLOID:
			return BoolGetDatum(value[0] == 't');
		default:
			return CStringGetTextDatum(value);
	}
}

/* Position of the word in the list, or -1. */
static int
find_word(const char *words, const char *word)
{
	int			n = 0;

	for (const char *at = words; *at != '\0'; n++)
	{
		const char *from = at + 1;

		at = strchr(from, ' ');
		if (at == NULL)
			at = from + strlen(from);
		if (strlen(word) == at - from && memcmp(word, from, at - from) == 0)
			return n;
	}
	return -1;
}

static void
check_number(const OptionInfo *info, double value)
{
	if (!(value >= info->min && value <= PG_INT64_MAX) ||
		(info->type == FLOAT8OID && value > RATE_MAX))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 info->type == FLOAT8OID ?
				 errmsg("%s must be between %g and %g", info->name, info->min, RATE_MAX) :
				 errmsg("%s must be at least %.0f", info->name, info->min),
				 info->nullable ? errhint("NULL means that nothing is set.") : 0));
}

/* The words, with commas between them. */
static const char *
enumerate_words(const char *words)
{
	StringInfoData result;

	initStringInfo(&result);
	for (const char *at = words; *at != '\0'; at++)
	{
		if (*at == ' ' && at > words)
			appendStringInfoChar(&result, ',');
		appendStringInfoChar(&result, *at);
	}
	return result.data;
}

static void
check_text(CqOption option, const char *value)
{
	const OptionInfo *info = &infos[option];

	if (info->words != NULL && find_word(info->words, value) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s cannot be \"%s\"", info->name, value),
				 errhint("It is one of%s.", enumerate_words(info->words))));
	if (option == CQ_OPTION_NOTIFY)
		cq_check_name("a channel's name", strlen(value), NAMEDATALEN - 1);
}

void
cq_option_check(CqOption option, Datum value, bool isnull)
{
	const OptionInfo *info = &infos[option];

	if (isnull)
	{
		if (!info->nullable)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s must not be null", info->name)));
		return;
	}
	switch (info->type)
	{
		case INTERVALOID:
			(void) cq_interval_ms(DatumGetIntervalP(value), (int64) info->min, info->name);
			break;
		case INT4OID:
			check_number(info, DatumGetInt32(value));
			break;
		case INT8OID:
			check_number(info, (double) DatumGetInt64(value));
			break;
		case FLOAT8OID:
			check_number(info, DatumGetFloat8(value));
			break;
		case TEXTOID:
			check_text(option, TextDatumGetCString(value));
			break;
		default:
			break;
	}
}

/* A rate and its burst. */
static CqRateLimit
rate_limit(const Datum *values, const bool *nulls, CqOption rate, CqOption burst)
{
	CqRateLimit limit = {0};

	if (nulls[rate])
		return limit;
	limit.per_second = DatumGetFloat8(values[rate]);
	limit.burst = nulls[burst] ? Max(1.0, floor(limit.per_second)) :
		DatumGetInt32(values[burst]);
	return limit;
}

void
cq_options_read(CqQueueOptions *options, const Datum *values, const bool *nulls)
{
#define MS(o) \
	(nulls[o] ? 0 : cq_interval_ms(DatumGetIntervalP(values[o]), (int64) infos[o].min, infos[o].name))
#define INT4(o) (nulls[o] ? 0 : DatumGetInt32(values[o]))
#define INT8(o) (nulls[o] ? 0 : DatumGetInt64(values[o]))
#define WORD(o) find_word(infos[o].words, TextDatumGetCString(values[o]))

	options->lease_ms = MS(CQ_OPTION_LEASE);
	options->max_attempts = INT4(CQ_OPTION_MAX_ATTEMPTS);
	options->backoff = WORD(CQ_OPTION_BACKOFF);
	options->backoff_delay_ms = MS(CQ_OPTION_BACKOFF_DELAY);
	options->backoff_max_ms = MS(CQ_OPTION_BACKOFF_MAX);
	options->max_length = INT8(CQ_OPTION_MAX_LENGTH);
	options->max_bytes = INT8(CQ_OPTION_MAX_BYTES);
	options->overflow = WORD(CQ_OPTION_OVERFLOW);
	options->overflow_timeout_ms = MS(CQ_OPTION_OVERFLOW_TIMEOUT);
	options->dedup_window_ms = MS(CQ_OPTION_DEDUP_WINDOW);
	options->message_ttl_ms = MS(CQ_OPTION_MESSAGE_TTL);
	options->rate = rate_limit(values, nulls, CQ_OPTION_RATE_LIMIT, CQ_OPTION_RATE_BURST);
	options->group_rate = rate_limit(values, nulls, CQ_OPTION_GROUP_RATE_LIMIT,
									 CQ_OPTION_GROUP_RATE_BURST);
	options->concurrency = INT4(CQ_OPTION_CONCURRENCY);
	options->group_concurrency = INT4(CQ_OPTION_GROUP_CONCURRENCY);
	options->retain_ms = MS(CQ_OPTION_RETAIN);
	options->release_on_disconnect = DatumGetBool(values[CQ_OPTION_RELEASE_ON_DISCONNECT]);
	options->durable_leases = DatumGetBool(values[CQ_OPTION_DURABLE_LEASES]);
	options->dead_letter[0] = options->notify[0] = '\0';
	if (!nulls[CQ_OPTION_DEAD_LETTER])
		text_to_cstring_buffer(DatumGetTextPP(values[CQ_OPTION_DEAD_LETTER]),
							   options->dead_letter, sizeof(options->dead_letter));
	if (!nulls[CQ_OPTION_NOTIFY])
		text_to_cstring_buffer(DatumGetTextPP(values[CQ_OPTION_NOTIFY]),
							   options->notify, sizeof(options->notify));
#undef MS
#undef INT4
#undef INT8
#undef WORD
}

static bool
same_rate(const CqRateLimit *a, const CqRateLimit *b)
{
	return a->per_second == b->per_second && a->burst == b->burst;
}

bool
cq_options_same(const CqQueueOptions *a, const CqQueueOptions *b)
{
	return a->lease_ms == b->lease_ms &&
		a->max_attempts == b->max_attempts &&
		a->backoff == b->backoff &&
		a->backoff_delay_ms == b->backoff_delay_ms &&
		a->backoff_max_ms == b->backoff_max_ms &&
		a->max_length == b->max_length &&
		a->max_bytes == b->max_bytes &&
		a->overflow == b->overflow &&
		a->overflow_timeout_ms == b->overflow_timeout_ms &&
		a->dedup_window_ms == b->dedup_window_ms &&
		a->message_ttl_ms == b->message_ttl_ms &&
		same_rate(&a->rate, &b->rate) &&
		same_rate(&a->group_rate, &b->group_rate) &&
		a->concurrency == b->concurrency &&
		a->group_concurrency == b->group_concurrency &&
		a->retain_ms == b->retain_ms &&
		a->release_on_disconnect == b->release_on_disconnect &&
		a->durable_leases == b->durable_leases &&
		strcmp(a->dead_letter, b->dead_letter) == 0 &&
		strcmp(a->notify, b->notify) == 0;
}

int64
cq_backoff_ms(const CqQueueOptions *options, int attempts)
{
	double		ms = options->backoff_delay_ms;

	switch (options->backoff)
	{
		case CQ_BACKOFF_CONSTANT:
			break;
		case CQ_BACKOFF_LINEAR:
			ms *= Max(attempts, 1);
			break;
		case CQ_BACKOFF_EXPONENTIAL:
			ms *= exp2(Min(Max(attempts - 1, 0), 60));
			ms = Min(ms, options->backoff_max_ms);
			ms *= 1 - JITTER + 2 * JITTER * pg_prng_double(&pg_global_prng_state);
			break;
	}
	return (int64) Min(ms, options->backoff_max_ms);
}
