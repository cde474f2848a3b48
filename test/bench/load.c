/*-------------------------------------------------------------------------
 *
 * load.c
 *	  Run several kinds of operation in turns, on the same connections, and
 *	  report what each took of the server's processor time.
 *
 * Usage: load CONNINFO < plan
 *
 * An operation is a sequence of prepared statements, each its own transaction.
 * All connections run one kind of operation for a slice of time, then the next
 * kind, and so on; that makes one round.  So all kinds meet the same processes,
 * the same neighbours on the machine and the same state of the server, and the
 * ratio of two of them within a round means something where their absolute
 * figures don't.  Every second round goes through the kinds backwards.
 *
 * The plan has one directive a line:
 *
 *	connections N		sessions that work at the same time (1)
 *	one_core			client and sessions share a processor core
 *	own_cores			each session has a core of its own, as far as there are
 *	slice MS			length of a slice (500)
 *	rounds N			(5)
 *	set SQL				run on every connection first, e.g. a SET
 *	snapshot			hold a REPEATABLE READ snapshot all the time
 *	at_end SQL			a query to be run at the end, the snapshot still held;
 *						its rows are printed
 *	case NAME			begins a kind of operation:
 *	sessions N			only the first N sessions work
 *	before SQL			run on one connection before each slice, not measured
 *	after SQL			the same after each slice
 *	step SQL			a statement of the operation
 *	arg key FORMAT N	its next argument: FORMAT, one %d, of a number 1..N
 *	arg same STEP N		argument N of step STEP, both from 0, a key
 *	arg text TEXT		a constant
 *	arg cell N			column N (from 0) of the first row of the step before
 *	arg array N			column N of all its rows, as an array
 *	rows				an operation counts as many as its first step has
 *						rows; without rows the slice ends for that connection
 *	once				one operation a slice, however long it takes
 *	count N				an operation counts N
 *
 * Prints a line for each slice, separated by tabs: "slice", case, round,
 * operations, their count, microseconds that passed, microseconds of processor
 * time of all the sessions, and of the extension's maintenance worker.  Then
 * "result" and the columns of each row of at_end.
 *
 * Needs the functions of cq_bench.c in the schema cq_bench.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#define CONNECTIONS_MAX 128
#define CASES_MAX 16
#define STEPS_MAX 8
#define ARGS_MAX 4
#define STATEMENTS_MAX 8
#define KEY_BYTES 256
#define OPERATIONS_WARM 20

typedef enum ArgKind
{
	ARG_KEY, ARG_SAME, ARG_TEXT, ARG_CELL, ARG_ARRAY
} ArgKind;

typedef struct Arg
{
	ArgKind		kind;
	char	   *text;			/* format of a key, or the constant */
	int			step;			/* of the same argument */
	int			n;				/* number of keys, column, or argument */
} Arg;

typedef struct Step
{
	char	   *sql;
	int			nargs;
	Arg			args[ARGS_MAX];
} Step;

typedef struct Case
{
	char	   *name;
	char	   *before;
	char	   *after;
	int			nsteps;
	Step		steps[STEPS_MAX];
	int			sessions;		/* 0: all */
	bool		once;
	bool		count_rows;
	int			count;
} Case;

typedef struct Connection
{
	PGconn	   *conn;
	int			step;			/* in progress, -1: none */
	int			count;			/* what the operation counts */
	PGresult   *last;			/* of the step before */
	char		keys[STEPS_MAX][ARGS_MAX][KEY_BYTES];	/* of this operation */
	char	   *array;			/* buffer for an array argument */
	size_t		array_size;
} Connection;

static int	nconnections = 1;
static int	slice_ms = 500;
static int	rounds = 5;
static char *at_end[STATEMENTS_MAX];
static int	nat_end = 0;
static bool hold_snapshot = false;
static bool one_core = false;
static bool own_cores = false;
static char *settings[STATEMENTS_MAX];
static int	nsettings = 0;
static Case cases[CASES_MAX];
static int	ncases = 0;
static Connection connections[CONNECTIONS_MAX];
static int	worker_pid = 0;
static uint64_t random_state = UINT64_C(88172645463325252);

