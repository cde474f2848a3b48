/*-------------------------------------------------------------------------
 *
 * ddl_window.c
 *	  Transactions whose DDL is committed and whose catalog invalidations are not
 *	  out yet.
 *
 * PostgreSQL commits in this order:
 *
 *	PRE_COMMIT	 marks are pushed
 *	visible		 new snapshots see the transaction				 --+
 *	COMMIT		 callbacks											| window
 *	inval		 catalog invalidations go to the other processes --+
 *	unlock		 locks are released
 *
 * In the window a snapshot sees the DDL while the caches of its process may still
 * hold what was before.  A result computed then is of no known state, and the set
 * rule would let it pass.  So a process with a transaction that has set a barrier
 * puts its id into shared memory before the marks, and takes it away after the
 * invalidations.  For sets, such a transaction counts as running (view.c).
 *
 *	count	 words[0]  words[1]  ..  words[MaxBackends - 1]	   one for each process
 *	  1			 0		  4711			   0				   0: its window is closed
 *
 * A reader whose snapshot sees a transaction either finds its word, or receives its
 * invalidations when it accepts messages after reading the words.
 *
 * The word of COMMIT PREPARED is that of the process that runs it.  Nothing is kept
 * between PREPARE and COMMIT PREPARED; after a crash F0 covers that time.
 *
 * Locking: count and words are atomic.  Only the owner writes its word.  The count
 * rises before a word is set, and falls after it has been cleared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/ddl_window.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

typedef struct CqDdlWindows
{
	pg_atomic_uint32 count;		/* of words that are not 0, or soon */
	pg_atomic_uint64 words[FLEXIBLE_ARRAY_MEMBER];	/* full ids, by process */
} CqDdlWindows;

static CqDdlWindows *windows = NULL;
static bool is_open = false;	/* this process's */

Size
cq_ddl_windows_size(void)
{
	return add_size(offsetof(CqDdlWindows, words),
					mul_size(MaxBackends, sizeof(pg_atomic_uint64)));
}

void
cq_ddl_windows_init(void *mem)
{
	windows = mem;
	pg_atomic_init_u32(&windows->count, 0);
	for (int i = 0; i < MaxBackends; i++)
		pg_atomic_init_u64(&windows->words[i], 0);
}

static pg_atomic_uint64 *
own_word(void)
{
	Assert(MyProc - ProcGlobal->allProcs < MaxBackends);
	return &windows->words[MyProc - ProcGlobal->allProcs];
}

void
cq_ddl_window_open(uint64 xid)
{
	if (!is_open)
		pg_atomic_fetch_add_u32(&windows->count, 1);
	is_open = true;
	pg_atomic_write_u64(own_word(), xid);
	pg_memory_barrier();
}

/* After the locks have been released, the invalidations are out. */
static void
at_release(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *arg)
{
	if (!is_open || !is_top_level || phase != RESOURCE_RELEASE_AFTER_LOCKS)
		return;
	pg_memory_barrier();
	pg_atomic_write_u64(own_word(), 0);
	pg_atomic_fetch_sub_u32(&windows->count, 1);
	is_open = false;
}

int
cq_ddl_windows_read(uint64 **ids)
{
	int			n = 0;

	*ids = NULL;
	pg_read_barrier();			/* the snapshot was taken before */
	if (unlikely(pg_atomic_read_u32(&windows->count) > 0))
	{
		*ids = MemoryContextAlloc(TopTransactionContext, MaxBackends * sizeof(uint64));
		for (int i = 0; i < MaxBackends; i++)
		{
			uint64		word = pg_atomic_read_u64(&windows->words[i]);

			if (word != 0)
				(*ids)[n++] = word;
		}
	}
	pg_read_barrier();			/* messages are accepted after it */
	return n;
}

void
cq_ddl_window_register(void)
{
	RegisterResourceReleaseCallback(at_release, NULL);
}
