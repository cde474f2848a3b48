/*-------------------------------------------------------------------------
 *
 * definition.h
 *	  What a backend remembers of exchanges: privileges, bindings, made ready
 *	  for matching.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_EXCHANGE_DEFINITION_H
#define CQ_EXCHANGE_DEFINITION_H

#include "core/definitions.h"
#include "exchange/headers.h"
#include "exchange/trie.h"

/* what the privileges on the carrier stand for; several may be added up */
#define CQ_EXCHANGE_NONE ACL_NO_RIGHTS
#define CQ_EXCHANGE_PUBLISH ACL_INSERT
#define CQ_EXCHANGE_ROUTE ACL_SELECT
#define CQ_EXCHANGE_ALTER ACL_UPDATE
#define CQ_EXCHANGE_ANY (ACL_INSERT | ACL_SELECT | ACL_UPDATE)

typedef enum CqExchangeKind
{
	CQ_EXCHANGE_DIRECT,			/* keys are equal */
	CQ_EXCHANGE_FANOUT,			/* always */
	CQ_EXCHANGE_TOPIC,			/* the key matches the pattern */
	CQ_EXCHANGE_HEADERS			/* the headers match */
} CqExchangeKind;

typedef enum CqTargetKind
{
	CQ_TARGET_QUEUE,
	CQ_TARGET_TOPIC,
	CQ_TARGET_EXCHANGE
} CqTargetKind;

/* What an exchange is bound to; one for all bindings to it. */
typedef struct CqTarget
{
	CqTargetKind kind;			/* hash key, with the id */
	int32		id;
	char	   *name;			/* NULL: an exchange, or gone */
	uint64		route;			/* the last that has found it */
} CqTarget;

typedef struct CqHeadersBinding
{
	CqHeadersWanted wanted;
	CqTarget   *target;
} CqHeadersBinding;

/* The bindings of an exchange, compiled for matching. */
typedef struct CqBindings
{
	uint64		epoch;			/* of what is remembered when they were read;
								 * 0: they were not */
	CqTrie	   *trie;			/* CQ_EXCHANGE_DIRECT, CQ_EXCHANGE_TOPIC */
	int			nheaders;
	CqHeadersBinding *headers;	/* CQ_EXCHANGE_HEADERS */
	List	   *targets;		/* CQ_EXCHANGE_FANOUT: CqTarget of each
								 * binding */
	List	   *next;			/* CqTarget of each exchange bound to */
} CqBindings;

/* Stays at its address; its bindings, and targets, until the next cq_exchange_find(). */
typedef struct CqExchange
{
	CQ_DEFINITION_MEMBERS;
	CqExchangeKind kind;
	int32		alternate;		/* number; 0: none */
	uint64		route;			/* the last that came by */
	CqBindings	bindings;		/* see cq_exchange_read_bindings() */
} CqExchange;

/* Of the table cq.exchange; its columns in order. */
#define CQ_EXCHANGE_COLUMN_ID 1
#define CQ_EXCHANGE_COLUMN_NAME 2
#define CQ_EXCHANGE_COLUMN_CARRIER 3
#define CQ_EXCHANGE_COLUMN_KIND 4
#define CQ_EXCHANGE_COLUMN_ALTERNATE 5

/* Of the table cq.exchange_binding. */
#define CQ_BINDING_COLUMN_ID 1
#define CQ_BINDING_COLUMN_EXCHANGE 2
#define CQ_BINDING_COLUMN_TARGET 3	/* the first of three, by CqTargetKind */
#define CQ_BINDING_COLUMN_KEY 6
#define CQ_BINDING_COLUMN_HEADERS 7
#define CQ_BINDING_COLUMN_MATCH 8

/* Once, from _PG_init. */
extern void cq_exchange_init(void);

/*
 * The exchange by that name, or NULL.  Bindings and targets found before are
 * forgotten when any exchange has changed.  Raises 55000 when not preloaded.
 */
extern CqExchange *cq_exchange_find(const char *name);

/*
 * The same; raises 42704 when there is none, and 42501 without one of the
 * privileges (CQ_EXCHANGE_NONE: none is wanted).
 */
extern CqExchange *cq_exchange_open(const char *name, AclMode privileges);

/* The exchange with that number, or NULL; nothing is forgotten. */
static inline CqExchange *
cq_exchange_by_id(int32 id)
{
	return (CqExchange *) cq_definition_by_id(CQ_OBJECT_EXCHANGE, id);
}

/* Make its bindings ready for matching, if they are not. */
extern void cq_exchange_read_bindings(CqExchange *exchange);

/* Whether another exchange is bound to it or has it as its alternate, now. */
extern bool cq_exchange_has_sources(int32 id);

/* Kinds by name, which raise 22023, and back. */
extern CqExchangeKind cq_exchange_kind_named(const char *name);
extern const char *cq_exchange_kind_name(CqExchangeKind kind);
extern CqTargetKind cq_target_kind_named(const char *name);
extern const char *cq_target_kind_name(CqTargetKind kind);

#endif							/* CQ_EXCHANGE_DEFINITION_H */
