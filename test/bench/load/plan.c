/*-------------------------------------------------------------------------
 *
 * plan.c
 *	  Reading a plan.
 *
 *-------------------------------------------------------------------------
 */
#define _GNU_SOURCE

#include "plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

Plan		plan = {
	.nconnections = 1,
	.slice_ms = 500,
	.rounds = 5,
	.ndatabases = 1
};

void
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
		if (c->nsteps == 1)
			die("no step before");
	}
}

static int
database_named(const char *name)
{
	for (int d = 1; d < plan.ndatabases; d++)
		if (strcmp(plan.databases[d], name) == 0)
			return d;
	if (plan.ndatabases == DATABASES_MAX)
		die("too many databases");
	plan.databases[plan.ndatabases] = strdup(name);
	return plan.ndatabases++;
}

/* A directive of a case.  Returns false when there is none of that name. */
static bool
read_case_directive(Case *c, const char *what, char *rest)
{
	if (strcmp(what, "in") == 0)
		c->database = database_named(rest);
	else if (strcmp(what, "sessions") == 0)
		c->sessions = atoi(rest);
	else if (strcmp(what, "worker") == 0)
		c->worker = true;
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
	else if (strcmp(what, "operations") == 0)
		c->operations = atoi(rest);
	else if (strcmp(what, "count") == 0)
		c->count = atoi(rest);
	else if (strcmp(what, "feed") == 0)
	{
		c->feed_each = atoi(word(&rest));
		c->feed = strdup(rest);
	}
	else
		return false;
	return true;
}

void
read_plan(void)
{
	char	   *line = NULL;
	size_t		size = 0;
	ssize_t		length;

	while ((length = getline(&line, &size, stdin)) > 0)
	{
		char	   *rest = line;
		char	   *what;
		Case	   *c = plan.ncases > 0 ? &plan.cases[plan.ncases - 1] : NULL;

		if (line[length - 1] == '\n')
			line[--length] = '\0';
		if (length == 0 || line[0] == '#')
			continue;
		what = word(&rest);
		if (strcmp(what, "connections") == 0)
			plan.nconnections = atoi(rest);
		else if (strcmp(what, "slice") == 0)
			plan.slice_ms = atoi(rest);
		else if (strcmp(what, "rounds") == 0)
			plan.rounds = atoi(rest);
		else if (strcmp(what, "one_core") == 0)
			plan.one_core = true;
		else if (strcmp(what, "own_cores") == 0)
			plan.own_cores = true;
		else if (strcmp(what, "set") == 0 && plan.nsettings < SETTINGS_MAX)
			plan.settings[plan.nsettings++] = strdup(rest);
		else if (strcmp(what, "listen") == 0)
		{
			plan.nlisteners = atoi(word(&rest));
			plan.channel = strdup(rest);
		}
		else if (strcmp(what, "case") == 0 && plan.ncases < CASES_MAX)
		{
			c = &plan.cases[plan.ncases++];
			c->name = strdup(rest);
			c->count = 1;
		}
		else if (c == NULL || !read_case_directive(c, what, rest))
			die("unknown or misplaced directive \"%s\"", what);
	}
	free(line);
	if (plan.nconnections < 1 || plan.nconnections > CONNECTIONS_MAX ||
		plan.ncases == 0 ||
		plan.nlisteners < 0 || plan.nlisteners > LISTENERS_MAX)
		die("nothing to do, or too much");
	for (int i = 0; i < plan.ncases; i++)
		if (plan.cases[i].sessions > plan.nconnections)
			die("more sessions than connections");
}
