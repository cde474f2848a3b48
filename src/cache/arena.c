/*-------------------------------------------------------------------------
 *
 * arena.c
 *	  Fixed-size blocks of shared memory, their free lists, and chains of them.
 *
 *	block, 128 bytes:
 *	  0       4       8                                              128
 *	  +-------+-------+------------------------------------------------+
 *	  | next  | state |                      data                      |
 *	  +-------+-------+------------------------------------------------+
 *
 *	chain:   head --next--> block --next--> tail --next--> 0
 *
 * Each block is, at any time, either on one of the free lists or in one chain
 * that is owned: by a process, or by the table of engine.c under its locks.
 * Only the owner follows or changes next and data.
 *
 * There are several free lists, so that processes seldom meet at one.  Each
 * is a stack under a spinlock; putting back a chain of any length links its
 * tail to the stack and is a few stores.  Taking follows the links, a few
 * blocks per hold of the spinlock, and goes on to the other lists when one is
 * empty.  Two spinlocks are never held together.
 *
 * At the start every block is linked into a list, in ascending order, so that
 * a long value written first is read sequentially.  This touches all of the
 * memory: a machine that does not have it fails at start, not in the middle
 * of a commit.
 *
 * When nothing is free, cq_arena_take returns with less than was wanted;
 * making room is the caller's business.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/arena.h"

/* blocks unlinked per hold of a spinlock */
#define TAKE_BATCH 8

void
cq_arena_init(CqArena *arena, uint32 nblocks, Size blocks)
{
	arena->nblocks = nblocks;
	arena->blocks = blocks;

	for (int i = 0; i < CQ_ARENA_STRIPES; i++)
	{
		CqArenaStripe *stripe = &arena->stripes[i];
		uint32		first = (uint64) nblocks * i / CQ_ARENA_STRIPES + 1;
		uint32		last = (uint64) nblocks * (i + 1) / CQ_ARENA_STRIPES;

		SpinLockInit(&stripe->s.mutex);
		stripe->s.head = first <= last ? first : 0;
		pg_atomic_init_u32(&stripe->s.count, last + 1 - first);
		for (uint32 n = first; n <= last; n++)
		{
			CqBlock    *block = cq_arena_block(arena, n);

			block->next = n < last ? n + 1 : 0;
			pg_atomic_init_u32(&block->state, 0);
		}
	}
}

/* Unlink up to most blocks, if there are any, from the top of a stripe. */
static CqChain
take_from_stripe(CqArena *arena, CqArenaStripe *stripe, uint32 most)
{
	CqChain		taken = {0, 0, 0};
	uint32		count;

	SpinLockAcquire(&stripe->s.mutex);
	count = pg_atomic_read_u32(&stripe->s.count);
	most = Min(most, count);
	taken.head = stripe->s.head;
	for (; taken.count < most; taken.count++)
	{
		taken.tail = stripe->s.head;
		stripe->s.head = cq_arena_block(arena, taken.tail)->next;
	}
	pg_atomic_write_u32(&stripe->s.count, count - most);
	SpinLockRelease(&stripe->s.mutex);

	if (taken.count > 0)
		cq_arena_block(arena, taken.tail)->next = 0;
	return taken;
}

void
cq_arena_take(CqArena *arena, uint32 hint, uint32 want, CqChain *chain)
{
	for (int i = 0; i < CQ_ARENA_STRIPES; i++)
	{
		CqArenaStripe *stripe = &arena->stripes[(hint + i) % CQ_ARENA_STRIPES];

		while (chain->count < want &&
			   pg_atomic_read_u32(&stripe->s.count) > 0)
		{
			uint32		most = Min(want - chain->count, TAKE_BATCH);

			cq_chain_append(arena, chain,
							take_from_stripe(arena, stripe, most));
		}
	}
}

void
cq_arena_give(CqArena *arena, uint32 hint, CqChain chain)
{
	CqArenaStripe *stripe = &arena->stripes[hint % CQ_ARENA_STRIPES];
	CqBlock    *tail;

	if (chain.count == 0)
		return;
	tail = cq_arena_block(arena, chain.tail);

	SpinLockAcquire(&stripe->s.mutex);
	tail->next = stripe->s.head;
	stripe->s.head = chain.head;
	pg_atomic_write_u32(&stripe->s.count,
						pg_atomic_read_u32(&stripe->s.count) + chain.count);
	SpinLockRelease(&stripe->s.mutex);
}

uint32
cq_arena_used(CqArena *arena)
{
	uint64		nfree = 0;

	for (int i = 0; i < CQ_ARENA_STRIPES; i++)
		nfree += pg_atomic_read_u32(&arena->stripes[i].s.count);

	/* blocks that moved between stripes meanwhile may be counted twice */
	return nfree < arena->nblocks ? arena->nblocks - (uint32) nfree : 0;
}

void
cq_chain_append(CqArena *arena, CqChain *chain, CqChain more)
{
	if (more.count == 0)
		return;
	if (chain->count == 0)
		chain->head = more.head;
	else
		cq_arena_block(arena, chain->tail)->next = more.head;
	chain->tail = more.tail;
	chain->count += more.count;
}

CqChain
cq_chain_cut(CqArena *arena, CqChain *chain, uint32 count)
{
	CqChain		rest = {0, 0, 0};
	CqBlock    *last;
	uint32		number = chain->head;

	Assert(count >= 1);
	if (chain->count <= count)
		return rest;

	for (uint32 i = 1; i < count; i++)
		number = cq_arena_block(arena, number)->next;
	last = cq_arena_block(arena, number);

	rest.head = last->next;
	rest.tail = chain->tail;
	rest.count = chain->count - count;
	last->next = 0;
	chain->tail = number;
	chain->count = count;
	return rest;
}

/*
 * The bytes that can be used at the cursor without a step to the next block,
 * len at most and at least one; moves past them.
 */
static inline Size
cursor_span(CqCursor *cursor, Size len, char **at)
{
	Size		span;

	if (cursor->offset == CQ_BLOCK_DATA)
	{
		cursor->block = cq_arena_block(cursor->arena, cursor->block->next);
		cursor->offset = 0;
	}
	*at = cursor->block->data + cursor->offset;
	span = Min(len, CQ_BLOCK_DATA - cursor->offset);
	cursor->offset += span;
	return span;
}

void
cq_cursor_read(CqCursor *cursor, char *to, Size len)
{
	while (len > 0)
	{
		char	   *at;
		Size		span = cursor_span(cursor, len, &at);

		memcpy(to, at, span);
		to += span;
		len -= span;
	}
}

void
cq_cursor_write(CqCursor *cursor, const char *from, Size len)
{
	while (len > 0)
	{
		char	   *at;
		Size		span = cursor_span(cursor, len, &at);

		memcpy(at, from, span);
		from += span;
		len -= span;
	}
}

bool
cq_cursor_equals(CqCursor *cursor, const char *bytes, Size len)
{
	CqCursor	ahead = *cursor;

	while (len > 0)
	{
		char	   *at;
		Size		span = cursor_span(&ahead, len, &at);

		if (memcmp(at, bytes, span) != 0)
			return false;
		bytes += span;
		len -= span;
	}
	*cursor = ahead;
	return true;
}
