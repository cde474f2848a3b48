/*-------------------------------------------------------------------------
 *
 * plan.h
 *	  What to run in turns, read from standard input.
 *
 * The plan has one directive a line:
 *
 *	connections N		sessions that work at the same time (1)
 *	one_core			client and sessions share a processor core
 *	own_cores			each session has a core of its own, as far as there are
 *	slice MS			length of a slice (500)
 *	rounds N			(5)
 *	set SQL				run on every connection first, e.g. a SET
 *	listen N CHANNEL	N further sessions LISTEN on it, and read what comes
 *	case NAME			begins a kind of operation:
 *	in DATABASE			in that one, by sessions of their own, rather than where
 *						CONNINFO leads
 *	sessions N			only the first N sessions work
 *	worker				processor time of the extension's maintenance worker
 *						counts, too
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
 *	operations N		N operations a slice, however long they take
 *	count N				an operation counts N
 *	feed N SQL			whenever N were counted, a session that isn't measured
 *						runs SQL, and the work waits for it
 *
 *-------------------------------------------------------------------------
 */
#ifndef BENCH_PLAN_H
#define BENCH_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#define CONNECTIONS_MAX 128
#define CASES_MAX 16
#define STEPS_MAX 8
#define ARGS_MAX 4
#define SETTINGS_MAX 8
#define DATABASES_MAX 2
#define LISTENERS_MAX 16

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
	int			database;
	int			sessions;		/* 0: all */
	int			operations;		/* 0: as many as fit into the slice */
	bool		worker;
	bool		once;
	bool		count_rows;
	int			count;
	char	   *feed;
	int			feed_each;
} Case;

typedef struct Plan
{
	int			nconnections;	/* in each database */
	int			slice_ms;
	int			rounds;
	bool		one_core;
	bool		own_cores;
	int			nsettings;
	char	   *settings[SETTINGS_MAX];
	int			nlisteners;
	char	   *channel;
	int			ndatabases;
	char	   *databases[DATABASES_MAX];	/* NULL: the one of CONNINFO */
	int			ncases;
	Case		cases[CASES_MAX];
} Plan;

extern Plan plan;

/* Fill in plan, or die. */
extern void read_plan(void);

/* Write a message and exit with 1. */
extern void die(const char *format,...)
			__attribute__((noreturn, format(printf, 1, 2)));

#endif							/* BENCH_PLAN_H */
