/*-------------------------------------------------------------------------
 *
 * namespace.h
 *	  Namespaces of the cache: options and privileges.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_NAMESPACE_H
#define CQ_CACHE_NAMESPACE_H

#include "core/object.h"

/* privileges on the carrier; they may be combined */
#define CQ_NAMESPACE_READ ACL_SELECT
#define CQ_NAMESPACE_WRITE ACL_INSERT
#define CQ_NAMESPACE_INVALIDATE ACL_UPDATE
#define CQ_NAMESPACE_CLEAR ACL_DELETE

/* Valid until the next look-up of a namespace. */
typedef struct CqNamespace
{
	uint32		id;				/* 0: default */
	int64		default_ttl_ms; /* 0: none */
	char		behind;			/* mode of write-behind, 0: none */
	char		behind_value;	/* kind of value it takes (write_behind.h) */
	int64		behind_delay_ms;
} CqNamespace;

/*
 * The namespace of that name, on which the current role must have all, or any, of
 * the privileges.  Raises 42704, 42501 and 55000.
 */
extern const CqNamespace *cq_namespace_find(const char *name, Size len, AclMode all);
extern const CqNamespace *cq_namespace_find_any(const char *name, Size len, AclMode any);

/*
 * The namespace of that name, which the current role must own.  Raises 42704 and
 * 42501, the latter also for 'default', which belongs to the extension.
 */
extern const CqNamespace *cq_namespace_find_own(const char *name, Size len);

/*
 * Raises 42501 unless the current role may invalidate tags.  As all namespaces of
 * a database share tags, this takes the privilege on 'default'.
 */
extern void cq_namespace_check_invalidate(void);

/* Whether a role may write to the namespace with that number. */
extern bool cq_namespace_role_may_write(Oid role, uint32 id);

/* The object of a namespace, to change its privileges or owner. */
extern CqObject cq_namespace_object(const char *name, Size len);

/* The namespace of that name, without a check of privileges; NULL: none. */
extern const CqNamespace *cq_namespace_lookup(const char *name);

/* The same by number, which must not be that of 'default'. */
extern const CqNamespace *cq_namespace_by_id(uint32 id);

/* The name of the namespace with that number, palloc'd; NULL: none. */
extern char *cq_namespace_name(uint32 id);

/* The carrier of the namespace with that number; InvalidOid: none. */
extern Oid	cq_namespace_carrier(uint32 id);

/* Once, from _PG_init. */
extern void cq_namespace_init(void);

#endif							/* CQ_CACHE_NAMESPACE_H */
