/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  Relations of schema cq, found by their names.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_CATALOG_H
#define CQ_CORE_CATALOG_H

#include "core/compat.h"

/* Schema cq; raises 3F000 when it does not exist. */
extern Oid	cq_schema(void);

/*
 * The relation of schema cq by the name that the format makes, or InvalidOid
 * when there is none.  The name must be shorter than NAMEDATALEN.
 */
extern Oid	cq_relation_if_exists(const char *format,...) pg_attribute_printf(1, 2);

/*
 * The relation of schema cq by that name.  Raises 42P01 when there is none, and
 * 55000 when the extension's SQL objects are older than the library.
 */
extern Oid	cq_relation(const char *name);

/* The same without the latter: for trigger functions, which a restore calls. */
extern Oid	cq_relation_of_any_version(const char *name);

/* Raise 55000: the extension's SQL objects are older than the library. */
pg_noreturn extern void cq_version_error(void);

#endif							/* CQ_CORE_CATALOG_H */
