/*-------------------------------------------------------------------------
 *
 * misses.c
 *	  Remembered misses.
 *
 * In READ COMMITTED a value is read by an earlier statement than the cache_set
 * that stores it.  Under the snapshot of the set's own statement, a value that was
 * changed in between would pass the set rule.  So the snapshot of the *miss* is
 * kept, and a later set of the key is checked under it.  Within a transaction the
 * oldest snapshot under which the key was missed counts, and the lowest command id.
 *
 * Memory is bounded: CQ_VIEWS_MAX snapshots (consecutive misses share one) and
 * CQ_MISSES_MAX keys.  When either is used up, one snapshot, the oldest of those
 * that were not kept, stands for all keys that are not in the table: an older
 * snapshot only refuses more.
 *
 * With cachequeue.remember_misses = session the table outlives the transaction; a
 * miss of the key in a later transaction then replaces the previous one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/misses.h"
#include "core/faults.h"
#include "core/settings.h"
#include "utils/memutils.h"

#define CQ_VIEWS_MAX 64
#define CQ_MISSES_MAX 4096

typedef struct CqMiss
{
	uint64		key_hash;
	char		status;			/* simplehash's */
	uint16		view;			/* index into views */
	uint64		transaction;	/* value of transaction_counter */
	CommandId	curcid;
} CqMiss;

#define SH_PREFIX cqmisses
#define SH_ELEMENT_TYPE CqMiss
#define SH_KEY_TYPE uint64
#define SH_KEY key_hash
#define SH_HASH_KEY(tb, key) ((uint32) (key))
#define SH_EQUAL(tb, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static MemoryContext misses_context = NULL;
static cqmisses_hash *misses = NULL;
static CqView views[CQ_VIEWS_MAX];	/* their lists are in misses_context */
static int	nviews = 0;

static bool forgotten = false;	/* is forgotten_view in use? */
static bool forgetting = false; /* has this transaction forgotten a miss? */
static CqView forgotten_view;

static uint64 transaction_counter = 1;

static void
copy_view(CqView *to, const CqView *from)
{
	uint32	   *xip = NULL;

	if (from->xcnt > 0)
	{
		xip = MemoryContextAlloc(misses_context, from->xcnt * sizeof(uint32));
		memcpy(xip, from->xip, from->xcnt * sizeof(uint32));
	}
	*to = *from;
	to->xip = xip;
}

static bool
same_view(const CqView *a, const CqView *b)
{
	return a->xmin == b->xmin && a->xmax == b->xmax && a->xcnt == b->xcnt &&
		(a->xcnt == 0 ||
		 memcmp(a->xip, b->xip, a->xcnt * sizeof(uint32)) == 0);
}

/* Keep a copy of the view; returns its index, -1 if there is no room. */
static int
keep_view(const CqView *view)
{
	if (nviews > 0 && same_view(&views[nviews - 1], view))
		return nviews - 1;
	if (nviews == CQ_VIEWS_MAX)
		return -1;
	copy_view(&views[nviews], view);
	return nviews++;
}

/* Let forgotten_view stand for a miss under this view, too. */
static void
forget(const CqView *view)
{
	CommandId	curcid = view->curcid;

	forgetting = true;
	if (forgotten)
		curcid = Min(curcid, forgotten_view.curcid);
	if (!forgotten || cq_view_older(view, &forgotten_view))
	{
		if (forgotten && forgotten_view.xip != NULL)
			pfree(unconstify(uint32 *, forgotten_view.xip));
		copy_view(&forgotten_view, view);
		forgotten = true;
	}
	forgotten_view.curcid = curcid;
}

void
cq_misses_remember(uint64 key_hash, const CqView *view)
{
	CqMiss	   *miss;
	CommandId	curcid = view->curcid;
	bool		found;
	int			index;

	if (misses == NULL)
	{
		if (misses_context == NULL)
			misses_context = AllocSetContextCreate(TopMemoryContext,
												   "cachequeue misses",
												   ALLOCSET_SMALL_SIZES);
		misses = cqmisses_create(misses_context, 16, NULL);
	}

	miss = cqmisses_lookup(misses, key_hash);
	if (miss != NULL && miss->transaction == transaction_counter)
	{
		miss->curcid = curcid = Min(curcid, miss->curcid);
		if (!cq_view_older(view, &views[miss->view]) && !CQ_FAULT("latest-miss"))
			return;
	}

	/* do not remember a later miss of a key whose earlier one was forgotten */
	if (miss == NULL && (forgetting || misses->members >= CQ_MISSES_MAX))
		index = -1;
	else
		index = keep_view(view);
	if (index < 0)
	{
		if (miss != NULL)
			cqmisses_delete(misses, key_hash);
		forget(view);
		return;
	}

	miss = cqmisses_insert(misses, key_hash, &found);
	miss->curcid = curcid;
	miss->view = index;
	miss->transaction = transaction_counter;
}

bool
cq_misses_find(uint64 key_hash, CqView *view)
{
	CqMiss	   *miss = misses == NULL ? NULL : cqmisses_lookup(misses, key_hash);

	if (miss == NULL)
	{
		*view = forgotten_view;
		return forgotten;
	}
	*view = views[miss->view];
	view->curcid = miss->transaction == transaction_counter ? miss->curcid : 0;
	return true;
}

/* Make room by forgetting the older half of the views; allocates nothing. */
static void
forget_older_half(void)
{
	int			half = nviews / 2;
	cqmisses_iterator it;
	CqMiss	   *miss;

	cqmisses_start_iterate(misses, &it);
	while ((miss = cqmisses_iterate(misses, &it)) != NULL)
	{
		if (miss->view < half)
			cqmisses_delete_item(misses, miss);
		else
			miss->view -= half;
	}
	for (int i = 0; i < half; i++)
	{
		CqView		loser = views[i];

		if (!forgotten)
		{
			forgotten_view = views[i];
			forgotten = true;
			continue;
		}
		if (cq_view_older(&views[i], &forgotten_view))
		{
			loser = forgotten_view;
			forgotten_view = views[i];
		}
		if (loser.xip != NULL)
			pfree(unconstify(uint32 *, loser.xip));
	}
	memmove(views, views + half, (nviews - half) * sizeof(CqView));
	nviews -= half;
}

void
cq_misses_end_transaction(void)
{
	transaction_counter++;
	if (misses == NULL)
		return;

	if (cq_remember_misses == CQ_REMEMBER_SESSION)
	{
		if (nviews > CQ_VIEWS_MAX / 2)
			forget_older_half();
	}
	else
	{
		misses = NULL;
		nviews = 0;
		forgotten = false;
		MemoryContextReset(misses_context);
	}
	forgotten_view.curcid = 0;
	forgetting = false;
}
