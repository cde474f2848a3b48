/*-------------------------------------------------------------------------
 *
 * test_visibility.c
 *	  Random histories of one dependency slot against the consistency rules.
 *
 * Writers open, mark, and commit or abort out of order; some truncate, some never
 * mark and stay, some mark early and once more, some mark when they have ended.
 * The snapshot for a mark is taken some time before.  Other ids are given out in
 * between.  Some writers do DDL: for a while after their commit others may still know
 * nothing of it.  Fillers miss under a snapshot, read the row, perhaps once more in a
 * later statement, and set late.  A writer may fill what it has changed itself.
 * Readers get under new and old snapshots.  A hit has to equal the row as the
 * reader's snapshot sees it.
 *
 * The rules are then left out one at a time: each must lead to wrong hits, or
 * these histories would prove nothing.
 *
 * A row's value is the set of the writers that it reflects, as a bit mask.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/visibility.h"
#include "core/faults.h"
#include "harness.h"

#define FIRST_XID 100
#define WRITERS_MAX 60			/* in one history */
#define STEPS 500
#define OPEN_MAX 6

typedef struct Snap
{
	CqView		view;
	uint32		xip[OPEN_MAX + OPEN_MAX];
} Snap;

typedef struct Writer
{
	uint64		xid;
	int			number;			/* its bit */
	bool		stays;			/* a transaction that has nothing to do with
								 * it */
	bool		truncates;
	bool		ddl;
	bool		has_snapshot;	/* for the mark */
	bool		marked;			/* and is about to commit */
	bool		early;			/* has marked, and will again */
	Snap		had_ended;
	bool		filled;			/* it has set the row itself */
	uint64		fill_value;
	uint64		fill_version;
} Writer;

typedef struct Miss
{
	Snap		p;
	uint64		value;
} Miss;

typedef struct History
{
	uint64		random;
	bool		tight;			/* fewer aborts, more marks and sets */
	uint64		next_xid;
	uint64		xids[WRITERS_MAX];
	int			nxids;
	uint64		committed;		/* bit masks of their numbers */
	uint64		truncated;
	Writer		writers[OPEN_MAX];
	int			nwriters;
	Writer		windows[OPEN_MAX];	/* DDL that not everybody has been told of */
	int			nwindows;
	uint64		late[OPEN_MAX]; /* have ended, and are about to mark */
	int			nlate;
	Snap		readers[OPEN_MAX];
	int			nreaders;
	Miss		misses[OPEN_MAX];
	int			nmisses;
	CqSlotState slot;
	bool		stored;
	uint64		entry_value;
	uint64		entry_version;
	uint64		hits;
	uint64		old_hits;		/* below a mark that has left the ring */
	bool		wrong;
} History;

static uint64 total_hits;
static uint64 total_old_hits;

static uint32
choose(History *h, uint32 n)
{
	return (next_random(&h->random) >> 33) % n;
}

/* A snapshot of the transaction with that id, 0: none. */
static Snap
take_snapshot(const History *h, uint64 own)
{
	Snap		s;

	memset(&s, 0, sizeof(s));
	s.view.xmin = s.view.xmax = h->next_xid;
	for (int i = 0; i < h->nwriters; i++)
	{
		if (h->writers[i].xid != own)
			s.xip[s.view.xcnt++] = (uint32) h->writers[i].xid;
		s.view.xmin = Min(s.view.xmin, h->writers[i].xid);
	}
	return s;
}

/* A snapshot may be copied about; its list goes with it. */
static const CqView *
view_of(Snap *s)
{
	s->view.xip = s->xip;
	return &s->view;
}

/* DDL in a window counts as running. */
static void
hide_ddl(const History *h, Snap *s, const char *fault)
{
	for (int i = 0; i < h->nwindows && !CQ_FAULT(fault); i++)
	{
		if (!cq_view_sees(view_of(s), h->windows[i].xid))
			continue;
		s->xip[s->view.xcnt++] = (uint32) h->windows[i].xid;
		s->view.xmin = Min(s->view.xmin, h->windows[i].xid);
	}
}

/* What a query returns whose process has not been told of any DDL in a window. */
static uint64
untold(const History *h, uint64 value)
{
	for (int i = 0; i < h->nwindows; i++)
		value &= ~(UINT64CONST(1) << h->windows[i].number);
	return value;
}

static uint64
row_value(const History *h, Snap *s)
{
	uint64		value = 0;

	for (int i = 0; i < h->nxids; i++)
	{
		uint64		bit = UINT64CONST(1) << i;

		if ((h->committed & bit) && cq_view_sees(view_of(s), h->xids[i]))
			value |= bit;
	}
	return value & ~h->truncated;
}

static Snap
any_snapshot(History *h)
{
	if (h->nreaders == 0 || choose(h, 2) == 0)
		return take_snapshot(h, 0);
	return h->readers[choose(h, h->nreaders)];
}

