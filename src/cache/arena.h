/*-------------------------------------------------------------------------
 *
 * arena.h
 *	  Fixed-size blocks of shared memory, their free lists, and chains of them.
 *
 * Blocks are known by their numbers, 1 .. nblocks; 0 is no block.  A chain is
 * as many blocks as are needed, linked by next, so memory never fragments:
 * whatever is free can be used by an entry of any size.
 *
 * See arena.c for the structure and the locking.  No function here can fail
 * or waits for anything but a spinlock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_ARENA_H
#define CQ_ARENA_H

#include "port/atomics.h"
#include "storage/spin.h"

#define CQ_BLOCK_BYTES 128
#define CQ_BLOCK_DATA (CQ_BLOCK_BYTES - 2 * sizeof(uint32))

#define CQ_ARENA_STRIPES 8

typedef struct CqBlock
{
	uint32		next;			/* guarded by whoever owns the chain */

	/*
	 * Belongs to the owner of the chain, but may be looked at by anybody at
	 * any time: it is never overlaid by data.  0 in every block that the
	 * owner did not mark.
	 */
	pg_atomic_uint32 state;
	char		data[CQ_BLOCK_DATA];
} CqBlock;

/* A chain in one process's hands; head and tail are 0 when count is. */
typedef struct CqChain
{
	uint32		head;
	uint32		tail;
	uint32		count;
} CqChain;

typedef union CqArenaStripe
{
	struct
	{
		slock_t		mutex;
		uint32		head;		/* top of the stack; guarded by mutex */
		pg_atomic_uint32 count; /* changed under mutex, read by anybody */
	}			s;
	char		pad[PG_CACHE_LINE_SIZE];
} CqArenaStripe;

typedef struct CqArena
{
	uint32		nblocks;		/* constant */
	Size		blocks;			/* offset of block 1 from here; constant */
	char		pad[PG_CACHE_LINE_SIZE - 2 * sizeof(Size)];
	CqArenaStripe stripes[CQ_ARENA_STRIPES];
} CqArena;

/* A place in a chain, for reading or writing byte after byte. */
typedef struct CqCursor
{
	CqArena    *arena;
	CqBlock    *block;
	uint32		offset;			/* in block->data */
} CqCursor;

static inline CqBlock *
cq_arena_block(CqArena *arena, uint32 number)
{
	Assert(number >= 1 && number <= arena->nblocks);
	return (CqBlock *) ((char *) arena + arena->blocks +
						(Size) (number - 1) * CQ_BLOCK_BYTES);
}

/* nblocks blocks, all of them free, start at blocks bytes from arena. */
extern void cq_arena_init(CqArena *arena, uint32 nblocks, Size blocks);

/*
 * Append free blocks to *chain until it has want of them or there are no more
 * to be found.  hint spreads the callers over the free lists.
 */
extern void cq_arena_take(CqArena *arena, uint32 hint, uint32 want,
						  CqChain *chain);

/*
 * Free a chain.  Nobody else may be able to reach it.  Takes the same short
 * time for any length.
 */
extern void cq_arena_give(CqArena *arena, uint32 hint, CqChain chain);

/* Blocks that are not free; exact when nothing else is going on. */
extern uint32 cq_arena_used(CqArena *arena);

extern void cq_chain_append(CqArena *arena, CqChain *chain, CqChain more);

/* Shorten *chain to count blocks, at least 1; returns the rest. */
extern CqChain cq_chain_cut(CqArena *arena, CqChain *chain, uint32 count);

/* The caller vouches for len bytes being left in the chain. */
extern void cq_cursor_read(CqCursor *cursor, char *to, Size len);
extern void cq_cursor_write(CqCursor *cursor, const char *from, Size len);

/* Moves past len bytes only if they are equal. */
extern bool cq_cursor_equals(CqCursor *cursor, const char *bytes, Size len);

#endif							/* CQ_ARENA_H */
