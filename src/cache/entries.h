/*-------------------------------------------------------------------------
 *
 * entries.h
 *	  A list of the entries of the current database.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENTRIES_H
#define CQ_CACHE_ENTRIES_H

#include "cache/engine/engine.h"
#include "cache/key.h"

/* Copies of the entries, one after the other. */
typedef struct CqEntryList
{
	char	   *buf;
	Size		size;
	Size		used;
	Size		at;				/* offset of the next one to return */
	bool		full;			/* an entry did not fit */
} CqEntryList;

/*
 * Copy keys and metadata of the entries of the current database, except those of
 * cleared namespaces.  The list belongs to the current memory context.
 */
extern void cq_entry_list_make(CqEntryList *list, int64 now_ms);

/*
 * The next entry, with the parts of its key and the length of the engine's key; NULL
 * after the last.
 */
extern const CqEngineMeta *cq_entry_list_next(CqEntryList *list, CqKeyParts *key,
											  uint32 *key_bytes);

#endif							/* CQ_CACHE_ENTRIES_H */
