/*-------------------------------------------------------------------------
 *
 * prepared.h
 *	  Keys that prepared transactions have deleted.
 *
 *-------------------------------------------------------------------------
 */
#ifndef CQ_CACHE_PREPARED_H
#define CQ_CACHE_PREPARED_H

#include "cache/key.h"

/*
 * At PRE_PREPARE: refuse plain sets of the key, or of the whole namespace, until
 * the transaction is committed or rolled back.  Raise when there is no room for
 * another lock.  When all are locked, and before anything is removed, the caller
 * calls _locked, which never raises.
 */
extern void cq_prepared_lock_key(const CqKey *key);
extern void cq_prepared_lock_namespace(uint32 name_space);
extern void cq_prepared_locked(void);

/*
 * Must a plain set of this key be refused?  Never waits; raises when there is no
 * room for another lock.  A set that is not refused can be overtaken before it is
 * published: if _changes has moved on since before this call, the caller asks
 * again, or, where it must not raise, removes what it has published.
 */
extern bool cq_prepared_refuses(const CqKey *key);
extern uint64 cq_prepared_changes(void);

#endif							/* CQ_CACHE_PREPARED_H */
