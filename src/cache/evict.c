/*-------------------------------------------------------------------------
 *
 * evict.c
 *	  Making room in the cache: the CLOCK algorithm.
 *
 * One hand, shared by all processes, goes round the blocks.  A block that is
 * the first of a published entry is passed over once for having been read
 * since the hand's last visit, and is evicted otherwise; all other blocks, and
 * with them prepared entries, are passed by.
 *
 * The hand looks at a block's state without a lock, since a turn is long.
 * The state also tells the partition, so that the hand knows what to lock, and
 * looks again under the lock.  Under it, a state that names this partition
 * cannot change but for the reference bit.  A bit that is cleared in a block
 * that has meanwhile become part of something else is not missed there.
 *
 * What is evicted goes straight to the process that needs the room, so that
 * no other can snatch it from the free lists.
 *
 * The work is bounded by MAX_TURNS turns of the hand.  They suffice unless
 * prepared entries hold too many blocks, or others keep reading each entry as
 * fast as the hand goes round.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/entry.h"

#define MAX_TURNS 3

/*
 * Evict the entry at this block if it is published in this partition and not
 * in use; append its blocks to *chain and return true.
 */
static bool
evict_entry(CqEngine *engine, uint32 number, uint32 partition, int64 now_ms,
			CqChain *chain)
{
	CqLock	   *lock = &engine->locks[partition];
	CqEntry    *entry = entry_at(engine, number);
	CqPlace		place;
	uint32	   *link;
	CqChain		blocks;

	cq_lock_acquire(lock, LW_EXCLUSIVE);
	if (pg_atomic_read_u32(state_at(engine, number)) !=
		(CQ_STATE_HEAD | partition))
	{
		cq_lock_release(lock);
		return false;
	}
	place = place_of(engine, entry->hash);
	for (link = place.bucket; *link != number;)
		link = &entry_at(engine, *link)->chain;
	unlink_entry(engine, link);
	cq_lock_release(lock);

	blocks = entry_blocks(engine, number);
	if (is_expired(entry, now_ms))
		pg_atomic_fetch_add_u64(&engine->expirations, 1);
	else
	{
		pg_atomic_fetch_add_u64(&engine->evictions, 1);
		pg_atomic_fetch_add_u64(&engine->evicted_blocks, blocks.count);
	}
	cq_chain_append(&engine->arena, chain, blocks);
	return true;
}

/*
 * Move the hand on until it has evicted an entry, onto the end of *chain, or
 * has made *steps steps; returns whether it has.
 */
static bool
evict_next(CqEngine *engine, int64 now_ms, uint64 *steps, CqChain *chain)
{
	for (; *steps > 0; (*steps)--)
	{
		uint32		number = pg_atomic_fetch_add_u64(&engine->hand, 1) %
		engine->arena.nblocks + 1;
		pg_atomic_uint32 *state = state_at(engine, number);
		uint32		seen = pg_atomic_read_u32(state);

		if ((seen & CQ_STATE_HEAD) == 0)
			continue;
		if ((seen & CQ_STATE_USED) != 0)
			pg_atomic_fetch_and_u32(state, ~(uint32) CQ_STATE_USED);
		else if (evict_entry(engine, number, seen & CQ_STATE_PARTITION,
							 now_ms, chain))
			return true;
	}
	return false;
}

CqChain
cq_evict_for(CqEngine *engine, uint32 hint, uint32 want, int64 now_ms)
{
	CqArena    *arena = &engine->arena;
	CqChain		chain = {0, 0, 0};
	uint64		steps = (uint64) arena->nblocks * MAX_TURNS;

	cq_arena_take(arena, hint, want, &chain);
	while (chain.count < want && evict_next(engine, now_ms, &steps, &chain))
		 /* go on */ ;
	if (chain.count < want)
		cq_arena_take(arena, hint, want, &chain);

	if (chain.count < want)
	{
		cq_arena_give(arena, hint, chain);
		memset(&chain, 0, sizeof(chain));
	}
	else
		cq_arena_give(arena, hint, cq_chain_cut(arena, &chain, want));
	return chain;
}
