/*-------------------------------------------------------------------------
 *
 * admin.h
 *	  Creating exchanges, binding them, and their privileges.
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
 * Create an exchange; alternate may be NULL.  With if_not_exists an exchange that
 * is the same stays.  Raises 42710 when it exists, 42704 and 42501 for the
 * alternate.
 */
extern void cq_exchange_create_named(const char *name, CqExchangeKind kind,
									 const char *alternate, bool if_not_exists);

/*
 * Change its alternate; NULL: none.  Raises 42704, 42501, 22023 when that
 * would make a cycle.
 */
extern void cq_exchange_alter_named(const char *name, const char *alternate);

/*
 * Drop it with its bindings.  Raises 42704, 42501, 2BP01 when another exchange
 * leads to it.
 */
extern void cq_exchange_drop_named(const char *name, bool if_exists);

/* Delete the definitions of exchanges whose carrier is gone. */
extern void cq_exchanges_sweep(void);

/*
 * Add a binding; false when there is one like it.  Raises 42704, 42501 for the
 * exchange and the target, 22023 when it would make a cycle, or has headers
 * though the exchange doesn't look at them.
 */
extern bool cq_exchange_bind_to(const char *name, const CqBinding *binding);

/*
 * Remove it; false when there is none.  Raises 42704, and 42501 unless the current
 * user may alter the exchange or owns the target.
 */
extern bool cq_exchange_unbind_from(const char *name, const CqBinding *binding);

/* Give or take privileges; role may be 'public'.  Raises 42501, 42704. */
extern void cq_exchange_change_grant(const char *name, const char *role,
									 AclMode privileges, bool grant);

/* Raises 42501, 42704. */
extern void cq_exchange_change_owner(const char *name, const char *role);

#endif							/* CQ_EXCHANGE_ADMIN_H */
