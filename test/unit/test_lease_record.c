/*-------------------------------------------------------------------------
 *
 * test_lease_record.c
 *	  What is kept of views behind leases: never more than they see.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/lease_record.h"
#include "core/faults.h"
#include "harness.h"
#include "random.h"

#define RUNNING_MAX 30
#define IDS 200

static uint64 state = 1;

static uint32
choose(uint32 n)
{
	return (next_random(&state) >> 33) % n;
}

/* A view with that xmax, its list in xip. */
static CqView
random_view(uint64 xmax, uint32 *xip)
{
	CqView		view = {.xmin = xmax,.xmax = xmax,.snapshot_xmax = xmax,.xip = xip};
	int			n = choose(RUNNING_MAX);

	for (int i = 0; i < n; i++)
	{
		uint64		id = xmax - 1 - choose(choose(3) == 0 ? IDS : 20);

		/* the lowest 32-bit ids are never given out */
		if (!cq_view_sees(&view, id) || (uint32) id < 3)
			continue;
		xip[view.xcnt++] = (uint32) id;
		view.xmin = Min(view.xmin, id);
	}
	if (choose(4) == 0)
	{
		view.xmax -= choose(10);
		view.xmin = Min(view.xmin, view.xmax);
	}
	return view;
}

/* The number of ids that the record sees and not all views do, own apart. */
static int
seen_too_much(const CqView *kept, const CqView *views, int nviews, uint64 own)
{
	int			n = 0;

	for (uint64 id = kept->snapshot_xmax - IDS - 1; id < kept->snapshot_xmax + 2; id++)
	{
		bool		all = id != own || own == 0;

		for (int i = 0; i < nviews; i++)
			all = all && cq_view_sees(&views[i], id);
		n += cq_view_sees(kept, id) && !all;
	}
	return n;
}

/* Play n records of three views; returns what is seen too much in all. */
static int
play(int n, int *seen)
{
	int			too_much = 0;

	while (n-- > 0)
	{
		uint64		xmax = (choose(2) ? UINT64CONST(1) << 32 : 1000) + choose(300);
		uint64		own = (uint32) xmax > 30 ? xmax - 1 - choose(20) : 0;
		uint32		lists[3][RUNNING_MAX];
		CqView		views[3];
		CqView		kept;
		uint32		running[CQ_LEASE_RUNNING_MAX];
		CqLeaseRecord record;

		for (int i = 0; i < 3; i++)
		{
			CqLeaseRecord one;

			views[i] = random_view(xmax, lists[i]);
			cq_lease_record_make(&one, &views[i], i == 0 ? own : 0);
			if (i == 0)
				record = one;
			else
				cq_lease_record_merge(&record, &one);
		}
		cq_lease_record_view(&record, &kept, running);
		too_much += seen_too_much(&kept, views, 3, own);
		*seen += cq_view_sees(&kept, xmax - IDS / 2);
	}
	return too_much;
}

static void
test_never_more(void)
{
	int			seen = 0;

	CHECK(play(20000, &seen) == 0);
	CHECK(seen > 10000);
}

static void
test_few_are_exact(void)
{
	uint32		xip[] = {5, 90, 95};
	CqView		view = {.xmin = 5,.xmax = 100,.snapshot_xmax = 100,.xcnt = 3,.xip = xip};
	CqView		kept;
	uint32		running[CQ_LEASE_RUNNING_MAX];
	CqLeaseRecord record;

	cq_lease_record_make(&record, &view, 0);
	cq_lease_record_view(&record, &kept, running);
	CHECK(kept.xmin == 5 && kept.xmax == 100 && kept.xcnt == 3);
	for (uint64 id = 1; id < 110; id++)
		CHECK(cq_view_sees(&kept, id) == cq_view_sees(&view, id));
}

static void
test_own(void)
{
	int			seen = 0;

	cq_fault = "lease-with-own";
	CHECK(play(1000, &seen) > 0);
	cq_fault = NULL;
}

static void
test_merge(void)
{
	int			seen = 0;

	cq_fault = "no-lease-merge";
	CHECK(play(1000, &seen) > 0);
	cq_fault = NULL;
}

int
main(void)
{
	run_test("a record never sees more than its views", test_never_more);
	run_test("a record of few running ids is exact", test_few_are_exact);
	run_test("without care for the own id it does", test_own);
	run_test("without merging it does", test_merge);
	return failed_tests != 0;
}
