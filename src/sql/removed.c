/*-------------------------------------------------------------------------
 *
 * removed.c
 *	  Functions that earlier versions of the extension's script refer to.
 *
 * A database keeps the SQL objects of the version that it was created or
 * restored with until ALTER EXTENSION UPDATE.  What these still call, and is not
 * there any more, says so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/object.h"
#include "fmgr.h"

#define REMOVED(name) \
	PG_FUNCTION_INFO_V1(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		cq_object_version_error(); \
	}

/* of 1.0 */
REMOVED(cq_check_templates)
REMOVED(cq_exchange_may_see)
REMOVED(cq_require_preload)
REMOVED(cq_watch_templates)
REMOVED(cq_watch_write_through)
REMOVED(cq_write_through_arguments)
