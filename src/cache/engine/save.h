/*-------------------------------------------------------------------------
 *
 * save.h
 *	  The memory of the cache engine, written to a file and read back.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_ENGINE_SAVE_H
#define CQ_CACHE_ENGINE_SAVE_H

#include "cache/engine/types.h"
#include "core/transfer.h"

/*
 * Transfer the whole cache except its locks: out of the memory, or into an
 * engine that has just been laid out in as many bytes.  Returns false if the
 * transfer fails or the incoming layout differs; the caller then lays the cache
 * out anew.  Incoming bytes must be those that went out; they are not checked,
 * but whatever they are, no byte outside the memory is touched.  No other
 * process may use the cache meanwhile.
 */
extern bool cq_engine_transfer(CqEngine *engine, CqTransfer transfer,
							   void *arg);

#endif							/* CQ_CACHE_ENGINE_SAVE_H */
