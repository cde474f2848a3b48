/*-------------------------------------------------------------------------
 *
 * removed.c
 *	  Functions that earlier versions of the extension's script refer to.
 *
 * A database keeps the SQL objects of the version that it was created or
 * restored with until ALTER EXTENSION UPDATE.  What these still call, and is not
 * there any more, says so.  What event triggers call does not raise, or such a
 * database could not be restored; nothing is served from its cache.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "core/catalog.h"
#include "fmgr.h"
#include "tables/ddl_objects.h"

#define REMOVED(name) \
	PG_FUNCTION_INFO_V1(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		cq_version_error(); \
	}

/* The table is not watched. */
#define ANSWERS_NULL(name) \
	PG_FUNCTION_INFO_V1(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_NULL(); \
	}

/* An event trigger has seen DDL: anything may have changed. */
#define MARKS_EPOCH(name) \
	PG_FUNCTION_INFO_V1(name); \
	Datum \
	name(PG_FUNCTION_ARGS) \
	{ \
		cq_epoch_mark(); \
		PG_RETURN_NULL(); \
	}

/* of 1.0 */
ANSWERS_NULL(cq_alter_table_does)
ANSWERS_NULL(cq_check_write_through)
MARKS_EPOCH(cq_relation_changed)
ANSWERS_NULL(cq_watch_templates)
ANSWERS_NULL(cq_watch_write_through)
REMOVED(cq_check_templates)
REMOVED(cq_exchange_may_see)
REMOVED(cq_require_preload)
REMOVED(cq_write_through_arguments)
