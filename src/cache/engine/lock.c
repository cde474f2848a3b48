/*-------------------------------------------------------------------------
 *
 * lock.c
 *	  Which locks of the cache engine does this process hold?  Builds with
 *	  assertions only.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/lock.h"

#ifdef USE_ASSERT_CHECKING

static int	levels_held = 0;	/* bits of CqLockLevel */

void
cq_lock_check_order(CqLockLevel level)
{
	Assert(levels_held < (int) level);
}

void
cq_lock_note(CqLockLevel level, bool held)
{
	Assert(((levels_held & level) != 0) != held);
	levels_held ^= level;
}

#endif							/* USE_ASSERT_CHECKING */
