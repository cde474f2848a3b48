/*-------------------------------------------------------------------------
 *
 * crash_report.h
 *	  What a process of the server leaves behind when it crashes.
 *
 * In a build with -DCQ_FAULTS (make debug), and when the environment variable
 * CQ_CRASHES names a file, each process that a signal such as SIGSEGV or SIGABRT
 * ends first appends to that file: its process id, its stack, its statement.	That
 * does not depend on what the server logs, on whether it starts again, or on the
 * test's noticing.  scripts/run-tests fails when the file has anything in it.
 *
 * SIGKILL cannot be caught: a test may kill what it likes.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_CRASH_REPORT_H
#define CQ_CORE_CRASH_REPORT_H

#ifdef CQ_FAULTS
/* Called once, in the postmaster; the processes that it starts inherit it. */
extern void cq_crash_report_init(void);
#else
#define cq_crash_report_init() ((void) 0)
#endif

#endif							/* CQ_CORE_CRASH_REPORT_H */
