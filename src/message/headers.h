/*-------------------------------------------------------------------------
 *
 * headers.h
 *	  Adding headers to those of a message.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_MESSAGE_HEADERS_H
#define CQ_MESSAGE_HEADERS_H

#include "core/compat.h"

/* Headers while they are put together, in the current memory context. */
typedef struct CqMessageHeaders
{
	CqJsonbState state;
} CqMessageHeaders;

/* Begin with those of the message, an object; NULL: it has none. */
extern void cq_message_headers_begin(CqMessageHeaders *headers, Jsonb *original);

/* Add one; it takes the place of the original of that name. */
extern void cq_message_headers_add_text(CqMessageHeaders *headers, const char *name,
										const char *value, int bytes);
extern void cq_message_headers_add_number(CqMessageHeaders *headers, const char *name,
										  int64 value);

/* The headers, as jsonb. */
extern Datum cq_message_headers_end(CqMessageHeaders *headers);

#endif							/* CQ_MESSAGE_HEADERS_H */
