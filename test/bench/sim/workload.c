/*-------------------------------------------------------------------------
 *
 * workload.c
 *	  Made-up traces that behave like public ones.
 *
 * Public traces are large and may not be passed on, so fifteen generators
 * with fixed seeds stand for fifteen of them.  Each imitates what decides
 * about a cache there: how skewed popularity is, how it moves, scans and
 * loops, how many objects are asked for only once, overwrites, sizes, times
 * to live.
 *
 * The three "twitter" ones follow what "A large scale analysis of hundreds of
 * in-memory cache clusters at Twitter" (OSDI'20) says of its clusters:
 * popularity is Zipfian, with a skew of 1 to 2.5 in most; values are tens to
 * thousands of bytes; times to live go from minutes to days and differ within
 * a cluster; in a third of the clusters many or most requests are writes.
 *
 * The requests of one trace are spread over a day.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "bytes.h"
#include "workload.h"

/* makes 53 random bits a number from 0 to 1 */
#define TO_UNIT (1 / 9007199254740992.0)

#define DAY_MS (24 * 3600 * 1000)
#define MINUTE_MS (60 * 1000)

/* what different parts of a trace ask for never meets */
#define REGION(n) ((uint64) (n) << 40)

/* Popularity by Zipf's law: of object i it is 1 / (i + 1) ^ skew. */
typedef struct Zipf
{
	uint32		count;
	double	   *sums;			/* of the probabilities up to here */
} Zipf;

struct Generator
{
	Trace	   *trace;
	uint32		nrequests;		/* wanted */
	uint32		value_len;
	double		skew;
	uint64		random;
	uint64		ids;			/* of objects that are asked for once */
	uint64	   *history;		/* requests, for workloads that repeat them */
	/* what an object is like where it is not the same for all */
	uint32		value_median;
	const uint32 *ttls_ms;		/* one of them by object; 0 ends them */
};

static inline double
uniform(Generator *g)
{
	return (next_random(&g->random) >> 11) * TO_UNIT;
}

static inline uint32
below(Generator *g, uint32 count)
{
	return uniform(g) * count;
}

static Zipf
new_zipf(uint32 count, double skew)
{
	Zipf		zipf = {Max(count, 1), malloc(Max(count, 1) * sizeof(double))};
	double		sum = 0;

	for (uint32 i = 0; i < zipf.count; i++)
		zipf.sums[i] = sum += pow(i + 1, -skew);
	return zipf;
}