/* TRUNCATE holds a lock that keeps readers and writers of the table away. */
static bool
table_is_locked(const History *h)
{
	return h->nwriters == 1 && h->writers[0].truncates;
}

static void
open_writer(History *h)
{
	Writer	   *w;

	if (h->nwriters == OPEN_MAX || table_is_locked(h) || h->nxids == WRITERS_MAX)
		return;
	if (choose(h, 8) == 0)
		h->next_xid += choose(h, 4) == 0 ? 1000 : 3;
	w = &h->writers[h->nwriters];
	memset(w, 0, sizeof(*w));
	w->xid = h->next_xid++;
	w->number = h->nxids;
	h->xids[h->nxids++] = w->xid;
	w->truncates = h->nwriters == 0 && choose(h, 8) == 0;
	w->ddl = !w->truncates && choose(h, 8) == 0;
	w->stays = !w->truncates && !w->ddl && h->nxids < 4 && choose(h, 2) == 0;
	h->nwriters++;
}

static void
mark(History *h, Writer *w)
{
	if (!w->has_snapshot)
	{
		w->had_ended = take_snapshot(h, w->xid);
		hide_ddl(h, &w->had_ended, "no-mark-window");
	}
	cq_slot_state_push(&h->slot, w->xid, w->truncates || w->ddl, view_of(&w->had_ended));
	w->has_snapshot = false;
}

/* A writer sets the row itself: checked now, published when it commits. */
static void
fill_own(History *h, Writer *w)
{
	Snap		p = any_snapshot(h);

	hide_ddl(h, &p, "no-ddl-window");
	if (w->truncates || w->ddl ||
		!cq_visibility_set(&h->slot, view_of(&p), w->xid))
		return;
	w->filled = true;
	w->fill_value = untold(h, row_value(h, &p)) | UINT64CONST(1) << w->number;
	w->fill_version = h->slot.version;
}

static void
end_writer(History *h, int i)
{
	Writer	   *w = &h->writers[i];
	bool		commits = w->marked && choose(h, 5) > 0;

	if (commits && w->truncates)
		h->truncated |= h->committed;
	else if (commits)
		h->committed |= UINT64CONST(1) << w->number;
	if (commits && w->filled)
	{
		h->stored = true;
		h->entry_value = w->fill_value;
		h->entry_version = w->fill_version;
	}
	if (commits && w->ddl)
	{
		if (h->nwindows == OPEN_MAX)
			h->nwindows--;
		h->windows[h->nwindows++] = *w;
	}
	if (!commits && h->nlate < OPEN_MAX)
		h->late[h->nlate++] = w->xid;
	h->writers[i] = h->writers[--h->nwriters];
}

static void
advance_writer(History *h)
{
	int			i;
	Writer	   *w;

	if (h->nwriters == 0)
		return;
	i = choose(h, h->nwriters);
	w = &h->writers[i];
	if (w->stays)
	{
		if (choose(h, 50) == 0)
			end_writer(h, i);
	}
	else if (w->marked)
		end_writer(h, i);
	else if (!w->has_snapshot && choose(h, 3) == 0)
	{
		w->had_ended = take_snapshot(h, w->xid);
		hide_ddl(h, &w->had_ended, "no-mark-window");
		w->has_snapshot = true;
	}
	else if (!w->early && choose(h, 6) == 0)
	{
		mark(h, w);
		w->early = true;
	}
	else if (h->tight || choose(h, 4) > 0)
	{
		mark(h, w);
		w->marked = true;
		if (choose(h, 2) == 0)
			fill_own(h, w);
	}
	else
		end_writer(h, i);
}

/* The abort callback of a transaction that others take as ended already. */
static void
mark_late(History *h)
{
	Snap		s = take_snapshot(h, 0);

	if (h->nlate > 0)
		cq_slot_state_push(&h->slot, h->late[--h->nlate], false,
						   CQ_FAULT("late-proof") ? view_of(&s) : NULL);
}

static void
miss(History *h)
{
	Miss	   *m;

	if (h->nmisses == OPEN_MAX || table_is_locked(h))
		return;
	m = &h->misses[h->nmisses++];
	m->p = any_snapshot(h);
	m->value = row_value(h, &m->p);
	if (choose(h, 2) == 0)
		m->value = untold(h, m->value);
	hide_ddl(h, &m->p, "no-ddl-window");
}

/* The row is read again, by a later statement of the filler. */
static void
read_again(History *h)
{
	Snap		s;

	if (h->nmisses == 0 || table_is_locked(h))
		return;
	s = take_snapshot(h, 0);
	h->misses[choose(h, h->nmisses)].value =
		choose(h, 2) == 0 ? row_value(h, &s) : untold(h, row_value(h, &s));
}

static void
set(History *h)
{
	int			i;

	if (h->nmisses == 0)
		return;
	i = choose(h, h->nmisses);
	if (cq_visibility_set(&h->slot, view_of(&h->misses[i].p), 0))
	{
		h->stored = true;
		h->entry_value = h->misses[i].value;
		h->entry_version = h->slot.version;
	}
	h->misses[i] = h->misses[--h->nmisses];
}

