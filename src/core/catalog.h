/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  Relations of schema cq, found by their names, and the rows of its tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CORE_CATALOG_H
#define CQ_CORE_CATALOG_H

#include "access/htup.h"
#include "access/skey.h"
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

/* Whether a table has no blocks; raises when it does not exist. */
extern bool cq_table_is_empty(Oid table);

/* The relation's owner, InvalidOid when there is none by that OID. */
extern Oid	cq_relation_owner(Oid relid);

/* Raise 55000: the extension's SQL objects are older than the library. */
pg_noreturn extern void cq_version_error(void);

/* columns of a table, at most */
#define CQ_COLUMNS_MAX 32

/* A row; column n is values[n - 1].  Valid during the call that it is given to. */
typedef struct CqRow
{
	HeapTuple	tuple;
	Datum		values[CQ_COLUMNS_MAX];
	bool		nulls[CQ_COLUMNS_MAX];
} CqRow;

typedef void (*CqRowReader) (const CqRow *row, void *arg);

/*
 * Call the reader with rows of a table of schema cq, as they are now, whatever the
 * transaction's snapshot: with those that the index finds, in its order, or with
 * all of them when index is NULL.  Holds an AccessShareLock meanwhile.
 */
extern void cq_catalog_read(const char *table, const char *index, ScanKey key,
							CqRowReader reader, void *arg);

/* Prepare a scan key: the column is equal to the int, or text of collation "C". */
extern void cq_scan_key_int(ScanKey key, int column, int32 value);
extern void cq_scan_key_text(ScanKey key, int column, Datum value);

#endif							/* CQ_CORE_CATALOG_H */
