/*-------------------------------------------------------------------------
 *
 * shmem.c
 *	  Access to the shared block; its layout is made in src/cachequeue.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/shmem.h"

CqShared   *cq_shared = NULL;

void
cq_require_shared(void)
{
	if (unlikely(cq_shared == NULL))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cachequeue is not preloaded"),
				 errhint("Add cachequeue to shared_preload_libraries and restart the server.")));
}
