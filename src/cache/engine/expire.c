/*-------------------------------------------------------------------------
 *
 * expire.c
 *	  Removing expired entries.
 *
 * The heap of expiries (expiry_heap.c) has the pages in which records expire.
 * Pages in which none is due are not looked at.  A page that is due costs a look
 * at its records, at most CQ_PAGE_BYTES / sizeof(CqRecord) of them.
 *
 * Readers never see an expired entry, removed or not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/expire.h"
#include "cache/engine/expiry_heap.h"
#include "cache/engine/pages.h"
#include "cache/engine/record.h"

static CqRecordAction
keep_policy(uint16 *tag)
{
	(void) tag;
	return CQ_KEEP;
}

/* Drop the expired records of a page, and make its bound exact. */
static void
expire_page(CqEngine *engine, uint32 page, int64 now_ms)
{
	int64		bound = CQ_NEVER;
	uint32		location;
	uint32		off = 0;

	cq_expiry_forget(engine, page);
	cq_page_pin(engine, page);
	while (cq_record_next(engine, page, &off, &location))
	{
		CqSettled	settled = cq_record_settle(engine, location, keep_policy,
											   CQ_PAGE_MAIN, NULL, now_ms);

		if (settled == CQ_KEPT || settled == CQ_IS_PREPARED)
		{
			int64		expires_ms = record_expiry(record_at(engine, location));

			/* a prepared record stays even if it is expired: look again later */
			if (expires_ms != 0)
				bound = Min(bound, Max(expires_ms, now_ms + 1));
		}
	}
	if (bound != CQ_NEVER)
		cq_expiry_note(engine, page, bound);
	cq_page_unpin(engine, page);
}

int64
cq_engine_expire(CqEngine *engine, int64 now_ms)
{
	bool		due = true;

	while (due && (int64) pg_atomic_read_u64(&engine->next_expiry) <= now_ms)
	{
		uint32		page;

		cq_lock_acquire(&engine->allocator, CQ_LEVEL_ALLOCATOR, LW_EXCLUSIVE);
		page = cq_expiry_due(engine, now_ms);
		due = page != 0;
		if (due)
			expire_page(engine, page, now_ms);
		cq_lock_release(&engine->allocator, CQ_LEVEL_ALLOCATOR);
	}
	return cq_engine_next_expiry(engine);
}

int64
cq_engine_next_expiry(CqEngine *engine)
{
	int64		next = pg_atomic_read_u64(&engine->next_expiry);

	return next == CQ_NEVER ? 0 : next;
}
