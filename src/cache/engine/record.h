/*-------------------------------------------------------------------------
 *
 * record.h
 *	  Making, moving and ending records.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_RECORD_H
#define CQ_CACHE_ENGINE_RECORD_H

#include "cache/engine/index.h"

/*
 * Make a prepared record at the end of a FIFO: copy its header and claim the
 * bytes that this asks for.  There must be enough free pages, one more than the
 * bytes fill.  The caller holds the allocator's lock.  Returns the location.
 */
extern uint32 cq_record_append(CqEngine *engine, uint32 pool, CqPageKind kind,
							   const CqRecord *header);

/* Pages that may have become empty with the end of a record. */
typedef struct CqReleased
{
	uint32		npages;
	uint32		pages[CQ_LARGE_BYTES / CQ_PAGE_BYTES + 2];
	uint32		large_page;		/* first page of a large record, whose bytes
								 * still count as live; 0: none */
	Size		large_bytes;
} CqReleased;

/*
 * Take the bytes of a record that has died from their pages.  The caller still
 * holds its partition's lock; without that, compaction could put other pages
 * between those of the record (see compact.c).  Fills *released, which the
 * caller passes to cq_released_free when it has released the partition's lock.
 */
extern void cq_record_release(CqEngine *engine, uint32 location,
							  CqReleased *released);

/*
 * Free those of the pages that are empty.  locked: the caller holds the
 * allocator's lock; else this takes it, if there is any page.
 */
extern void cq_released_free(CqEngine *engine, const CqReleased *released,
							 bool locked);

/* Wait until the bytes of a dead record have been taken from their pages. */
extern void cq_record_wait_released(CqEngine *engine, uint32 location);

/*
 * Remove a record from the index, and take its bytes from their pages as
 * cq_record_release does.  The caller holds the partition's exclusive lock.
 */
extern void cq_record_unlink(CqEngine *engine, uint32 bucket, CqIndexSlot slot,
							 CqReleased *released);

/*
 * Find the first record of a page that begins at *off or later, and set *off
 * behind it; false if there is none.  The caller holds the allocator's lock.
 */
extern bool cq_record_next(CqEngine *engine, uint32 page, uint32 *off,
						   uint32 *location);

typedef enum CqRecordAction
{
	CQ_KEEP,
	CQ_DROP,
	CQ_MOVE
} CqRecordAction;

/*
 * Decides what is done with a linked record that has not expired, given the tag
 * of its slot, whose number of uses it may change.
 */
typedef CqRecordAction (*CqRecordPolicy) (uint16 *tag);

typedef enum CqSettled
{
	CQ_WAS_DEAD,
	CQ_IS_PREPARED,				/* not touched */
	CQ_KEPT,
	CQ_DROPPED,
	CQ_MOVED
} CqSettled;

/*
 * Drop a linked record if it has expired, else do what the policy decides.
 * CQ_MOVE copies it to the end of the page *open (0: of a new page at the end of
 * the FIFO 'to'); if open is NULL, the record is kept instead.  Dropped too is
 * a record for which there are no pages to be moved to.  The caller holds the
 * allocator's lock.
 */
extern CqSettled cq_record_settle(CqEngine *engine, uint32 location,
								  CqRecordPolicy policy, CqPageKind to,
								  uint32 *open, int64 now_ms);

#endif							/* CQ_CACHE_ENGINE_RECORD_H */
