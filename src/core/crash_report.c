/*-------------------------------------------------------------------------
 *
 * crash_report.c
 *	  What a process of the server leaves behind when it crashes.
 *
 * The handler runs in a process whose memory may be damaged, on a stack of its
 * own since the other one may be used up.	It makes system calls and formats
 * numbers; it allocates nothing and takes no lock.  What may fail comes last: a
 * second fault ends the process, with what has been written up to then.
 *
 * The signal is raised again with its default action, so that the postmaster
 * sees the same end of the process, and a core dump is made, as without this handler.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#ifdef CQ_FAULTS

#ifdef HAVE_EXECINFO_H
#include <execinfo.h>
#endif
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "core/crash_report.h"
#include "miscadmin.h"
#include "tcop/tcopprot.h"

#define STACK_BYTES (256 * 1024)
#define FRAMES_MAX 64
#define STATEMENT_BYTES_MAX 2000

static const int signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP};

static char report_path[MAXPGPATH];
static char handler_stack[STACK_BYTES];
static char line[MAXPGPATH + 200];

static void
put(int fd, const char *text, size_t length)
{
	if (write(fd, text, length) < 0)
		return;					/* there is no way to report it */
}

static void
report(int fd, int signal_number)
{
	pg_snprintf(line, sizeof(line), "process %d of %s: signal %d\n",
				(int) getpid(), DataDir ? DataDir : "?", signal_number);
	put(fd, line, strlen(line));
#ifdef HAVE_BACKTRACE_SYMBOLS
	{
		void	   *frames[FRAMES_MAX];

		backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), fd);
	}
#endif
	if (debug_query_string != NULL)
	{
		put(fd, "statement: ", 11);
		put(fd, debug_query_string, strnlen(debug_query_string, STATEMENT_BYTES_MAX));
		put(fd, "\n", 1);
	}
}

static void
on_crash(int signal_number)
{
	int			fd = open(report_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd >= 0)
	{
		report(fd, signal_number);
		close(fd);
	}
	/* SA_RESETHAND has restored the default action */
	raise(signal_number);
}

void
cq_crash_report_init(void)
{
	const char *path = getenv("CQ_CRASHES");
	stack_t		stack = {.ss_sp = handler_stack,.ss_size = sizeof(handler_stack)};
	struct sigaction action = {.sa_handler = on_crash};

	if (path == NULL || path[0] == '\0')
		return;
	if (strlcpy(report_path, path, sizeof(report_path)) >= sizeof(report_path))
		elog(FATAL, "path of CQ_CRASHES is too long");

#ifdef HAVE_BACKTRACE_SYMBOLS
	{
		/* the first call loads a library */
		void	   *frame;

		(void) backtrace(&frame, 1);
	}
#endif
	if (sigaltstack(&stack, NULL) != 0)
		elog(FATAL, "sigaltstack: %m");
	action.sa_flags = SA_ONSTACK | SA_RESETHAND | SA_NODEFER;
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < lengthof(signals); i++)
	{
		if (sigaction(signals[i], &action, NULL) != 0)
			elog(FATAL, "sigaction: %m");
	}
}
#endif							/* CQ_FAULTS */
