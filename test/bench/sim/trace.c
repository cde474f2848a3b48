/*-------------------------------------------------------------------------
 *
 * trace.c
 *	  Build traces, and read those that others have published.
 *
 * Formats:
 *
 *	csv		libCacheSim's: a request a line, columns as its options say; by
 *			default time,object,size.  Of the operations (get, set, ...) those
 *			that begin with g or r are reads, whatever else stores.
 *	lirs	Caffeine's and LIRS': one number a line; other lines are left out
 *	address	Caffeine's: "l 0x1fffff50 1", the address is the object
 *	arc		ARC's: starting block, number of blocks, ignored, request number;
 *			each of the blocks is a request
 *
 * Files without a time get one millisecond a request.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <errno.h>

#include "bytes.h"
#include "trace.h"

#define LINE_BYTES 4096
#define COLUMNS_MAX 32

static void *
allocate(void *old, Size size)
{
	void	   *new = realloc(old, size);

	if (new == NULL)
	{
		fprintf(stderr, "sim: out of memory\n");
		exit(1);
	}
	return new;
}

void
trace_init(Trace *trace, const char *name)
{
	memset(trace, 0, sizeof(*trace));
	snprintf(trace->name, sizeof(trace->name), "%s", name);
	trace->table_size = 1 << 16;
	trace->ids = allocate(NULL, trace->table_size * sizeof(uint64));
	trace->objects = calloc(trace->table_size, sizeof(uint32));
}

static uint32
table_slot(const Trace *trace, uint64 id)
{
	uint32		slot = hash_bytes((char *) &id, sizeof(id));

	for (;; slot++)
	{
		slot &= trace->table_size - 1;
		if (trace->objects[slot] == 0 || trace->ids[slot] == id)
			return slot;
	}
}

static void
grow_table(Trace *trace)
{
	Trace		old = *trace;

	trace->table_size *= 2;
	trace->ids = allocate(NULL, trace->table_size * sizeof(uint64));
	trace->objects = calloc(trace->table_size, sizeof(uint32));
	for (uint32 i = 0; i < old.table_size; i++)
	{
		uint32		slot = table_slot(trace, old.ids[i]);

		if (old.objects[i] == 0)
			continue;
		trace->ids[slot] = old.ids[i];
		trace->objects[slot] = old.objects[i];
	}
	free(old.ids);
	free(old.objects);
}

static uint32
object_of(Trace *trace, uint64 id)
{
	uint32		slot;

	if (trace->nobjects >= trace->table_size / 2)
		grow_table(trace);
	slot = table_slot(trace, id);
	if (trace->objects[slot] == 0)
	{
		trace->ids[slot] = id;
		trace->objects[slot] = ++trace->nobjects;
	}
	return trace->objects[slot] - 1;
}

void
trace_add(Trace *trace, uint64 id, TraceOp op, int64 time_ms,
		  uint32 value_len, uint32 ttl_ms)
{
	TraceRequest *request;

	if (trace->nrequests == trace->allocated)
	{
		trace->allocated = Max(1 << 16, trace->allocated * 2);
		trace->requests = allocate(trace->requests,
								   trace->allocated * sizeof(TraceRequest));
	}
	request = &trace->requests[trace->nrequests++];
	request->object = object_of(trace, id);
	request->op = op;
	request->time_ms = time_ms;
	request->value_len = value_len;
	request->ttl_ms = ttl_ms;
}

/* Link each object's requests, and count objects and their bytes. */
void
trace_finish(Trace *trace)
{
	uint32	   *later = allocate(NULL, trace->nobjects * sizeof(uint32));
	uint32	   *counts = calloc(trace->nobjects, sizeof(uint32));

	for (uint32 i = 0; i < trace->nobjects; i++)
		later[i] = NO_REQUEST;
	trace->footprint = 0;
	trace->once = 0;
	for (uint32 i = trace->nrequests; i-- > 0;)
	{
		TraceRequest *request = &trace->requests[i];

		if (counts[request->object]++ == 0)
			trace->footprint += request_bytes(request);
		request->next = later[request->object];
		later[request->object] = i;
	}
	for (uint32 i = 0; i < trace->nobjects; i++)
		trace->once += counts[i] == 1;
	free(later);
	free(counts);
}

void
trace_free(Trace *trace)
{
	free(trace->requests);
	free(trace->ids);
	free(trace->objects);
}

/* If text begins with name and "=": the number behind it, into *number. */
static bool
option_number(const char *text, const char *name, int *number)
{
	Size		len = strlen(name);

	if (strncmp(text, name, len) != 0 || text[len] != '=')
		return false;
	*number = atoi(text +len + 1);
	return *number > 0 && *number <= COLUMNS_MAX;
}

