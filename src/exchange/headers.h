/*-------------------------------------------------------------------------
 *
 * headers.h
 *	  Whether a message's headers are those that a binding asks for.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_EXCHANGE_HEADERS_H
#define CQ_EXCHANGE_HEADERS_H

#include "utils/jsonb.h"

/* What a binding asks for. */
typedef struct CqHeadersWanted
{
	Jsonb	   *headers;		/* an object */
	bool		any;			/* one of them is enough */
	int			n;
	JsonbValue *names;			/* strings, n of them; into headers */
	JsonbValue *values;
} CqHeadersWanted;

/*
 * Take the object apart, in the present memory context; it must live as long as
 * the result.
 */
extern void cq_headers_prepare(CqHeadersWanted *wanted, Jsonb *headers, bool any);

/* Do these match? NULL: no headers. */
extern bool cq_headers_match(const CqHeadersWanted *wanted, Jsonb *headers);

#endif							/* CQ_EXCHANGE_HEADERS_H */
