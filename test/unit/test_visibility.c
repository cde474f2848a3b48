/*-------------------------------------------------------------------------
 *
 * test_visibility.c
 *	  Random histories of one dependency slot against the consistency rules.
 *
 * Writers open, mark, and commit or abort out of order; some truncate.
 * Fillers miss under a snapshot, read the row, perhaps once more in a later
 * statement, and set late.  Readers get under new and old snapshots.  A hit
 * has to equal the row as the reader's snapshot sees it.
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
#include "harness.h"

#define FIRST_XID 100
#define WRITERS_MAX 60			/* in one history */
#define STEPS 500
#define OPEN_MAX 4

typedef struct Snap
{
	CqView		view;
	uint32		xip[OPEN_MAX];
} Snap;

typedef struct Writer
{
	uint64		xid;
	bool		marked;
	bool		truncates;
} Writer;

typedef struct Miss
{
	Snap		p;
	uint64		value;
} Miss;

typedef struct History
{
	uint64		random;
	uint64		next_xid;
	uint64		committed;		/* bit masks of xid - FIRST_XID */
	uint64		truncated;
	Writer		writers[OPEN_MAX];
	int			nwriters;
	Snap		readers[OPEN_MAX];
	int			nreaders;
	Miss		misses[OPEN_MAX];
	int			nmisses;
	CqSlotState slot;
	bool		stored;
	uint64		entry_value;
	uint64		entry_version;
	uint64		hits;
	bool		wrong;
} History;

static uint64 total_hits;

static uint32
choose(History *h, uint32 n)
{
	return (next_random(&h->random) >> 33) % n;
}

static Snap
take_snapshot(const History *h)
{
	Snap		s;

	memset(&s, 0, sizeof(s));
	s.view.xmin = s.view.xmax = h->next_xid;
	for (int i = 0; i < h->nwriters; i++)
	{
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

static uint64
row_value(const History *h, Snap *s)
{
	uint64		value = 0;

	for (uint64 xid = FIRST_XID; xid < h->next_xid; xid++)
	{
		uint64		bit = UINT64CONST(1) << (xid - FIRST_XID);

		if ((h->committed & bit) && cq_view_sees(view_of(s), xid))
			value |= bit;
	}
	return value & ~h->truncated;
}

static Snap
any_snapshot(History *h)
{
	if (h->nreaders == 0 || choose(h, 2) == 0)
		return take_snapshot(h);
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

	if (h->nwriters == OPEN_MAX || table_is_locked(h) ||
		h->next_xid == FIRST_XID + WRITERS_MAX)
		return;
	w = &h->writers[h->nwriters];
	w->xid = h->next_xid++;
	w->marked = false;
	w->truncates = h->nwriters == 0 && choose(h, 8) == 0;
	h->nwriters++;
}

static void
advance_writer(History *h)
{
	int			i;
	Writer		w;

	if (h->nwriters == 0)
		return;
	i = choose(h, h->nwriters);
	w = h->writers[i];
	if (!w.marked && choose(h, 4) > 0)
	{
		cq_slot_state_push(&h->slot, w.xid, w.truncates);
		h->writers[i].marked = true;
		return;
	}
	if (w.marked && choose(h, 5) > 0)
	{
		if (w.truncates)
			h->truncated |= h->committed;
		else
			h->committed |= UINT64CONST(1) << (w.xid - FIRST_XID);
	}
	h->writers[i] = h->writers[--h->nwriters];
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
}

/* The row is read again, by a later statement of the filler. */
static void
read_again(History *h)
{
	Snap		s;

	if (h->nmisses == 0 || table_is_locked(h))
		return;
	s = take_snapshot(h);
	h->misses[choose(h, h->nmisses)].value = row_value(h, &s);
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
		cq_visibility_get(&h->slot, h->entry_version, view_of(&r)) != CQ_VERDICT_HIT)
		return;
	h->hits++;
	h->wrong |= h->entry_value != row_value(h, &r);
}

/* Play one history; is every hit right? */
static bool
play(uint64 seed)
{
	History		h;

	memset(&h, 0, sizeof(h));
	h.random = seed;
	h.next_xid = FIRST_XID;
	for (int step = 0; step < STEPS && !h.wrong; step++)
	{
		switch (choose(&h, 10))
		{
			case 0:
				open_writer(&h);
				break;
			case 1:
			case 2:
				advance_writer(&h);
				break;
			case 3:
				if (h.nreaders < OPEN_MAX)
					h.readers[h.nreaders++] = take_snapshot(&h);
				break;
			case 4:
				if (h.nreaders > 0 && choose(&h, 3) == 0)
				{
					int			i = choose(&h, h.nreaders);

					h.readers[i] = h.readers[h.nreaders - 1];
					h.nreaders--;
				}
				break;
			case 5:
				miss(&h);
				break;
			case 6:
				read_again(&h);
				break;
			case 7:
				set(&h);
				break;
			default:
				get(&h);
		}
	}
	total_hits += h.hits;
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
	total_hits = 0;
	CHECK(wrong_histories(20000) == 0);
	CHECK(total_hits > 100000);
}

/* Each rule that can be left out is missed. */
#define LEFT_OUT(function, fault) \
static void \
function(void) \
{ \
	cq_fault = fault; \
	CHECK(wrong_histories(5000) > 0); \
	cq_fault = NULL; \
}

LEFT_OUT(test_no_set_rule, "no-set-rule")
LEFT_OUT(test_no_after, "no-after")
LEFT_OUT(test_no_upto, "no-upto")
LEFT_OUT(test_no_floor, "no-floor")
LEFT_OUT(test_no_ring_limit, "no-ring-limit")
LEFT_OUT(test_no_barrier, "no-barrier")

int
main(void)
{
	run_test("random histories: no hit contradicts its snapshot", test_whole_rules);
	run_test("without the set rule there are wrong hits", test_no_set_rule);
	run_test("without looking at later writers there are wrong hits", test_no_after);
	run_test("without looking at earlier writers there are wrong hits", test_no_upto);
	run_test("without the floor there are wrong hits", test_no_floor);
	run_test("without the limit of the ring there are wrong hits", test_no_ring_limit);
	run_test("without the barrier there are wrong hits", test_no_barrier);
	return failed_tests != 0;
}
