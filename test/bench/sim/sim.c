/*-------------------------------------------------------------------------
 *
 * sim.c
 *	  Hit ratios of the cache engine beside those of known policies.
 *
 * Plays traces to the real engine and to models, at sizes that are fractions
 * of the trace's footprint: the bytes of the keys and values of all its
 * objects.  The engine's size is that of its arena, with all it needs for
 * itself; the models get as many bytes and pay nothing.  With --equal=payload
 * they get as many bytes as the engine's keys and values were at most, which
 * compares the choice of what to evict alone.
 *
 * See run for the options.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <getopt.h>

#include "policy.h"
#include "workload.h"

#define DEFAULT_REQUESTS 3000000
#define DEFAULT_VALUE_LEN 230
#define SIZES_MAX 16

typedef struct NamedPolicy
{
	const char *name;
	Policy		play;
	bool		always;			/* even if only the verdict is wanted */
} NamedPolicy;

typedef struct Options
{
	const char *workload;		/* NULL: all */
	const char *trace;			/* a file; NULL: none */
	TraceFormat format;
	uint32		nrequests;
	uint32		value_len;		/* 0: of each object its own */
	double		sizes[SIZES_MAX];
	int			nsizes;
	bool		equal_payload;
	bool		all;
} Options;

/* the engine's difference to LRU over all traces and sizes */
typedef struct Verdict
{
	int			cases;
	int			better;
	double		worst;			/* points */
	char		worst_at[128];
} Verdict;

static const NamedPolicy models[] = {
	{"LRU", play_lru, true},
	{"FIFO", play_fifo, false},
	{"CLOCK", play_clock, false},
	{"S3-FIFO", play_s3fifo, false},
	{"Belady", play_belady, false},
};

static void
print_head(const Options *options)
{
	printf("%-14s %6s %9s %6s %6s", "trace", "size", "KB", "held", "engine");
	for (int i = 0; i < lengthof(models); i++)
		if (options->all || models[i].always)
			printf(" %7s", models[i].name);
	printf(" %7s\n", "by LRU");
}

static void
play_at(const Trace *trace, double size, const Options *options,
		Verdict *verdict)
{
	uint64		bytes = trace->footprint * size;
	Outcome		ours = play_engine(trace, bytes);
	double		difference = 0;

	printf("%-14s %5g%% %9llu", trace->name, size * 100,
		   (unsigned long long) bytes / 1024);
	if (!ours.ran)
	{
		printf("  too small for the engine\n");
		return;
	}
	printf(" %5.1f%% %6.2f", 100.0 * ours.payload_max / bytes,
		   hit_percent(&ours));
	for (int i = 0; i < lengthof(models); i++)
	{
		Outcome		outcome;

		if (!options->all && !models[i].always)
			continue;
		outcome = models[i].play(trace, options->equal_payload ?
								 ours.payload_max : bytes);
		printf(" %7.2f", hit_percent(&outcome));
		if (i == 0)
			difference = hit_percent(&ours) - hit_percent(&outcome);
		fflush(stdout);
	}
	printf(" %+7.2f\n", difference);
	verdict->better += difference >= 0.005;
	if (verdict->cases++ == 0 || difference < verdict->worst)
	{
		verdict->worst = difference;
		snprintf(verdict->worst_at, sizeof(verdict->worst_at), "%s at %g%%",
				 trace->name, size * 100);
	}
}

static void
play_trace(Trace *trace, const Options *options, Verdict *verdict)
{
	trace_finish(trace);
	if (options->all)
		printf("# %s: %u requests, %u objects, %.0f%% of them once, "
			   "footprint %.1f MB\n",
			   trace->name, trace->nrequests, trace->nobjects,
			   100.0 * trace->once / trace->nobjects,
			   trace->footprint / 1048576.0);
	for (int i = 0; i < options->nsizes; i++)
		play_at(trace, options->sizes[i], options, verdict);
	trace_free(trace);
}

