/*-------------------------------------------------------------------------
 *
 * marks.c
 *	  The running transaction's marks.
 *
 * Marks are kept by slot, not by dependency: other transactions see only the
 * slot.  The table is emptied at the end of the transaction; it cannot outgrow
 * the number of slots.
 *
 * A mark keeps the command id of the last change, at the latest: the one that was
 * current when the mark was made.  It counts as used, so the snapshot of a later
 * command is above it.  A snapshot sees the change only if its own id (curcid) is
 * above that of the mark:
 *
 *	command id	 4			5		   6		  7
 *				 cursor		UPDATE	   SELECT	  SELECT
 *				 curcid 4	mark: 5	   curcid 6	  curcid 7
 *
 * A value that was read under curcid 4 is older than the change, however late it is
 * set; one that was read under 6 includes it.
 *
 * The rollback of a savepoint is one more change of each slot that was changed in it:
 * what was read before may be newer than what is left.  Marks are in a list, in the
 * order of their last change, which has a bound for each open savepoint; so a rollback
 * costs as much as what was marked in it:
 *
 *	mark - mark - [savepoint a] - mark - mark - mark - [savepoint b] - mark
 *
 * Only savepoints that were started after the first mark have a bound.  For earlier
 * ones that is the start of the list.
 *
 * PostgreSQL counts no command for ROLLBACK TO.  So that the next snapshot is above
 * the rollback, the savepoint that the command starts anew begins with the next id.
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
#include "cache/in_flight.h"
#include "cache/marks.h"
#include "cache/slots.h"
#include "common/hashfn.h"
#include "core/faults.h"
#include "core/settings.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* What is in the list. */
typedef struct CqChange
{
	dlist_node	node;
	int			level;			/* of the savepoint; 0: a mark */
} CqChange;

typedef struct CqBound
{
	CqChange	change;
	struct CqBound *outer;		/* of the next outer savepoint that has one */
} CqBound;

typedef struct CqMark
{
	CqChange	change;
	uint32		slot;
	CommandId	cid;			/* of the last change */
	bool		barrier;
	bool		pushed;			/* to the slot, including barrier */
} CqMark;

typedef struct CqMarkEntry
{
	uint32		slot;
	char		status;			/* simplehash's */
	CqMark	   *mark;
} CqMarkEntry;

#define SH_PREFIX cqmarks
#define SH_ELEMENT_TYPE CqMarkEntry
#define SH_KEY_TYPE uint32
#define SH_KEY slot
#define SH_HASH_KEY(tb, key) murmurhash32(key)
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static MemoryContext local_context = NULL;
static cqmarks_hash *marks = NULL;	/* NULL: none in this transaction */
static dlist_head changes = DLIST_STATIC_INIT(changes); /* of CqChange */
static CqBound *bounds = NULL;	/* the innermost one */
static bool push_early = false; /* a lease has been handed out, or the
								 * transaction is past PRE_COMMIT */
static CqView had_ended;		/* for the marks to be pushed */
static bool has_had_ended = false;
static bool any_barrier = false;	/* has a mark with one been made? */
static bool is_broken = false;	/* see cq_marks_broken_since() */
static CommandId broken_cid;
static bool next_command = false;	/* a rollback has not been counted yet */

/* The transaction has an id. */
static void
push_to(uint32 slot, bool barrier)
{
	FullTransactionId xid = GetTopFullTransactionId();

	if (!has_had_ended)
		has_had_ended = cq_view_for_marks(&had_ended);
	cq_slot_push(slot, U64FromFullTransactionId(xid), barrier,
				 has_had_ended ? &had_ended : NULL);
}

static void
push(CqMark *mark)
{
	push_to(mark->slot, mark->barrier);
	cq_in_flight_marked(mark->slot);
	mark->pushed = true;
	cq_count(CQ_COUNT_MARKS, 1);
}

/*
 * The marks of aborted transactions know of no others (mark_broken()).  When the epoch
 * has only these, nothing is served in the whole database.  Whoever marks anything
 * gives the epoch a mark that knows.
 */
static void
prove_epoch(void)
{
	uint32		epoch = cq_slot_of_epoch(MyDatabaseId);
	CqSlotState slot;
	uint64		lost;

	cq_slot_read(epoch, &slot);
	lost = cq_slot_lost(&slot);
	for (uint64 n = slot.version; n > lost; n--)
	{
		if (cq_slot_mark_knows(&slot, n) >= lost)
			return;
	}
	if (lost > 0 && !CQ_FAULT("no-epoch-proof"))
		push_to(epoch, false);
}

/* The mark of a slot, a new one if there is none.  Raises out of memory only. */
static CqMark *
find_or_create(uint32 slot)
{
	CqMarkEntry *entry;
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
	entry = cqmarks_lookup(marks, slot);
	if (entry != NULL)
		return entry->mark;

	mark = MemoryContextAllocZero(local_context, sizeof(CqMark));
	mark->slot = slot;
	cqmarks_insert(marks, slot, &found)->mark = mark;
	dlist_push_tail(&changes, &mark->change.node);
	return mark;
}

