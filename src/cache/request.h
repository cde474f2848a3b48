/*-------------------------------------------------------------------------
 *
 * request.h
 *	  Keys, tags and values of SQL, for a request to the cache.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_REQUEST_H
#define CQ_CACHE_REQUEST_H

#include "cache/cache.h"
#include "utils/array.h"
#include "utils/snapshot.h"

/* Raises 22004 (NULL), 22023 (empty) and 54000 (too long). */
extern void cq_check_key(const text *name);

/* Build the key of a name; raises the same, and 55000 (not preloaded). */
extern void cq_key_of_text(const text *name, uint32 name_space, CqKey *key);

/* Number of elements of a tags array; 0 for NULL. */
extern int	cq_array_length(ArrayType *array);

/*
 * Fill request->slots with the basic slots and those of the tags, and set
 * dependent.  request->key must be set.  Raises 22004 (NULL tag), 22023 (empty
 * tag), 54000 (a tag too long, too many tags).
 */
extern void cq_request_depend(CqSetRequest *request, ArrayType *tags);

/* The slot of one tag.  Raises 22023 (empty), 54000 (too long). */
extern uint32 cq_tag_slot(text *tag);

/* The snapshot of the running statement. */
extern Snapshot cq_statement_snapshot(void);

/*
 * Let the request store this value, which it points into.  Raises 22004 (NULL),
 * 54000 (larger than cachequeue.value_size_max).
 */
extern void cq_request_value(CqSetRequest *request, struct varlena *value);

/* Name of a value's type, for messages. */
extern const char *cq_value_type_name(uint8 type);

/* Whether cq_value_datum returns a value of the wanted type. */
extern bool cq_value_reads_as(const CqValue *value, CqValueType wanted);

/*
 * The value as a datum of the wanted type, palloc'd; a counter reads as text.
 * Raises 42809 for a value of another type.
 */
extern Datum cq_value_datum(const CqValue *value, CqValueType wanted);

#endif							/* CQ_CACHE_REQUEST_H */