static void
__attribute__((noreturn, format(printf, 1, 2)))
die(const char *format,...)
{
	va_list		list;

	va_start(list, format);
	fputs("load: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	exit(1);
}

static void *
allocate(size_t size)
{
	void	   *memory = calloc(1, size);

	if (memory == NULL)
		die("out of memory");
	return memory;
}

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static uint64_t
next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* ---- plan ---- */

/* The next word of *rest, which moves behind it. */
static char *
word(char **rest)
{
	char	   *found = strsep(rest, " ");

	if (found == NULL || *found == '\0')
		die("a word is missing in the plan");
	return found;
}

static void
read_arg(Case *c, char *rest)
{
	Step	   *step = &c->steps[c->nsteps - 1];
	Arg		   *arg;
	char	   *kind = word(&rest);

	if (c->nsteps == 0 || step->nargs == ARGS_MAX)
		die("misplaced arg");
	arg = &step->args[step->nargs++];
	if (strcmp(kind, "key") == 0)
	{
		arg->kind = ARG_KEY;
		arg->text = strdup(word(&rest));
		arg->n = atoi(word(&rest));
	}
	else if (strcmp(kind, "same") == 0)
	{
		arg->kind = ARG_SAME;
		arg->step = atoi(word(&rest));
		arg->n = atoi(word(&rest));
		if (arg->step >= c->nsteps || arg->n >= c->steps[arg->step].nargs)
			die("no such argument before");
	}
	else if (strcmp(kind, "text") == 0)
	{
		arg->kind = ARG_TEXT;
		arg->text = strdup(rest);
	}
	else
	{
		arg->kind = strcmp(kind, "cell") == 0 ? ARG_CELL : ARG_ARRAY;
		arg->n = atoi(word(&rest));
	}
}

static void
read_plan(void)
{
	char	   *line = NULL;
	size_t		size = 0;
	ssize_t		length;

	while ((length = getline(&line, &size, stdin)) > 0)
	{
		char	   *rest = line;
		char	   *what;
		Case	   *c = ncases > 0 ? &cases[ncases - 1] : NULL;

		if (line[length - 1] == '\n')
			line[--length] = '\0';
		if (length == 0 || line[0] == '#')
			continue;
		what = word(&rest);
		if (strcmp(what, "connections") == 0)
			nconnections = atoi(rest);
		else if (strcmp(what, "slice") == 0)
			slice_ms = atoi(rest);
		else if (strcmp(what, "rounds") == 0)
			rounds = atoi(rest);
		else if (strcmp(what, "snapshot") == 0)
			hold_snapshot = true;
		else if (strcmp(what, "one_core") == 0)
			one_core = true;
		else if (strcmp(what, "own_cores") == 0)
			own_cores = true;
		else if (strcmp(what, "at_end") == 0 && nat_end < STATEMENTS_MAX)
			at_end[nat_end++] = strdup(rest);
		else if (strcmp(what, "set") == 0 && nsettings < STATEMENTS_MAX)
			settings[nsettings++] = strdup(rest);
		else if (strcmp(what, "case") == 0 && ncases < CASES_MAX)
		{
			c = &cases[ncases++];
			c->name = strdup(rest);
			c->count = 1;
		}
		else if (c == NULL)
			die("unknown or misplaced directive \"%s\"", what);
		else if (strcmp(what, "sessions") == 0)
			c->sessions = atoi(rest);
		else if (strcmp(what, "before") == 0)
			c->before = strdup(rest);
		else if (strcmp(what, "after") == 0)
			c->after = strdup(rest);
		else if (strcmp(what, "step") == 0 && c->nsteps < STEPS_MAX)
			c->steps[c->nsteps++].sql = strdup(rest);
		else if (strcmp(what, "arg") == 0)
			read_arg(c, rest);
		else if (strcmp(what, "rows") == 0)
			c->count_rows = true;
		else if (strcmp(what, "once") == 0)
			c->once = true;
		else if (strcmp(what, "count") == 0)
			c->count = atoi(rest);
		else
			die("unknown or misplaced directive \"%s\"", what);
	}
	free(line);
	if (nconnections < 1 || nconnections > CONNECTIONS_MAX || ncases == 0)
		die("nothing to do, or too much");
	for (int i = 0; i < ncases; i++)
		if (cases[i].sessions > nconnections)
			die("more sessions than connections");
}

/* ---- connections ---- */

static PGresult *
checked(PGconn * conn, PGresult * result, const char *sql)
{
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		die("%s%s", PQerrorMessage(conn), sql);
	return result;
}

static PGresult *
execute(PGconn * conn, const char *sql)
{
	return checked(conn, PQexec(conn, sql), sql);
}

static void
perform(PGconn * conn, const char *sql)
{
	PQclear(execute(conn, sql));
}

static int64_t
number(PGconn * conn, const char *sql)
{
	PGresult   *result = execute(conn, sql);
	int64_t		value = PQntuples(result) > 0 ? atoll(PQgetvalue(result, 0, 0)) : 0;

	PQclear(result);
	return value;
}

static PGconn *
connect_to(const char *conninfo)
{
	PGconn	   *conn = PQconnectdb(conninfo);

	if (PQstatus(conn) != CONNECTION_OK)
		die("%s", PQerrorMessage(conn));
	for (int i = 0; i < nsettings; i++)
		perform(conn, settings[i]);
	return conn;
}

static void
statement_name(char *name, size_t size, int c, int step)
{
	snprintf(name, size, "c%ds%d", c, step);
}

/* Let a process, 0: this one, run on this processor only. */
static void
stay_on(int core, int pid)
{
	cpu_set_t	set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(pid, sizeof(set), &set) != 0)
		fprintf(stderr, "load: cannot choose a processor: %s\n", strerror(errno));
}

