/*-------------------------------------------------------------------------
 *
 * wake.c
 *	  How soon does a waiting consumer hear of a message, and what does it cost
 *	  to wait?
 *
 * Usage: wake CONNINFO QUEUE MESSAGES IDLE_SECONDS
 *
 * One session waits in CALL cq.queue_wait; another sends a message in a
 * transaction.  The time counts from the moment at which COMMIT is given to
 * libpq until the answer of queue_wait has arrived, so it includes the commit
 * itself and both ways through the socket.
 *
 * Then the session waits with nothing to come, and the processor time and the
 * switches of context of its server process and of the extension's workers are
 * counted.
 *
 * Prints, separated by tabs: "latency" and microseconds, once a message;
 * "idle", the kind of process, its processor time in microseconds, and how
 * often it has slept and woken.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <libpq-fe.h>

#define PROCESSES_MAX 8

typedef struct Process
{
	int			pid;
	char		name[64];
	long long	run_ns;
	long long	switches;
} Process;

static void
__attribute__((noreturn, format(printf, 1, 2)))
die(const char *format,...)
{
	va_list		list;

	va_start(list, format);
	fputs("wake: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	exit(1);
}

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static PGresult *
checked(PGconn * conn, PGresult * result)
{
	ExecStatusType status = PQresultStatus(result);

	if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
		die("%s", PQerrorMessage(conn));
	return result;
}

static PGresult *
execute(PGconn * conn, const char *sql)
{
	return checked(conn, PQexec(conn, sql));
}

static PGconn *
connect_to(const char *conninfo)
{
	PGconn	   *conn = PQconnectdb(conninfo);

	if (PQstatus(conn) != CONNECTION_OK)
		die("%s", PQerrorMessage(conn));
	PQclear(execute(conn, "SET synchronous_commit = off"));
	return conn;
}

static void
begin(PGconn * conn, const char *sql)
{
	if (!PQsendQuery(conn, sql))
		die("%s", PQerrorMessage(conn));
}

/* Is the answer to what was begun complete?  Takes it if so. */
static bool
answered(PGconn * conn)
{
	PGresult   *result;

	if (!PQconsumeInput(conn))
		die("%s", PQerrorMessage(conn));
	if (PQisBusy(conn))
		return false;
	while ((result = PQgetResult(conn)) != NULL)
		PQclear(checked(conn, result));
	return true;
}

/* Microseconds from the sender's COMMIT to the answer of queue_wait. */
static int64_t
one_message(PGconn * waiter, PGconn * sender, const char *wait, const char *send,
			const char *take)
{
	bool		committed = false;
	bool		woken = false;
	int64_t		start_us;
	int64_t		end_us = 0;
	struct pollfd polls[2] = {
		{.fd = PQsocket(waiter),.events = POLLIN},
		{.fd = PQsocket(sender),.events = POLLIN}
	};

	begin(waiter, wait);
	PQclear(execute(sender, "BEGIN"));
	PQclear(execute(sender, send));
	usleep(2000 + rand() % 3000);
	if (answered(waiter))
		die("queue_wait returned before the message was there");
	start_us = now_us();
	begin(sender, "COMMIT");
	while (!woken || !committed)
	{
		polls[0].fd = woken ? -1 : PQsocket(waiter);
		polls[1].fd = committed ? -1 : PQsocket(sender);
		if (poll(polls, 2, 20000) <= 0)
			die("nobody woke the waiting session");
		if (!woken && polls[0].revents && answered(waiter))
		{
			end_us = now_us();
			woken = true;
		}
		if (!committed && polls[1].revents && answered(sender))
			committed = true;
	}
	PQclear(execute(waiter, take));
	return end_us - start_us;
}

/* Fill in what the process has used so far. */
static void
measure(Process *process)
{
	char		path[64];
	char		line[256];
	FILE	   *file;
	long long	n;

	process->run_ns = process->switches = 0;
	snprintf(path, sizeof(path), "/proc/%d/schedstat", process->pid);
	if ((file = fopen(path, "r")) != NULL)
	{
		if (fscanf(file, "%lld", &n) == 1)
			process->run_ns = n;
		fclose(file);
	}
	snprintf(path, sizeof(path), "/proc/%d/status", process->pid);
	if ((file = fopen(path, "r")) != NULL)
	{
		while (fgets(line, sizeof(line), file))
			if (sscanf(line, "voluntary_ctxt_switches: %lld", &n) == 1)
				process->switches = n;
		fclose(file);
	}
}

static void
idle(PGconn * waiter, PGconn * sender, const char *wait, const char *send,
	 const char *take, int seconds)
{
	Process		before[PROCESSES_MAX];
	PGresult   *result;
	int			n;

	result = execute(sender, "SELECT pid, backend_type FROM pg_stat_activity"
					 " WHERE backend_type LIKE 'cachequeue%' ORDER BY pid LIMIT 7");
	n = PQntuples(result);
	for (int i = 0; i < n; i++)
	{
		before[i].pid = atoi(PQgetvalue(result, i, 0));
		snprintf(before[i].name, sizeof(before[i].name), "%s",
				 PQgetvalue(result, i, 1));
	}
	PQclear(result);
	before[n].pid = PQbackendPID(waiter);
	strcpy(before[n++].name, "waiting session");

	begin(waiter, wait);
	sleep(2);					/* what the messages left to do is done */
	for (int i = 0; i < n; i++)
		measure(&before[i]);
	sleep(seconds);
	for (int i = 0; i < n; i++)
	{
		Process		after = before[i];

		measure(&after);
		printf("idle\t%s\t%lld\t%lld\n", after.name,
			   (after.run_ns - before[i].run_ns) / 1000,
			   after.switches - before[i].switches);
	}
	if (answered(waiter))
		die("queue_wait returned without a message");
	PQclear(execute(sender, send));
	while (!answered(waiter))
		usleep(1000);
	PQclear(execute(waiter, take));
}

int
main(int argc, char **argv)
{
	PGconn	   *waiter;
	PGconn	   *sender;
	char	   *wait;
	char	   *send;
	char	   *take;

	if (argc != 5)
		die("usage: wake CONNINFO QUEUE MESSAGES IDLE_SECONDS");
	waiter = connect_to(argv[1]);
	sender = connect_to(argv[1]);
	if (asprintf(&wait, "CALL cq.queue_wait('%s', '10 min')", argv[2]) < 0 ||
		asprintf(&send, "SELECT cq.queue_send('%s', '{\"n\": 1}')", argv[2]) < 0 ||
		asprintf(&take, "SELECT * FROM cq.queue_take('%s')", argv[2]) < 0)
		die("out of memory");

	for (int i = 0; i < 20; i++)
		one_message(waiter, sender, wait, send, take);
	for (int i = 0; i < atoi(argv[3]); i++)
		printf("latency\t%lld\n",
			   (long long) one_message(waiter, sender, wait, send, take));
	idle(waiter, sender, wait, send, take, atoi(argv[4]));
	PQfinish(waiter);
	PQfinish(sender);
	return 0;
}