static uint32
draw(Generator *g, const Zipf *zipf)
{
	double		at = uniform(g) * zipf->sums[zipf->count - 1];
	uint32		low = 0;
	uint32		high = zipf->count - 1;

	while (low < high)
	{
		uint32		middle = low + (high - low) / 2;

		if (zipf->sums[middle] < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Of about a logarithmic normal distribution, fixed for each object. */
static uint32
own_value_len(const Generator *g, uint64 id)
{
	uint64		state = hash_bytes((char *) &id, sizeof(id)) | 1;
	double		normal = -6;

	for (int i = 0; i < 12; i++)
		normal += (next_random(&state) >> 11) * TO_UNIT;
	return Min(Max(g->value_median * exp(normal * 1.2), 8), 1024 * 1024);
}

static uint32
ttl_of(const Generator *g, uint64 id)
{
	uint32		count = 0;

	if (g->ttls_ms == NULL)
		return 0;
	while (g->ttls_ms[count] != 0)
		count++;
	return g->ttls_ms[hash_bytes((char *) &id, sizeof(id)) % count];
}

static void
emit(Generator *g, uint64 id, TraceOp op)
{
	int64		time_ms = (int64) g->trace->nrequests * DAY_MS / g->nrequests;

	trace_add(g->trace, id, op, time_ms,
			  g->value_len > 0 ? g->value_len : own_value_len(g, id),
			  ttl_of(g, id));
}

static inline bool
wants_more(const Generator *g)
{
	return g->trace->nrequests < g->nrequests;
}

static inline void
get_once(Generator *g)
{
	emit(g, REGION(1) + g->ids++, TRACE_GET);
}

static void
make_zipf(Generator *g)
{
	Zipf		zipf = new_zipf(g->nrequests / 4, g->skew);

	while (wants_more(g))
		emit(g, draw(g, &zipf), TRACE_GET);
	free(zipf.sums);
}

/* Every now and then a long run of objects that are not requested again. */
static void
make_scans(Generator *g)
{
	Zipf		zipf = new_zipf(g->nrequests / 6, g->skew);

	for (uint32 i = 1; wants_more(g); i++)
	{
		emit(g, draw(g, &zipf), TRACE_GET);
		if (i % 100000 == 0)
			for (int k = 0; k < 40000; k++)
				get_once(g);
	}
	free(zipf.sums);
}

/* Programs that run over their data again and again, taking turns. */
static void
make_loops(Generator *g)
{
	uint32		at[8] = {0};

	for (uint32 turn = 0; wants_more(g); turn++)
	{
		int			loop = below(g, lengthof(at));
		uint32		length = g->nrequests / (12 << loop);

		for (uint32 i = 0; i < 2000; i++)
			emit(g, REGION(loop) + at[loop]++ % length, TRACE_GET);
	}
}

/* Index pages are hot, tables are scanned over and over. */
static void
make_database(Generator *g)
{
	Zipf		zipf = new_zipf(g->nrequests / 20, g->skew);
	uint32		tables = 12;

	while (wants_more(g))
	{
		uint32		table = below(g, tables);
		uint32		length = g->nrequests / 400 * (table + 1);
		uint32		start = below(g, length);

		for (uint32 i = 0; i < length / 4; i++)
		{
			emit(g, REGION(2 + table) + (start + i) % length, TRACE_GET);
			emit(g, draw(g, &zipf), TRACE_GET);
			emit(g, draw(g, &zipf), TRACE_GET);
		}
	}
	free(zipf.sums);
}

/* The newest is the most popular, and loses its place to newer ones. */
static void
make_drift(Generator *g)
{
	Zipf		zipf = new_zipf(g->nrequests / 10, g->skew);

	while (wants_more(g))
		emit(g, zipf.count + g->trace->nrequests / 8 - draw(g, &zipf),
			 TRACE_GET);
	free(zipf.sums);
}

/* Half of the requests go to other objects every sixth of the time. */
static void
make_phases(Generator *g)
{
	Zipf		zipf = new_zipf(g->nrequests / 20, g->skew);

	while (wants_more(g))
	{
		uint32		phase = (uint64) g->trace->nrequests * 6 / g->nrequests;

		emit(g, REGION(below(g, 2) == 0 ? 2 : 3 + phase) + draw(g, &zipf),
			 TRACE_GET);
	}
	free(zipf.sums);
}

static void
make_wonders(Generator *g)
{
	Zipf		zipf = new_zipf(g->nrequests / 10, g->skew);

	while (wants_more(g))
	{
		if (below(g, 100) < 30)
			get_once(g);
		else
			emit(g, draw(g, &zipf), TRACE_GET);
	}
	free(zipf.sums);
}

/*
 * Repeat a recent request: how long ago is spread evenly over the orders of
 * magnitude, up to reach.  LRU's own ground.
 */
static void
get_recent(Generator *g, double fresh, uint32 reach)
{
	uint32		n = g->trace->nrequests;
	uint32		ago = exp(uniform(g) * log(reach));

	g->history[n] = uniform(g) < fresh || ago > n ?
		REGION(1) + g->ids++ : g->history[n - Max(ago, 1)];
	emit(g, g->history[n], TRACE_GET);
}

static void
make_recent(Generator *g)
{
	while (wants_more(g))
		get_recent(g, 0.15, g->nrequests / 3);
}

/* Half of it by popularity, half of it by recency. */
static void
make_oltp(Generator *g)
{
	Zipf		zipf = new_zipf(g->nrequests / 12, g->skew);

	while (wants_more(g))
	{
		if (below(g, 2) == 0)
			get_recent(g, 0.25, g->nrequests / 20);
		else
		{
			uint64		id = REGION(2) + draw(g, &zipf);

			g->history[g->trace->nrequests] = id;
			emit(g, id, TRACE_GET);
		}
	}
	free(zipf.sums);
}

/*
 * Blocks of a disk: short runs that start where it is popular, rewritten soon,
 * and one backup of everything.  Reads and writes both go through the cache.
 */
static void
make_disk(Generator *g)
{
	uint32		extents = g->nrequests / 100;
	Zipf		zipf = new_zipf(extents, g->skew);
	bool		backup = false;

	while (wants_more(g))
	{
		uint64		extent = draw(g, &zipf);
		uint32		length = 1 + below(g, 32);
		uint32		times = 1 + below(g, 2);

		for (; times > 0; times--)
			for (uint32 i = 0; i < length; i++)
				emit(g, extent * 32 + i, TRACE_GET);
		if (!backup && g->trace->nrequests > g->nrequests / 2)
			for (uint32 i = 0; i < extents * 32; i += 2)
				emit(g, i, TRACE_GET);
		backup = g->trace->nrequests > g->nrequests / 2;
	}
	free(zipf.sums);
}

/* Zipf with a share of writes, in percent. */
static void
make_mix(Generator *g, uint32 count, uint32 writes)
{
	Zipf		zipf = new_zipf(count, g->skew);

	while (wants_more(g))
	{
		uint64		id = draw(g, &zipf);

		emit(g, id, below(g, 100) < writes ? TRACE_SET : TRACE_GET);
	}
	free(zipf.sums);
}

static void
make_twitter_read(Generator *g)
{
	static const uint32 ttls_ms[] = {
		60 * MINUTE_MS, 12 * 60 * MINUTE_MS, DAY_MS, 7 * DAY_MS, 0
	};

	g->value_median = 230;
	g->ttls_ms = ttls_ms;
	make_mix(g, g->nrequests / 4, 2);
}

static void
make_twitter_write(Generator *g)
{
	static const uint32 ttls_ms[] = {
		30 * MINUTE_MS, 60 * MINUTE_MS, 6 * 60 * MINUTE_MS, 0
	};

	g->value_median = 70;
	g->ttls_ms = ttls_ms;
	make_mix(g, g->nrequests / 4, 55);
}

static void
make_twitter_short(Generator *g)
{
	static const uint32 ttls_ms[] = {
		2 * MINUTE_MS, 5 * MINUTE_MS, 10 * MINUTE_MS, 60 * MINUTE_MS,
		DAY_MS, 0
	};

	g->value_median = 1200;
	g->ttls_ms = ttls_ms;
	make_mix(g, g->nrequests / 5, 10);
}

const Workload workloads[] = {
	{"zipf-0.7", "an encyclopedia's pages", make_zipf, 0.7},
	{"zipf-1.0", "a social network's objects", make_zipf, 1.0},
	{"zipf-1.2", "sessions", make_zipf, 1.2},
	{"scans", "disk reads of a search engine (S3)", make_scans, 0.9},
	{"loops", "programs that loop over data (glimpse, multi1-3)", make_loops, 0},
	{"database", "a database server (DS1)", make_database, 0.9},
	{"drift", "news, feeds", make_drift, 0.9},
	{"phases", "a file server whose jobs change (FIU, MSR)", make_phases, 0.8},
	{"wonders", "photos from a CDN, many asked for once", make_wonders, 0.9},
	{"recent", "a desktop's or a workstation's files", make_recent, 0},
	{"oltp", "pages of a transaction system (OLTP)", make_oltp, 0.9},
	{"disk", "a virtual machine's disk (CloudPhysics, Systor)", make_disk, 0.9},
	{"twitter-read", "a Twitter cluster, reads", make_twitter_read, 1.2},
	{"twitter-write", "a Twitter cluster, mostly writes", make_twitter_write, 1.0},
	{"twitter-short", "a Twitter cluster, short times to live",
	make_twitter_short, 1.0},
};

const int	nworkloads = lengthof(workloads);

void
workload_make(const Workload *workload, uint32 nrequests, uint32 value_len,
			  Trace *trace)
{
	Generator	g;

	memset(&g, 0, sizeof(g));
	g.trace = trace;
	g.nrequests = nrequests;
	g.value_len = value_len;
	g.skew = workload->skew;
	g.value_median = 4096;
	g.random = hash_bytes(workload->name, strlen(workload->name)) | 1;
	g.history = malloc(nrequests * sizeof(uint64));
	workload->make(&g);
	free(g.history);
}
