/*-------------------------------------------------------------------------
 *
 * admin.h
 *	  Creating exchanges, binding them, and who may use them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_EXCHANGE_ADMIN_H
#define CQ_EXCHANGE_ADMIN_H

#include "exchange/definition.h"

/* A binding, as it is asked for. */
typedef struct CqBinding
{
	CqTargetKind target_kind;
	const char *target;
	text	   *routing_key;
	Jsonb	   *headers;		/* NULL: none */
	bool		any;			/* of the headers, rather than all */
} CqBinding;

/*
 * Create an exchange; alternate may be NULL.  Raises 42710 when it exists,
 * 42704 and 42501 for the alternate.
 */
extern void cq_exchange_create_named(const char *name, CqExchangeKind kind,
									 const char *alternate);

/*
 * Change its alternate; NULL: none.  Raises 42704, 42501, 22023 when that
 * would make a cycle.
 */
extern void cq_exchange_alter_named(const char *name, const char *alternate);

/*
 * Drop it with its bindings.  Raises 42704, 42501, 2BP01 when another exchange
 * leads to it.
 */
extern void cq_exchange_drop_named(const char *name);

/*
 * Add a binding; false when there is one like it.  Raises 42704, 42501 for the
 * exchange and the target, 22023 when it would make a cycle, or has headers
 * though the exchange doesn't look at them.
 */
extern bool cq_exchange_bind_to(const char *name, const CqBinding *binding);

/* Remove it; false when there is none. */
extern bool cq_exchange_unbind_from(const char *name, const CqBinding *binding);

/* Of CqExchangePrivilege, from a list of names; raises 22023. */
extern int	cq_exchange_privileges_named(const char *list);

/* Give or take privileges; role may be 'public'. */
extern void cq_exchange_grant_to(const char *name, const char *role, int privileges);
extern void cq_exchange_revoke_from(const char *name, const char *role, int privileges);

#endif							/* CQ_EXCHANGE_ADMIN_H */
