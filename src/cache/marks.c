/*-------------------------------------------------------------------------
 *
 * marks.c
 *	  The running transaction's marks, and its own-change counter.
 *
 * Marks are kept by slot, not by dependency: other transactions see only the
 * slot.  The table is emptied at the end of the transaction; it cannot outgrow
 * the number of slots.
 *
 * Each change advances the counter.  So does the rollback of a savepoint, for each
 * slot that was changed after it.  A miss remembers the counter.  A value that was
 * read after that miss can only be stored if this transaction has changed none of
 * its dependencies since: the value could be older than the change, or newer than
 * what is left of the change after a rollback.
 *
 * For a rollback each open savepoint needs the counter's value at its start.
 * These are kept on a stack, which has only the levels started since the first
 * mark; for earlier ones the value is 0.
 *
 * Triggers of a statement that found no row make marks without assigning a
 * transaction id.  If there is no id at commit, nothing has been changed, and
 * nothing is pushed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "cache/counters.h"
#include "cache/marks.h"
#include "cache/slots.h"
#include "common/hashfn.h"
#include "core/faults.h"
#include "core/settings.h"
#include "miscadmin.h"
#include "utils/memutils.h"

typedef struct CqMark
{
	uint32		slot;
	char		status;			/* simplehash's */
	bool		barrier;
	bool		pushed;			/* to the slot, including barrier */
	uint64		last_change;
} CqMark;

#define SH_PREFIX cqmarks
#define SH_ELEMENT_TYPE CqMark
#define SH_KEY_TYPE uint32
#define SH_KEY slot
#define SH_HASH_KEY(tb, key) murmurhash32(key)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct CqLevel
{
	int			level;
	uint64		change;			/* value of change_counter at its start */
	int			statements;		/* value of statements at its start */
} CqLevel;

static MemoryContext local_context = NULL;
static cqmarks_hash *marks = NULL;	/* NULL: none in this transaction */
static uint64 change_counter = 0;
static bool push_early = false; /* a lease has been handed out, or the
								 * transaction is past PRE_COMMIT */

static uint64 last_break = 0;	/* see cq_marks_last_break() */
static bool any_barrier = false;	/* has a mark with one been made? */
static int	statements = 0;		/* running ones that change watched rows */

static CqLevel *levels = NULL;	/* in local_context */
static int	nlevels = 0;
static int	levels_max = 0;

/* Push a mark; the transaction has an id. */
static void
push(CqMark *mark)
{
	FullTransactionId xid = GetTopFullTransactionId();

	cq_slot_push(mark->slot, U64FromFullTransactionId(xid), mark->barrier);
	mark->pushed = true;
	cq_count(CQ_COUNT_MARKS, 1);
}

void
cq_mark_slot(uint32 slot, bool barrier)
{
	CqMark	   *mark;
	bool		found;

	if (marks == NULL)
	{
		if (local_context == NULL)
			local_context = AllocSetContextCreate(TopMemoryContext,
												  "cachequeue marks",
												  ALLOCSET_DEFAULT_SIZES);
		marks = cqmarks_create(local_context, 8, NULL);
	}

	any_barrier = any_barrier || barrier;
	mark = cqmarks_insert(marks, slot, &found);
	if (!found)
	{
		mark->barrier = barrier;
		mark->pushed = false;
	}
	else if (barrier && !mark->barrier)
	{
		mark->barrier = true;
		mark->pushed = false;
	}
	mark->last_change = ++change_counter;

	if ((push_early || cq_remember_misses == CQ_REMEMBER_SESSION) &&
		!mark->pushed &&
		FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
		push(mark);
}

void
cq_marks_statement_begin(void)
{
	statements++;
}

void
cq_marks_statement_end(void)
{
	if (statements > 0)
		statements--;
}

bool
cq_marks_in_statement(void)
{
	return statements > 0;
}

uint64
cq_marks_last_change(uint32 slot)
{
	CqMark	   *mark = marks == NULL ? NULL : cqmarks_lookup(marks, slot);

	return mark == NULL ? 0 : mark->last_change;
}

uint64
cq_marks_change(void)
{
	return change_counter;
}

bool
cq_marks_any_barrier(void)
{
	return any_barrier;
}

void
cq_marks_push_all(void)
{
	cqmarks_iterator it;
	CqMark	   *mark;

	push_early = true;
	if (marks == NULL ||
		!FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
		return;
	if (CQ_FAULT("no-mark"))
		return;

	cqmarks_start_iterate(marks, &it);
	while ((mark = cqmarks_iterate(marks, &it)) != NULL)
	{
		if (!mark->pushed)
			push(mark);
	}
}

void
cq_marks_subxact_start(int level)
{
	if (marks == NULL)
		return;
	if (nlevels == levels_max)
	{
		int			max = levels_max == 0 ? 16 : levels_max * 2;

		if (levels == NULL)
			levels = MemoryContextAlloc(local_context, max * sizeof(CqLevel));
		else
			levels = repalloc(levels, max * sizeof(CqLevel));
		levels_max = max;
	}
	levels[nlevels].level = level;
	levels[nlevels].change = change_counter;
	levels[nlevels].statements = statements;
	nlevels++;
}

void
cq_marks_subxact_commit(int level)
{
	while (nlevels > 0 && levels[nlevels - 1].level >= level)
		nlevels--;
}

void
cq_marks_subxact_abort(int level)
{
	uint64		since = 0;
	int			open_before = 0;
	cqmarks_iterator it;
	CqMark	   *mark;

	while (nlevels > 0 && levels[nlevels - 1].level >= level)
	{
		nlevels--;
		since = levels[nlevels].change;
		open_before = levels[nlevels].statements;
	}
	if (statements > open_before)
		last_break = ++change_counter;
	statements = open_before;
	if (marks == NULL || since == change_counter ||
		CQ_FAULT("no-savepoint-change"))
		return;

	change_counter++;
	cqmarks_start_iterate(marks, &it);
	while ((mark = cqmarks_iterate(marks, &it)) != NULL)
	{
		if (mark->last_change > since)
			mark->last_change = change_counter;
	}
}

uint64
cq_marks_last_break(void)
{
	return last_break;
}

/*
 * If the transaction rolls back within a statement, and a lease has been issued,
 * it is not known what the statement has changed; so the epoch is marked.
 */
void
cq_marks_abort(void)
{
	FullTransactionId xid = GetTopFullTransactionIdIfAny();

	if (statements > 0 && push_early && FullTransactionIdIsValid(xid))
		cq_slot_push(cq_slot_of_epoch(MyDatabaseId),
					 U64FromFullTransactionId(xid), false);
}

/* At the end of the transaction. */
void
cq_marks_forget(void)
{
	if (marks != NULL)
	{
		marks = NULL;
		levels = NULL;
		nlevels = levels_max = 0;
		MemoryContextReset(local_context);
	}
	change_counter = 0;
	last_break = 0;
	statements = 0;
	push_early = false;
	any_barrier = false;
}
