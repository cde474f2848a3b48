/*-------------------------------------------------------------------------
 *
 * chain.h
 *	  Bytes that go on from page to page.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_CHAIN_H
#define CQ_CACHE_ENGINE_CHAIN_H

#include "cache/engine/memory.h"

/*
 * Copy len bytes from the cursor to a buffer, or from a buffer to the cursor;
 * compare them with a buffer; skip them.  The cursor moves behind them.
 * Returns false if the chain of pages is broken, which only a process that
 * reads without a lock can see; _equals also if a byte differs.
 */
extern bool cq_chain_read(CqEngine *engine, CqCursor *cursor, char *to,
						  Size len);
extern bool cq_chain_write(CqEngine *engine, CqCursor *cursor,
						   const char *from, Size len);
extern bool cq_chain_equals(CqEngine *engine, CqCursor *cursor,
							const char *bytes, Size len);
extern bool cq_chain_skip(CqEngine *engine, CqCursor *cursor, Size len);

#endif							/* CQ_CACHE_ENGINE_CHAIN_H */