static void
get(History *h)
{
	Snap		r = any_snapshot(h);

	if (!h->stored ||
		cq_visibility_get(&h->slot, h->entry_version, view_of(&r), 0) !=
		CQ_VERDICT_HIT)
		return;
	h->hits++;
	h->old_hits += h->slot.version > CQ_SLOT_RING && r.view.xmin <= h->xids[3];
	h->wrong |= h->entry_value != row_value(h, &r);
}

static void
step(History *h)
{
	switch (choose(h, h->tight ? 16 : 11))
	{
		case 0:
			open_writer(h);
			break;
		case 1:
		case 2:
			advance_writer(h);
			break;
		case 3:
			if (h->nreaders < OPEN_MAX)
				h->readers[h->nreaders++] = take_snapshot(h, 0);
			break;
		case 4:
			if (h->nreaders > 0 && choose(h, 3) == 0)
			{
				int			i = choose(h, h->nreaders);

				h->readers[i] = h->readers[--h->nreaders];
			}
			break;
		case 5:
			miss(h);
			break;
		case 6:
			read_again(h);
			break;
		case 7:
			set(h);
			break;
		case 8:
			if (choose(h, 2) == 0)
				mark_late(h);
			else if (h->nwindows > 0)
				h->nwindows--;
			break;
		case 11:
			open_writer(h);
			break;
		case 12:
		case 13:
			advance_writer(h);
			break;
		case 14:
			miss(h);
			set(h);
			break;
		default:
			get(h);
	}
}

/* Play one history; is every hit right? */
static bool
play(uint64 seed)
{
	History		h;

	memset(&h, 0, sizeof(h));
	h.random = seed;
	h.tight = choose(&h, 2) == 0;
	h.next_xid = FIRST_XID;
	for (int i = 0; i < STEPS && !h.wrong; i++)
		step(&h);
	total_hits += h.hits;
	total_old_hits += h.old_hits;
	return !h.wrong;
}

static int
wrong_histories(int n)
{
	int			wrong = 0;

	for (int seed = 1; seed <= n; seed++)
		wrong += !play((uint64) seed * UINT64CONST(0x9E3779B97F4A7C15));
	return wrong;
}

static void
test_whole_rules(void)
{
	total_hits = total_old_hits = 0;
	CHECK(wrong_histories(20000) == 0);
	CHECK(total_hits > 100000);
	CHECK(total_old_hits > 10000);
}

/* Each rule that can be left out is missed. */
#define LEFT_OUT(function, fault, histories) \
static void \
function(void) \
{ \
	cq_fault = fault; \
	CHECK(wrong_histories(histories) > 0); \
	cq_fault = NULL; \
}

LEFT_OUT(test_no_set_rule, "no-set-rule", 5000)
LEFT_OUT(test_no_after, "no-after", 5000)
LEFT_OUT(test_no_upto, "no-upto", 5000)
LEFT_OUT(test_no_barrier, "no-barrier", 5000)
LEFT_OUT(test_no_spans, "no-spans", 5000)
LEFT_OUT(test_no_span_check, "no-span-check", 5000)
LEFT_OUT(test_no_proof, "no-proof", 5000)
LEFT_OUT(test_any_proof, "any-proof", 5000)
LEFT_OUT(test_proof_above, "proof-above", 5000)
LEFT_OUT(test_proof_kept, "proof-kept", 5000)
LEFT_OUT(test_own_proof, "own-proof", 5000)
LEFT_OUT(test_late_proof, "late-proof", 5000)
LEFT_OUT(test_no_ddl_window, "no-ddl-window", 5000)
LEFT_OUT(test_no_mark_window, "no-mark-window", 20000)

int
main(void)
{
	run_test("random histories: no hit contradicts its snapshot", test_whole_rules);
	run_test("without the set rule there are wrong hits", test_no_set_rule);
	run_test("without looking at later writers there are wrong hits", test_no_after);
	run_test("without looking at earlier writers there are wrong hits", test_no_upto);
	run_test("without the barrier there are wrong hits", test_no_barrier);
	run_test("when running writers leave the ring unnoticed there are wrong hits", test_no_spans);
	run_test("when spans are not looked at there are wrong hits", test_no_span_check);
	run_test("when no mark has to prove what has ended there are wrong hits", test_no_proof);
	run_test("when a mark proves more than it knows there are wrong hits", test_any_proof);
	run_test("when marks above the entry prove there are wrong hits", test_proof_above);
	run_test("when older marks prove after a span was cleared there are wrong hits", test_proof_kept);
	run_test("when the own mark proves there are wrong hits", test_own_proof);
	run_test("when a mark after the end of its writer proves there are wrong hits", test_late_proof);
	run_test("without the window of DDL there are wrong hits", test_no_ddl_window);
	run_test("when marks ignore the window there are wrong hits", test_no_mark_window);
	return failed_tests != 0;
}
