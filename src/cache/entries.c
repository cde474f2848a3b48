/*-------------------------------------------------------------------------
 *
 * entries.c
 *	  A list of the entries of the current database.
 *
 * The engine visits entries under its locks, where no memory may be allocated.  So
 * they are copied to memory that was allocated before; if that is too little, all
 * of them are copied again, to twice as much.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "cache/entries.h"
#include "cache/state.h"
#include "miscadmin.h"

/* A copied entry; the key's bytes follow. */
typedef struct CqCopiedEntry
{
	CqEngineMeta meta;
	uint32		key_len;
} CqCopiedEntry;

#define COPY_BYTES_INITIAL (1024 * 1024)

/* A CqEngineVisitor. */
static void
copy_entry(const char *key, uint32 key_len, const CqEngineMeta *meta, void *arg)
{
	CqEntryList *list = arg;
	CqCopiedEntry entry;
	CqKeyParts	parts;
	Size		needed = MAXALIGN(sizeof(entry) + key_len);

	cq_key_parse(key, key_len, &parts);
	if (parts.database != MyDatabaseId || !parts.reachable)
		return;
	if (list->size - list->used < needed)
	{
		list->full = true;
		return;
	}
	entry.meta = *meta;
	entry.key_len = key_len;
	memcpy(list->buf + list->used, &entry, sizeof(entry));
	memcpy(list->buf + list->used + sizeof(entry), key, key_len);
	list->used += needed;
}

void
cq_entry_list_make(CqEntryList *list, int64 now_ms)
{
	for (Size size = COPY_BYTES_INITIAL;; size *= 2)
	{
		list->size = size;
		list->used = 0;
		list->at = 0;
		list->full = false;
		list->buf = MemoryContextAllocHuge(CurrentMemoryContext, size);
		cq_engine_walk(cq_cache_engine(), now_ms, copy_entry, list);
		if (!list->full)
			return;
		pfree(list->buf);
		CHECK_FOR_INTERRUPTS();
	}
}

const CqEngineMeta *
cq_entry_list_next(CqEntryList *list, CqKeyParts *key, uint32 *key_bytes)
{
	const CqCopiedEntry *entry = (CqCopiedEntry *) (list->buf + list->at);

	if (list->at >= list->used)
		return NULL;
	list->at += MAXALIGN(sizeof(CqCopiedEntry) + entry->key_len);
	cq_key_parse((const char *) (entry + 1), entry->key_len, key);
	*key_bytes = entry->key_len;
	return &entry->meta;
}
