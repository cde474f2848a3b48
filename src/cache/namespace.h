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

/* what the privileges on the carrier stand for; several may be added up */
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
 * The namespace by that name, which the current role may use in all the ways, or
 * one of the ways, asked for.  Raises 42704, 42501 and 55000.
 */
extern const CqNamespace *cq_namespace_find(const char *name, Size len, AclMode all);
extern const CqNamespace *cq_namespace_find_any(const char *name, Size len, AclMode any);

/*
 * The namespace by that name, which the current role owns.  Raises 42704,
 * 42501; also for default, which is the extension's.
 */
extern const CqNamespace *cq_namespace_find_own(const char *name, Size len);

/* Raises 42501 unless the current role may invalidate tags, which all namespaces
 * of the database share: it must have that privilege on default. */
extern void cq_namespace_check_invalidate(void);

/* Whether a role may write to the namespace with that number. */
extern bool cq_namespace_role_may_write(Oid role, uint32 id);

/* The object behind a namespace, to be granted or given away. */
extern CqObject cq_namespace_object(const char *name, Size len);

/* The same whoever asks; NULL if there is none by that name. */
extern const CqNamespace *cq_namespace_lookup(const char *name);

/* The one with that number, likewise; not that of default. */
extern const CqNamespace *cq_namespace_by_id(uint32 id);

/* Its name, palloc'd; NULL if there is none by that number. */
extern char *cq_namespace_name(uint32 id);

/* The carrier of that one; InvalidOid if there is none by that number. */
extern Oid	cq_namespace_carrier(uint32 id);

/* Once, from _PG_init. */
extern void cq_namespace_init(void);

#endif							/* CQ_CACHE_NAMESPACE_H */