void
cq_mark_slot(uint32 slot, bool barrier)
{
	CqMark	   *mark = find_or_create(slot);

	any_barrier = any_barrier || barrier;
	if (barrier && !mark->barrier)
	{
		mark->barrier = true;
		mark->pushed = false;
	}
	mark->cid = GetCurrentCommandId(true);
	if (dlist_has_next(&changes, &mark->change.node))
	{
		dlist_delete(&mark->change.node);
		dlist_push_tail(&changes, &mark->change.node);
	}

	if ((push_early || cq_remember_misses == CQ_REMEMBER_SESSION) &&
		!mark->pushed &&
		FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
		push(mark);
}

bool
cq_marks_changed_since(uint32 slot, CommandId curcid)
{
	CqMarkEntry *entry = marks == NULL ? NULL : cqmarks_lookup(marks, slot);

	return entry != NULL && entry->mark->cid >= curcid;
}

bool
cq_marks_broken_since(CommandId curcid)
{
	return is_broken && broken_cid >= curcid && !CQ_FAULT("no-break");
}

bool
cq_marks_any_barrier(void)
{
	return any_barrier;
}

void
cq_marks_push_all(void)
{
	dlist_iter	it;

	push_early = true;
	if (marks == NULL ||
		!FullTransactionIdIsValid(GetTopFullTransactionIdIfAny()))
		return;
	if (CQ_FAULT("no-mark"))
		return;
	has_had_ended = false;		/* it is old; take another one */

	dlist_foreach(it, &changes)
	{
		CqChange   *change = dlist_container(CqChange, node, it.cur);

		if (change->level == 0 && !((CqMark *) change)->pushed)
			push((CqMark *) change);
	}
	prove_epoch();
}

/*
 * A rollback to a savepoint, outside of any query, starts it anew: the next command id
 * shall be above the rollback.
 */
static void
count_rollback(void)
{
	if (next_command && !ActiveSnapshotSet())
		CommandCounterIncrement();
	next_command = false;
}

void
cq_marks_subxact_start(int level)
{
	CqBound    *bound;

	count_rollback();
	if (marks == NULL)
		return;
	bound = MemoryContextAlloc(local_context, sizeof(CqBound));
	bound->change.level = level;
	bound->outer = bounds;
	bounds = bound;
	dlist_push_tail(&changes, &bound->change.node);
}

void
cq_marks_subxact_commit(int level)
{
	while (bounds != NULL && bounds->change.level >= level)
	{
		CqBound    *bound = bounds;

		bounds = bound->outer;
		dlist_delete(&bound->change.node);
		pfree(bound);
	}
}

/* Count the rollback of a savepoint as a change of all that was changed in it. */
static void
change_again(int level)
{
	dlist_node *stop = &changes.head;
	dlist_node *node = changes.head.prev;
	CommandId	cid;

	if (bounds != NULL && bounds->change.level >= level)
		stop = &bounds->change.node;
	if (node == stop)
		return;
	cid = GetCurrentCommandId(true);
	next_command = true;
	for (; node != stop; node = node->prev)
	{
		CqChange   *change = dlist_container(CqChange, node, node);

		if (change->level == 0)
			((CqMark *) change)->cid = cid;
	}
}

/*
 * A query is rolled back halfway.  What it has changed is not known; so after a lease
 * the epoch is marked.
 */
static void
mark_broken(bool is_running)
{
	FullTransactionId xid = GetTopFullTransactionIdIfAny();

	if (push_early && FullTransactionIdIsValid(xid) && !CQ_FAULT("no-lease-mark"))
		cq_slot_push(cq_slot_of_epoch(MyDatabaseId),
					 U64FromFullTransactionId(xid), false,
					 (is_running && has_had_ended) || CQ_FAULT("late-proof") ?
					 &had_ended : NULL);
}

void
cq_marks_subxact_abort(int level, bool halfway)
{
	if (halfway)
	{
		is_broken = true;
		broken_cid = GetCurrentCommandId(true);
		next_command = true;
		mark_broken(true);
	}
	if (marks != NULL && !CQ_FAULT("no-savepoint-change"))
		change_again(level);
	cq_marks_subxact_commit(level);
}

void
cq_marks_abort(bool halfway)
{
	if (halfway)
		mark_broken(false);
}

/* At the end of the transaction. */
void
cq_marks_forget(void)
{
	if (marks != NULL)
	{
		marks = NULL;
		bounds = NULL;
		dlist_init(&changes);
		MemoryContextReset(local_context);
	}
	push_early = has_had_ended = any_barrier = is_broken = next_command = false;
}
