/*-------------------------------------------------------------------------
 *
 * namespace_admin.h
 *	  Creating, altering and dropping namespaces of the cache.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_TABLES_NAMESPACE_ADMIN_H
#define CQ_TABLES_NAMESPACE_ADMIN_H

#include "datatype/timestamp.h"
#include "nodes/parsenodes.h"

typedef struct CqNamespaceOptions
{
	const Interval *default_ttl;	/* NULL: none */
	int64		memory_quota;	/* bytes, 0: none */
} CqNamespaceOptions;

/* All raise 25006 and 55000. */

/*
 * Create a namespace.  Raises 42710 when there is one by that name, unless
 * if_not_exists, and it has the same options; 0A000 in a script of an extension.
 */
extern void cq_namespace_create_named(const char *name, const CqNamespaceOptions *options,
									  bool if_not_exists);

/* Alter one that the caller owns. */
extern void cq_namespace_alter_options(uint32 id, const CqNamespaceOptions *options);

/*
 * Drop a namespace, and its rule of write-behind.  Raises 42704 unless if_exists, 42501
 * unless the caller owns it, and 55000 when operations of write-behind are pending.
 */
extern void cq_namespace_drop_named(const char *name, bool if_exists);

/* Raise 42704 and 42501. */
extern void cq_namespace_change_grant(const char *name, const char *role,
									  AclMode privileges, bool grant);
extern void cq_namespace_change_owner(const char *name, const char *role);

/*
 * Delete the definitions of namespaces whose carrier is gone.  Raises 55000 when
 * operations of write-behind are pending in one whose carrier is one of 'views'
 * (Oid list), as these are being dropped; what is pending in others is discarded
 * with a warning.
 */
extern void cq_namespaces_sweep(const List *views);

#endif							/* CQ_TABLES_NAMESPACE_ADMIN_H */
