/*-------------------------------------------------------------------------
 *
 * ghosts.c
 *	  Ghosts: keys that were evicted from a small FIFO recently.
 *
 * For each bucket of the index, the fingerprints of the last CQ_GHOSTS keys that
 * were evicted, the most recent first.  S3-FIFO has one ghost queue for all
 * keys.  This one is divided by bucket, into pieces each about as long as the
 * bucket's share of the entries, and so needs neither links nor keys (section
 * 4.2 of the paper, see evict.c, suggests such a table too).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/engine/ghosts.h"

static uint16 *
ghosts_of(CqEngine *engine, uint64 hash)
{
	return (uint16 *) ((char *) engine + engine->ghosts) +
		(Size) bucket_of(engine, hash) * CQ_GHOSTS;
}

/* Never 0, which marks a free place. */
static uint16
fingerprint(uint64 hash)
{
	uint16		bits = hash >> 27;

	return bits != 0 ? bits : 1;
}

void
cq_ghost_add(CqEngine *engine, uint64 hash)
{
	uint16	   *ghosts = ghosts_of(engine, hash);

	memmove(ghosts + 1, ghosts, (CQ_GHOSTS - 1) * sizeof(*ghosts));
	ghosts[0] = fingerprint(hash);
}

bool
cq_ghost_remove(CqEngine *engine, uint64 hash)
{
	uint16	   *ghosts = ghosts_of(engine, hash);
	uint16		wanted = fingerprint(hash);

	for (int i = 0; i < CQ_GHOSTS; i++)
	{
		if (ghosts[i] != wanted)
			continue;
		memmove(ghosts + i, ghosts + i + 1,
				(CQ_GHOSTS - 1 - i) * sizeof(*ghosts));
		ghosts[CQ_GHOSTS - 1] = 0;
		return true;
	}
	return false;
}
