/*-------------------------------------------------------------------------
 *
 * namespace.h
 *	  Namespaces of the cache: options and privileges.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_NAMESPACE_H
#define CQ_NAMESPACE_H

typedef enum CqNamespaceAccess
{
	CQ_NAMESPACE_READ = 0x01,
	CQ_NAMESPACE_WRITE = 0x02,
	CQ_NAMESPACE_MANAGE = 0x04	/* owner only */
} CqNamespaceAccess;

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
 * The namespace by that name, which the current role may use in all the ways
 * asked for.  Raises 42704 and 42501.  'default' belongs to nobody and is open
 * to all who may use the schema.
 */
extern const CqNamespace *cq_namespace_find(const char *name, Size len,
											int access);

/* The same whoever asks; NULL if there is none by that name. */
extern const CqNamespace *cq_namespace_lookup(const char *name);

/*
 * The one with that number, which this backend has found by name before; NULL
 * when it is no more.  No privilege is asked for.
 */
extern const CqNamespace *cq_namespace_by_id(uint32 id);

/*
 * May that role write the namespace with that number?  False if there is none.
 * Remembers the last answer: it is asked once a row.
 */
extern bool cq_namespace_role_may_write(Oid role, uint32 namespace_id);

/* Once, from _PG_init. */
extern void cq_namespace_init(void);

#endif							/* CQ_NAMESPACE_H */