static void
open_connection(Connection *connection, const char *conninfo)
{
	connection->conn = connect_to(conninfo);
	connection->step = -1;
	for (int c = 0; c < ncases; c++)
		for (int s = 0; s < cases[c].nsteps; s++)
		{
			char		name[32];
			const char *sql = cases[c].steps[s].sql;

			statement_name(name, sizeof(name), c, s);
			PQclear(checked(connection->conn,
							PQprepare(connection->conn, name, sql, 0, NULL), sql));
		}
}

/* Processor time of all sessions. */
static int64_t
sessions_cpu_us(void)
{
	int64_t		sum = 0;

	for (int i = 0; i < nconnections; i++)
		sum += number(connections[i].conn, "SELECT cq_bench.cpu_us()");
	return sum;
}

/* Processor time of the maintenance worker; 0 if that cannot be known. */
static int64_t
worker_cpu_us(void)
{
	char		path[64];
	long long	run_ns = 0;
	FILE	   *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", worker_pid);
	if (worker_pid == 0 || (file = fopen(path, "r")) == NULL)
		return 0;
	if (fscanf(file, "%lld", &run_ns) != 1)
		run_ns = 0;
	fclose(file);
	return run_ns / 1000;
}

/* ---- operations ---- */

/* Column of all rows of the step before, as the text of an array. */
static const char *
array_argument(Connection *connection, int column)
{
	PGresult   *last = connection->last;
	size_t		need = 3;
	char	   *p;

	for (int row = 0; row < PQntuples(last); row++)
		need += 2 * PQgetlength(last, row, column) + 3;
	if (need > connection->array_size)
	{
		free(connection->array);
		connection->array = allocate(need);
		connection->array_size = need;
	}
	p = connection->array;
	*p++ = '{';
	for (int row = 0; row < PQntuples(last); row++)
	{
		if (row > 0)
			*p++ = ',';
		*p++ = '"';
		for (const char *c = PQgetvalue(last, row, column); *c; c++)
		{
			if (*c == '"' || *c == '\\')
				*p++ = '\\';
			*p++ = *c;
		}
		*p++ = '"';
	}
	*p++ = '}';
	*p = '\0';
	return connection->array;
}

static void
send_step(Connection *connection, int c)
{
	Step	   *step = &cases[c].steps[connection->step];
	const char *values[ARGS_MAX];
	char		name[32];

	for (int i = 0; i < step->nargs; i++)
	{
		Arg		   *arg = &step->args[i];

		switch (arg->kind)
		{
			case ARG_KEY:
				snprintf(connection->keys[connection->step][i], KEY_BYTES, arg->text,
						 (int) (next_random() % arg->n + 1));
				values[i] = connection->keys[connection->step][i];
				break;
			case ARG_SAME:
				values[i] = connection->keys[arg->step][arg->n];
				break;
			case ARG_TEXT:
				values[i] = arg->text;
				break;
			case ARG_CELL:
				values[i] = PQgetvalue(connection->last, 0, arg->n);
				break;
			case ARG_ARRAY:
				values[i] = array_argument(connection, arg->n);
				break;
		}
	}
	statement_name(name, sizeof(name), c, connection->step);
	if (!PQsendQueryPrepared(connection->conn, name, step->nargs, values, NULL,
							 NULL, 0))
		die("%s", PQerrorMessage(connection->conn));
}

/*
 * A step's answer is there.  Goes on with the next step, or ends the
 * operation: connection->step is -1 then.  Returns what the operation counts,
 * 0 if it found nothing, -1 if it goes on.
 */
static int
finish_step(Connection *connection, int c)
{
	Case	   *this = &cases[c];
	PGresult   *result = PQgetResult(connection->conn);
	PGresult   *more;
	int			count = -1;

	checked(connection->conn, result, this->steps[connection->step].sql);
	while ((more = PQgetResult(connection->conn)) != NULL)
		PQclear(more);
	PQclear(connection->last);
	connection->last = result;

	if (connection->step == 0)
		connection->count = this->count_rows ? PQntuples(result) : this->count;
	if (connection->count == 0)
	{
		connection->step = -1;
		return 0;
	}
	if (connection->step + 1 < this->nsteps)
	{
		connection->step++;
		send_step(connection, c);
	}
	else
	{
		connection->step = -1;
		count = connection->count;
	}
	return count;
}