bool
trace_parse_format(const char *text, TraceFormat *format)
{
	char		copy[256];
	char	   *rest = NULL;
	char	   *word;

	memset(format, 0, sizeof(*format));
	snprintf(copy, sizeof(copy), "%s", text);
	word = strtok_r(copy, ",", &rest);
	if (word == NULL)
		return false;
	if (strcmp(word, "lirs") == 0)
		format->kind = TRACE_LIRS;
	else if (strcmp(word, "address") == 0)
		format->kind = TRACE_ADDRESS;
	else if (strcmp(word, "arc") == 0)
		format->kind = TRACE_ARC;
	else if (strcmp(word, "csv") != 0)
		return false;
	else
	{
		format->kind = TRACE_CSV;
		format->delimiter = ',';
		format->time_column = 1;
		format->id_column = 2;
		format->size_column = 3;
		while ((word = strtok_r(NULL, ",", &rest)) != NULL)
		{
			if (strcmp(word, "has-header") == 0)
				format->has_header = true;
			else if (strncmp(word, "delimiter=", 10) == 0 && word[10] != 0)
				format->delimiter = strcmp(word + 10, "\\t") == 0 ? '\t' : word[10];
			else if (!option_number(word, "time-col", &format->time_column) &&
					 !option_number(word, "obj-id-col", &format->id_column) &&
					 !option_number(word, "obj-size-col", &format->size_column) &&
					 !option_number(word, "ttl-col", &format->ttl_column) &&
					 !option_number(word, "op-col", &format->op_column))
				return false;
		}
	}
	return strtok_r(NULL, ",", &rest) == NULL;
}

/* Cut line into columns, in place; how many there are. */
static int
split(char *line, char delimiter, char **columns)
{
	int			n = 0;

	for (char *at = line; at != NULL && n < COLUMNS_MAX; n++)
	{
		columns[n] = at;
		at = strchr(at, delimiter);
		if (at != NULL)
			*at++ = '\0';
	}
	return n;
}

/* Numbers are taken as they are, other identifiers by their hash. */
static uint64
parse_id(const char *text)
{
	char	   *end;
	uint64		id;

	errno = 0;
	id = strtoull(text, &end, 10);
	if (end == text ||*end != '\0' || errno != 0)
		id = hash_bytes(text, strlen(text));
	return id;
}

static bool
add_csv(Trace *trace, char *line, const TraceFormat *format, uint32 value_len)
{
	char	   *columns[COLUMNS_MAX];
	int			n = split(line, format->delimiter, columns);
	TraceOp		op = TRACE_GET;
	uint32		ttl_ms = 0;

	if (n < format->id_column || n < format->time_column ||
		(value_len == 0 && n < format->size_column) ||
		n < format->ttl_column || n < format->op_column)
		return false;
	if (format->op_column > 0 &&
		strchr("gGrR", columns[format->op_column - 1][0]) == NULL)
		op = TRACE_SET;
	if (format->ttl_column > 0)
		ttl_ms = Min(atof(columns[format->ttl_column - 1]) * 1000,
					 PG_UINT32_MAX);
	if (value_len == 0)
		value_len = strtoul(columns[format->size_column - 1], NULL, 10);
	trace_add(trace, parse_id(columns[format->id_column - 1]), op,
			  atof(columns[format->time_column - 1]) * 1000, value_len, ttl_ms);
	return true;
}

/* One line; false if it is not of the format. */
static bool
add_line(Trace *trace, char *line, const TraceFormat *format, uint32 limit,
		 uint32 value_len)
{
	unsigned long long id;
	unsigned long long count = 1;
	char		label[64];

	switch (format->kind)
	{
		case TRACE_CSV:
			return add_csv(trace, line, format, value_len);
		case TRACE_LIRS:
			if (sscanf(line, "%llu", &id) != 1)
				return false;
			break;
		case TRACE_ADDRESS:
			if (sscanf(line, "%63s 0x%llx", label, &id) != 2)
				return false;
			break;
		case TRACE_ARC:
			if (sscanf(line, "%llu %llu", &id, &count) != 2)
				return false;
			break;
	}
	for (; count > 0 && trace->nrequests < limit; count--)
		trace_add(trace, id++, TRACE_GET, trace->nrequests, value_len, 0);
	return true;
}

static FILE *
open_trace(const char *path, bool *is_pipe)
{
	Size		len = strlen(path);
	char		command[LINE_BYTES];
	FILE	   *probe = fopen(path, "r");

	*is_pipe = len > 3 && strcmp(path + len - 3, ".gz") == 0;
	if (probe == NULL || strchr(path, '\'') != NULL)
	{
		fprintf(stderr, "sim: cannot read %s\n", path);
		exit(1);
	}
	if (!*is_pipe)
		return probe;
	fclose(probe);
	snprintf(command, sizeof(command), "zcat -- '%s'", path);
	return popen(command, "r");
}

void
trace_read(Trace *trace, const char *path, const TraceFormat *format,
		   uint32 limit, uint32 value_len)
{
	bool		is_pipe;
	FILE	   *file = open_trace(path, &is_pipe);
	char		line[LINE_BYTES];
	uint64		skipped = 0;

	if (file == NULL)
	{
		perror("sim: zcat");
		exit(1);
	}
	if (format->has_header && fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	while (trace->nrequests < limit && fgets(line, sizeof(line), file) != NULL)
	{
		line[strcspn(line, "\r\n")] = '\0';
		skipped += !add_line(trace, line, format, limit, value_len);
	}
	if (is_pipe)
		pclose(file);
	else
		fclose(file);
	if (skipped > 0)
		fprintf(stderr, "sim: %s: left out %llu lines that are no request\n",
				path, (unsigned long long) skipped);
	if (trace->nrequests == 0)
	{
		fprintf(stderr, "sim: no request in %s\n", path);
		exit(1);
	}
}
