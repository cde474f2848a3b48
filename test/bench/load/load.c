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
 * plan.h says what can stand in a plan.  An operation that finds no row for its
 * cell ends there and counts nothing.
 *
 * Prints a line for each slice, separated by tabs: "slice", case, round,
 * operations, their count, microseconds that passed, and microseconds of
 * processor time of the server's processes that served them.  At the end
 * "notified" and how many notifications the listening sessions got.
 *
 * Needs the functions of cq_bench.c in the schema cq_bench.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "plan.h"

#define KEY_BYTES 256
#define OPERATIONS_WARM 20

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

/* the sessions of a database */
typedef struct Database
{
	Connection	connections[CONNECTIONS_MAX];
	PGconn	   *feeder;
	int			worker_pid;		/* 0: it has none */
} Database;

static Database databases[DATABASES_MAX];
static PGconn * listeners[LISTENERS_MAX];
static int64_t nnotified = 0;
static uint64_t random_state = UINT64_C(88172645463325252);

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
connect_to(const char *conninfo, const char *database)
{
	char	   *whole;
	PGconn	   *conn;

	if (asprintf(&whole, "%s%s%s", conninfo, database ? " dbname=" : "",
				 database ? database : "") < 0)
		die("out of memory");
	conn = PQconnectdb(whole);
	free(whole);
	if (PQstatus(conn) != CONNECTION_OK)
		die("%s", PQerrorMessage(conn));
	for (int i = 0; i < plan.nsettings; i++)
		perform(conn, plan.settings[i]);
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
open_connection(Connection *connection, const char *conninfo, int database)
{
	connection->conn = connect_to(conninfo, plan.databases[database]);
	connection->step = -1;
	for (int c = 0; c < plan.ncases; c++)
		for (int s = 0; plan.cases[c].database == database && s < plan.cases[c].nsteps; s++)
		{
			char		name[32];
			const char *sql = plan.cases[c].steps[s].sql;

			statement_name(name, sizeof(name), c, s);
			PQclear(checked(connection->conn,
							PQprepare(connection->conn, name, sql, 0, NULL), sql));
		}
}

static void
open_database(int d, const char *conninfo)
{
	Database   *database = &databases[d];

	for (int i = 0; i < plan.nconnections; i++)
		open_connection(&database->connections[i], conninfo, d);
	database->feeder = connect_to(conninfo, plan.databases[d]);
	database->worker_pid = number(database->feeder,
								  "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
								  " AND backend_type LIKE 'cachequeue%' LIMIT 1");
}

static void
open_listeners(const char *conninfo)
{
	char	   *listen;

	if (plan.nlisteners > 0 && asprintf(&listen, "LISTEN %s", plan.channel) < 0)
		die("out of memory");
	for (int i = 0; i < plan.nlisteners; i++)
	{
		listeners[i] = connect_to(conninfo, NULL);
		perform(listeners[i], listen);
	}
}

/* Each session of the database to its processor. */
static void
place_sessions(Database *database)
{
	int			core = sched_getcpu();

	if (plan.one_core)
		stay_on(core, 0);
	for (int i = 0; i < plan.nconnections && (plan.one_core || plan.own_cores); i++)
		stay_on(plan.one_core ? core : i % (int) sysconf(_SC_NPROCESSORS_ONLN),
				PQbackendPID(database->connections[i].conn));
}

/* Processor time of all sessions of the database. */
static int64_t
sessions_cpu_us(Database *database)
{
	int64_t		sum = 0;

	for (int i = 0; i < plan.nconnections; i++)
		sum += number(database->connections[i].conn, "SELECT cq_bench.cpu_us()");
	return sum;
}

/* Processor time of its maintenance worker; 0 if that cannot be known. */
static int64_t
worker_cpu_us(Database *database)
{
	char		path[64];
	long long	run_ns = 0;
	FILE	   *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", database->worker_pid);
	if (database->worker_pid == 0 || (file = fopen(path, "r")) == NULL)
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

/* Send the statement of the next step.  Returns false if it lacks a row. */
static bool
send_step(Connection *connection, int c)
{
	Step	   *step = &plan.cases[c].steps[connection->step];
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
				if (PQntuples(connection->last) == 0)
					return false;
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
	return true;
}

/* What finish_step returns besides a count. */
#define GOES_ON (-1)
#define COUNTS_NOTHING (-2)

/*
 * A step's answer is there.  Goes on with the next step, or ends the
 * operation: connection->step is -1 then.  Returns what the operation counts,
 * 0 if its first step found nothing, or one of the above.
 */
static int
finish_step(Connection *connection, int c)
{
	Case	   *this = &plan.cases[c];
	PGresult   *result = PQgetResult(connection->conn);
	PGresult   *more;

	checked(connection->conn, result, this->steps[connection->step].sql);
	while ((more = PQgetResult(connection->conn)) != NULL)
		PQclear(more);
	PQclear(connection->last);
	connection->last = result;

	if (connection->step == 0)
		connection->count = this->count_rows ? PQntuples(result) : this->count;
	if (connection->count > 0 && connection->step + 1 < this->nsteps)
	{
		connection->step++;
		if (send_step(connection, c))
			return GOES_ON;
		connection->count = COUNTS_NOTHING;
	}
	connection->step = -1;
	return connection->count;
}

/* Read what has been sent to a listening session. */
static void
take_notifications(PGconn * conn)
{
	PGnotify   *notify;

	if (!PQconsumeInput(conn))
		die("%s", PQerrorMessage(conn));
	while ((notify = PQnotifies(conn)) != NULL)
	{
		nnotified++;
		PQfreemem(notify);
	}
}

typedef struct Done
{
	int64_t		operations;
	int64_t		count;
} Done;

static void
begin_operation(Connection *connection, int c)
{
	connection->step = 0;
	send_step(connection, c);
}

/*
 * All sessions of the case run operations until the time is over, or that
 * many operations were begun (0: any number).
 */
static Done
work(int c, int64_t until_us, int operations_max)
{
	Case	   *this = &plan.cases[c];
	Database   *database = &databases[this->database];
	struct pollfd polls[CONNECTIONS_MAX + LISTENERS_MAX];
	Done		done = {0, 0};
	int			sessions = this->sessions > 0 ? this->sessions : plan.nconnections;
	int			active = 0;
	int			started = 0;
	int			fed = 0;

	for (int i = 0; i < sessions + plan.nlisteners; i++)
	{
		polls[i].fd = -1;
		polls[i].events = POLLIN;
		polls[i].revents = 0;
		if (i >= sessions)
			polls[i].fd = PQsocket(listeners[i - sessions]);
		else if (operations_max == 0 || started < operations_max)
		{
			polls[i].fd = PQsocket(database->connections[i].conn);
			begin_operation(&database->connections[i], c);
			started++;
			active++;
		}
	}
	while (active > 0)
	{
		if (poll(polls, sessions + plan.nlisteners, -1) < 0 && errno != EINTR)
			die("poll: %s", strerror(errno));
		for (int i = 0; i < plan.nlisteners; i++)
			if (polls[sessions + i].revents != 0)
				take_notifications(listeners[i]);
		for (int i = 0; i < sessions; i++)
		{
			Connection *connection = &database->connections[i];
			int			count;

			if (polls[i].fd < 0 || polls[i].revents == 0)
				continue;
			if (!PQconsumeInput(connection->conn))
				die("%s", PQerrorMessage(connection->conn));
			if (PQisBusy(connection->conn))
				continue;
			count = finish_step(connection, c);
			if (count == GOES_ON)
				continue;
			if (count > 0)
			{
				done.operations++;
				done.count += count;
				for (fed += count; this->feed && fed >= this->feed_each;
					 fed -= this->feed_each)
					perform(database->feeder, this->feed);
			}
			if (count == 0 || this->once || now_us() >= until_us ||
				(operations_max > 0 && started >= operations_max))
			{
				polls[i].fd = -1;
				active--;
				continue;
			}
			started++;
			begin_operation(connection, c);
		}
	}
	return done;
}

static void
run_slice(int c, int round)
{
	Case	   *this = &plan.cases[c];
	Database   *database = &databases[this->database];
	PGconn	   *first = database->connections[0].conn;
	int64_t		start_us;
	int64_t		passed_us;
	int64_t		cpu_us;
	int64_t		worker_us;
	Done		done;

	if (this->before)
		perform(first, this->before);
	worker_us = worker_cpu_us(database);
	cpu_us = sessions_cpu_us(database);
	start_us = now_us();
	done = work(c, this->operations > 0 ? INT64_MAX :
				start_us + (int64_t) plan.slice_ms * 1000, this->operations);
	passed_us = now_us() - start_us;
	cpu_us = sessions_cpu_us(database) - cpu_us;
	worker_us = worker_cpu_us(database) - worker_us;
	if (this->after)
		perform(first, this->after);
	printf("slice\t%s\t%d\t%lld\t%lld\t%lld\t%lld\n", this->name, round,
		   (long long) done.operations, (long long) done.count,
		   (long long) passed_us,
		   (long long) (cpu_us + (this->worker ? worker_us : 0)));
	fflush(stdout);
}

/* Let all caches fill before anything is measured. */
static void
warm_up(int c)
{
	PGconn	   *first = databases[plan.cases[c].database].connections[0].conn;

	if (plan.cases[c].before)
		perform(first, plan.cases[c].before);
	work(c, INT64_MAX, plan.cases[c].once ? 1 : OPERATIONS_WARM * plan.nconnections);
	if (plan.cases[c].after)
		perform(first, plan.cases[c].after);
}

int
main(int argc, char **argv)
{
	if (argc != 2)
		die("usage: load CONNINFO < plan");
	read_plan();
	for (int d = 0; d < plan.ndatabases; d++)
	{
		open_database(d, argv[1]);
		place_sessions(&databases[d]);
	}
	open_listeners(argv[1]);

	for (int c = 0; c < plan.ncases; c++)
		warm_up(c);
	for (int round = 0; round < plan.rounds; round++)
		for (int i = 0; i < plan.ncases; i++)
			run_slice(round % 2 == 0 ? i : plan.ncases - 1 - i, round);
	printf("notified\t%lld\n", (long long) nnotified);

	for (int i = 0; i < plan.nlisteners; i++)
		PQfinish(listeners[i]);
	for (int d = 0; d < plan.ndatabases; d++)
	{
		for (int i = 0; i < plan.nconnections; i++)
			PQfinish(databases[d].connections[i].conn);
		PQfinish(databases[d].feeder);
	}
	return 0;
}