typedef struct Done
{
	int64_t		operations;
	int64_t		count;
} Done;

/* All connections run operations until the time is over. */
static Done
work(int c, int64_t until_us, int operations_max)
{
	struct pollfd polls[CONNECTIONS_MAX];
	Done		done = {0, 0};
	int			sessions = cases[c].sessions > 0 ? cases[c].sessions : nconnections;
	int			active = sessions;
	int			started = 0;
	bool		once = cases[c].once;

	for (int i = 0; i < sessions; i++)
	{
		polls[i].fd = -1;
		polls[i].events = POLLIN;
		if (operations_max > 0 && started >= operations_max)
		{
			active--;
			continue;
		}
		started++;
		polls[i].fd = PQsocket(connections[i].conn);
		connections[i].step = 0;
		send_step(&connections[i], c);
	}
	while (active > 0)
	{
		if (poll(polls, sessions, -1) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		for (int i = 0; i < sessions; i++)
		{
			Connection *connection = &connections[i];
			int			count;

			if (polls[i].fd < 0 || polls[i].revents == 0)
				continue;
			if (!PQconsumeInput(connection->conn))
				die("%s", PQerrorMessage(connection->conn));
			if (PQisBusy(connection->conn))
				continue;
			count = finish_step(connection, c);
			if (count < 0)
				continue;
			done.operations += count > 0;
			done.count += count;
			if (count == 0 || once || now_us() >= until_us ||
				(operations_max > 0 && started >= operations_max))
			{
				polls[i].fd = -1;
				active--;
				continue;
			}
			started++;
			connection->step = 0;
			send_step(connection, c);
		}
	}
	return done;
}

static void
run_slice(int c, int round)
{
	Case	   *this = &cases[c];
	PGconn	   *first = connections[0].conn;
	int64_t		start_us;
	int64_t		passed_us;
	int64_t		cpu_us;
	int64_t		worker_us;
	Done		done;

	if (this->before)
		perform(first, this->before);
	worker_us = worker_cpu_us();
	cpu_us = sessions_cpu_us();
	start_us = now_us();
	done = work(c, start_us + (int64_t) slice_ms * 1000, 0);
	passed_us = now_us() - start_us;
	cpu_us = sessions_cpu_us() - cpu_us;
	worker_us = worker_cpu_us() - worker_us;
	if (this->after)
		perform(first, this->after);
	printf("slice\t%s\t%d\t%lld\t%lld\t%lld\t%lld\t%lld\n", this->name, round,
		   (long long) done.operations, (long long) done.count,
		   (long long) passed_us, (long long) cpu_us, (long long) worker_us);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	PGconn	   *holder = NULL;

	if (argc != 2)
		die("usage: load CONNINFO < plan");
	read_plan();
	for (int i = 0; i < nconnections; i++)
		open_connection(&connections[i], argv[1]);
	worker_pid = number(connections[0].conn,
						"SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
						" AND backend_type LIKE 'cachequeue%' LIMIT 1");
	if (one_core)
	{
		int			core = sched_getcpu();

		stay_on(core, 0);
		for (int i = 0; i < nconnections; i++)
			stay_on(core, PQbackendPID(connections[i].conn));
	}
	for (int i = 0; own_cores && i < nconnections; i++)
		stay_on(i % (int) sysconf(_SC_NPROCESSORS_ONLN),
				PQbackendPID(connections[i].conn));
	if (hold_snapshot)
	{
		holder = connect_to(argv[1]);
		perform(holder, "BEGIN ISOLATION LEVEL REPEATABLE READ");
		perform(holder, "SELECT count(*) FROM pg_class");
	}

	for (int c = 0; c < ncases; c++)
	{
		if (cases[c].before)
			perform(connections[0].conn, cases[c].before);
		work(c, INT64_MAX, cases[c].once ? 1 : OPERATIONS_WARM * nconnections);
		if (cases[c].after)
			perform(connections[0].conn, cases[c].after);
	}
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < ncases; i++)
			run_slice(round % 2 == 0 ? i : ncases - 1 - i, round);

	for (int i = 0; i < nat_end; i++)
	{
		PGresult   *result = execute(connections[0].conn, at_end[i]);

		for (int row = 0; row < PQntuples(result); row++)
		{
			printf("result");
			for (int column = 0; column < PQnfields(result); column++)
				printf("\t%s", PQgetvalue(result, row, column));
			printf("\n");
		}
		PQclear(result);
	}
	if (holder)
		PQfinish(holder);
	for (int i = 0; i < nconnections; i++)
		PQfinish(connections[i].conn);
	return 0;
}
