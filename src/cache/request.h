/*-------------------------------------------------------------------------
 *
 * request.h
 *	  Requests to the cache: made of keys, tags and values of SQL.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_REQUEST_H
#define CQ_CACHE_REQUEST_H

#include "cache/key.h"
#include "cache/value.h"
#include "core/limits.h"
#include "utils/array.h"
#include "utils/snapshot.h"

/* Slots that every dependent entry has: epoch, namespace, key. */
#define CQ_BASIC_SLOTS 3

/* Everything that a set needs. */
typedef struct CqSetRequest
{
	const CqKey *key;
	const char *value;
	uint32		value_len;
	uint8		type;
	int64		expires_ms;		/* 0: never */
	bool		dependent;
	int			nslots;			/* the basic slots, then those of tags */
	uint32		slots[CQ_BASIC_SLOTS + CQ_TAGS_MAX];
} CqSetRequest;

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

#endif							/* CQ_CACHE_REQUEST_H */
