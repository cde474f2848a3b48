/*-------------------------------------------------------------------------
 *
 * entries.h
 *	  The entries of the current database, for a list of them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENTRIES_H
#define CQ_CACHE_ENTRIES_H

#include "cache/cache.h"

/* Copies of the entries, one after the other; see entries.c. */
typedef struct CqEntryList
{
	char	   *buf;
	Size		size;
	Size		used;
	Size		at;				/* offset of the next one to be returned */
	bool		full;
} CqEntryList;

/*
 * Copy what is known of the entries of the current database that cache_clear has not
 * made unreachable, in the current memory context.
 */
extern void cq_entry_list_make(CqEntryList *list, int64 now_ms);

/*
 * The next entry, with its key's parts and its key's length in the engine; NULL after
 * the last.
 */
extern const CqEngineMeta *cq_entry_list_next(CqEntryList *list, CqKeyParts *key,
											  uint32 *key_bytes);

#endif							/* CQ_CACHE_ENTRIES_H */