static bool
parse_sizes(char *text, Options *options)
{
	char	   *rest = NULL;

	options->nsizes = 0;
	for (char *word = strtok_r(text, ",", &rest); word != NULL;
		 word = strtok_r(NULL, ",", &rest))
	{
		double		size = atof(word) / 100;

		if (size <= 0 || size > 2 || options->nsizes == SIZES_MAX)
			return false;
		options->sizes[options->nsizes++] = size;
	}
	return options->nsizes > 0;
}

static bool
parse_options(int argc, char **argv, Options *options)
{
	static const struct option names[] = {
		{"workload", required_argument, NULL, 'w'},
		{"trace", required_argument, NULL, 't'},
		{"format", required_argument, NULL, 'f'},
		{"requests", required_argument, NULL, 'r'},
		{"value", required_argument, NULL, 'v'},
		{"sizes", required_argument, NULL, 's'},
		{"equal", required_argument, NULL, 'e'},
		{"brief", no_argument, NULL, 'b'},
		{NULL, 0, NULL, 0}
	};
	bool		good = true;
	int			option;

	while (good && (option = getopt_long(argc, argv, "", names, NULL)) != -1)
		switch (option)
		{
			case 'w':
				options->workload = optarg;
				break;
			case 't':
				options->trace = optarg;
				break;
			case 'f':
				good = trace_parse_format(optarg, &options->format);
				break;
			case 'r':
				options->nrequests = strtoul(optarg, NULL, 10);
				good = options->nrequests >= 10000;
				break;
			case 'v':
				options->value_len = strtoul(optarg, NULL, 10);
				good = options->value_len > 0 || strcmp(optarg, "own") == 0;
				break;
			case 's':
				good = parse_sizes(optarg, options);
				break;
			case 'e':
				options->equal_payload = strcmp(optarg, "payload") == 0;
				good = options->equal_payload || strcmp(optarg, "bytes") == 0;
				break;
			case 'b':
				options->all = false;
				break;
			default:
				good = false;
		}
	return good && optind == argc;
}

/* All the workloads that the options ask for; how many there were. */
static int
play_workloads(const Options *options, Verdict *verdict)
{
	int			played = 0;

	for (int i = 0; i < nworkloads; i++)
	{
		Trace		trace;

		if (options->workload != NULL &&
			strcmp(options->workload, workloads[i].name) != 0)
			continue;
		trace_init(&trace, workloads[i].name);
		workload_make(&workloads[i], options->nrequests, options->value_len,
					  &trace);
		if (options->all)
			printf("\n# like %s\n", workloads[i].like);
		play_trace(&trace, options, verdict);
		played++;
	}
	return played;
}

int
main(int argc, char **argv)
{
	Options		options = {
		.nrequests = DEFAULT_REQUESTS,.value_len = DEFAULT_VALUE_LEN,
		.sizes = {0.01, 0.1},.nsizes = 2,.all = true
	};
	Verdict		verdict = {0};

	options.format.kind = TRACE_LIRS;
	if (!parse_options(argc, argv, &options))
	{
		fprintf(stderr, "sim: see the top of test/bench/sim/run\n");
		return 2;
	}
	print_head(&options);
	if (options.trace != NULL)
	{
		const char *slash = strrchr(options.trace, '/');
		Trace		trace;

		trace_init(&trace, slash != NULL ? slash + 1 : options.trace);
		trace_read(&trace, options.trace, &options.format, options.nrequests,
				   options.value_len);
		play_trace(&trace, &options, &verdict);
	}
	else if (play_workloads(&options, &verdict) == 0)
	{
		fprintf(stderr, "sim: no workload %s; there are:\n", options.workload);
		for (int i = 0; i < nworkloads; i++)
			fprintf(stderr, "  %-14s %s\n", workloads[i].name,
					workloads[i].like);
		return 2;
	}
	if (verdict.cases > 0)
		printf("\nP6: the engine beats LRU on %d of %d, worst difference "
			   "%+.2f points (%s)\n", verdict.better, verdict.cases,
			   verdict.worst, verdict.worst_at);
	return 0;
}
